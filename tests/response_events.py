"""Streamed responses as OpenAI sends them, for tests: every field that the API reference shows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
HEAD: Json = {
    "id": "resp_67c9fdcecf488190bdd9a0409de3a1ec", "object": "response", "created_at": 1741290958,
    "status": "in_progress", "error": None, "incomplete_details": None, "instructions": None, "max_output_tokens": None,
    "model": "gpt-4.1-2025-04-14", "output": [], "parallel_tool_calls": True, "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None}, "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}},
    "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": None, "user": None, "metadata": {},
}  # fmt: skip
USAGE = {
    "input_tokens": 37, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 11,
    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 48,
}  # fmt: skip


def message(index: int, *pieces: str, kind: str = "output_text", name: str = "") -> tuple[list[Json], Json]:
    """The events of a message, and how it ends."""
    name, text = name or f"msg_{index}", "".join(pieces)
    where = {"item_id": name, "output_index": index, "content_index": 0}
    field = "refusal" if kind == "refusal" else "text"
    more = {"annotations": []} if kind == "output_text" else {}
    logprobs = {"logprobs": []} if kind == "output_text" else {}
    part = {"type": kind, field: text, **more}
    item = {"id": name, "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": item | {"status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **where, "part": part | {field: ""}},
        *({"type": f"response.{kind}.delta", **where, "delta": piece, **logprobs} for piece in pieces),
        {"type": f"response.{kind}.done", **where, field: text, **logprobs},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ], item  # fmt: skip


def call(index: int, function: str, *pieces: str) -> tuple[list[Json], Json]:
    """The events of a function call, and how it ends."""
    name, text = f"fc_{index}", "".join(pieces)
    where = {"item_id": name, "output_index": index}
    item = {"id": name, "type": "function_call", "status": "completed", "arguments": text, "call_id": f"call_{index}",
            "name": function}  # fmt: skip
    return [
        {"type": "response.output_item.added", "output_index": index,
         "item": item | {"status": "in_progress", "arguments": ""}},
        *({"type": "response.function_call_arguments.delta", **where, "delta": piece} for piece in pieces),
        {"type": "response.function_call_arguments.done", **where, "arguments": text},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ], item  # fmt: skip


def reasoning(index: int, *pieces: str) -> tuple[list[Json], Json]:
    """The events of a summary of reasoning, and how it ends."""
    name, text = f"rs_{index}", "".join(pieces)
    where = {"item_id": name, "output_index": index, "summary_index": 0}
    part = {"type": "summary_text", "text": text}
    item = {"id": name, "type": "reasoning", "summary": [part], "encrypted_content": "gAAAAAB"}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": item | {"summary": []}},
        {"type": "response.reasoning_summary_part.added", **where, "part": part | {"text": ""}},
        *({"type": "response.reasoning_summary_text.delta", **where, "delta": piece} for piece in pieces),
        {"type": "response.reasoning_summary_text.done", **where, "text": text},
        {"type": "response.reasoning_summary_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ], item  # fmt: skip


def whole(*items: tuple[list[Json], Json], **more: Any) -> Json:
    """A whole response of these items."""
    return HEAD | {"status": "completed", "output": [item for _, item in items], "usage": USAGE} | more


def stream(*items: tuple[list[Json], Json], **more: Any) -> bytes:
    """A streamed response of these items, one after the other."""
    return written([*begun(), *(event for events, _ in items for event in events),
                    {"type": "response.completed", "response": whole(*items, **more)}])  # fmt: skip


def begun() -> list[Json]:
    """How a response begins."""
    return [{"type": "response.created", "response": HEAD}, {"type": "response.in_progress", "response": HEAD}]


def written(events: Iterable[Json]) -> bytes:
    """Numbered, and as they go over the wire."""
    out = [event | {"sequence_number": number} for number, event in enumerate(events)]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in out).encode()
