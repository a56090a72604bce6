"""The tables of test_matrix.py: which text each door carries, and what each detector finds. A new door, or a new detector,
needs its row here: the test says so.

A column is a place for text in a request, or in what an upstream answers; the text is put where `AT` stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from guiju.types import Action
from inside import JSON, SSE

Json = dict[str, Any]
AT = "@@"

BAIT: dict[str, dict[Action, str]] = {
    "lexicon": {action: f"禁词{name}的话" for action, name in zip(Action, "甲乙丙丁戊", strict=True)},
    "personal": {
        Action.ALLOW: "wang.fang@example.com.cn",
        Action.MASK: "13812345678",
        Action.REFUSE: "11010519491231002X",
        Action.BLOCK: "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z",
        Action.ESCALATE: "6222021234567890128",
    },
    "pattern": {action: f"ticket-{number}7777" for number, action in enumerate(Action)},
}
"""Name of a detector -> what it finds, one text for each action."""

LEXICON = {action: f"A.1.{letter}" for action, letter in zip(Action, "abcde", strict=True)}
PATTERN = {action: f"A.2.{letter}" for action, letter in zip(Action, "abcde", strict=True)}
PERSONAL = dict(zip(Action, ("I.email", "I.mobile", "I.resident_id", "I.api_key", "I.bank_card"), strict=True))
POLICY = json.dumps({
    "name": "default", "title": {"zh": "矩阵", "en": "Matrix"},
    "rules": [
        {"id": str(action), "class": [LEXICON[action], PATTERN[action], PERSONAL[action]], "action": str(action)}
        for action in Action
    ],
    "patterns": [
        {"id": f"p{number}", "class": PATTERN[action], "regex": f"ticket-{number}7777", "longest": 12, "severity": "high"}
        for number, action in enumerate(Action)
    ],
})  # fmt: skip
"""JSON is YAML."""

MODELS = {"openai": "openai", "anthropic": "anthropic", "openai_completions": "base", "openai_responses": "responses",
          "openai_embeddings": "openai"}  # fmt: skip
"""Way to an upstream -> a model of `Inside` that leads there."""


# --- requests ----------------------------------------------------------------------------------------


def _user(content: Any = "好") -> Json:
    return {"role": "user", "content": content}


def _chat(*messages: Json, **more: Any) -> Json:
    return {"messages": [*messages, _user()], **more}


def _function(**more: Any) -> Json:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}} | more}


_CALLED = {"role": "assistant", "content": None,
           "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}  # fmt: skip
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "description": AT}}}
_USED = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]}


def _with(message: Json, **more: Any) -> Json:
    """The message with its one call changed."""
    call = message["tool_calls"][0]
    return {**message, "tool_calls": [{**call, "function": {**call["function"], **more}}]}


_OPENAI_CHAT = {
    "system": _chat({"role": "system", "content": AT}),
    "user": _chat(_user(AT)),
    "part": _chat(_user([{"type": "text", "text": AT}])),
    "assistant": _chat({"role": "assistant", "content": AT}),
    "call": _chat(
        _with(_CALLED, arguments=json.dumps({"a": AT})), {"role": "tool", "tool_call_id": "c1", "content": "1"}
    ),
    "tool result": _chat(_CALLED, {"role": "tool", "tool_call_id": "c1", "content": AT}),
    "tool description": _chat(tools=[_function(description=AT)]),
    "tool schema": _chat(tools=[_function(parameters=_SCHEMA)]),
    "unknown field": _chat(x_note=AT),
    "unknown field inside": _chat(_user() | {"x_note": AT}),
}
_MESSAGES: Json = {
    "system": _chat(system=AT, max_tokens=9),
    "user": _chat(_user(AT), max_tokens=9),
    "part": _chat(_user([{"type": "text", "text": AT}]), max_tokens=9),
    "assistant": _chat(_user(), {"role": "assistant", "content": AT}, max_tokens=9),
    "call": _chat(
        {"role": "assistant", "content": [{**_USED["content"][0], "input": {"text": AT}}]},
        _user([{"type": "tool_result", "tool_use_id": "c1", "content": "1"}]), max_tokens=9),
    "tool result": _chat(_USED, _user([{"type": "tool_result", "tool_use_id": "c1", "content": AT}]), max_tokens=9),
    "tool description": _chat(tools=[{"name": "f", "description": AT, "input_schema": {"type": "object"}}], max_tokens=9),
    "tool schema": _chat(tools=[{"name": "f", "input_schema": _SCHEMA}], max_tokens=9),
    "unknown field": _chat(x_note=AT, max_tokens=9),
    "unknown field inside": _chat(_user() | {"x_note": AT}, max_tokens=9),
    "cache control": _chat(_user([{"type": "text", "text": "好", "cache_control": {"type": "ephemeral", "ttl": AT}}]),
                           max_tokens=9),
}  # fmt: skip

REQUESTS: dict[str, dict[str, Json]] = {
    "openai_chat": _OPENAI_CHAT,
    "openai_completions": {
        "user": {"prompt": AT},
        "unknown field": {"prompt": "好", "x_note": AT},
    },
    "openai_embeddings": {
        "user": {"input": AT},
        "part": {"input": ["好", AT]},
        "unknown field": {"input": "好", "x_note": AT},
    },
    "anthropic_messages": _MESSAGES,
    "anthropic_count": _MESSAGES,
    "ollama_chat": {
        "system": _chat({"role": "system", "content": AT}),
        "user": _chat(_user(AT)),
        "assistant": _chat({"role": "assistant", "content": AT}),
        "tool result": _chat({"role": "tool", "tool_name": "f", "content": AT}),
        "tool description": _chat(tools=[_function(description=AT)]),
        "tool schema": _chat(tools=[_function(parameters=_SCHEMA)]),
        "unknown field": _chat(x_note=AT),
        "unknown option": _chat(options={"x_note": AT}),
        "unknown field inside": _chat(_user() | {"x_note": AT}),
        "runner option": _chat(options={"num_ctx": AT}),
    },
    "ollama_generate": {
        "system": {"prompt": "好", "system": AT},
        "user": {"prompt": AT},
        "unknown field": {"prompt": "好", "x_note": AT},
        "unknown option": {"prompt": "好", "options": {"x_note": AT}},
    },
    "openai_responses": {
        "system": {"input": "好", "instructions": AT},
        "user": {"input": AT},
        "part": {"input": [_user([{"type": "input_text", "text": AT}])]},
        "assistant": {"input": [{"role": "assistant", "content": [{"type": "output_text", "text": AT}]}, _user()]},
        "tool result": {"input": [
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": AT}]},
        "tool description": {"input": "好", "tools": [
            {"type": "function", "name": "f", "description": AT, "parameters": {"type": "object"}}]},
        "unknown field": {"input": "好", "x_note": AT},
        "unknown field inside": {"input": [_user() | {"x_note": AT}]},
    },
}  # fmt: skip
"""Door -> place -> a request with `AT` there."""


# --- answers -----------------------------------------------------------------------------------------


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), 3):
        yield text[at : at + 3]


def _sse(*events: Json, done: bool = False) -> bytes:
    lines = [(f"event: {e['type']}\n" if "type" in e else "") + f"data: {json.dumps(e)}\n\n" for e in events]
    return SSE + "".join(lines).encode() + (b"data: [DONE]\n\n" if done else b"")


def _whole(body: Json) -> bytes:
    return JSON + json.dumps(body).encode()


def _call(text: str, name: str = "f") -> Json:
    return {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": text}}]}


def _chat_answer(message: Callable[[str], Json], choice: int = 0) -> Callable[[str, bool], bytes]:
    """`message`: text -> the message, or the delta, that says it."""

    def said(text: str, stream: bool) -> bytes:
        head: Json = {"id": "c1", "created": 1, "model": "m"}
        if not stream:
            says = [{"content": None} | message(text) if i == choice else {"content": "好"} for i in range(choice + 1)]
            choices = [{"index": i, "message": {"role": "assistant", **said}, "finish_reason": "stop"}
                       for i, said in enumerate(says)]  # fmt: skip
            return _whole({**head, "object": "chat.completion", "choices": choices})
        parted = [{"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in _pieces(text)]
        deltas = [message(p) for p in _pieces(text)]
        if "tool_calls" in message(text):
            named = message(text)["tool_calls"][0]["function"]["name"] == text
            deltas = [message(text)] if named else [message(""), *parted]
        made = [{"index": choice, "delta": d, "finish_reason": None} for d in deltas]
        made += [{"index": i, "delta": {}, "finish_reason": "stop"} for i in range(choice + 1)]
        return _sse(*({**head, "object": "chat.completion.chunk", "choices": [c]} for c in made), done=True)

    return said


def _message(body: Json) -> Json:
    """The message of the first choice, or its delta."""
    choice = body["choices"][0]
    return choice.get("message") or choice["delta"]


def _outside(put: Callable[[Json, Json], None]) -> Callable[[str, bool], bytes]:
    """An answer with a note that isn't what it says; in a stream it comes whole, in the first chunk."""

    def said(text: str, stream: bool) -> bytes:
        body: Json = {"id": "c1", "created": 1, "model": "m", "object": "chat.completion"}
        message = {"role": "assistant", "content": "好"}
        if not stream:
            body["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
            put(body, {"x_note": text})
            return _whole(body)
        body |= {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        put(body, {"x_note": text})
        ended = body | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        ended.pop("x_note", None)
        return _sse(body, ended, done=True)

    return said


def _messages_answer(block: Json, delta: str, field: str) -> Callable[[str, bool], bytes]:
    """`block`: how it begins; `field` of the delta carries the text, or the name does."""

    def said(text: str, stream: bool) -> bytes:
        named = {k: text if v == AT else v for k, v in block.items()}
        head: Json = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
        usage = {"input_tokens": 1, "output_tokens": 1}
        if not stream:
            full = named | (
                {"input": json.loads(text)} if delta == "input_json_delta" else {field: text} if field else {}
            )
            return _whole(head | {"content": [full], "stop_reason": "end_turn", "usage": usage})
        at = {"index": 0}
        pieces = [{"type": "content_block_delta", **at, "delta": {"type": delta, field: p}} for p in _pieces(text)]
        return _sse(
            {"type": "message_start", "message": head | {"usage": usage}},
            {"type": "content_block_start", **at, "content_block": named},
            *(pieces if field else []),
            {"type": "content_block_stop", **at},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        )

    return said


def _responses_answer(item: Callable[[str], tuple[list[Json], Json]]) -> Callable[[str, bool], bytes]:
    import response_events as events

    def said(text: str, stream: bool) -> bytes:
        made = item(text)
        return SSE + events.stream(made) if stream else _whole(events.whole(made))

    return said


def _completion(text: str, stream: bool) -> bytes:
    head: Json = {"id": "c1", "object": "text_completion", "created": 1, "model": "m"}
    if not stream:
        return _whole({**head, "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]})
    made = [{"index": 0, "text": p, "finish_reason": None} for p in _pieces(text)]
    made.append({"index": 0, "text": "", "finish_reason": "stop"})
    return _sse(*({**head, "choices": [c]} for c in made), done=True)


def _responses() -> dict[str, Callable[[str, bool], bytes]]:
    import response_events as events

    return {
        "content": _responses_answer(lambda text: events.message(0, *_pieces(text))),
        "reasoning": _responses_answer(lambda text: events.reasoning(0, *_pieces(text))),
        "refusal": _responses_answer(lambda text: events.message(0, *_pieces(text), kind="refusal")),
        "arguments": _responses_answer(lambda text: events.call(0, "f", *_pieces(json.dumps({"text": text})))),
        "tool name": _responses_answer(lambda text: events.call(0, text, "{}")),
    }


ANSWERS: dict[str, dict[str, Callable[[str, bool], bytes]]] = {
    "/chat/completions": {
        "content": _chat_answer(lambda text: {"content": text}),
        "reasoning": _chat_answer(lambda text: {"reasoning_content": text}),
        "refusal": _chat_answer(lambda text: {"refusal": text}),
        "arguments": lambda text, stream: _chat_answer(_call)(json.dumps({"text": text}), stream),
        "tool name": _chat_answer(lambda text: _call("{}", text)),
        "unknown field": _chat_answer(lambda text: {"x_note": text}),
        "unknown field of the choice": _outside(lambda body, note: body["choices"][0].update(note)),
        "unknown field of the answer": _outside(lambda body, note: body.update(note)),
        "unknown field inside": _outside(lambda body, note: _message(body).update(
            tool_calls=[_call("{}")["tool_calls"][0] | note])),
        "other choice": _chat_answer(lambda text: {"content": text}, choice=1),
    },
    "/completions": {"content": _completion},
    "/messages": {
        "content": _messages_answer({"type": "text", "text": ""}, "text_delta", "text"),
        "reasoning": _messages_answer({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
        "arguments": lambda text, stream: _messages_answer(
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}}, "input_json_delta", "partial_json"
        )(json.dumps({"text": text}), stream),
        "tool name": _messages_answer({"type": "tool_use", "id": "t1", "name": AT, "input": {}}, "", ""),
        "unknown field": _messages_answer({"type": "odd"}, "odd_delta", "x_note"),
    },
    "/responses": _responses(),
    "/embeddings": {"unknown field": lambda text, stream: _whole(
        {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "x_note": text})},
    "/messages/count_tokens": {"unknown field": lambda text, stream: _whole({"input_tokens": 3, "x_note": text})},
}  # fmt: skip
"""Path below an upstream's address -> place -> (text, whether streamed) -> the upstream's answer."""

BENIGN: dict[str, str] = {path: next(iter(places)) for path, places in ANSWERS.items()}
"""Where an answer says something harmless."""

_PLACES = {
    "openai_completions": ("reasoning", "arguments", "tool name", "unknown field inside"),
    "anthropic_messages": ("unknown field inside", "other choice"),
    "ollama_chat": ("unknown field inside", "other choice"),
    "ollama_generate": ("arguments", "tool name", "unknown field inside", "other choice"),
    "openai_responses": ("unknown field inside", "other choice"),
}
"""Places of a chat completion that other doors have none for. What is unknown inside of a call has no place: an answer may
have a call's place elsewhere, or none."""
NOT_SERVED: dict[tuple[str, str, str], str] = {
    (door, "openai", place): "a known word has no place in this door's answers, or what it stands in is made anew there"
    for door, places in _PLACES.items()
    for place in places
}
"""(door, way, place of an answer) -> why no text from there reaches the client, whatever the policy says."""
NOT_SENT: dict[tuple[str, str, str], str] = {
    (door, "openai", "unknown field inside"): "messages are made anew: one may become several, or part of another"
    for door in ("anthropic_messages", "ollama_chat", "openai_responses")
} | {
    ("ollama_chat", "openai", "runner option"): "it says how Ollama's own runner holds a model",
    ("anthropic_messages", "openai", "cache control"): "chat/completions has no blocks that a cache ends at",
}
"""(door, way, place of a request) -> why no text from there reaches the upstream. It is reviewed all the same."""
