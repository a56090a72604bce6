"""How the upstreams of these tests answer: the shapes of the real APIs, whole and streamed, as `Inside.says` takes them.

And `sent`, what they were asked.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import fake_upstream as chat
from inside import JSON, SSE, Inside

Json = dict[str, Any]
Pieces = list[bytes | float | str]
VECTOR = [0.25, -1.5, 3.0]


def sent(inside: Inside) -> Json:
    """The body of the latest request."""
    return json.loads(inside.asked[-1].partition(b"\r\n\r\n")[2])


def tool_call(index: int, name: str, arguments: str) -> Json:
    """A call of a chat completion."""
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def whole(text: str | None = None, *calls: Json, **more: Any) -> Pieces:
    """A chat completion of OpenAI's."""
    message = {"content": text, **more} | ({"tool_calls": list(calls)} if calls else {})
    return [JSON, chat.whole(message, "tool_calls" if calls else "stop")]


def streamed(*pieces: str, thought: str = "", calls: list[Json] | None = None) -> Pieces:
    """The same in chunks; the arguments of its calls come in two pieces, the calls' beginnings first."""
    out: Pieces = [SSE, chat.chunk({"role": "assistant", "content": ""})]
    out += [chat.chunk({"reasoning_content": piece}) for piece in thought]
    out += [chat.chunk({"content": piece}) for piece in pieces]
    for call in calls or []:
        arguments = call["function"]["arguments"]
        out.append(chat.chunk({"tool_calls": [call | {"function": call["function"] | {"arguments": ""}}]}))
        for piece in (arguments[:7], arguments[7:]):
            out.append(chat.chunk({"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]}))
    out.append(chat.chunk({}, "tool_calls" if calls else "stop"))
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    out.append(b"data: " + json.dumps(chat.HEAD | {"choices": [], "usage": usage}).encode() + b"\n\n")
    return [*out, chat.DONE]


def message(*blocks: Json, stop: str = "end_turn") -> Pieces:
    """A message of Anthropic's."""
    usage = {"input_tokens": 3, "output_tokens": 5}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    return [JSON, json.dumps(head | {"content": list(blocks), "stop_reason": stop, "usage": usage}).encode()]


def messages(*blocks: Json, stop: str = "end_turn") -> Pieces:
    """The same, streamed: every text in pieces of two characters."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    start = head | {"stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        empty = {"text": "", "thinking": "", "signature": "", "input": {}}
        begun = {key: empty.get(key, value) for key, value in block.items()}
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in _deltas(block)]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
    return [SSE, *(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n".encode() for e in events)]


def _deltas(block: Json) -> list[Json]:
    kind = block["type"]
    if kind == "text":
        return [{"type": "text_delta", "text": piece} for piece in _cut(block["text"])]
    if kind == "thinking":
        thoughts: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"])]
        return [*thoughts, {"type": "signature_delta", "signature": block["signature"]}]
    return [{"type": "input_json_delta", "partial_json": piece} for piece in _cut(json.dumps(block["input"]))]


def _cut(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def embedded(inputs: int, *, packed: bool) -> Pieces:
    """An embedding for each of so many inputs, as numbers or as base64 of 32-bit floats."""
    vector: Any = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode() if packed else VECTOR
    data = [{"object": "embedding", "index": i, "embedding": vector} for i in range(inputs)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return [JSON, json.dumps({"object": "list", "data": data, "model": "m", "usage": usage}).encode()]


class Turns(list[Any]):
    """An answer for each request, in turn; the last one again for all that follow."""

    def __init__(self, *answers: Pieces) -> None:
        super().__init__(answers[-1])
        self._before = list(answers[:-1])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._before.pop(0)) if self._before else super().__iter__()
