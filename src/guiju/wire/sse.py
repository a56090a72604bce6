"""Server-sent events: cut a byte stream into whole events, and write events.

Pure. WHATWG HTML, section 9.2: lines end with CR LF, LF or CR; a blank line ends an event; lines that begin with a
colon are comments; several `data:` lines are joined by LF; a byte order mark at the beginning is skipped.
"""

from __future__ import annotations

import re

import msgspec

TYPE = "text/event-stream; charset=utf-8"

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n|\r\n\r(?!\n)|\n\r(?!\n)|\r\r\n")
_LONG = 16_384
"""Bytes of an unfinished event beyond which it isn't looked through again with each piece."""
_LINE = re.compile(rb"\r\n|\n|\r")


class Sse(msgspec.Struct):
    """One event."""

    event: str
    """Its type; "" where none was sent."""
    data: bytes


class SseSplitter:
    """Bytes in any pieces -> whole events."""

    def __init__(self) -> None:
        self._held = b""
        self._more: list[bytes] = []
        """Pieces behind a long `_held` in which no event ends: joined once, however many they are."""
        self._tail = b""
        """The last bytes of all that, where an ending may have begun."""
        self._begun = False

    def feed(self, data: bytes) -> list[Sse]:
        """Bytes that follow those fed before -> the events that they complete."""
        if (
            self._begun
            and not self._held
            and data.startswith(b"data: ")
            and data.endswith(b"\n\n")
            and data.find(b"\n") == len(data) - 2
            and b"\r" not in data
        ):  # one event, as nearly every read of a stream brings it
            return [Sse("", data[6:-2])]
        if self._more or len(self._held) > _LONG:
            seen = (self._tail or self._held[-3:]) + data
            self._tail = seen[-3:]
            if _END.search(seen) is None:
                self._more.append(data)
                return []
        held = b"".join((self._held, *self._more, data))
        self._more, self._tail = [], b""
        if not self._begun:
            if len(held) < 3 and b"\xef\xbb\xbf".startswith(held):
                self._held = held
                return []
            self._begun = True
            held = held.removeprefix(b"\xef\xbb\xbf")
        # A CR at the very end may be half of a CR LF: it waits for the next byte.
        whole = held[:-1] if held.endswith(b"\r") else held
        if b"\r" not in whole:
            *blocks, rest = whole.split(b"\n\n")
        else:
            *blocks, rest = _END.split(whole)
        self._held = rest + held[len(whole) :]
        return [event for block in blocks if (event := _read(block)) is not None]

    def close(self) -> list[Sse]:
        """The stream ended: a last event without its blank line counts too, since servers forget it."""
        rest, self._held, self._more = b"".join((self._held, *self._more)), b"", []
        event = _read(rest)
        return [event] if event is not None else []


def _read(block: bytes) -> Sse | None:
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return Sse("", block[6:])
    name, data = "", []
    for line in _LINE.split(block):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Sse(name, b"\n".join(data)) if data else None


def write(data: bytes, event: str = "") -> bytes:
    """One event; `data` is a line of JSON."""
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n" if event else b"data: " + data + b"\n\n"
