"""Fields that nobody has a word for: through every translation they travel, and take the place of nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

import upstream_text
from carried import DONE, LABEL, asked, carry, chunk, data, machine, read
from guiju.wire import unknown
from guiju.wire.anthropic_messages import DIALECT as ANTHROPIC
from guiju.wire.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from guiju.wire.openai_completions import DIALECT as COMPLETIONS
from guiju.wire.openai_responses import DIALECT as RESPONSES
from guiju.wire.probabilities import NUMBERED

REQUESTS = {
    ANTHROPIC: {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    OLLAMA_CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    OLLAMA_GENERATE: {"prompt": "hi"},
    RESPONSES: {"input": "hi"},
}
OLLAMA = (OLLAMA_CHAT, OLLAMA_GENERATE)
DOORS = pytest.mark.parametrize("door", REQUESTS, ids=lambda door: door.name)
EXTRA = {"top_k": 3, "thinking": {"type": "enabled"}, "chat_template_kwargs": {"tone": "kind"}, "x_null": None}


def sent(door: Any, masked: Any = None, *, dropped: Any = None, way: str = "openai", **more: Any) -> Any:
    body = {"model": "m", "stream": False, **REQUESTS[door], **more}
    ask = door.read(json.dumps(body).encode(), {})
    return json.loads(door.upstream_body(ask, model="up", dialect=way, masked=masked or {}, dropped=dropped))


def whole(door: Any, said: Any = None, choice: Any = None, **more: Any) -> tuple[Any, Any]:
    """The answer as it is read, and as it leaves."""
    choices = [{"message": {"content": "a", **(said or {})}, "finish_reason": "stop", **(choice or {})}]
    body = {"id": "c1", "created": 1, "choices": choices, **more}
    answer = door.read_answer(
        json.dumps(body).encode(), asked(door, stream=False), dialect="openai", allow_opaque=False
    )
    return answer, json.loads(answer.write({}, LABEL))


def streamed(door: Any, *chunks: bytes) -> tuple[Any, Any]:
    """The stream, and where its last words on the answer stand."""
    stream = machine(door)
    found = upstream_text.events(carry(stream, b"".join((*chunks, chunk({}, "stop"), DONE))))
    if door is ANTHROPIC:
        return stream, next(event["delta"] for event in found if event["type"] == "message_delta")
    return stream, found[-1]["response"] if door is RESPONSES else found[-1]


# --- requests -------------------------------------------------------------------------------------


@DOORS
def test_what_the_door_has_no_word_for_reaches_the_upstream_as_it_is(door: Any):
    made = sent(door, **EXTRA)
    assert {name: made[name] for name in made.keys() & EXTRA} == {k: v for k, v in EXTRA.items() if v is not None}
    assert sent(door, {("chat_template_kwargs", "tone"): "[..]"}, **EXTRA)["chat_template_kwargs"] == {"tone": "[..]"}


@DOORS
def test_routing_counting_and_reading_are_settled_by_the_translation_alone(door: Any):
    said = dict.fromkeys(unknown.SETTLED - REQUESTS[door].keys() - {"stream", "model"}, 77)
    said |= {"messages": [{"role": "user", "content": "other"}]} if "messages" in said else {}
    plain = sent(door)
    assert sent(door, **said) == plain
    if door in OLLAMA:
        assert sent(door, options=dict.fromkeys(unknown.SETTLED, 77)) == plain


@pytest.mark.parametrize(
    ("door", "words"),
    [
        (ANTHROPIC, {"cache_control": {"type": "ephemeral"}, "metadata": {"user_id": "u"}, "context_management": {}}),
        (OLLAMA_CHAT, {"keep_alive": "5m", "prompt": "p", "options": {"num_ctx": 4096, "num_gpu": 1}}),
        (OLLAMA_GENERATE, {"keep_alive": "5m", "messages": [{"role": "user", "content": "b"}], "tools": [{}]}),
        (RESPONSES, {"truncation": "auto", "store": True, "metadata": {"a": "b"}, "stream_options": {}}),
    ],
)
def test_a_word_of_the_door_that_has_no_counterpart_stays_here(door: Any, words: Any):
    assert sent(door, **words) == sent(door)


def test_what_the_translation_says_stands_before_it():
    assert "n" in unknown.SETTLED
    assert sent(ANTHROPIC, stop_sequences=["a"], stop=["b"])["stop"] == ["a"]


def test_options_of_ollamas_travel_to_the_top():
    made = sent(OLLAMA_CHAT, options={"top_k": 3, "repeat_penalty": 1.1, "temperature": 1})
    assert (made["top_k"], made["repeat_penalty"], made["temperature"]) == (3, 1.1, 1)
    assert "options" not in made


TRANSLATED = {**REQUESTS, COMPLETIONS: {"prompt": "hi"}}


@pytest.mark.parametrize("door", TRANSLATED, ids=lambda door: door.name)
def test_for_an_upstream_that_refuses_what_it_does_not_know_it_stays_out_and_is_named(
    door: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(REQUESTS, door, TRANSLATED[door])
    dropped: list[str] = []
    known = {"seed": 7, "user": "u", "stop": ["b"]} if door is COMPLETIONS else {"logit_bias": {"1": 2}}
    made = sent(door, dropped=dropped, **EXTRA, **known)
    assert set(dropped) - {"x_null"} == {"top_k", "thinking", "chat_template_kwargs"}
    assert made.keys() <= unknown.CHAT
    assert made == sent(door, **known)
    masked = sent(door, {("thinking", "type"): "[..]"}, dropped=[], **EXTRA, **known)
    assert masked == made


def test_ollamas_options_stay_out_too():
    dropped: list[str] = []
    made = sent(OLLAMA_CHAT, dropped=dropped, options={"top_k": 3, "seed": 4})
    assert (dropped, made["seed"], "top_k" in made) == (["top_k"], 4, False)


@pytest.mark.parametrize(("door", "way"), [(ANTHROPIC, "anthropic"), (RESPONSES, "openai_responses")])
def test_the_doors_own_words_go_as_they_are(door: Any, way: str):
    dropped: list[str] = []
    assert sent(door, dropped=dropped, way=way, **EXTRA).items() >= EXTRA.items()
    assert dropped == []


# --- answers --------------------------------------------------------------------------------------


@DOORS
def test_what_chat_has_no_word_for_stands_at_the_top_of_the_answer(door: Any):
    answer, body = whole(door, {"x": "b"}, {"y": ["c"]}, z={"deep": "d"}, nothing=None)
    assert (body["x"], body["y"], body["z"]) == ("b", ["c"], {"deep": "d"})
    assert "nothing" not in body
    assert {("x",): "b", ("y", 0): "c", ("z", "deep"): "d"}.items() <= {s.path: s.text for s in answer.segments}.items()
    assert json.loads(answer.write({("y", 0): "[..]"}, LABEL))["y"] == ["[..]"]
    assert not {"x", "y", "z"} & {place.split(".")[-1] for place in answer.withheld}


@DOORS
def test_they_take_the_place_of_nothing(door: Any):
    _, plain = whole(door)
    words = unknown.ANSWER | unknown.CHOICE | unknown.MESSAGE  # whose places are chat's own
    said = dict.fromkeys((plain.keys() - words) | {"guiju"}, "forged")
    for found in (whole(door, said), whole(door, choice=said), whole(door, **said)):
        assert found[1] == plain
    _, plain = streamed(door, chunk({"content": "a"}))
    assert streamed(door, chunk({"content": "a", **said}, **said))[1] == plain


@DOORS
def test_of_known_words_none_travels_unread(door: Any):
    odd = {"audio": {"data": "AAAA", "id": "words"}, "annotations": [{"url": "words"}], "reasoning_details": ["words"]}
    probable = {"logprobs": {"content": [{"token": "words"}]}, "token_ids": [1, 2]}
    assert "words" not in json.dumps(whole(door, odd, probable, prompt_logprobs=["words"])[1])
    _, last = streamed(door, chunk({"content": "a", **odd}, prompt_logprobs=["words"]))
    assert "words" not in json.dumps(last)
    assert "token_ids" not in json.dumps(whole(door, {}, probable)[1])
    told = {name: [1, 2] for name in NUMBERED}
    made = json.dumps([whole(door, told, told, **told)[1], streamed(door, chunk({"content": "a", **told}, **told))[1]])
    assert not [name for name in NUMBERED if name in made]


@DOORS
def test_in_a_stream_they_leave_whole_with_the_last_words_on_the_answer(door: Any):
    said = [chunk({"content": "a", "x": piece}, y=piece, z=number) for number, piece in enumerate(("call 138", "123"))]
    stream, last = streamed(door, *said, data({"choices": [{"index": 1, "delta": {"x": "other"}}]}))
    assert (last["x"], last["y"], last["z"]) == ("call 138123", "123", 1)
    assert not {"x", "y", "z"} & set(stream.withheld)


@DOORS
def test_in_a_stream_each_of_their_strings_and_names_is_read(door: Any):
    stream, number = machine(door), 13812345678
    raw = chunk({"content": "a", "x_odd": {"b": ["c"], "n": number}, "x_odd.b": {"0": "d"}}, "stop") + DONE
    found = [text for event in read(stream, raw) for text in event.texts]
    assert {"c", "d", str(number), "x_odd", "b", "0"} <= {t.text for t in found}
    assert {t.reading for t in found if t.text in ("c", "d", str(number))} == {"alone"}


@DOORS
def test_a_number_stays_one_unless_something_is_hidden_of_it(door: Any):
    for hidden in (False, True):
        out = b""
        for event in read(machine(door), chunk({"content": "a", "n": 13812345678}, "stop") + DONE):
            texts = {t.channel: t.text for t in event.texts}
            out += event.write({c: "[..]" if hidden and t.isdigit() else t for c, t in texts.items()})
        assert (b'"n":"[..]"' in out, b'"n":13812345678' in out) == (hidden, not hidden)


@DOORS
def test_what_is_too_deep_in_a_stream_is_withheld_and_takes_nothing_along(door: Any):
    deep = json.loads("[" * 200 + '"words"' + "]" * 200)
    stream, last = streamed(door, chunk({"content": "a", "x": deep, "y": "b"}), chunk({"y": "c"}, z="d"))
    assert (last["y"], last["z"], "x" in last) == ("c", "d", False)
    assert {"x", "y"} <= set(stream.withheld)


def test_the_count_of_tokens_keeps_what_is_unknown_in_it():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_cache_hit_tokens": 3, "input_tokens": 9}
    counted = {"input_tokens": 1, "output_tokens": 2, "prompt_cache_hit_tokens": 3}
    assert whole(ANTHROPIC, usage=usage)[1]["usage"] == counted
    assert counted.items() <= whole(RESPONSES, usage=usage)[1]["usage"].items()
    assert counted.items() <= streamed(RESPONSES, chunk(None, usage=usage))[1]["usage"].items()
    raw = carry(machine(ANTHROPIC), chunk({"content": "a"}, "stop") + chunk(None, usage=usage) + DONE)
    assert next(e["usage"] for e in upstream_text.events(raw) if e["type"] == "message_delta") == counted


def test_a_completion_has_them_where_they_stood():
    _, body = whole(COMPLETIONS, {"x": "b"}, {"y": "c"}, z="d")
    assert (body["choices"][0]["x"], body["choices"][0]["y"], body["z"]) == ("b", "c", "d")


def test_what_ollamas_durations_are_taken_from_has_been_said():
    assert "timings" not in whole(OLLAMA_CHAT, timings={"prompt_ms": 1})[1]
    assert "timings" not in streamed(OLLAMA_CHAT, chunk({"content": "a"}, timings={"prompt_ms": 1}))[1]
    assert whole(OLLAMA_CHAT, timings={"note": "b"})[0].withheld == ["id", "timings.note#key", "timings.note"]


def test_a_field_that_looks_like_a_call_is_masked_where_no_call_has_a_place():
    answer, _ = whole(OLLAMA_GENERATE, message={"tool_calls": ["b"]})
    assert json.loads(answer.write({("message", "tool_calls", 0): "[..]"}, LABEL))["message"] == {
        "tool_calls": ["[..]"]
    }


def test_two_places_of_one_name_leave_once():
    _, last = streamed(OLLAMA_CHAT, chunk({"content": "a"}, **{"x.0": "b", "x": ["c"]}))
    assert (last["x.0"], last["x"]) == ("bc", [""])


# --- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "more", "whole"),
    [
        ("a", "b", "ab"),
        (None, "b", "b"),
        (1, 2, 2),
        ([{"type": "t", "text": "a"}], [{"type": "t", "text": "b"}, "c"], [{"type": "t", "text": "ab"}, "c"]),
        (["a", "b"], ["c"], ["ac", "b"]),
        ({"a": {"b": "c"}, "d": 1}, {"a": {"b": "e"}}, {"a": {"b": "ce"}, "d": 1}),
        ({"a": 1}, "b", "b"),
    ],
)
def test_pieces_grow_place_by_place(before: Any, more: Any, whole: Any):
    told = unknown.Unknown()
    told.hear({}, {"x": before})
    told.hear({}, {"x": more})
    assert told.answered({}) == {"x": whole}
