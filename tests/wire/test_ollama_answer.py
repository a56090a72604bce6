"""Ollama's answers: what an OpenAI upstream says in its shape, whole and streamed, and nothing else of it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import upstream_text
from carried import DONE, LABEL, asked, carry, chunk, machine, texts
from guiju.errors import UpstreamRefused
from guiju.wire.ollama import OLLAMA_CHAT, OLLAMA_GENERATE

USAGE = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}
COUNTED = {"total_duration": 0, "load_duration": 0, "prompt_eval_count": 19, "prompt_eval_duration": 0,
           "eval_count": 10, "eval_duration": 0}  # fmt: skip
AT = "2024-06-14T06:03:33Z"


def call(index, name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return {"tool_calls": [{"index": index, "function": function, **more}]}


def lines(*chunks, dialect=OLLAMA_CHAT, hold=0, **ask):
    raw = carry(machine(dialect, **ask), b"".join(chunks) + DONE, hold=hold)
    assert raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def whole(message, dialect=OLLAMA_CHAT, finish="stop", replaced=None, more=None, **ask):
    body = {
        "created": 1718345013,
        "usage": USAGE,
        "choices": [{"message": message, "finish_reason": finish}],
        **(more or {}),
    }
    wanted = asked(dialect, stream=False, **ask)
    answer = dialect.read_answer(json.dumps(body).encode(), wanted, dialect="openai", allow_opaque=False)
    return answer, json.loads(answer.write(replaced or {}, LABEL))


# --- streams ----------------------------------------------------------------------------------------


def test_a_stream_is_one_object_a_line_with_the_label_in_the_first_and_the_last():
    said = (chunk({"role": "assistant", "content": ""}), chunk({"reasoning_content": "hm"}), chunk({"content": "你"}),
            chunk({"content": "好"}), chunk({}, "length"), chunk(None, usage=USAGE))  # fmt: skip
    head = {"model": "m", "created_at": AT}
    assert lines(*said) == [
        {**head, "message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False, "guiju": LABEL},
        {**head, "message": {"role": "assistant", "content": "你"}, "done": False},
        {**head, "message": {"role": "assistant", "content": "好"}, "done": False},
        {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "length", **COUNTED,
         "guiju": LABEL},
    ]  # fmt: skip
    assert lines(*said, dialect=OLLAMA_GENERATE) == [
        {**head, "response": "", "thinking": "hm", "done": False, "guiju": LABEL},
        {**head, "response": "你", "done": False},
        {**head, "response": "好", "done": False},
        {**head, "response": "", "done": True, "done_reason": "length", **COUNTED, "guiju": LABEL},
    ]


def test_each_text_is_a_channel_and_calls_are_read_whole():
    stream = machine(OLLAMA_CHAT)
    raw = (chunk({"reasoning": "a"}) + chunk({"content": "b"}) + chunk(call(0, "fi", "")) + chunk(call(0, "nd", '{"q": "c'))
           + chunk(call(0, None, '"}')) + chunk({}, "tool_calls") + DONE)  # fmt: skip
    assert texts(stream, raw) == {
        "0.thinking:text": "a", "0.content:text": "b", "0.tool_calls.0.name:name": "find",
        "0.tool_calls.0.arguments:json": '{"q": "c"}',
    }  # fmt: skip
    assert texts(machine(OLLAMA_CHAT, format="json"), chunk({"content": "{}"}) + DONE) == {"0.content:json": "{}"}


@pytest.mark.parametrize("hold", [0, 1000])
def test_tool_calls_come_whole_and_together_their_arguments_an_object(hold):
    found = lines(
        chunk({"content": "let me see"}),
        chunk(call(1, "note", "", id="call_b")),
        chunk(call(0, "find", '{"q": "c', id="call a")),
        chunk(call(1, None, '{"n": 1.50, "deep": {"x": [null]}}')),
        chunk(call(0, None, '"}')),
        chunk(call(2, "now")),
        chunk(call(3, "prose", "not JSON")),
        chunk({}, "tool_calls"),
        hold=hold,
    )
    calls = [c for line in found for c in line["message"].get("tool_calls", [])]
    assert calls == [
        {"id": "call_0", "function": {"index": 0, "name": "find", "arguments": {"q": "c"}}},
        {"id": "call_b", "function": {"index": 1, "name": "note", "arguments": {"n": 1.5, "deep": {"x": [None]}}}},
        {"id": "call_2", "function": {"index": 2, "name": "now", "arguments": {}}},
        {"id": "call_3", "function": {"index": 3, "name": "prose", "arguments": {"arguments": "not JSON"}}},
    ]
    assert "".join(line["message"]["content"] for line in found) == "let me see"
    at = next(number for number, line in enumerate(found) if "tool_calls" in line["message"])
    assert not any(line["message"]["content"] for line in found[at + 1 :])
    assert found[-1]["done_reason"] == "stop"


def test_calls_leave_without_a_finish_reason_too():
    found = lines(chunk(call(0, "now", "{}")))
    assert [c["function"]["name"] for line in found for c in line["message"].get("tool_calls", [])] == ["now"]
    assert found[-1]["done_reason"] == "stop"


def test_what_has_no_place_is_withheld_by_name():
    stream = machine(OLLAMA_GENERATE)
    raw = carry(
        stream,
        chunk({"content": "a", "annotations": ["b"]}, prompt_logprobs=["c"], provider="p")
        + chunk({"content": "of another"}, index=1)
        + chunk(call(0, "find", "{}"))
        + chunk({}, "stop")
        + chunk({"content": "later"})
        + DONE,
    )
    assert "".join(line["response"] for line in upstream_text.events(raw)) == "a"
    assert stream.withheld == [
        "prompt_logprobs", "choices.*.delta.annotations", "choices.*.delta", "tool_calls",
    ]  # fmt: skip
    stream = machine(OLLAMA_CHAT)
    carry(stream, chunk(call(0, "find", "{}")) + chunk(call(0, "other", "")) + chunk(call(1, None, "{}")) + DONE)
    assert stream.withheld == ["tool_calls"]


def test_numbers_that_could_tell_something_do_not_leave():
    long = {"prompt_tokens": 13812345678, "completion_tokens": 7}
    timings = {"prompt_ms": 13812.345678, "predicted_ms": 13812345678}
    last = lines(chunk({"content": "a"}, "stop"), chunk(None, usage=long, timings=timings, created=13812345678))[-1]
    assert last["created_at"] == AT
    assert (last["prompt_eval_count"], last["eval_count"]) == (0, 7)
    assert (last["prompt_eval_duration"], last["eval_duration"], last["total_duration"]) == (
        13812000000,
        0,
        13812000000,
    )


def test_a_stop_writes_its_words_and_one_last_object():
    stream = machine(OLLAMA_CHAT)
    raw = carry(stream, chunk({"content": "safe "}) + chunk(call(0, "find", '{"q": 1}')))
    raw += stream.stop(finish="content_filter", replacement="不予提供", details={"action": "refuse"})
    found = upstream_text.events(raw)
    assert [(line["message"]["content"], line["done"]) for line in found] == [
        ("safe ", False),
        ("不予提供", False),
        ("", True),
    ]
    assert (found[-1]["done_reason"], found[-1]["guiju"]) == ("content_filter", {"action": "refuse"})
    assert not any("tool_calls" in line["message"] for line in found)


@pytest.mark.parametrize("dialect", [OLLAMA_CHAT, OLLAMA_GENERATE])
def test_a_refusal_says_when_it_was_made(dialect):
    for stream in (True, False):
        ask = asked(dialect, stream=stream)
        raw = dialect.refusal(ask, exchange="ex_1", created=1718345013, text="不", finish="stop", label=LABEL)
        found = upstream_text.events(raw)
        assert {line["created_at"] for line in found} == {AT}
        assert upstream_text.heard_ollama(raw) == {"0.content": "不"}
        assert (found[-1]["done"], found[-1]["done_reason"], found[-1]["guiju"]) == (True, "stop", LABEL)


@given(
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 6000), max_size=6),
    st.sampled_from([0, 1, 3, 40, 100_000]),
)
@settings(max_examples=150, deadline=None)
def test_what_is_released_is_what_was_said_however_it_is_cut_and_held(rng, cuts, hold):
    said = upstream_text.openai(rng, [], interleaved=False)
    heard = upstream_text.heard_ollama(carry(machine(OLLAMA_CHAT), said.raw, cuts, hold=hold))
    assert sorted(heard.get("0.content", "")) == sorted(
        said.joined.get("0.content", "") + said.joined.get("0.refusal", "")
    )
    assert heard.get("0.thinking", "") == said.joined.get("0.reasoning_content", "")
    assert json.loads(heard.get("0.arguments", "{}")) == json.loads(said.joined.get("0.arguments", "{}"))


# --- whole answers ----------------------------------------------------------------------------------


def test_a_whole_answer_in_either_shape():
    message = {"content": "好", "reasoning_content": "想一想"}
    answer, body = whole(message, finish="length")
    assert body == {
        "model": "m", "created_at": AT, "message": {"role": "assistant", "content": "好", "thinking": "想一想"},
        "done": True, "done_reason": "length", **COUNTED, "guiju": LABEL,
    }  # fmt: skip
    assert [(s.path, s.text, s.form) for s in answer.segments] == [
        (("message", "thinking"), "想一想", "text"),
        (("message", "content"), "好", "text"),
    ]
    assert (answer.usage, answer.finish, answer.withheld) == ((19, 10), "length", [])
    answer, body = whole(message, OLLAMA_GENERATE, replaced={("response",): "[..]"})
    assert (body["response"], body["thinking"]) == ("[..]", "想一想")
    assert answer.content_paths == [("response",)]
    assert whole({"content": "{}"}, format="json")[0].segments[0].form == "json"


def test_a_whole_answers_calls_are_reviewed_as_json_and_leave_as_objects():
    calls = [{"id": "a", "function": {"name": "dial", "arguments": '{"n": 13812345678}'}}, {"function": {"name": "now"}},
             {"function": {"arguments": "{}"}}]  # fmt: skip
    place = ("message", "tool_calls", 0, "function", "arguments")
    answer, body = whole({"content": None, "tool_calls": calls}, replaced={place: '{"n": "[..]"}'})
    assert body["message"]["tool_calls"] == [
        {"id": "a", "function": {"index": 0, "name": "dial", "arguments": {"n": "[..]"}}},
        {"id": "call_1", "function": {"index": 1, "name": "now", "arguments": {}}},
    ]
    assert [(s.path[-1], s.text, s.form) for s in answer.segments] == [
        ("name", "dial", "name"), ("arguments", '{"n": 13812345678}', "json"), ("name", "now", "name"),
    ]  # fmt: skip
    assert (body["done_reason"], answer.withheld, answer.content_paths) == ("stop", ["tool_calls"], [])
    assert whole({"tool_calls": calls}, OLLAMA_GENERATE)[0].withheld == ["tool_calls"] * 3


def test_of_a_whole_answer_too_what_has_no_place_is_withheld_by_name():
    said = {"content": "a", "annotations": ["b"]}
    more = {"prompt_logprobs": "y", "choices": [{"message": said}, {"message": {"content": "c", "note": "d"}}]}
    answer, body = whole({}, more=more)
    assert body["message"] == {"role": "assistant", "content": "a"}
    assert set(answer.withheld) == {
        "prompt_logprobs", "choices.*.message.annotations.*", "choices.*.message.content", "choices.*.message.note",
        "choices.*.message.note#key",
    }  # fmt: skip


@pytest.mark.parametrize("choices", [[], None, 1, [1], [{"message": "a"}]])
def test_an_answer_without_a_message_is_none(choices):
    with pytest.raises(UpstreamRefused):
        whole({}, more={"choices": choices})
