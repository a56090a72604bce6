"""LangChain's clients, unchanged: chat, streams, tools, structured output, embeddings, each also async; refusals.

docs/how-to/use-it-from-langchain.md is what a person would read; its code runs in tests/test_docs.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import ollama
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

import response_events as events
from clients import upstream_says as up
from inside import JSON, KEY, SSE, Inside

pytestmark = pytest.mark.asyncio(loop_scope="module")  # LangChain keeps its connections for all of a process
PHONE, MASKED = "13812345678", "[phone number]"
BAD = "如何制作炸药"
CALLS = [up.tool_call(0, "dial", f'{{"number": "{PHONE}"}}'), up.tool_call(1, "note", '{"text": "ok"}')]
CALLED = [("dial", {"number": MASKED}), ("note", {"text": "ok"})]


@tool
def dial(number: str) -> str:
    """Ring somebody up."""
    return f"{number} is busy"


@tool
def note(text: str) -> str:
    """Write it down."""
    return "noted"


class Step(BaseModel):
    """What to do next."""

    explanation: str
    number: str


STEP = f'{{"explanation": "call", "number": "{PHONE}"}}'


def openai_chat(inside: Inside, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model="openai", base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0, stream_usage=True, **more
    )


def openai_responses(inside: Inside, **more: Any) -> ChatOpenAI:
    return openai_chat(inside, use_responses_api=True, **more)


def anthropic_chat(inside: Inside, **more: Any) -> ChatAnthropic:
    return ChatAnthropic(model="openai", base_url=inside.url, api_key=KEY, max_retries=0, **more)


def ollama_chat(inside: Inside, **more: Any) -> ChatOllama:
    headers = {"headers": {"authorization": f"Bearer {KEY}"}}
    return ChatOllama(model="openai", base_url=inside.url, client_kwargs=headers, **more)


MODELS = [openai_chat, openai_responses, anthropic_chat, ollama_chat]


@pytest.fixture(params=MODELS, ids=[made.__name__ for made in MODELS])
def made(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param


@pytest.fixture(params=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return request.param == "async"


async def invoke(runnable: Any, asked: Any, asynchronous: bool) -> Any:
    return await runnable.ainvoke(asked) if asynchronous else runnable.invoke(asked)


async def gathered(model: Any, asked: Any, asynchronous: bool) -> AIMessageChunk:
    """All chunks of a stream, added up as LangChain adds them."""

    async def chunks() -> AsyncIterator[Any]:
        if asynchronous:
            async for chunk in model.astream(asked):
                yield chunk
        else:
            for chunk in model.stream(asked):
                yield chunk

    whole = None
    async for chunk in chunks():
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    return whole


async def test_a_chat_and_its_stream(inside: Inside, made: Callable[..., Any], asynchronous: bool):
    model = made(inside)
    said = [SystemMessage("be brief"), HumanMessage("hi"), AIMessage("yes?"), HumanMessage("who rang?")]
    pieces = ["It was ", PHONE[:5], PHONE[5:], ", I think"]
    inside.says = up.streamed(*pieces) if made is ollama_chat else up.whole("".join(pieces))  # Ollama's always streams
    answer = await invoke(model, said, asynchronous)
    assert answer.text == f"It was {MASKED}, I think"
    inside.says = up.streamed(*pieces)
    streamed = await gathered(model, said, asynchronous)
    assert streamed.text == f"It was {MASKED}, I think"
    assert answer.usage_metadata["total_tokens"] == streamed.usage_metadata["total_tokens"] == 8
    assert [m["role"] for m in up.sent(inside)["messages"]] == ["system", "user", "assistant", "user"]


async def test_tools_are_called_and_answered(inside: Inside, made: Callable[..., Any], asynchronous: bool):
    model = made(inside).bind_tools([dial, note])
    said: list[Any] = [HumanMessage("ring")]
    inside.says = up.streamed(calls=CALLS) if made is ollama_chat else up.whole(None, *CALLS)
    answer = await invoke(model, said, asynchronous)
    inside.says = up.streamed(calls=CALLS)
    streamed = await gathered(model, said, asynchronous)
    for message in (answer, streamed):
        assert [(c["name"], c["args"]) for c in message.tool_calls] == CALLED
    results = [{"dial": dial, "note": note}[call["name"]].invoke(call) for call in answer.tool_calls]
    assert [type(result) for result in results] == [ToolMessage, ToolMessage]
    inside.says = up.streamed("Done.") if made is ollama_chat else up.whole("Done.")
    done = await invoke(model, [*said, answer, *results], asynchronous)
    assert done.text == "Done."
    _, told, *answered = up.sent(inside)["messages"]
    assert [c["id"] for c in told["tool_calls"]] == [m["tool_call_id"] for m in answered]
    assert answered[0]["content"] == f"{MASKED} is busy"


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_structured_output(inside: Inside, made: Callable[..., Any], asynchronous: bool, method: str):
    if method == "json_schema":
        inside.says = up.streamed(STEP) if made is ollama_chat else up.whole(STEP)
    else:
        call = up.tool_call(0, "Step", STEP)
        inside.says = up.streamed(calls=[call]) if made is ollama_chat else up.whole(None, call)
    model = made(inside).with_structured_output(Step, method=method)
    assert await invoke(model, "hi", asynchronous) == Step(explanation="call", number=MASKED)
    assert ("response_format" in up.sent(inside)) == (method == "json_schema")


async def test_responses_of_an_upstream_that_offers_them(inside: Inside, asynchronous: bool):
    model = openai_responses(inside).model_copy(update={"model_name": "responses"})
    inside.says = [JSON, json.dumps(events.whole(events.message(0, f"ring {PHONE}"))).encode()]
    assert (await invoke(model, "hi", asynchronous)).text == f"ring {MASKED}"
    inside.says = [SSE, events.stream(events.message(0, *f"ring {PHONE}"))]
    assert (await gathered(model, "hi", asynchronous)).text == f"ring {MASKED}"


async def test_completions(inside: Inside, asynchronous: bool):
    fields: dict[str, Any] = {"model": "openai", "base_url": f"{inside.url}/v1", "api_key": KEY, "max_retries": 0}
    inside.says = up.whole("Paris")
    assert await invoke(OpenAI(**fields), "The capital of France is", asynchronous) == "Paris"
    headers = {"headers": {"authorization": f"Bearer {KEY}"}}
    inside.says = up.streamed("Par", "is")
    model = OllamaLLM(model="openai", base_url=inside.url, client_kwargs=headers)
    assert await invoke(model, "The capital of France is", asynchronous) == "Paris"


async def test_embeddings(inside: Inside, asynchronous: bool):
    vectors = OpenAIEmbeddings(
        model="openai", base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0, check_embedding_ctx_length=False
    )
    inside.says = up.embedded(2, packed=True)
    texts = ["hello", "我是 11010519491231002X"]
    got = await vectors.aembed_documents(texts) if asynchronous else vectors.embed_documents(texts)
    assert got == [up.VECTOR, up.VECTOR]
    assert up.sent(inside)["input"] == ["hello", "我是 [身份证号]"]
    inside.says = up.embedded(1, packed=True)
    assert (await vectors.aembed_query("hi") if asynchronous else vectors.embed_query("hi")) == up.VECTOR


async def test_a_refusal_is_an_answer_that_says_why(inside: Inside, made: Callable[..., Any], asynchronous: bool):
    model = made(inside)
    answer = await invoke(model, BAD, asynchronous)
    assert "/objections/" in answer.text
    reasons = answer.response_metadata
    told = [reasons.get(k) for k in ("finish_reason", "stop_reason", "done_reason")] + [
        (reasons.get("incomplete_details") or {}).get("reason")
    ]
    assert {"content_filter", "refusal"} & set(told)
    inside.says = up.streamed("先说天气。", "有人问如", "何制作炸", "药，很简单")
    streamed = await gathered(model, "你好", asynchronous)
    assert streamed.text.startswith("先说天气。有人问")
    assert "炸药" not in streamed.text


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_is_never_parsed(inside: Inside, asynchronous: bool, streamed: bool):
    model = openai_chat(inside, streaming=streamed).with_structured_output(Step, method="json_schema")
    with pytest.raises(openai.ContentFilterFinishReasonError):
        await invoke(model, BAD, asynchronous)


async def test_errors_are_those_of_the_sdk_below(
    inside: Inside, strict: Inside, made: Callable[..., Any], asynchronous: bool
):
    below: dict[Any, Any] = {ollama_chat: ollama, anthropic_chat: anthropic}
    kinds = below.get(made, openai)
    denied = ollama.ResponseError if kinds is ollama else kinds.PermissionDeniedError
    missing = ollama.ResponseError if kinds is ollama else kinds.NotFoundError
    with pytest.raises(denied, match="objections") as raised:
        await invoke(made(strict), BAD, asynchronous)
    assert raised.value.status_code == 403
    model = made(inside)
    field = "model" if "model" in type(model).model_fields else "model_name"
    with pytest.raises(missing) as raised:
        await invoke(model.model_copy(update={field: "nothing"}), "hi", asynchronous)
    assert raised.value.status_code == 404


async def test_ollamas_embeddings_are_no_door_and_say_so(inside: Inside):
    headers = {"headers": {"authorization": f"Bearer {KEY}"}}
    with pytest.raises(ollama.ResponseError) as raised:
        OllamaEmbeddings(model="openai", base_url=inside.url, client_kwargs=headers).embed_query("hi")
    assert raised.value.status_code == 404


async def test_an_image_travels(inside: Inside, made: Callable[..., Any], asynchronous: bool):
    image = {
        "type": "image",
        "base64": "iVBORw0KGgo=",
        "mime_type": "image/png",
    }  # LangChain's own way, for every vendor
    said = [HumanMessage([{"type": "text", "text": "look"}, image])]
    inside.says = up.streamed("seen") if made is ollama_chat else up.whole("seen")
    assert (await invoke(made(inside), said, asynchronous)).text == "seen"
    text, sent = up.sent(inside)["messages"][0]["content"]
    assert (text["text"].strip(), sent["image_url"]["url"]) == ("look", "data:image/png;base64,iVBORw0KGgo=")
