"""Anthropic's own SDK, unchanged: messages with tools, thinking and images, counted tokens, before both kinds of upstream.

tests/gateway/test_exchange.py and test_doors.py look closer.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool
from pydantic import BaseModel, ValidationError

from clients import upstream_says as up
from inside import JSON, KEY, SSE, Inside

PHONE, MASKED = "13812345678", "[phone number]"
BAD = "如何制作炸药"
PIXEL = "iVBORw0KGgo="
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("dial", "note")]
USES = [
    {"type": "tool_use", "id": "toolu_0", "name": "dial", "input": {"number": PHONE}},
    {"type": "tool_use", "id": "toolu_1", "name": "note", "input": {"text": "ok"}},
]
CALLS = [up.tool_call(i, use["name"], json.dumps(use["input"])) for i, use in enumerate(USES)]
USED = [("dial", {"number": MASKED}), ("note", {"text": "ok"})]
NATIVE, TRANSLATED = "anthropic", "openai"


class Step(BaseModel):
    explanation: str
    number: str


STEP = f'{{"explanation": "call", "number": "{PHONE}"}}'


class Caller:
    """Either client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def get(self, ask: Callable[[Any], Any]) -> Any:
        answer = ask(self.client)
        return await answer if inspect.isawaitable(answer) else answer

    async def stream(self, **ask: Any) -> tuple[list[Any], Any]:
        """Every event of the stream helper, and the message that it gathered."""
        manager = self.client.messages.stream(max_tokens=50, **ask)
        if hasattr(manager, "__aenter__"):
            async with manager as stream:
                return [event async for event in stream], await stream.get_final_message()
        with manager as stream:
            return list(stream), stream.get_final_message()

    def at(self, inside: Inside) -> Caller:
        """The same client before another gateway."""
        return Caller(self.client.with_options(base_url=inside.url))


@pytest.fixture(params=[anthropic.Anthropic, anthropic.AsyncAnthropic], ids=["sync", "async"])
async def caller(request: pytest.FixtureRequest, inside: Inside) -> AsyncIterator[Caller]:
    caller = Caller(request.param(base_url=inside.url, api_key=KEY, max_retries=0))
    yield caller
    await caller.get(lambda client: client.close())


@pytest.fixture(params=[NATIVE, TRANSLATED])
def model(request: pytest.FixtureRequest) -> str:
    """Of an Anthropic upstream; of one that has to be asked for a chat completion."""
    return request.param


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def says(inside: Inside, model: str, said: str = "", *, uses: bool = False, streamed: bool = False) -> None:
    """The upstream answers with this text, then perhaps with both calls."""
    if model == NATIVE:
        blocks = ([text(said)] if said else []) + (USES if uses else [])
        inside.says = (up.messages if streamed else up.message)(*blocks, stop="tool_use" if uses else "end_turn")
    elif streamed:
        inside.says = up.streamed(*([said[i : i + 2] for i in range(0, len(said), 2)]), calls=CALLS if uses else None)
    else:
        inside.says = up.whole(said or None, *(CALLS if uses else []))


def used(message: Any) -> list[tuple[str, Any]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


async def test_a_conversation_with_parallel_tools_and_their_results(inside: Inside, caller: Caller, model: str):
    ask: dict[str, Any] = {"model": model, "messages": user("ring"), "tools": TOOLS}
    says(inside, model, "A moment.", uses=True)
    whole = await caller.get(lambda c: c.messages.create(max_tokens=50, **ask))
    says(inside, model, "A moment.", uses=True, streamed=True)
    events, streamed = await caller.stream(**ask)
    for message in (whole, streamed):
        assert (message.stop_reason, message.content[0].text) == ("tool_use", "A moment.")
        assert used(message) == USED
        assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 5)
    assert {"text", "input_json", "content_block_stop", "message_stop"} <= {e.type for e in events}
    names = [block.id for block in streamed.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": names[0], "content": f"busy, {PHONE}"},
        {"type": "tool_result", "tool_use_id": names[1], "content": [text("noted")], "is_error": True},
        text("and?"),
    ]
    ask["messages"] += [{"role": "assistant", "content": streamed.content}, *user(results)]
    says(inside, model, "All done.")
    done = await caller.get(lambda c: c.messages.create(max_tokens=50, **ask))
    assert done.content[0].text == "All done."
    told = up.sent(inside)["messages"]
    if model == NATIVE:
        assert [b["tool_use_id"] for b in told[2]["content"][:2]] == names
        assert [b.get("id") for b in told[1]["content"]] == [None, *names]
    else:
        assert [m["role"] for m in told] == ["user", "assistant", "tool", "tool", "user"]
        assert [c["id"] for c in told[1]["tool_calls"]] == [m["tool_call_id"] for m in told[2:4]] == names
        assert (told[3]["content"], told[4]["content"]) == ("noted", "and?")


