"""What every dialect of plugins.DIALECTS keeps, a new one too, in front of every upstream that it can be led to.

Nothing here knows a dialect: it is asked for a stream, hears its upstream, and whatever JSON the client gets is searched.
test_promise.py looks closer at the shipped ones.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import upstream_text as said
from gateway.test_promise import LABEL, MASKED, reviewer, without
from guiju import plugins
from guiju.errors import BadRequest, UpstreamError, UpstreamTimeout
from guiju.gateway import stream
from guiju.label import notice
from guiju.wire.dialect import Dialect

BODY: dict[str, Any] = {
    "model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}],
    "prompt": "hi", "input": "hi",
}  # fmt: skip
"""A request of any dialect: unknown fields travel."""
DOORS = [(dialect, upstream) for dialect in {d.name: d for d in plugins.dialects().values()}.values()
         for upstream in sorted(dialect.upstreams)]  # fmt: skip
STREAMED = [(dialect, upstream) for dialect, upstream in DOORS if dialect.stream_type]
NUMBERS = [(dialect, upstream) for dialect, upstream in DOORS if not dialect.stream_type]
ALONE = [(dialect, upstream) for dialect, upstream in DOORS if not dialect.upstream_path(upstream)]


def named(doors: list[tuple[Dialect, str]]) -> Any:
    """Parameters of a fixture, or of a test."""
    return [pytest.param(pair, id=f"{pair[0].name} before {pair[1]}") for pair in doors]


@pytest.fixture(params=named(STREAMED))
def door(request: pytest.FixtureRequest) -> tuple[Dialect, str]:
    """One that can stream its answer."""
    return request.param


@pytest.fixture(params=named(DOORS))
def any_door(request: pytest.FixtureRequest) -> tuple[Dialect, str]:
    return request.param


def asked(dialect: Dialect, **more: Any) -> Any:
    return dialect.read(json.dumps(BODY | more).encode(), {})


def speech(dialect: Dialect, upstream: str, rng: random.Random, kinds: list[str]) -> said.Said:
    """How an upstream speaks at the path that this dialect asks."""
    speak = said.SPEECH.get(dialect.upstream_path(upstream))
    assert speak is not None, f"say in upstream_text.SPEECH how an upstream speaks at {dialect.upstream_path(upstream)}"
    return speak(rng, kinds)


def objects(raw: bytes) -> Iterator[Any]:
    """Every JSON object that a client gets: whole, of server-sent events, or a line each."""
    for line in raw.decode().splitlines():
        line = line.removeprefix("data: ").strip()
        if line.startswith("{"):
            yield json.loads(line)


def heard(raw: bytes) -> dict[tuple[Any, ...], str]:
    """Place -> all strings that came there, joined. Where an object has an index, it stands for the place in its list."""
    joined: dict[tuple[Any, ...], str] = {}

    def walk(value: Any, place: tuple[Any, ...]) -> None:
        if isinstance(value, str):
            joined[place] = joined.get(place, "") + value
        elif isinstance(value, dict):
            place = (*place[:-1], value["index"]) if place and isinstance(value.get("index"), int) else place
            for key, inner in value.items():
                walk(inner, (*place, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                walk(inner, (*place, number))

    for body in objects(raw):
        walk(body, (body["index"],) if isinstance(body.get("index"), int) else ())
    return joined


def served(dialect: Dialect, upstream: str, chunks: list[bytes], place: str = "interface") -> tuple[bytes, bool]:
    """The bytes that a client gets, and whether the answer was stopped."""
    label = dict(LABEL)
    answer = dialect.read_stream(asked(dialect), dialect=upstream, label=label, allow_opaque=False)
    gates = stream.gate_maker(reviewer(), language="zh")
    relay = stream.Relay(answer, gates, place=place, language="zh", notices=True, label=label)
    out = b""
    try:
        for chunk in chunks:
            out += b"".join(relay.feed(chunk))
        return out + b"".join(relay.close()) + relay.flush(), False
    except stream.Stopped as stop:
        return out + stop.out + answer.stop(finish="content_filter", replacement="不予提供", details=LABEL), True


@pytest.mark.parametrize("seed", range(150))
def test_nothing_hidden_leaves_however_it_is_cut(door: tuple[Dialect, str], seed: int):
    rng = random.Random(seed)
    text = speech(*door, rng, MASKED if seed % 3 else [*MASKED, "term"])
    raw, stopped = served(*door, list(said.chunked(rng, text.raw)))
    places = heard(raw)
    hidden = {kind for kinds in text.secrets.values() for kind in kinds}
    for kind in hidden:
        assert not [p for p, words in places.items() if said.SECRETS[kind] in words]
        assert said.SECRETS[kind] not in raw.decode()
    assert not stopped or "term" in hidden
    if not stopped:
        for channel, source in text.joined.items():
            if channel.endswith((".content", ".text")):
                assert any(without(source, text.secrets[channel]) in words for words in places.values()), channel


def test_every_single_cut(door: tuple[Dialect, str]):
    rng = random.Random(2)
    text = speech(*door, rng, ["mobile"])
    while not any(text.secrets.values()):
        text = speech(*door, rng, ["mobile"])
    whole, _ = served(*door, [text.raw])
    for cut in range(1, len(text.raw), 7):
        raw, _ = served(*door, [text.raw[:cut], text.raw[cut:]])
        assert heard(raw) == heard(whole)
        assert said.SECRETS["mobile"] not in raw.decode()


@pytest.mark.parametrize("place", ["begin", "end"])
def test_the_notice_stands_in_what_the_answer_says_and_nowhere_else(door: tuple[Dialect, str], place: str):
    words_of_it = (notice.beginning if place == "begin" else notice.end)("zh")
    for seed in range(30):
        text = speech(*door, random.Random(seed), [])
        raw, _ = served(*door, [text.raw], place)
        noticed = [words for words in heard(raw).values() if words_of_it in words]
        bare = {words.replace(words_of_it, "", 1) for words in noticed}
        says = {words for channel, words in text.joined.items() if channel.endswith((".content", ".text"))} - {""}
        may = {words for channel, words in text.joined.items() if channel.endswith(".refusal")}  # text in some dialects
        assert all(any(words in text for text in bare) for words in says)
        assert all(any(words in text for words in says | may) for text in bare)


@pytest.mark.parametrize("place", ["begin", "end"])
def test_the_notice_stands_in_an_answer_that_is_cut_too(door: tuple[Dialect, str], place: str):
    words_of_it = (notice.beginning if place == "begin" else notice.end)("zh")
    cut = 0
    for seed in range(60):
        text = speech(*door, random.Random(seed), ["term"])
        raw, stopped = served(*door, [text.raw], place)
        says = {c: words for c, words in text.joined.items() if c.endswith((".content", ".text"))}
        for words in heard(raw).values():
            bare = words.replace("不予提供", "").replace(words_of_it, "", 1)
            if stopped and bare and any(said.startswith(bare) for said in says.values()):
                cut += 1
                assert words_of_it in words
                assert words.index(words_of_it) == (0 if place == "begin" else len(bare))
    assert cut


def test_the_label_says_that_something_was_masked(door: tuple[Dialect, str]):
    for seed in range(40):
        text = speech(*door, random.Random(seed), ["mobile"])
        raw, _ = served(*door, [text.raw])
        ours = [found for body in objects(raw) for found in labels(body)]
        assert ours, "no label"
        masked = "[手机号]" in "".join(heard(raw).values())
        assert ("action" in ours[-1]) == masked
        assert ours[-1].get("action", "mask") == "mask"


def labels(value: Any) -> Iterator[dict[str, Any]]:
    """Every `guiju` object inside."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "guiju":
                yield inner
            else:
                yield from labels(inner)


