"""What OpenAI's responses are made of: the places that are no text, the texts that events say again, objects of our making.

Pure. Source: the OpenAI API reference (responses), as the official SDK's types state it (openai/types/responses).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from guiju.types import Form
from guiju.wire.dialect import Json, Usage, count
from guiju.wire.strings import Leaf, Places

ITEM = (
    "id type status call_id role phase container_id approval_request_id execution created_by fingerprint caller.type "
    "caller.caller_id content.*.type content.*.annotations.*.type content.*.annotations.*.file_id "
    "content.*.annotations.*.container_id summary.*.type action.type action.button action.sources.*.type "
    "actions.*.type actions.*.button outputs.*.type output.type output.*.type output.*.outcome.type operation.type "
    "environment.type environment.container_id results.*.file_id pending_safety_checks.*.id pending_safety_checks.*.code "
    "acknowledged_safety_checks.*.id acknowledged_safety_checks.*.code error.type tools.*.type size quality background "
    "output_format svg_usage.model"
).split()
"""In an item, places of identifiers and enumerations."""
ITEM_FORMS: dict[str, Form] = {"arguments": "json", "name": "name", "tools.*.name": "name"}
ITEM_OPAQUE = (
    "encrypted_content result output.image_url output.file_id output.*.image_url output.*.file_id output.*.file_data "
    "output.*.file_url outputs.*.url"
).split()
"""In an item, what can't be followed: encrypted, or an image."""
RESPONSE = (
    "id object status model created_at completed_at previous_response_id conversation.id service_tier truncation "
    "prompt_cache_key prompt_cache_retention prompt.id prompt.version reasoning.effort reasoning.summary reasoning.context "
    "reasoning.mode reasoning.generate_summary text.format.type text.verbosity tool_choice tool_choice.type "
    "tool_choice.mode tools.*.type tools.*.parameters.type incomplete_details.reason user safety_identifier "
    "usage.input_tokens usage.output_tokens usage.total_tokens usage.input_tokens_details.cached_tokens"
).split()
"""The same in a response, its items apart."""
ECHOED = ("instructions", "tools", "tool_choice", "metadata", "text", "prompt", "user", "safety_identifier",
          "prompt_cache_key")  # fmt: skip
"""What a response repeats of the request: written from the request, so that it is the caller's own words and nothing else."""

_EVENT = (
    "type item_id output_index response_id annotation.type annotation.file_id annotation.container_id "
    "output.*.outcome.type"
)
ANSWER = Places(
    listed=frozenset((*RESPONSE, *("output.*." + place for place in ITEM))),
    forms={"output.*." + place: form for place, form in ITEM_FORMS.items()},
    opaque=frozenset("output.*." + place for place in ITEM_OPAQUE),
)
EVENT = Places(
    listed=frozenset((
        *_EVENT.split(), *("response." + place for place in RESPONSE), *("item." + place for place in ITEM),
        *("response.output.*." + place for place in ITEM), "part.type", "part.annotations.*.type",
        "part.annotations.*.file_id", "part.annotations.*.container_id",
    )),
    forms={p + place: form for place, form in ITEM_FORMS.items() for p in ("item.", "response.output.*.")},
    opaque=frozenset((
        *("item." + place for place in ITEM_OPAQUE), *("response.output.*." + place for place in ITEM_OPAQUE),
        "partial_image_b64",
    )),
)  # fmt: skip


class Growth(NamedTuple):
    """A kind of text that grows by `<kind>.delta` events, and is said whole by `<kind>.done` and by what contains it."""

    field: str
    """Where `<kind>.done` says it."""
    counter: str
    """The event's index inside the item, "" where the item has one such text."""
    channel: str
    form: Form
    item: str
    """The type of the items that have it."""
    part: str = ""
    """The type of the part that it stands in."""


GROWTHS = {
    "response.output_text": Growth("text", "content_index", "{o}.{i}.text", "text", "message", "output_text"),
    "response.refusal": Growth("refusal", "content_index", "{o}.{i}.refusal", "text", "message", "refusal"),
    "response.reasoning_text": Growth(
        "text", "content_index", "{o}.{i}.reasoning", "text", "reasoning", "reasoning_text"
    ),
    "response.reasoning_summary_text": Growth(
        "text", "summary_index", "{o}.summary.{i}.text", "text", "reasoning", "summary_text"
    ),
    "response.function_call_arguments": Growth("arguments", "", "{o}.arguments", "json", "function_call"),
    "response.mcp_call_arguments": Growth("arguments", "", "{o}.arguments", "json", "mcp_call"),
    "response.custom_tool_call_input": Growth("input", "", "{o}.input", "text", "custom_tool_call"),
    "response.code_interpreter_call_code": Growth("code", "", "{o}.code", "text", "code_interpreter_call"),
    "response.shell_call_command": Growth("command", "command_index", "{o}.commands.{i}", "text", "shell_call"),
}
_OF_PART = {growth.part: kind for kind, growth in GROWTHS.items() if growth.part}
_OF_ITEM = {growth.item: kind for kind, growth in GROWTHS.items() if not growth.part and not growth.counter}
FINAL = ("response.completed", "response.incomplete")
"""Events that end a response."""
PARTS = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}
"""Kinds of events that add and end a part, and the item's list that it stands in."""