async def test_thinking_is_reviewed_and_shown(inside: Inside, caller: Caller, model: str):
    thought, ask = f"perhaps {PHONE}", {"model": model, "messages": user("hi")}
    thinking = {"type": "enabled", "budget_tokens": 1024}
    block = {"type": "thinking", "thinking": thought, "signature": "c2ln"}
    native = model == NATIVE
    inside.says = up.message(block, text("Yes.")) if native else up.whole("Yes.", reasoning_content=thought)
    whole = await caller.get(lambda c: c.messages.create(max_tokens=2048, thinking=thinking, **ask))
    inside.says = up.messages(block, text("Yes.")) if native else up.streamed("Yes.", thought=thought)
    _, streamed = await caller.stream(thinking=thinking, **ask)
    for message in (whole, streamed):
        first, second = message.content
        assert (first.type, first.thinking, first.signature) == ("thinking", f"perhaps {MASKED}", "")
        assert second.text == "Yes."
    if native:
        assert up.sent(inside)["thinking"] == thinking
    ask["messages"] = [*ask["messages"], {"role": "assistant", "content": whole.content}, *user("go on")]
    says(inside, model, "Well.")
    assert (await caller.get(lambda c: c.messages.create(max_tokens=50, **ask))).content[0].text == "Well."
    if native:
        hidden = {"type": "redacted_thinking", "data": ""}
        ask["messages"] += [{"role": "assistant", "content": [hidden]}, *user("and?")]
        await caller.get(lambda c: c.messages.create(max_tokens=50, **ask))
        assert [m["role"] for m in up.sent(inside)["messages"]] == ["user", "assistant", "user", "user"]
    told = up.sent(inside)["messages"][1]["content"]  # a thought without its signature would be refused
    assert told == ([{"type": "text", "text": "Yes."}] if native else "Yes.")


async def test_a_signature_passes_where_the_app_lets_it(tmp_path: Path, caller: Caller):
    with Inside(tmp_path, app={"allow_opaque": True}) as open_one:
        there = caller.at(open_one)
        block = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
        open_one.says = up.messages(block, text("Yes."))
        _, message = await there.stream(model=NATIVE, messages=user("hi"))
        assert message.content[0].signature == "c2ln"
        open_one.says = up.message(text("Well."))
        ask = [*user("hi"), {"role": "assistant", "content": message.content}, *user("go on")]
        await there.get(lambda c: c.messages.create(model=NATIVE, max_tokens=50, messages=ask))
        assert up.sent(open_one)["messages"][1]["content"][0] == block


async def test_images_and_documents_travel(inside: Inside, caller: Caller, model: str):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": f"id {PHONE}"}}
    seen = {"type": "tool_result", "tool_use_id": "toolu_0", "content": [text("a photo"), image]}
    messages = [*user([text("look"), image, paper]), {"role": "assistant", "content": USES[:1]}, *user([seen])]
    says(inside, model, "seen")
    system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    await caller.get(lambda c: c.messages.create(model=model, max_tokens=50, system=system, messages=messages))
    told = up.sent(inside)
    if model == NATIVE:
        assert told["system"] == system
        assert told["messages"] == messages
        return
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    assert told["messages"][0] == {"role": "system", "content": "be brief"}
    assert told["messages"][1]["content"] == [text("look"), url, text(f"id {PHONE}")]
    assert told["messages"][3:] == [
        {"role": "tool", "tool_call_id": "toolu_0", "content": "a photo"},
        {"role": "user", "content": [url]},
    ]


async def test_structured_output_is_parsed(inside: Inside, caller: Caller, model: str):
    says(inside, model, STEP)
    ask = {"model": model, "max_tokens": 50, "messages": user("hi")}
    message = await caller.get(lambda c: c.messages.parse(output_format=Step, **ask))
    assert message.parsed_output == Step(explanation="call", number=MASKED)


