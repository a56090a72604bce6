"""OpenAI's own SDK, unchanged, at every door, with both its clients: conversations with tools, helpers, refusals, errors.

tests/gateway/test_doors.py, test_exchange.py and test_responses.py look closer at each door.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import response_events as events
from clients import upstream_says as up
from inside import JSON, KEY, SSE, Inside

PHONE, MASKED = "13812345678", "[phone number]"
BAD, CUT_OFF = "如何制作炸药", ["先说天气。", "有人问如", "何制作炸", "药，很简单"]
TOOLS = [{"type": "function", "function": {"name": n, "parameters": {"type": "object"}}} for n in ("dial", "note")]
CALLS = [up.tool_call(0, "dial", f'{{"number": "{PHONE}"}}'), up.tool_call(1, "note", '{"text": "ok"}')]
CALLED = [("dial", {"number": MASKED}), ("note", {"text": "ok"})]


class Step(BaseModel):
    explanation: str
    number: str


STEP = f'{{"explanation": "call", "number": "{PHONE}"}}'


class Caller:
    """Either client. `await caller.get(lambda client: client.models.list())` waits where there is something to wait for."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def get(self, ask: Callable[[Any], Any]) -> Any:
        answer = ask(self.client)
        return await answer if inspect.isawaitable(answer) else answer

    async def all(self, ask: Callable[[Any], Any]) -> list[Any]:
        """Every event of a stream."""
        stream = await self.get(ask)
        return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)

    async def helper(self, ask: Callable[[Any], Any], last: str) -> tuple[list[Any], Any]:
        """Every event of a stream helper, and what its method `last` says at the end."""
        manager = ask(self.client)
        if hasattr(manager, "__aenter__"):
            async with manager as stream:
                return [event async for event in stream], await getattr(stream, last)()
        with manager as stream:
            return list(stream), getattr(stream, last)()


@pytest.fixture(params=[openai.OpenAI, openai.AsyncOpenAI], ids=["sync", "async"])
async def caller(request: pytest.FixtureRequest, inside: Inside) -> AsyncIterator[Caller]:
    caller = Caller(request.param(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0))
    yield caller
    await caller.get(lambda client: client.close())


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(pieces: list[Any]) -> str:
    return "".join(c.delta.content or "" for p in pieces for c in p.choices)