class Grown(NamedTuple):
    """A text that grows, where it is said whole."""

    kind: str
    output: int
    inner: int
    holder: Any
    key: Any

    @property
    def channel(self) -> str:
        """Its name."""
        return channel_of(self.kind, self.output, self.inner)


def channel_of(kind: str, output: int, index: int) -> str:
    """The channel of a text that grows."""
    return GROWTHS[kind].channel.format(o=output, i=index)


def of_part(output: int, index: int, part: Any) -> Iterator[Grown]:
    """The text of a part."""
    kind = _OF_PART.get(str(part.get("type"))) if isinstance(part, dict) else None
    if kind is not None and isinstance(part.get(GROWTHS[kind].field), str):
        yield Grown(kind, output, index, part, GROWTHS[kind].field)


def of_item(output: int, item: Any) -> Iterator[Grown]:
    """The texts of an item that grow."""
    if not isinstance(item, dict):
        return
    for place in PARTS.values():
        parts = item.get(place)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from of_part(output, index, part)
    kind = _OF_ITEM.get(str(item.get("type")))
    if kind is not None and isinstance(item.get(GROWTHS[kind].field), str):
        yield Grown(kind, output, 0, item, GROWTHS[kind].field)
    action = item.get("action")
    if item.get("type") == "shell_call" and isinstance(action, dict) and isinstance(action.get("commands"), list):
        for index, command in enumerate(action["commands"]):
            if isinstance(command, str):
                yield Grown("response.shell_call_command", output, index, action["commands"], index)


def is_opaque(body: Any, leaf: Leaf) -> bool:
    """Whether a string can't be followed: encrypted, or a medium."""
    if leaf.kind != "opaque" or leaf.path[-1] != "result":
        return leaf.kind == "opaque"
    for step in leaf.path[:-1]:
        body = body[step]
    return str(body.get("type")) == "image_generation_call"  # the result of a program is text


# --- objects of our making --------------------------------------------------------------------------


def response(asked: Json, *, name: str, created: Any, model: str, output: list[Json], **more: Any) -> Json:
    """A response with every field that the SDK's type demands.

    Args:
        asked: the request's body.
        name: its id.
    """
    return {
        "id": name,
        "object": "response",
        "created_at": created if type(created) is int else 0,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": asked.get("max_tool_calls"),
        "metadata": asked.get("metadata") or {},
        "model": model,
        "output": output,
        "parallel_tool_calls": asked.get("parallel_tool_calls") is not False,
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": asked.get("reasoning") or {"effort": None, "summary": None},
        "store": False,
        "temperature": asked.get("temperature"),
        "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": asked.get("tool_choice") or "auto",
        "tools": asked.get("tools") or [],
        "top_p": asked.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": asked.get("user"),
        **more,
    }


def part(kind: str, text: str = "") -> Json:
    """A part: `output_text`, `refusal`, `reasoning_text` or `summary_text`."""
    made: Json = {"type": kind, GROWTHS[_OF_PART[kind]].field: text}
    return made | {"annotations": [], "logprobs": []} if kind == "output_text" else made


def item(kind: str, name: str, status: str, *parts: Json) -> Json:
    """An item of that type with these parts."""
    made: Json = {"id": name, "type": kind, "status": status}
    if kind == "message":
        return made | {"role": "assistant", "content": list(parts)}
    if kind == "reasoning":
        return made | {"summary": [], "content": list(parts)}
    if kind == "shell_call":
        return made | {"call_id": name, "action": {"commands": []}}
    field = GROWTHS[_OF_ITEM[kind]].field
    return made | {"call_id": name, "name": "", field: ""}


def usage_of(value: Any) -> Usage | None:
    """The usage object of a response."""
    if not isinstance(value, dict):
        return None
    return Usage(count(value.get("input_tokens")), count(value.get("output_tokens")))


def counted(usage: Usage) -> Json:
    """A usage object."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sum(usage),
    }


def ending(finish: str) -> Json:
    """Status and reason of a response that ends so: a word of chat/completions' or of our own apps' settings."""
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(finish)
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def finish_of(body: Json) -> str:
    """Why a response ended, as a word: `completed`, or the reason why it isn't complete."""
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return str(reason or body.get("status") or "completed")


def wants_json(asked: Json) -> bool:
    """Whether the text of the answer is JSON."""
    text = asked.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    return isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema")