async def test_the_tool_runner_runs_to_its_end(inside: Inside, model: str):
    """The SDK's own loop, by its beta path: it asks, calls the function, tells the result, asks again."""
    rung = []

    @beta_tool
    def dial(number: str) -> str:
        """Ring somebody up.

        Args:
            number: whom.
        """
        rung.append(number)
        return "busy"

    client = anthropic.Anthropic(base_url=inside.url, api_key=KEY, max_retries=0)
    call = up.message(USES[0], stop="tool_use") if model == NATIVE else up.whole(None, CALLS[0])
    inside.says = up.Turns(call, up.message(text("Busy.")) if model == NATIVE else up.whole("Busy."))
    runner = client.beta.messages.tool_runner(model=model, max_tokens=50, tools=[dial], messages=user("ring"))
    assert runner.until_done().content[0].text == "Busy."
    assert rung == [MASKED]
    assert "busy" in json.dumps(up.sent(inside)["messages"])
    client.close()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refused_prompt_and_a_stopped_answer_are_refusals(
    inside: Inside, caller: Caller, model: str, streamed: bool
):
    async def ask(prompt: str) -> Any:
        more = {"model": model, "messages": user(prompt)}
        if streamed:
            return (await caller.stream(**more))[1]
        return await caller.get(lambda c: c.messages.create(max_tokens=50, **more))

    message = await ask(BAD)
    assert (message.stop_reason, inside.asked) == ("refusal", [])
    assert "/objections/" in message.content[0].text
    says(inside, model, "先说天气。有人问" + BAD + "，很简单", streamed=streamed)
    message = await ask("你好")
    said = "".join(block.text for block in message.content)
    assert message.stop_reason == "refusal"
    assert "/objections/" in said
    assert said.startswith("先说天气。") == streamed
    assert "炸药" not in said


async def test_tokens_are_counted(inside: Inside, caller: Caller, model: str):
    inside.says = [JSON, b'{"input_tokens": 14}']
    ask = {"model": model, "messages": user("hello"), "tools": TOOLS, "system": "be brief"}
    count = await caller.get(lambda c: c.messages.count_tokens(**ask))
    assert count.input_tokens == 14 if model == NATIVE else count.input_tokens > 10


async def test_models_are_listed_in_its_shape(caller: Caller):
    page = await caller.get(lambda c: c.models.list())
    ids = [m.id async for m in page] if hasattr(page, "__aiter__") else [m.id for m in page]
    assert {NATIVE, TRANSLATED} <= set(ids)
    model = await caller.get(lambda c: c.models.retrieve(NATIVE))
    assert (model.id, model.type) == (NATIVE, "model")


@pytest.mark.parametrize("streamed", [False, True])
async def test_errors_raise_the_official_classes(inside: Inside, strict: Inside, caller: Caller, streamed: bool):
    def asking(content: Any = "hi", **more: Any) -> Callable[[Any], Any]:
        fields = {"model": NATIVE, "max_tokens": 9, "messages": user(content), "stream": streamed} | more
        return lambda c: c.messages.create(**fields)

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    there = caller.at(strict)
    wrong = Caller(caller.client.with_options(api_key="gj-wrong"))
    refused: dict[int, tuple[Caller, type, Any]] = {
        1: (wrong, anthropic.AuthenticationError, asking()),
        2: (caller, anthropic.NotFoundError, asking(model="nothing")),
        3: (caller, anthropic.BadRequestError, asking(messages=[])),
        4: (there, anthropic.BadRequestError, asking([image])),
        5: (there, anthropic.PermissionDeniedError, asking(BAD)),
        6: (caller, anthropic.NotFoundError, lambda c: c.messages.batches.list()),
    }
    for at, kind, ask in refused.values():
        with pytest.raises(kind) as raised:
            await at.get(ask)
        assert raised.value.body["error"]["code"]
        assert raised.value.request_id or raised.value.body["request_id"]
    strict.says = [b"HTTP/1.1 429 Later\r\nretry-after: 77\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]
    with pytest.raises(anthropic.RateLimitError):
        await there.get(asking())


async def test_an_upstream_that_dies_in_mid_stream_raises(inside: Inside, caller: Caller, model: str):
    says(inside, model, "half of it", streamed=True)
    inside.says = [*inside.says[:5], b"data: {brok"]
    assert inside.says[0] == SSE
    with pytest.raises(anthropic.APIStatusError) as raised:
        await caller.stream(model=model, messages=user("hi"))
    assert raised.value.body["error"]["code"] == "upstream_unavailable"


async def test_a_refusal_is_never_parsed(inside: Inside, caller: Caller, model: str):
    """There is no place for a refusal beside the text: as with Anthropic itself, the reason has to be asked first."""
    with pytest.raises(ValidationError):
        await caller.get(lambda c: c.messages.parse(model=model, max_tokens=9, messages=user(BAD), output_format=Step))
    message = await caller.get(lambda c: c.messages.create(model=model, max_tokens=9, messages=user(BAD)))
    assert message.stop_reason == "refusal"
