"""Responses asked, chat/completions answers: what travels, what is refused by name, and what the client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

import upstream_text
from carried import DONE, LABEL, carry, chunk, data, machine
from guiju.errors import BadRequest
from guiju.wire import responses_translate
from guiju.wire.openai_responses import DIALECT

CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": ""}}


def request(**more: Any) -> Any:
    return responses_translate.request({"model": "m", "input": "hi", **more})


def arguments(piece: str, index: int = 0) -> bytes:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


def told(*raw: bytes, cuts: tuple[int, ...] = (), **more: Any) -> list[Any]:
    return upstream_text.events(carry(machine(DIALECT, **more), b"".join(raw), cuts))


def final(found: list[Any]) -> Any:
    return found[-1]["response"]


# --- requests -------------------------------------------------------------------------------------


def test_what_has_a_counterpart_travels_under_its_name():
    sent = request(
        instructions="be brief", max_output_tokens=9, temperature=0.5, top_p=0.9, parallel_tool_calls=False, stream=True,
        reasoning={"effort": "low", "summary": "auto"}, include=["message.output_text.logprobs"], top_logprobs=2,
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "A", "schema": {}, "strict": True}},
        tool_choice="required", truncation="auto", store=True, metadata={"a": "b"}, user="u",
    )  # fmt: skip
    assert sent == {
        "model": "m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "parallel_tool_calls": False, "stream": True,
        "stream_options": {"include_usage": True}, "reasoning_effort": "low", "logprobs": True, "top_logprobs": 2,
        "verbosity": "low", "tool_choice": "required",
        "response_format": {"type": "json_schema", "json_schema": {"name": "A", "schema": {}, "strict": True}},
    }  # fmt: skip
    assert request(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert request(text={"format": {"type": "text"}}) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_an_answer_of_before_and_its_calls_are_one_message():
    sent = request(input=[
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "one "}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": [
            {"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": "https://a.b/c.png"}]},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": ""},
    ])  # fmt: skip
    assert [m["role"] for m in sent["messages"]] == ["assistant", "tool", "user", "assistant"]
    assert sent["messages"][0]["content"] == "one no"
    assert sent["messages"][0]["tool_calls"][0]["id"] == "a"
    assert sent["messages"][1] == {"role": "tool", "tool_call_id": "a", "content": "x"}
    assert sent["messages"][2]["content"] == [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]
    assert sent["messages"][3]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("field", "more"),
    [
        *((f"tools.{n}.type", {"tools": [{"type": "function", "name": "f"}] * n + [{"type": kind}]})
          for n, kind in enumerate(("web_search", "file_search", "code_interpreter", "mcp", "image_generation", "custom"))),
        ("tools.0.type", {"tools": {"type": "local_shell"}}),
        ("tool_choice", {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}),
        ("tool_choice", {"tool_choice": "sometimes"}),
        ("input.0.content.0.type", {"input": [{"role": "user", "content": [{"type": "odd"}]}]}),
        ("input.0.content.0.type", {"input": [{"role": "user", "content": ["words"]}]}),
        ("input.0.content", {"input": [{"role": "user", "content": 1}]}),
        ("input.0.content.0.file_url", {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]}),
        ("input.0.output", {"input": [{"type": "function_call_output", "call_id": "c"}]}),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_is_refused_by_name(field: str, more: dict[str, Any]):
    with pytest.raises(BadRequest) as refused:
        request(**more)
    assert refused.value.data["field"] == field


# --- whole answers --------------------------------------------------------------------------------


def test_a_whole_answer_is_a_response_that_the_sdk_knows():
    message = {
        "role": "assistant", "reasoning_content": "think", "content": "Hello", "refusal": "No",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "send", "arguments": "{}"}}],
    }  # fmt: skip
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    made = responses_translate.answer(
        {"id": "c1", "created": 7, "choices": [choice], "usage": usage}, {"tools": []}, "m"
    )
    response = TypeAdapter(Response).validate_python(made)
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output[0].content[0].text == "think"
    assert [part.type for part in response.output[1].content] == ["output_text", "refusal"]
    assert (response.output[2].call_id, response.output[2].name, response.output[2].arguments) == (
        "call_1",
        "send",
        "{}",
    )
    assert (response.output_text, response.status, response.created_at) == ("Hello", "completed", 7)
    assert (response.usage.input_tokens, response.usage.total_tokens) == (3, 7)


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_is_not_complete_says_why_whole_and_streamed(finish: str, reason: str):
    choice = {"index": 0, "message": {"content": "Hel"}, "finish_reason": finish}
    made = responses_translate.answer({"choices": [choice]}, {}, "m")
    assert (made["status"], made["incomplete_details"], made["output"][0]["status"]) == (
        "incomplete", {"reason": reason}, "incomplete",
    )  # fmt: skip
    found = told(chunk({"content": "Hel"}), chunk({}, finish), DONE)
    assert (found[-1]["type"], final(found)["incomplete_details"]) == ("response.incomplete", {"reason": reason})
    assert final(found)["output"][0]["status"] == "incomplete"


# --- streams --------------------------------------------------------------------------------------

STREAM = (
    chunk({"role": "assistant", "content": ""}), chunk({"reasoning_content": "thi"}), chunk({"reasoning_content": "nk"}),
    chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({"refusal": "No"}), chunk({"tool_calls": [CALL]}),
    arguments('{"a"'), arguments(": 1}"),
    chunk({"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "li"}}]}),
    chunk({"tool_calls": [{"index": 1, "function": {"name": "st"}}]}), chunk({}, "tool_calls"),
    chunk(usage={"prompt_tokens": 3, "completion_tokens": 4}), DONE,
)  # fmt: skip


def test_a_stream_is_the_events_that_the_sdk_knows():
    found = told(*STREAM)
    known = TypeAdapter(ResponseStreamEvent)
    for event in found:
        assert known.validate_python(event).type == event["type"]
    assert [e["sequence_number"] for e in found] == list(range(len(found)))
    assert [(i["type"], i.get("name")) for i in final(found)["output"]] == [
        ("reasoning", None), ("message", None), ("function_call", "send"), ("function_call", "list"),
    ]  # fmt: skip
    kinds = [e["type"] for e in found]
    for ends in ("output_item", "content_part"):
        assert kinds.count(f"response.{ends}.added") == kinds.count(f"response.{ends}.done")
    assert kinds.count("response.output_text.done") == kinds.count("response.refusal.done") == 1
    assert final(found)["output"][0]["content"][0]["text"] == "think"
    assert [p.get("text") or p["refusal"] for p in final(found)["output"][1]["content"]] == ["Hello", "No"]
    assert [i["arguments"] for i in final(found)["output"][2:]] == ['{"a": 1}', ""]
    assert final(found)["usage"]["total_tokens"] == 7
    assert {e["response"]["id"] for e in found if "response" in e} == {"resp_chatcmpl-1"}


@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=4))
def test_it_is_the_same_however_it_is_cut(cuts: list[int]):
    assert told(*STREAM, cuts=tuple(cuts)) == told(*STREAM)


def test_calls_that_come_at_the_same_time_keep_their_own_arguments():
    second = {"index": 1, "id": "call_2", "function": {"name": "other", "arguments": "["}}
    found = told(chunk({"tool_calls": [CALL]}), arguments("{"), chunk({"tool_calls": [second]}), arguments("}"),
                 arguments("]", 1), chunk({}, "stop"), DONE)  # fmt: skip
    assert [(i["name"], i["arguments"]) for i in final(found)["output"]] == [("send", "{}"), ("other", "[]")]


def test_text_after_thought_after_text_are_three_items():
    found = told(chunk({"content": "a"}), chunk({"reasoning": "b"}), chunk({"content": "c"}), chunk({}, "stop"), DONE)
    assert [i["content"][0]["text"] for i in final(found)["output"]] == ["a", "b", "c"]
    kinds = [e["type"] for e in found if e["type"].startswith("response.output_item")]
    assert kinds == ["response.output_item.added", "response.output_item.done"] * 3


def test_log_probabilities_come_with_their_text():
    entry = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    choice = {"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [entry]}, "finish_reason": None}
    found = told(data({"id": "c", "choices": [choice]}), chunk({}, "stop"), DONE)
    assert [t["token"] for e in found if e["type"].endswith("text.delta") for t in e["logprobs"]] == ["Hi"]
    assert final(found)["output"][0]["content"][0]["logprobs"][0]["token"] == "Hi"


def test_what_has_no_place_in_a_response_is_not_served():
    odd = {"content": "a", "annotations": ["words"], "audio": {"transcript": "words"}}
    second = {"index": 1, "delta": {"content": "words"}, "finish_reason": None}
    found = told(chunk(odd), data({"choices": [second], "prompt_logprobs": "words"}), chunk({}, "stop"), DONE)
    assert "words" not in json.dumps(found)


@pytest.mark.parametrize("ending", [b"", DONE])
def test_an_answer_without_its_last_event_is_whole_once_it_has_said_why_it_ended(ending: bytes):
    assert told(chunk({"content": "a"}), chunk({}, "stop"), ending)[-1]["type"] == "response.completed"


def test_an_answer_that_breaks_off_is_not():
    assert told(chunk({"content": "a"}))[-1]["type"] == "response.output_text.delta"
    stream = machine(DIALECT)
    carry(stream, chunk({"content": "a"}) + data({"error": {"code": "rate_limit_exceeded", "message": "words"}}))
    assert (stream.failed, stream.done) == ("rate_limit_exceeded", False)


def test_an_answer_of_nothing_is_an_empty_response():
    found = told(DONE)
    assert [e["type"] for e in found] == ["response.created", "response.in_progress", "response.completed"]
    assert final(found)["output"] == []
    assert final(found)["guiju"] == LABEL


def test_the_response_repeats_what_was_asked():
    found = told(
        chunk({"content": "a"}), chunk({}, "stop"), DONE, instructions="be brief", tools=[{"type": "function"}]
    )
    for response in (e["response"] for e in found if "response" in e):
        assert (response["instructions"], response["tools"]) == ("be brief", [{"type": "function"}])
        assert (response["model"], response["store"], response["created_at"]) == ("m", False, 1718345013)
