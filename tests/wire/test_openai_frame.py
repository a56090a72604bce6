"""A chunk in a known frame is read and written exactly as any other; whatever breaks out of it is read as what it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import carry
from wire.test_openai_stream import stream


def _chunks():
    """Streams as servers send them: mostly content, in several ways of writing JSON; now and then something else."""
    content = st.text('大a"\\\n,:{}[]\u2028🧧', max_size=6) | st.just("content-0123456789")
    delta = st.fixed_dictionaries({"content": content}, optional={"role": st.sampled_from(["assistant", "user"])})
    choice = st.fixed_dictionaries(
        {"index": st.sampled_from([0, 0, 0, 1]), "delta": delta},
        optional={
            "finish_reason": st.sampled_from([None, None, None, "stop"]),
            "logprobs": st.none(),
            "content": st.just("x"),
        },
    )
    body = st.fixed_dictionaries(
        {"id": st.sampled_from(["c-1", "c-1", "c-2"]), "choices": choice.map(lambda one: [one])},
        optional={"usage": st.none(), "error": st.none(), "model": st.just('"content":"')},
    )
    ways = st.sampled_from([{"ensure_ascii": True}, {"ensure_ascii": False}, {"separators": (",", ":")}])
    event = st.builds(lambda said, way: json.dumps(said, **way).encode(), body, ways)
    return st.lists(event, min_size=1, max_size=3).flatmap(
        lambda few: st.lists(st.sampled_from(few) | event, min_size=1, max_size=14)
    )


@given(_chunks())
def test_a_chunk_in_a_known_frame_is_read_and_written_as_any_other(said):
    framed = b"".join(b"data: " + one + b"\n\n" for one in said)
    walked = b"".join(b"event: message\ndata: " + one + b"\n\n" for one in said)  # a type: read the general way
    cuts = [at for at in range(len(framed)) if framed[at - 2 : at] == b"\n\n"]
    assert carry(stream(), framed, cuts) == carry(stream(), walked)
    assert carry(stream(), framed, cuts, hold=2) == carry(stream(), walked, hold=2)


@pytest.mark.parametrize(
    "changed",
    [
        b'hi","refusal":"no',
        b'hi"},"finish_reason":"stop","x":{"a":"b',
        b"half \\",
        b"half \\ud83d",
        b"\xff",
        b"line\nbreak",
        b"",
    ],
)
def test_what_breaks_out_of_its_frame_is_read_as_what_it_is(changed):
    def event(content):
        return b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"' + content + b'"}}]}\n\n'

    def carried(kind):
        machine_, out = stream(), b""
        for content in (b"a", b"b", b"c", changed, b"d"):
            for found in machine_.feed(kind + event(content)):
                out += found.write({text.channel: text.text for text in found.texts})
        return out, machine_.withheld, machine_.finish

    assert carried(b"") == carried(b"event: message\n")
