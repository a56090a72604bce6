"""Contents of an exchange, for people: a request is JSON, an answer a list of channels and their texts."""

import re
from typing import Any

import msgspec

_NEAR = 8
"""Characters on each side of a finding that a proposed allow-phrase may take along."""
_ENDS = re.compile(r"[\s，。！？；：、,.!?;:()（）|]")


def readable(data: bytes) -> str:
    """As people read it."""
    value = _decoded(data)
    if value is None:
        return data.decode("utf-8", "replace")
    if isinstance(value, list):
        return "\n\n".join(f"{channel}:\n{text}" for channel, text in value)
    messages = value.get("messages") if isinstance(value, dict) else None
    if isinstance(messages, list) and all(isinstance(m, dict) and isinstance(m.get("content"), str) for m in messages):
        return "\n\n".join(f"{m.get('role')}:\n{m['content']}" for m in messages)
    return msgspec.json.format(data, indent=2).decode("utf-8", "replace")


def text_at(data: bytes, path: tuple[Any, ...]) -> str:
    """The text that stood at a path of a request, or in a channel of an answer; "" where it isn't found."""
    value = _decoded(data)
    if isinstance(value, list):
        name = ".".join(map(str, path))
        return next((text for channel, text in value if channel == name), "")
    for step in path:
        try:
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return ""
    return value if isinstance(value, str) else ""


def around(text: str, start: int, end: int) -> str:
    """A finding with its clause, as far as that is near: what an allow-phrase would begin with."""
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    return _ENDS.split(before)[-1] + text[start:end] + _ENDS.split(after)[0]


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
