"""What stands around the content of OpenAI's chunks, as long as nothing but the content changes. For openai_stream.py.

Pure. A model's answer comes in hundreds of chunks that differ in one string. Once it is proven of a chunk that its bytes are
a frame around that string, the next ones in the same frame are read and written without their JSON. Whatever isn't exactly
one string in a known frame is no business of this file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from guiju.types import Form
from guiju.wire.dialect import Json, Text
from guiju.wire.strings import UNREADABLE, decode_answer, decode_string, encode

_CONTENT = re.compile(rb'"content"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_PROBE = "content-0123456789"


class _Frame(NamedTuple):
    """Of one choice."""

    before: bytes
    after: bytes
    """In the upstream's bytes, the content's quotes not included."""
    head: bytes
    tail: bytes
    """In the event that we write, label and quotes not included."""
    channel: str
    form: Form
    bare: bool
    """An event without content says nothing: it isn't sent."""


class Piece:
    """A chunk in a known frame; see `Event`."""

    __slots__ = ("_frame", "texts")
    ends: tuple[str, ...] = ()
    final = False

    def __init__(self, frame: _Frame, content: str) -> None:
        self._frame = frame
        self.texts = [Text(frame.channel, content, frame.form, "on", True)]

    def write(self, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        frame, out = self._frame, released.get(self._frame.channel, "")
        return b"" if frame.bare and not out else frame.head + encode(out) + frame.tail


class Frames:
    """Those of one answer, by choice."""

    def __init__(self) -> None:
        self._known: dict[int, _Frame] = {}

    def find(self, data: bytes) -> Piece | None:
        """A chunk that differs from one before in its content alone; None for any other."""
        for frame in self._known.values():
            size = len(data) - len(frame.after)
            if size > len(frame.before) and data.startswith(frame.before) and data.endswith(frame.after):
                try:
                    return Piece(frame, decode_string(data[len(frame.before) : size]))
                except UNREADABLE:  # more than one string, or half of one: something else has changed
                    return None
        return None

    def learn(self, data: bytes, body: Json, text: Text) -> None:
        """Keep what stands around the content of a plain chunk, once it is proven that nothing but the content would change
        with the bytes between."""
        choice = body["choices"][0]
        index = choice.get("index", 0)
        if index in self._known or (found := _CONTENT.search(data)) is None:
            return
        before, after, probe = data[: found.start(1)], data[found.end(1) :], encode(_PROBE)
        probed = body | {"choices": [choice | {"delta": choice["delta"] | {"content": _PROBE}}]}
        head, _, tail = (written := encode(probed)).partition(probe)
        if written.count(probe) == 1 and decode_answer(before + probe + after) == probed:
            bare = "role" not in choice["delta"]
            self._known[index] = _Frame(before, after, b"data: " + head, tail + b"\n\n", text.channel, text.form, bare)

    def forget(self) -> None:
        """A chunk of another kind came: it may have changed what a plain one means."""
        self._known.clear()
