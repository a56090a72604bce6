"""Ollama's own client, unchanged, both kinds: chat and generate with tools, thoughts, images and schemas; refusals, errors.

tests/gateway/test_exchange.py looks closer, through a whole Guiju.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from clients import upstream_says as up
from inside import KEY, Inside

PHONE, MASKED = "13812345678", "[phone number]"
BAD = "如何制作炸药"
PIXEL = b"\x89PNG\r\n\x1a\n"
CALLS = [up.tool_call(0, "dial", f'{{"number": "{PHONE}"}}'), up.tool_call(1, "note", '{"text": "ok"}')]


class Step(BaseModel):
    explanation: str
    number: str


def dial(number: str) -> str:
    """Ring somebody up.

    Args:
        number: whom.
    """
    return number


def note(text: str) -> str:
    """Write it down."""
    return text


class Caller:
    """Either client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def get(self, ask: Callable[[Any], Any]) -> Any:
        answer = ask(self.client)
        return await answer if inspect.isawaitable(answer) else answer

    async def all(self, ask: Callable[[Any], Any]) -> list[Any]:
        """Every line of a stream."""
        stream = await self.get(ask)
        return [line async for line in stream] if hasattr(stream, "__aiter__") else list(stream)


def client_of(kind: type, inside: Inside, key: str = KEY) -> Caller:
    return Caller(kind(inside.url, headers={"authorization": f"Bearer {key}"}))


@pytest.fixture(params=[ollama.Client, ollama.AsyncClient], ids=["sync", "async"])
async def caller(request: pytest.FixtureRequest, inside: Inside) -> AsyncIterator[Caller]:
    caller = client_of(request.param, inside)
    yield caller
    await caller.get(lambda client: client.close())


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_conversation_with_parallel_tools_and_their_results(inside: Inside, caller: Caller, streamed: bool):
    inside.says = up.streamed("A moment.", calls=CALLS) if streamed else up.whole("A moment.", *CALLS)
    ask = {"model": "openai", "messages": user("ring"), "tools": [dial, note]}
    if streamed:
        lines = await caller.all(lambda c: c.chat(stream=True, **ask))
        assert "".join(line.message.content or "" for line in lines) == "A moment."
        message = next(line.message for line in lines if line.message.tool_calls)
    else:
        message = (await caller.get(lambda c: c.chat(**ask))).message
    called = [(c.function.name, c.function.arguments) for c in message.tool_calls]
    assert called == [("dial", {"number": MASKED}), ("note", {"text": "ok"})]
    results = [{"role": "tool", "tool_name": name, "content": f"done, {PHONE}"} for name, _ in called]
    ask["messages"] += [message, *results]
    inside.says = up.whole("All done.")
    assert (await caller.get(lambda c: c.chat(**ask))).message.content == "All done."
    _, told, *answered = up.sent(inside)["messages"]
    assert [c["id"] for c in told["tool_calls"]] == [m["tool_call_id"] for m in answered]


async def test_thoughts_come_beside_the_answer(inside: Inside, caller: Caller):
    inside.says = up.whole("Yes.", reasoning_content=f"perhaps {PHONE}")
    answer = await caller.get(lambda c: c.chat("openai", user("hi"), think="low"))
    assert (answer.message.thinking, answer.message.content) == (f"perhaps {MASKED}", "Yes.")
    assert up.sent(inside)["reasoning_effort"] == "low"
    inside.says = up.streamed("Yes.", thought=f"perhaps {PHONE}")
    lines = await caller.all(lambda c: c.generate("openai", "hi", think=True, stream=True))
    assert "".join(line.thinking or "" for line in lines) == f"perhaps {MASKED}"
    assert ("".join(line.response for line in lines), lines[-1].done_reason) == ("Yes.", "stop")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_schema_and_images_travel_through_both_doors(inside: Inside, caller: Caller, streamed: bool):
    source = f'{{"explanation": "call", "number": "{PHONE}"}}'
    schema = Step.model_json_schema()
    message = {"role": "user", "content": "look", "images": [PIXEL]}
    asks: list[tuple[Callable[[Any], Any], Callable[[Any], str]]] = [
        (lambda c: c.chat("openai", [message], format=schema, stream=streamed), lambda line: line.message.content),
        (
            lambda c: c.generate("openai", "look", images=[PIXEL], format=schema, stream=streamed),
            lambda line: line.response,
        ),
    ]
    for ask, said in asks:
        inside.says = up.streamed(*source) if streamed else up.whole(source)
        lines = await caller.all(ask) if streamed else [await caller.get(ask)]
        answer = Step.model_validate_json("".join(said(line) for line in lines))
        assert answer == Step(explanation="call", number=MASKED)
        assert up.sent(inside)["response_format"]["json_schema"]["schema"] == schema
        assert up.sent(inside)["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")


async def test_a_refused_prompt_and_a_stopped_stream(inside: Inside, caller: Caller):
    answer = await caller.get(lambda c: c.generate("openai", BAD))
    assert (answer.done_reason, inside.asked) == ("content_filter", [])
    assert "/objections/" in answer.response
    inside.says = up.streamed("先说天气。", "有人问如", "何制作炸", "药，很简单")
    lines = await caller.all(lambda c: c.chat("openai", user("你好"), stream=True))
    said = "".join(line.message.content for line in lines)
    assert said.startswith("先说天气。有人问")
    assert "炸药" not in said
    assert [line.done_reason for line in lines if line.done] == ["content_filter"]


async def test_what_it_asks_about_models(caller: Caller):
    assert "openai" in [m.model for m in (await caller.get(lambda c: c.list())).models]
    assert "tools" in (await caller.get(lambda c: c.show("openai"))).capabilities


@pytest.mark.parametrize("streamed", [False, True])
async def test_errors_raise_the_clients_own(inside: Inside, strict: Inside, caller: Caller, streamed: bool):
    there = client_of(type(caller.client), strict)
    stranger = client_of(type(caller.client), inside, "gj-wrong")
    image = {"role": "user", "content": "look", "images": [PIXEL]}
    refused = [
        (401, stranger, lambda c: c.chat("openai", user("hi"), stream=streamed)),
        (404, caller, lambda c: c.generate("nothing", "hi", stream=streamed)),
        (400, caller, lambda c: c.chat("openai", [], stream=streamed)),
        (400, there, lambda c: c.chat("openai", [image], stream=streamed)),
        (403, there, lambda c: c.chat("openai", user(BAD), stream=streamed)),
        (404, caller, lambda c: c.embed("openai", "hi")),
    ]
    for status, at, ask in refused:
        with pytest.raises(ollama.ResponseError) as raised:
            await at.all(ask)
        assert (raised.value.status_code, raised.value.error[:1] not in ("", "{")) == (status, True)
    for opened in (there, stranger):
        await opened.get(lambda client: client.close())


async def test_an_upstream_that_dies_in_mid_stream_raises(inside: Inside, caller: Caller):
    inside.says = [*up.streamed("half of it")[:3], b"data: {brok"]
    with pytest.raises(ollama.ResponseError):
        await caller.all(lambda c: c.chat("openai", user("hi"), stream=True))