def test_a_refusal_says_its_text_streamed_and_whole(door: tuple[Dialect, str]):
    dialect, _ = door
    for streamed in (True, False):
        ask = asked(dialect, stream=streamed)
        details = LABEL | {"action": "refuse"}
        raw = dialect.refusal(ask, exchange="ex_1", created=7, text="不予提供", finish="content_filter", label=details)
        assert "不予提供" in heard(raw).values()
        assert any(found["action"] == "refuse" for body in objects(raw) for found in labels(body))


def test_an_error_carries_its_code_and_the_exchange(any_door: tuple[Dialect, str]):
    dialect, upstream = any_door
    error = UpstreamTimeout(upstream="v", seconds=30)
    said = [dialect.fault(error, exchange="ex_1", language="en")]
    if dialect.stream_type:
        answer = dialect.read_stream(asked(dialect), dialect=upstream, label=LABEL, allow_opaque=False)
        said.append(answer.fault(error, exchange="ex_1", language="en"))
        assert answer.done
    for raw in said:
        assert {"upstream_timeout", "ex_1", error.sentence("en")} <= set(heard(raw).values())


def test_a_stream_that_breaks_off_is_ended_once(door: tuple[Dialect, str]):
    text = speech(*door, random.Random(4), [])
    dialect, upstream = door
    answer = dialect.read_stream(asked(dialect), dialect=upstream, label=dict(LABEL), allow_opaque=False)
    for event in answer.feed(text.raw[: len(text.raw) // 2]):
        event.write({t.channel: t.text for t in event.texts})
    assert not answer.done
    assert answer.stop(finish="stop", replacement="", details=LABEL)
    assert answer.done
    assert list(answer.feed(text.raw)) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"stream": "yes"}', b"\xff", b"[" * 5000])
def test_what_is_no_request_is_the_callers_error(any_door: tuple[Dialect, str], body: bytes):
    with pytest.raises(BadRequest):
        any_door[0].read(body, {})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b'{"choices": 1}', b"\xff", b"[" * 5000])