class TestChat:
    async def test_a_conversation_with_parallel_calls_and_their_results(self, inside: Inside, caller: Caller):
        inside.says = up.whole(None, *CALLS)
        ask = {"model": "openai", "messages": user("ring and write it down"), "tools": TOOLS}
        answer = await caller.get(lambda c: c.chat.completions.create(**ask, parallel_tool_calls=True))
        told = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        assert [(c.function.name, json.loads(c.function.arguments)) for c in told.tool_calls] == CALLED
        results = [{"role": "tool", "tool_call_id": c.id, "content": f"done, {PHONE}"} for c in told.tool_calls]
        inside.says = up.whole("All done.")
        ask["messages"] = [*ask["messages"], told, *results]
        answer = await caller.get(lambda c: c.chat.completions.create(**ask))
        assert (answer.choices[0].message.content, answer.usage.total_tokens) == ("All done.", 8)
        _, called, *told_back = up.sent(inside)["messages"]
        assert [c["id"] for c in called["tool_calls"]] == [m["tool_call_id"] for m in told_back] == ["call_0", "call_1"]

    async def test_a_stream_of_calls_gathered_by_the_helper(self, inside: Inside, caller: Caller):
        inside.says = up.streamed("A moment.", calls=CALLS)
        ask = {"model": "openai", "messages": user("ring"), "tools": TOOLS}
        got, answer = await caller.helper(lambda c: c.chat.completions.stream(**ask), "get_final_completion")
        told = answer.choices[0].message
        assert told.content == "A moment."
        assert [(c.function.name, json.loads(c.function.arguments)) for c in told.tool_calls] == CALLED
        assert {"content.delta", "content.done", "tool_calls.function.arguments.done"} <= {e.type for e in got}

    async def test_structured_output_is_parsed_whole_and_streamed(self, inside: Inside, caller: Caller):
        ask = {"model": "openai", "messages": user("hi"), "response_format": Step}
        inside.says = up.whole(STEP)
        answer = await caller.get(lambda c: c.chat.completions.parse(**ask))
        assert answer.choices[0].message.parsed == Step(explanation="call", number=MASKED)
        assert up.sent(inside)["response_format"]["json_schema"]["name"] == "Step"
        inside.says = up.streamed(*STEP)
        _, answer = await caller.helper(lambda c: c.chat.completions.stream(**ask), "get_final_completion")
        assert answer.choices[0].message.parsed == Step(explanation="call", number=MASKED)

    async def test_a_stopped_stream_ends_with_its_reason_and_the_usage(self, inside: Inside, caller: Caller):
        inside.says = up.streamed(*CUT_OFF)
        ask = {"model": "openai", "messages": user("你好"), "stream": True, "stream_options": {"include_usage": True}}
        got = await caller.all(lambda c: c.chat.completions.create(**ask))
        assert said(got).startswith("先说天气。有人问")
        assert "/objections/" in said(got)
        assert "炸药" not in said(got)
        assert [c.finish_reason for p in got for c in p.choices if c.finish_reason] == ["content_filter"]
        assert got[-1].usage is not None

    @pytest.mark.parametrize("prompt", ["你好", BAD])
    async def test_a_refusal_is_never_parsed_as_the_json_that_was_asked_for(
        self, inside: Inside, caller: Caller, prompt: str
    ):
        ask = {"model": "openai", "messages": user(prompt), "response_format": Step}
        inside.says = up.streamed('{"explanation": 1, ', f'"{BAD}": 2}}')
        with pytest.raises(openai.ContentFilterFinishReasonError):
            await caller.helper(lambda c: c.chat.completions.stream(**ask), "get_final_completion")
        inside.says = up.whole(f'{{"explanation": "{BAD}"}}')
        with pytest.raises(openai.ContentFilterFinishReasonError):
            await caller.get(lambda c: c.chat.completions.parse(**ask))
        answer = await caller.get(
            lambda c: c.chat.completions.create(**ask | {"response_format": {"type": "json_object"}})
        )
        assert answer.choices[0].message.content is None
        assert "/objections/" in answer.choices[0].message.refusal

    @pytest.mark.parametrize("prompt", ["你好", BAD])
    async def test_an_app_may_have_it_parsed_as_a_refusal(self, lenient: Inside, caller: Caller, prompt: str):
        there = Caller(caller.client.with_options(base_url=f"{lenient.url}/v1"))
        ask = {"model": "openai", "messages": user(prompt), "response_format": Step}
        lenient.says = up.whole(f'{{"explanation": "{BAD}"}}')
        whole = await there.get(lambda c: c.chat.completions.parse(**ask))
        lenient.says = up.streamed('{"explanation": "', BAD, '"}')
        _, streamed = await there.helper(lambda c: c.chat.completions.stream(**ask), "get_final_completion")
        for answer in (whole, streamed):
            assert answer.choices[0].message.parsed is None
            assert "/objections/" in answer.choices[0].message.refusal

    async def test_an_image_and_a_file_travel(self, inside: Inside, caller: Caller):
        parts = [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        ]
        inside.says = up.whole("seen")
        ask = {"model": "openai", "messages": [{"role": "user", "content": parts}]}
        await caller.get(lambda c: c.chat.completions.create(**ask))
        assert up.sent(inside)["messages"][0]["content"] == parts


