"""OpenAI's own SDK, unchanged, asks for responses: of an upstream that offers them, and of one that has chat alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import fake_upstream as chat
import response_events as events
from inside import CUT, JSON, KEY, SSE, Inside

PHONE, MASKED = "13812345678", "[phone number]"
CITIZEN = "11010519491231002X"
BAD = "如何制作炸药"
PIXEL = "data:image/png;base64,AAAA"


class Step(BaseModel):
    explanation: str
    call: str


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("responses")) as running:
        yield running


@pytest.fixture
def client(inside: Inside) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0)


@pytest.fixture(params=["responses", "openai"])
def model(request: pytest.FixtureRequest) -> str:
    """Of an upstream that offers responses; of one that has to be asked for a chat completion."""
    return request.param


def says(inside: Inside, model: str, *pieces: str, call: tuple[str, ...] = (), stream: bool = False) -> None:
    """What the upstream answers: a text, then perhaps a call of `send`, in these pieces."""
    inside.asked.clear()
    if model == "responses":
        items = [events.message(0, *pieces)] if pieces else []
        items += [events.call(len(items), "send", *call)] if call else []
        inside.says = [SSE, events.stream(*items)] if stream else [JSON, json.dumps(events.whole(*items)).encode()]
        return
    tool: dict[str, Any] = {
        "index": 0,
        "id": "call_0",
        "type": "function",
        "function": {"name": "send", "arguments": ""},
    }
    if not stream:
        tool["function"]["arguments"] = "".join(call)
        said = {"content": "".join(pieces) or None} | ({"tool_calls": [tool]} if call else {})
        inside.says = [JSON, chat.whole(said)]
        return
    chunks = [chat.chunk({"content": piece}) for piece in pieces]
    chunks += [chat.chunk({"tool_calls": [tool]})] if call else []
    chunks += [chat.chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in call]
    usage = {"prompt_tokens": 37, "completion_tokens": 11, "total_tokens": 48}
    last = b"data: " + json.dumps(chat.HEAD | {"choices": [], "usage": usage}).encode() + b"\n\n"
    inside.says = [SSE, *chunks, chat.chunk({}, "stop"), last, chat.DONE]


def sent(inside: Inside) -> dict[str, Any]:
    """What the upstream was asked."""
    return json.loads(inside.asked[-1].partition(b"\r\n\r\n")[2])


def test_a_whole_answer(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "Hello ", "there")
    answer = client.responses.create(model=model, input="hi", instructions="be brief", metadata={"k": "v"})
    assert (answer.output_text, answer.status, answer.error) == ("Hello there", "completed", None)
    assert (answer.instructions, answer.metadata, answer.object) == ("be brief", {"k": "v"}, "response")
    assert answer.output[0].content[0].annotations == []
    assert answer.usage.output_tokens == (11 if model == "responses" else 5)
    assert answer.model_extra["guiju"]["label"]["AIGC"]["Label"] == "1"
    path = inside.asked[-1].split(b" ")[1]
    assert path == (b"/v1/responses" if model == "responses" else b"/v1/chat/completions")
    assert inside.closed().finish == "completed"


def test_a_stream_of_events(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "Hel", "lo ", "there", stream=True)
    got = list(client.responses.create(model=model, input="hi", stream=True))
    assert [e.sequence_number for e in got] == list(range(len(got)))
    assert "".join(e.delta for e in got if e.type == "response.output_text.delta") == "Hello there"
    assert [e.type for e in got if not e.type.endswith(".delta")] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert got[-1].response.output_text == "Hello there"
    assert got[-1].response.usage.total_tokens == 48
    assert got[0].response.model_extra["guiju"] == got[-1].response.model_extra["guiju"]
    assert (inside.closed().input_tokens, inside.closed().output_tokens) == (37, 11)


def test_the_stream_helper_gathers_text_and_parses_calls(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "One moment", call=('{"explanation": "b', 'ecause", "call": "now"}'), stream=True)
    tool = openai.pydantic_function_tool(Step, name="send")["function"]
    tools = [{"type": "function", "name": "send", "parameters": tool["parameters"], "strict": True}]
    with client.responses.stream(model=model, input="hi", tools=tools) as stream:
        snapshots = [e.snapshot for e in stream if e.type == "response.function_call_arguments.delta"]
        answer = stream.get_final_response()
    assert snapshots[-1] == '{"explanation": "because", "call": "now"}'
    assert (answer.output[0].content[0].text, answer.output[1].name) == ("One moment", "send")
    assert answer.output[1].parsed_arguments == {"explanation": "because", "call": "now"}
    assert answer.output[1].call_id == "call_0" if model == "openai" else "call_1"


def test_structured_output_is_parsed_whole_and_streamed(inside: Inside, client: openai.OpenAI, model: str):
    source = f'{{"explanation": "call\\u0020it", "call": "{PHONE}"}}'
    says(inside, model, source)
    answer = client.responses.parse(model=model, input="hi", text_format=Step)
    assert answer.output_parsed == Step(explanation="call it", call=MASKED)
    if model == "openai":
        assert sent(inside)["response_format"]["json_schema"]["name"] == "Step"
    says(inside, model, *source, stream=True)
    with client.responses.stream(model=model, input="hi", text_format=Step) as stream:
        done = [e.parsed for e in stream if e.type == "response.output_text.done"]
        assert stream.get_final_response().output_parsed == answer.output_parsed == done[0]


def test_what_is_hidden_is_hidden_wherever_the_stream_says_it_again(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, *f"Call {PHONE} now", call=(f'{{"to": "{PHONE[:5]}', f'{PHONE[5:]}"}}'), stream=True)
    with client.responses.with_streaming_response.create(model=model, input="hi", stream=True) as raw:
        assert PHONE not in "".join(raw.iter_text())
    with client.responses.stream(model=model, input="hi") as stream:
        got = list(stream)
        answer = stream.get_final_response()
    assert "".join(e.delta for e in got if e.type == "response.output_text.delta") == f"Call {MASKED} now"
    assert [e.text for e in got if e.type == "response.output_text.done"] == [f"Call {MASKED} now"]
    assert answer.output_text == f"Call {MASKED} now"
    assert json.loads(answer.output[1].arguments) == {"to": MASKED}
    assert answer.model_extra["guiju"]["action"] == "mask"
    assert inside.closed().outcome == "masked"
    assert {i.channel for i in inside.closed().insertions} == {"0.0.text", "1.arguments"}


def test_an_answer_that_is_stopped_ends_as_an_incomplete_one(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "天气。", "有人问如", "何制作炸", "药，很简单", stream=True)
    with client.responses.stream(model=model, input="你好") as stream:
        got = list(stream)
    last = got[-1]
    assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "content_filter")
    assert [e.sequence_number for e in got] == list(range(len(got)))
    said = "".join(e.delta for e in got if e.type == "response.output_text.delta")
    assert said == last.response.output_text
    assert said.startswith("天气。有人问")
    assert "objections" in said
    assert "炸药" not in said
    added = [e.output_index for e in got if e.type == "response.output_item.added"]
    assert added == [e.output_index for e in got if e.type == "response.output_item.done"] == [0, 1]
    assert [item.status for item in last.response.output] == ["incomplete", "completed"]
    assert last.response.model_extra["guiju"]["action"] == "refuse"


def test_a_whole_answer_that_is_refused(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "先这样：" + BAD)
    answer = client.responses.create(model=model, input="你好")
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "content_filter")
    assert "/objections/" in answer.output_text


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_is_refused_never_arrives(inside: Inside, client: openai.OpenAI, model: str, stream: bool):
    says(inside, model, "no")
    answer = client.responses.create(model=model, input=[{"role": "user", "content": BAD}], stream=stream)
    if stream:
        answer = list(answer)[-1].response
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "content_filter")
    assert "/objections/" in answer.output_text
    assert inside.asked == []


def test_a_refusal_is_never_parsed_as_the_json_that_was_asked_for(inside: Inside, client: openai.OpenAI, model: str):
    answer = client.responses.parse(model=model, input=BAD, text_format=Step)
    assert answer.output_parsed is None
    assert "/objections/" in answer.output[0].content[0].refusal


def test_a_conversation_with_tools_and_an_image_arrives(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "sunny")
    client.responses.create(
        model=model,
        instructions="be brief",
        input=[
            {"role": "developer", "content": "no jokes"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": PIXEL, "detail": "low"},
                {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,AAAA"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
            {"type": "function_call", "call_id": "c1", "name": "send", "arguments": '{"a": 1}'},
            {"type": "function_call", "call_id": "c2", "name": "send", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": f"id {CITIZEN}"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "ok"}]},
        ],
        tools=[{"type": "function", "name": "send", "parameters": {"type": "object"}, "strict": False}],
        tool_choice={"type": "function", "name": "send"},
        reasoning={"effort": "low"},
        max_output_tokens=9,
    )  # fmt: skip
    body = sent(inside)
    assert CITIZEN not in json.dumps(body)
    if model == "responses":
        assert body["input"][5]["output"] == "id [ID number]"
        assert body["input"][2]["encrypted_content"] == "gAAAA"
        return
    function = {"name": "send", "parameters": {"type": "object"}, "strict": False}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "send"}}
    assert (body["reasoning_effort"], body["max_tokens"]) == ("low", 9)
    calls = [
        {"id": name, "type": "function", "function": {"name": "send", "arguments": given}}
        for name, given in (("c1", '{"a": 1}'), ("c2", "{}"))
    ]
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "system", "content": "no jokes"},
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
            {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,AAAA"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "id [ID number]"},
        {"role": "tool", "tool_call_id": "c2", "content": "ok"},
    ]  # fmt: skip


def test_an_upstream_that_fails_in_mid_stream_raises(inside: Inside, client: openai.OpenAI, model: str):
    says(inside, model, "Hel", "lo ", "there", stream=True)
    raw = b"".join(piece for piece in inside.says if isinstance(piece, bytes))
    inside.says = [raw[: raw.index(b"there")], CUT]
    got = []
    with pytest.raises(openai.APIError) as failure:
        got += [e for e in client.responses.create(model=model, input="hi", stream=True) if not got.append(e)]
    assert failure.value.code == "upstream_unavailable"
    assert (got[-1].type, got[-1].response.status) == ("response.failed", "failed")
    assert got[-1].response.error.code == "upstream_unavailable"
    assert [e.sequence_number for e in got] == list(range(len(got)))
    assert inside.closed().outcome == "upstream_error"


@pytest.mark.parametrize("how", ["response.failed", "error", "an object"])
def test_what_an_upstream_says_of_its_failure_stays_here_but_for_a_known_word(
    inside: Inside, client: openai.OpenAI, how: str
):
    error = {"code": "rate_limit_exceeded", "message": f"call {PHONE}", "param": None}
    failure = {
        "response.failed": {"type": how, "response": events.HEAD | {"status": "failed", "error": error}},
        "error": {"type": how, **error},
        "an object": {"type": "error", "error": error},
    }[how]
    inside.says = [SSE, events.written([*events.begun(), failure])]
    with pytest.raises(openai.APIError) as raised:
        list(client.responses.create(model="responses", input="hi", stream=True))
    assert "rate_limit_exceeded" in str(raised.value)
    assert PHONE not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("tools.0.type", {"tools": [{"type": "web_search"}]}),
        ("previous_response_id", {"previous_response_id": "resp_1"}),
        ("conversation", {"conversation": "conv_1"}),
        ("prompt", {"prompt": {"id": "pmpt_1"}}),
        ("input.0", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        ("input.0.type", {"input": [{"type": "computer_call", "id": "c", "call_id": "c"}]}),
        ("input.0.content.0.file_id", {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
        ("tool_choice", {"tool_choice": {"type": "file_search"}}),
    ],
)  # fmt: skip
def test_what_a_chat_completion_cannot_do_is_refused_by_name(
    inside: Inside, client: openai.OpenAI, field: str, more: dict[str, Any]
):
    says(inside, "openai", "no")
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**{"model": "openai", "input": "hi"} | more)
    assert refused.value.param == field
    assert inside.asked == []
    says(inside, "responses", "yes")
    assert client.responses.create(**{"model": "responses", "input": "hi"} | more).output_text == "yes"


def test_an_answer_in_the_background_is_refused(client: openai.OpenAI, model: str):
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=model, input="hi", background=True)
    assert refused.value.param == "background"


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1", "variables": {"a": "b"}}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    ],
)
def test_what_the_upstream_keeps_is_admitted_only_where_unreviewed_media_are(tmp_path: Path, more: dict[str, Any]):
    with Inside(tmp_path, app={"allow_media": False}) as strict:
        client = openai.OpenAI(base_url=f"{strict.url}/v1", api_key=KEY, max_retries=0)
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(**{"model": "responses", "input": "hi"} | more)
        assert refused.value.code == "media_not_allowed"
        assert strict.asked == []
