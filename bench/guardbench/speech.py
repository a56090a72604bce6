"""A case in an upstream's words: chat completions, responses or messages, as a stream's events or whole.

Which of them is asked is the gateway's choice: it may translate. Shapes: OpenAI's API reference (chat completions and their
chunks, responses and their events) and Anthropic's (messages, streaming messages), as their official SDKs read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bench.guardbench.cases import Case

Json = dict[str, Any]
CHAT = {"id": "chatcmpl-1", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
CALL = {"id": "call_1", "type": "function"}
FIELDS = {"content": "content", "reasoning": "reasoning_content", "unknown": "x_note"}
"""Channel -> field of a chat message, or of its delta."""
OTHER = "好的。"
"""What every choice says that has no forbidden text."""


def tools(case: Case) -> bool:
    """Whether the answer calls a tool."""
    return case.channel in ("arguments", "escaped")


def chat_delta(case: Case, piece: str) -> Json:
    """A message, or a delta, with this text in the case's channel."""
    if tools(case):
        return {"tool_calls": [{"index": 0, **CALL, "function": {"name": "write_note", "arguments": piece}}]}
    return {FIELDS[case.channel]: piece}


def chat_events(case: Case) -> Iterator[tuple[str, Json]]:
    """A streamed chat completion."""

    def chunk(index: int, delta: Json, finish: str | None = None) -> tuple[str, Json]:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return "", CHAT | {"object": "chat.completion.chunk", "choices": [choice]}

    for index in range(case.choices):
        yield chunk(index, {"role": "assistant", "content": "" if index == case.at else OTHER})
    for number, piece in enumerate(case.pieces):
        delta = chat_delta(case, piece)
        if tools(case) and number:
            delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        yield chunk(case.at, delta)
    for index in range(case.choices):
        yield chunk(index, {}, "tool_calls" if tools(case) else "stop")


def chat_whole(case: Case) -> Json:
    """The same, not streamed."""
    choices = []
    for index in range(case.choices):
        message: Json = {"role": "assistant", "content": OTHER}
        if index == case.at:
            message |= chat_delta(case, "".join(case.pieces))
        choices.append({"index": index, "message": message, "finish_reason": "tool_calls" if tools(case) else "stop"})
    return CHAT | {"object": "chat.completion", "choices": choices, "usage": USAGE}


RESPONSE: Json = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "error": None, "tools": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "metadata": {}, "instructions": None, "incomplete_details": None,
}  # fmt: skip
RESPONSE_USAGE = {
    "input_tokens": 9, "output_tokens": 9, "total_tokens": 18,
    "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
}  # fmt: skip