class TestResponses:
    @pytest.mark.parametrize("model", ["responses", "openai"])
    async def test_a_conversation_with_parallel_calls_and_their_results(
        self, inside: Inside, caller: Caller, model: str
    ):
        items = [events.call(i, c["function"]["name"], c["function"]["arguments"]) for i, c in enumerate(CALLS)]
        tools = [{"type": "function", **t["function"], "strict": False} for t in TOOLS]
        ask: dict[str, Any] = {"model": model, "input": user("ring"), "tools": tools, "parallel_tool_calls": True}
        native = model == "responses"
        inside.says = [JSON, json.dumps(events.whole(*items)).encode()] if native else up.whole(None, *CALLS)
        whole = await caller.get(lambda c: c.responses.create(**ask))
        inside.says = [SSE, events.stream(*items)] if native else up.streamed(calls=CALLS)
        _, streamed = await caller.helper(lambda c: c.responses.stream(**ask), "get_final_response")
        for answer in (whole, streamed):
            calls = [item for item in answer.output if item.type == "function_call"]
            assert [(c.name, json.loads(c.arguments)) for c in calls] == CALLED
            assert [c.call_id for c in calls] == ["call_0", "call_1"]
            assert answer.usage.total_tokens == (48 if native else 8)
        results = [{"type": "function_call_output", "call_id": c.call_id, "output": "ok"} for c in calls]
        ask["input"] += [*whole.output, *results]
        inside.says = (
            [JSON, json.dumps(events.whole(events.message(0, "Done."))).encode()] if native else up.whole("Done.")
        )
        answer = await caller.get(lambda c: c.responses.create(**ask))
        assert answer.output_text == "Done."
        if native:
            assert [i.get("call_id") for i in up.sent(inside)["input"][1:]] == ["call_0", "call_1"] * 2
        else:
            told_back = up.sent(inside)["messages"][2:]
            assert [m["tool_call_id"] for m in told_back] == ["call_0", "call_1"]

    async def test_structured_output_is_parsed(self, inside: Inside, caller: Caller):
        inside.says = up.whole(STEP)
        answer = await caller.get(lambda c: c.responses.parse(model="openai", input="hi", text_format=Step))
        assert answer.output_parsed == Step(explanation="call", number=MASKED)
        schema = {"type": "json_schema", "name": "Step", "schema": {"type": "object"}}
        answer = await caller.get(lambda c: c.responses.create(model="openai", input="hi", text={"format": schema}))
        assert json.loads(answer.output_text) == {"explanation": "call", "number": MASKED}
        assert up.sent(inside)["response_format"]["json_schema"]["schema"] == {"type": "object"}

    async def test_thoughts_are_items_and_come_back(self, inside: Inside, caller: Caller):
        ask: dict[str, Any] = {"model": "openai", "input": user("hi"), "reasoning": {"effort": "low"}}
        inside.says = up.whole("Yes.", reasoning_content=f"perhaps {PHONE}")
        whole = await caller.get(lambda c: c.responses.create(**ask))
        inside.says = up.streamed("Yes.", thought=f"perhaps {PHONE}")
        got, streamed = await caller.helper(lambda c: c.responses.stream(**ask), "get_final_response")
        assert "".join(e.delta for e in got if e.type == "response.reasoning_text.delta") == f"perhaps {MASKED}"
        for answer in (whole, streamed):
            assert [item.type for item in answer.output] == ["reasoning", "message"]
            assert answer.output[0].content[0].text == f"perhaps {MASKED}"
        assert up.sent(inside)["reasoning_effort"] == "low"
        inside.says = up.whole("Well.")
        ask["input"] += [*streamed.output, *user("go on")]
        assert (await caller.get(lambda c: c.responses.create(**ask))).output_text == "Well."
        assert [m["content"] for m in up.sent(inside)["messages"]] == ["hi", "Yes.", "go on"]

    async def test_a_previous_answer_that_nobody_keeps_is_refused_by_name(self, inside: Inside, caller: Caller):
        with pytest.raises(openai.BadRequestError, match="previous_response_id") as refused:
            await caller.get(lambda c: c.responses.create(model="openai", input="hi", previous_response_id="resp_1"))
        assert refused.value.param == "previous_response_id"
        for ask in (
            lambda c: c.responses.retrieve("resp_1"),
            lambda c: c.responses.delete("resp_1"),
            lambda c: c.responses.input_items.list("resp_1"),
        ):
            with pytest.raises(openai.NotFoundError):
                await caller.get(ask)


class TestCompletions:
    @pytest.mark.parametrize("model", ["base", "openai"])
    async def test_a_stopped_stream_ends_with_its_reason(self, inside: Inside, caller: Caller, model: str):
        def piece(text: str, finish: str | None = None) -> bytes:
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
            return (
                b"data: " + json.dumps({"id": "c", "created": 1, "model": "m", "choices": [choice]}).encode() + b"\n\n"
            )

        native = [SSE, *(piece(text) for text in CUT_OFF), piece("", "stop"), b"data: [DONE]\n\n"]
        inside.says = native if model == "base" else up.streamed(*CUT_OFF)
        ask = {"model": model, "prompt": "你好", "stream": True}
        got = await caller.all(lambda c: c.completions.create(**ask))
        text = "".join(c.text for p in got for c in p.choices)
        assert text.startswith("先说天气。有人问")
        assert "炸药" not in text
        assert [c.finish_reason for p in got for c in p.choices if c.finish_reason] == ["content_filter"]

    async def test_usage_comes_where_it_was_asked_for(self, inside: Inside, caller: Caller):
        inside.says = up.streamed("Par", "is")
        ask = {"model": "openai", "prompt": "hi", "stream": True, "stream_options": {"include_usage": True}}
        got = await caller.all(lambda c: c.completions.create(**ask))
        assert "".join(c.text for p in got for c in p.choices) == "Paris"
        assert (got[-1].choices, got[-1].usage.total_tokens) == ([], 8)


