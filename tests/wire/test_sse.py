"""Events are found however the bytes are cut and the lines end, as the WHATWG's text says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carried import pieces
from guiju.wire.sse import Sse, SseSplitter, write


def split(raw, cuts=()):
    splitter, found = SseSplitter(), []
    for piece in pieces(raw, cuts):
        found += splitter.feed(piece)
    return found + splitter.close()


def everywhere(raw):
    return range(len(raw))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\n", [Sse("", b"a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [Sse("", b"a"), Sse("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [Sse("", b"a"), Sse("", b"b")]),
        (b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\r", [Sse("", b"a"), Sse("", b"b"), Sse("", b"c")]),
        (b"data: a\n\rdata: b\r\r\ndata: c\r\r", [Sse("", b"a"), Sse("", b"b"), Sse("", b"c")]),
        (b"data:a\n\n", [Sse("", b"a")]),
        (b"data:  a\n\n", [Sse("", b" a")]),
        (b"data: a\ndata: b\ndata:\ndata\n\n", [Sse("", b"a\nb\n\n")]),
        (b"data: a: b\n\n", [Sse("", b"a: b")]),
        (b"event: ping\ndata: {}\n\n", [Sse("ping", b"{}")]),
        (b"data: {}\nevent:ping\n\n", [Sse("ping", b"{}")]),
        (b"event: ping\n\ndata: a\n\n", [Sse("", b"a")]),
        (b": OPENROUTER PROCESSING\n\ndata: a\n\n:\n\n", [Sse("", b"a")]),
        (b": comment\ndata: a\n: comment\n\n", [Sse("", b"a")]),
        (b"id: 7\nretry: 100\nother: x\ndata: a\n\n", [Sse("", b"a")]),
        (b"data\n\n", [Sse("", b"")]),
        (b"datum: a\n\n data: b\n\nDATA: c\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [Sse("", b"a")]),
        (b"\n\n\ndata: a\n\n\n\n", [Sse("", b"a")]),
        (b"data: a\n\ndata: b", [Sse("", b"a"), Sse("", b"b")]),
        (b"data: a\n\ndata: b\r", [Sse("", b"a"), Sse("", b"b")]),
        (b"", []),
    ],
)  # fmt: skip
def test_it_reads_what_servers_write(raw, expected):
    assert split(raw) == expected
    assert split(raw, everywhere(raw)) == expected


def twin(raw):
    """The standard's own way, line by line, with a last event that nobody ended."""
    found, name, data = [], b"", None
    for line in [*re.split(rb"\r\n|\n|\r", raw.removeprefix(b"\xef\xbb\xbf")), b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            found += [Sse(name.decode(), data)] if data is not None else []
            name, data = b"", None
        elif field == b"data":
            data = value if data is None else data + b"\n" + value
        elif field == b"event":
            name = value
    return found


LINES = st.lists(
    st.sampled_from([b"data: a", b"data:", b"data", b"event: e", b": c", b"x", b"\n", b"\r", b"\r\n", b"\n\n"]),
    max_size=20,
).map(b"".join)


@given(LINES, st.booleans(), st.lists(st.integers(0, 80), max_size=8))
@settings(max_examples=500)
def test_it_reads_the_same_however_it_is_cut(raw, marked, cuts):
    raw = b"\xef\xbb\xbf" * marked + raw
    assert split(raw) == twin(raw)
    assert split(raw, cuts) == twin(raw)
    assert split(raw, everywhere(raw)) == twin(raw)


def test_an_event_leaves_with_the_byte_that_ends_it():
    splitter = SseSplitter()
    assert splitter.feed(b"data: \xe5\xa4") == []
    assert splitter.feed(b"\xa7\n") == []
    assert splitter.feed(b"\n") == [Sse("", "大".encode())]


def test_a_return_at_the_end_waits_for_its_line_feed():
    splitter = SseSplitter()
    assert splitter.feed(b"data: a\r\n\r") == []
    assert splitter.feed(b"\ndata: b\r\n\r\n") == [Sse("", b"a"), Sse("", b"b")]


def test_what_was_closed_is_told_once():
    splitter = SseSplitter()
    splitter.feed(b"data: a")
    assert splitter.close() == [Sse("", b"a")]
    assert splitter.close() == []


@given(st.lists(st.tuples(st.text("abc_", max_size=5), st.text('{}": a大\\', max_size=10)), max_size=5))
def test_what_it_writes_it_reads(events):
    raw = b"".join(write(data.encode(), name) for name, data in events)
    assert split(raw, everywhere(raw)) == [Sse(name, data.encode()) for name, data in events]