def response_item(case: Case, text: str, status: str = "completed") -> Json:
    """An output item with this text in the case's channel."""
    if tools(case):
        item = {"id": "item_0", "type": "function_call", "call_id": "call_1", "name": "write_note"}
        return item | {"arguments": text, "status": status}
    if case.channel == "reasoning":
        return {"id": "item_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}
    part: Json = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if case.channel == "unknown":
        part |= {"text": OTHER, "x_note": text}
    return {"id": "item_0", "type": "message", "role": "assistant", "status": status, "content": [part]}


def response_whole(case: Case) -> Json:
    """A response."""
    output = [response_item(case, "".join(case.pieces))]
    return RESPONSE | {"status": "completed", "output": output, "usage": RESPONSE_USAGE}


def response_events(case: Case) -> Iterator[tuple[str, Json]]:
    """A streamed response, its events numbered; each text is said again by all that ends."""
    for number, event in enumerate(_response_events(case)):
        yield event["type"], event | {"sequence_number": number}


def _response_events(case: Case) -> Iterator[Json]:
    text, where = "".join(case.pieces), {"item_id": "item_0", "output_index": 0}
    begun = RESPONSE | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    item, parts = response_item(case, text), "content"
    if tools(case):
        kind, field, part = "function_call_arguments", "arguments", None
        empty = item | {"arguments": "", "status": "in_progress"}
    elif case.channel == "reasoning":
        kind, field, part, parts = "reasoning_summary_text", "text", item["summary"][0], "summary"
        empty = item | {"summary": []}
    else:
        kind, field, part = "output_text", "text", item["content"][0]
        empty = item | {"content": [], "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": 0, "item": empty}
    if part:
        where["summary_index" if parts == "summary" else "content_index"] = 0
        yield {"type": f"response.{'reasoning_summary' if parts == 'summary' else 'content'}_part.added", **where,
               "part": {k: v for k, v in part.items() if k != "x_note"} | {"text": ""}}  # fmt: skip
    more = {"logprobs": []} if kind == "output_text" else {}
    if case.channel == "unknown":
        for piece in case.pieces:
            yield {"type": "response.x_note.delta", **where, "delta": piece}
        yield {"type": "response.output_text.delta", **where, "delta": OTHER, **more}
    else:
        for piece in case.pieces:
            yield {"type": f"response.{kind}.delta", **where, "delta": piece, **more}
    yield {"type": f"response.{kind}.done", **where, field: part["text"] if part else text, **more}
    if part:
        yield {"type": f"response.{'reasoning_summary' if parts == 'summary' else 'content'}_part.done", **where,
               "part": part}  # fmt: skip
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": response_whole(case)}


MESSAGE: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
BLOCKS = {
    "content": ({"type": "text", "text": ""}, "text_delta", "text"),
    "reasoning": ({"type": "thinking", "thinking": "", "signature": "c2ln"}, "thinking_delta", "thinking"),
    "arguments": (
        {"type": "tool_use", "id": "toolu_1", "name": "write_note", "input": {}}, "input_json_delta", "partial_json",
    ),
    "unknown": ({"type": "text", "text": ""}, "note_delta", "note"),
}  # fmt: skip
"""Channel -> a content block as it begins, the type of its deltas, and their field."""


def message_whole(case: Case) -> Json:
    """A message."""
    text = "".join(case.pieces)
    block, _, field = BLOCKS["arguments" if tools(case) else case.channel]
    if tools(case):
        block = block | {"input": json.loads(text)}
    else:
        block = block | ({"text": OTHER, "x_note": text} if case.channel == "unknown" else {field: text})
    usage = {"input_tokens": 9, "output_tokens": 9}
    return MESSAGE | {"content": [block], "stop_reason": "tool_use" if tools(case) else "end_turn", "usage": usage}


def message_events(case: Case) -> Iterator[tuple[str, Json]]:
    """A streamed message."""
    block, kind, field = BLOCKS["arguments" if tools(case) else case.channel]
    start = MESSAGE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    stop = {"stop_reason": "tool_use" if tools(case) else "end_turn", "stop_sequence": None}
    events: list[Json] = [{"type": "message_start", "message": start}]
    events.append({"type": "content_block_start", "index": 0, "content_block": block})
    for piece in case.pieces:
        events.append({"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: piece}})
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}})
    events.append({"type": "message_stop"})
    for event in events:
        yield event["type"], event


WRITERS = {
    "/chat/completions": (chat_whole, chat_events),
    "/responses": (response_whole, response_events),
    "/messages": (message_whole, message_events),
}
"""End of a path -> how an upstream speaks there."""


def writers(path: str) -> Any:
    """Whole, and events, for a path. Raises: KeyError where no upstream speaks so."""
    return next(pair for end, pair in WRITERS.items() if path.partition("?")[0].endswith(end))


def whole(case: Case, path: str) -> bytes:
    """The body of an answer."""
    return json.dumps(writers(path)[0](case), ensure_ascii=False).encode()


def stream(case: Case, path: str) -> Iterator[bytes]:
    """The same as server-sent events, one at a time."""
    for name, event in writers(path)[1](case):
        yield (
            (f"event: {name}\n" if name else "").encode()
            + b"data: "
            + json.dumps(event, ensure_ascii=False).encode()
            + b"\n\n"
        )
    if path.partition("?")[0].endswith("/chat/completions"):
        yield b"data: [DONE]\n\n"