def test_what_is_no_answer_is_the_upstreams_error(any_door: tuple[Dialect, str], body: bytes):
    dialect, upstream = any_door
    ask = asked(dialect, stream=False)
    with suppress(UpstreamError):
        assert json.loads(dialect.read_answer(body, ask, dialect=upstream, allow_opaque=False).write({}, LABEL))


def test_it_says_how_its_streams_are_typed(any_door: tuple[Dialect, str]):
    dialect, upstream = any_door
    assert "/" in dialect.stream_type or not asked(dialect).stream
    assert all(path.startswith("/") for path in dialect.paths)
    assert dialect.upstream_path(upstream)[:1] in ("/", "")


# --- doors that never stream: their answers are numbers ---------------------------------------------


@pytest.mark.parametrize("numbers", named(NUMBERS))
def test_where_there_is_no_place_for_words_a_refusal_is_none(numbers: tuple[Dialect, str]):
    dialect, _ = numbers
    words = {"text": "不予提供", "finish": "content_filter", "label": LABEL}
    assert dialect.refusal(asked(dialect), exchange="ex_1", created=7, **words) is None


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("numbers", named([pair for pair in NUMBERS if pair not in ALONE]))
def test_of_a_whole_answer_no_hidden_string_leaves(numbers: tuple[Dialect, str], seed: int):
    dialect, upstream = numbers
    rng = random.Random(seed)
    path = dialect.upstream_path(upstream)
    assert path in said.NUMBERS, f"say in upstream_text.NUMBERS how an upstream answers at {path}"
    body, inside = said.NUMBERS[path](rng, MASKED)
    ask = asked(dialect)
    answer = dialect.read_answer(json.dumps(body).encode(), ask, dialect=upstream, allow_opaque=False)
    verdicts = {s.path: reviewer().review(s.text, direction="output", form=s.form) for s in answer.segments}
    written = answer.write({path: v.text for path, v in verdicts.items() if v.text is not None}, dict(LABEL))
    shown = json.loads(written)
    assert inside
    assert [kind for kind in inside if said.SECRETS[kind] in json.dumps(shown, ensure_ascii=False)] == []
    assert [found["exchange"] for found in labels(shown)] == ["ex_1"]
    assert said.numbers_of(shown) == said.numbers_of(body)


@pytest.mark.parametrize("alone", named(ALONE))
def test_what_is_answered_without_an_upstream_is_reviewed_like_any_answer(alone: tuple[Dialect, str]):
    dialect, upstream = alone
    ask = asked(dialect)
    body = dialect.upstream_body(ask, model="up", dialect=upstream, masked={})
    answer = dialect.read_answer(body, ask, dialect=upstream, allow_opaque=False)
    shown = json.loads(answer.write({}, dict(LABEL)))
    assert [found["exchange"] for found in labels(shown)] == ["ex_1"]
    words = [text for place, text in heard(json.dumps(shown).encode()).items() if place[0] != "guiju"]
    assert set(words) <= {s.text for s in answer.segments}
