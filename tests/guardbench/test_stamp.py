"""Times in text arrive as they were written, however their bytes are cut and escaped."""

from __future__ import annotations

import json

from bench.guardbench import stamp
from hypothesis import given
from hypothesis import strategies as st

from guiju import plugins
from guiju.review import load
from guiju.review.lexicon_blob import encode_terms

TIMES = st.lists(st.integers(0, (1 << 42) - 1), min_size=1, max_size=4)


@given(TIMES, st.booleans(), st.lists(st.integers(0, 400)))
def test_it_reads_what_was_written_in_any_pieces(times: list[int], ascii_only: bool, cuts: list[int]):
    text = "。人工智能".join(stamp.write(at).decode() for at in times)
    data, reader = json.dumps({"content": text}, ensure_ascii=ascii_only).encode(), stamp.Reader()
    found, last = [], 0
    for cut in [*sorted(c for c in cuts if c < len(data)), len(data)]:
        found += reader.feed(data[last:cut])
        last = cut
    assert found == times


def test_a_time_torn_apart_by_events_is_read_too():
    symbols, reader = stamp.write(1234567).decode(), stamp.Reader()
    events = [f"data: {json.dumps({'content': symbol}, ensure_ascii=False)}\n\n".encode() for symbol in symbols]
    assert [at for event in events for at in reader.feed(event)] == [1234567]


def test_no_shipped_guard_has_a_reason_to_hold_or_touch_it():
    lexicons = {name: encode_terms(listed) for name, listed in load.default_lexicons().items()}
    gate = plugins.reviewer(load.default_policy(), lexicons, load.taxonomy().placeholder).holdback(direction="output")
    said = stamp.write(stamp.microseconds()).decode() + "。"
    assert gate.feed(said).startswith(said[:-1])