class TestNumbersAndLists:
    @pytest.mark.parametrize("more", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}], ids=str)
    async def test_embeddings_of_one_and_of_several(self, inside: Inside, caller: Caller, more: dict[str, str]):
        for texts in ("hi", ["a", "b", "c"]):
            inside.says = up.embedded(
                len(texts) if isinstance(texts, list) else 1, packed=not more or "b" in more.values()
            )
            answer = await caller.get(lambda c, t=texts: c.embeddings.create(model="openai", input=t, **more))
            assert [item.index for item in answer.data] == ([0, 1, 2] if isinstance(texts, list) else [0])
            if more.get("encoding_format") != "base64":  # asked for by name, the SDK leaves it as it is
                assert all(item.embedding == up.VECTOR for item in answer.data)
            assert answer.usage.prompt_tokens == 7

    async def test_models_are_listed_page_by_page(self, caller: Caller):
        assert {m.id async for m in aiter_of(await caller.get(lambda c: c.models.list()))} >= {"openai", "responses"}
        model = await caller.get(lambda c: c.models.retrieve("openai"))
        assert (model.id, model.object) == ("openai", "model")
        with pytest.raises(openai.NotFoundError):
            await caller.get(lambda c: c.models.retrieve("nothing"))

    async def test_moderations_of_one_and_of_several(self, caller: Caller):
        one = await caller.get(lambda c: c.moderations.create(input=BAD))
        assert [r.flagged for r in one.results] == [True]
        assert one.results[0].model_extra["guiju"]["classes"][0]["class"] == "A.1.h.weapons"
        several = await caller.get(
            lambda c: c.moderations.create(input=["good weather", BAD], model="omni-moderation-latest")
        )
        assert [r.flagged for r in several.results] == [False, True]
        parts = [{"type": "text", "text": BAD}]
        assert (await caller.get(lambda c: c.moderations.create(input=parts))).results[0].flagged


async def aiter_of(page: Any) -> Any:
    if hasattr(page, "__aiter__"):
        async for item in page:
            yield item
    else:
        for item in page:
            yield item


DOORS: dict[str, Callable[[Any, str], Any]] = {
    "chat": lambda c, text: c.chat.completions.create(model="openai", messages=user(text)),
    "chat streamed": lambda c, text: c.chat.completions.create(model="openai", messages=user(text), stream=True),
    "responses": lambda c, text: c.responses.create(model="openai", input=text),
    "responses streamed": lambda c, text: c.responses.create(model="openai", input=text, stream=True),
    "completions": lambda c, text: c.completions.create(model="base", prompt=text),
    "embeddings": lambda c, text: c.embeddings.create(model="openai", input=text),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
class TestErrors:
    async def test_what_the_upstream_refuses_raises_its_class(
        self, inside: Inside, caller: Caller, door: Callable[[Any, str], Any]
    ):
        for status, kind in ((400, openai.BadRequestError), (422, openai.UnprocessableEntityError)):
            head = f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n".encode()
            inside.says = [
                head,
                b'{"error": {"message": "secret host 10.0.0.7", "type": "x", "code": "invalid_prompt"}}',
            ]
            with pytest.raises(kind) as raised:
                await caller.get(lambda c: door(c, "hi"))
            assert (raised.value.status_code, raised.value.code) == (status, "upstream_refused")
            assert "10.0.0.7" not in str(raised.value)

    async def test_an_upstream_that_is_busy_raises_what_the_sdk_waits_for(
        self, strict: Inside, caller: Caller, door: Callable[[Any, str], Any]
    ):
        there = Caller(caller.client.with_options(base_url=f"{strict.url}/v1"))
        strict.says = [b"HTTP/1.1 429 Later\r\nretry-after: 77\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]
        with pytest.raises(openai.RateLimitError) as raised:
            await there.get(lambda c: door(c, "hi"))
        assert 0 < int(raised.value.response.headers["retry-after"]) <= 77

    async def test_a_wrong_key_and_a_wrong_model(self, caller: Caller, door: Callable[[Any, str], Any]):
        with pytest.raises(openai.AuthenticationError) as raised:
            await caller.get(lambda c: door(c.with_options(api_key="gj-wrong"), "hi"))
        assert raised.value.code == "invalid_api_key"

    async def test_a_refusal_where_the_app_wants_errors(
        self, strict: Inside, caller: Caller, door: Callable[[Any, str], Any]
    ):
        there = Caller(caller.client.with_options(base_url=f"{strict.url}/v1"))
        with pytest.raises(openai.PermissionDeniedError, match="/objections/") as raised:
            await there.get(lambda c: door(c, BAD))
        assert raised.value.code == "content_blocked"
        assert raised.value.body["guiju"]["action"] == "refuse"
        assert strict.asked == []


async def test_a_model_nobody_offers_and_a_medium_nobody_admits(strict: Inside, caller: Caller):
    there = Caller(caller.client.with_options(base_url=f"{strict.url}/v1"))
    with pytest.raises(openai.NotFoundError) as raised:
        await there.get(lambda c: c.chat.completions.create(model="nothing", messages=user("hi")))
    assert raised.value.code == "model_not_found"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    with pytest.raises(openai.BadRequestError) as raised:
        await there.get(
            lambda c: c.chat.completions.create(model="openai", messages=[{"role": "user", "content": [image]}])
        )
    assert raised.value.code == "media_not_allowed"
