"""Anthropic's streamed answer: events in, events with their strings taken out, and what may leave of them.

Pure. message_start, then per block content_block_start / _delta / _stop, then message_delta and message_stop. A block's
text is one channel (`<block>.text`, `.thinking`, `.arguments`, `.name`); what it still holds leaves before its stop.
Events come from the upstream as they are, or from translate.StreamTranslator.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from guiju.errors import GuijuError
from guiju.types import Form, Path
from guiju.wire import faults, sse
from guiju.wire.dialect import Ask, Json, Reading, Text, Usage, count
from guiju.wire.openai_chunks import ChunkTranslator
from guiju.wire.strings import UNREADABLE, WORDS, Places, decode_answer, encode, form_of, is_identifier, leaves, put

_TOKENS = (
    "usage.input_tokens", "usage.output_tokens", "usage.cache_creation_input_tokens", "usage.cache_read_input_tokens",
)  # fmt: skip
EVENT = Places(
    listed=frozenset(
        (
            "type", "message.id", "message.type", "message.role", "message.model", "message.stop_reason",
            "content_block.type", "content_block.id", "content_block.tool_use_id", "content_block.content.*.type",
            "delta.type", "delta.stop_reason", "delta.citation.type", "message.container.id", "delta.container.id",
            "delta.container.expires_at", "message.usage.service_tier", "message.usage.inference_geo",
            "message.usage.speed", *_TOKENS, *("message." + place for place in _TOKENS),
        )
    ),
    forms={
        "delta.partial_json": "json",
        "content_block.name": "name",
    },
    opaque=frozenset(
        (
            "delta.signature", "content_block.signature", "content_block.data", "content_block.encrypted_content",
            "content_block.content.*.encrypted_content", "delta.citation.encrypted_index",
        )
    ),
)  # fmt: skip

_CHANNELS = {
    "delta.text": "text",
    "content_block.text": "text",
    "delta.thinking": "thinking",
    "content_block.thinking": "thinking",
    "delta.partial_json": "arguments",
    "content_block.name": "name",
}
_DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "arguments": ("input_json_delta", "partial_json"),
}
_WHOLE = frozenset(("message_start", "content_block_start", "message_delta"))
"""Events whose strings are complete; in others they may go on in the next event of the kind."""


class MessagesEvent:
    """One event; see `Event`."""

    __slots__ = ("_identifiers", "_numbers", "_places", "_stream", "body", "ends", "final", "texts")

    def __init__(self, stream: MessagesStream, body: Json) -> None:
        self._stream, self.body = stream, body
        self.texts: list[Text] = []
        self._places: dict[str, Path] = {}
        self._identifiers: dict[str, str] = {}
        """By channel."""
        self._numbers: dict[str, str] = {}
        """Channels whose place holds a number, and how it reads: it stays one where nothing is hidden of it."""
        self.ends: tuple[str, ...] = ()
        self.final = False

    def add(
        self,
        channel: str,
        text: str,
        form: Form,
        path: Path,
        reading: Reading,
        *,
        says: bool = False,
        number: bool = False,
    ) -> None:
        """A string of this event."""
        self.texts.append(Text(channel, text, form, reading, says))
        if reading == "id":
            self._identifiers[channel] = text
        if number:
            self._numbers[channel] = text
        if channel in self._places:  # the same place twice in one event: it leaves once
            put(self.body, path, "")
        else:
            self._places[channel] = path

    def write(self, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        left = False
        for channel, path in self._places.items():
            out = released.get(channel, "")
            if out != self._numbers.get(channel):
                put(self.body, path, out)
            left = left or bool(out)
            if out == self._identifiers.get(channel):
                self._stream.left.add(out)
        if self._places and not left and self.body.get("type") == "content_block_delta":
            return b""
        return self._stream.event(self.body)


class MessagesStream:
    """See `AnswerStream`."""

    def __init__(self, ask: Ask, *, label: Json, allow_opaque: bool, translator: ChunkTranslator | None) -> None:
        self._ask, self._label, self._allow_opaque = ask, label, allow_opaque
        self._translator = translator
        self._sse = sse.SseSplitter()
        self.message_id = ""
        self.usage: Usage | None = None
        self.finish = ""
        self.withheld: list[str] = []
        if translator is not None:
            translator.withheld = self.withheld
        self.done = False
        self.failed = ""
        self._started = False
        self._text: Form = "json" if ask.json_mode else "text"
        self._keys: dict[str, None] = {}  # a set: see ChatStream
        """Unknown keys that have been judged: each once."""
        self._homes: dict[str, tuple[Json, Path]] = {}
        """Where a channel's text stands: its first event, and the way in it."""
        self.left: set[str] = set()
        """Identifiers that have left as they came."""
        self._open: int | None = None
        self._next = 0
        self._closed: set[int] = set()

    def feed(self, data: bytes) -> Iterator[MessagesEvent]:
        """See `AnswerStream.feed`."""
        if self._translator is not None:
            bodies: list[Any] = self._translator.feed(data)
        else:
            bodies = [self._json(event) for event in self._sse.feed(data)]
        return self._events(bodies)

    def close(self) -> Iterator[MessagesEvent]:
        """See `AnswerStream.close`."""
        if self._translator is not None:
            bodies: list[Any] = self._translator.close()
        else:
            bodies = [self._json(event) for event in self._sse.close()]
        return self._events(bodies)

    def _events(self, bodies: list[Any]) -> Iterator[MessagesEvent]:
        for body in bodies:
            event = self._read(body)
            if event is not None:
                yield event
        if self._translator is not None:
            self.failed = self._translator.failed

    def _json(self, event: sse.Sse) -> Any:
        try:
            body = decode_answer(event.data)
        except UNREADABLE:
            return None
        if isinstance(body, dict):
            body.setdefault("type", event.event)
        return body

    def _read(self, body: Any) -> MessagesEvent | None:
        if self.done or self.failed:
            return None
        kind = body.get("type") if isinstance(body, dict) else None
        if not isinstance(kind, str) or not is_identifier(kind):
            self.withheld.append("event")
            return None
        if kind == "error":
            self.failed = faults.kind_of(body)
            return None
        event = MessagesEvent(self, body)
        block = body.get("index") if type(body.get("index")) is int else None
        if kind == "message_start":
            if self._started:
                self.withheld.append("message_start")
                return None
            self._begin(body)
        elif kind == "content_block_start" and block is not None:
            if block in self._closed or self._open is not None:
                self.withheld.append("content_block_start")
                return None
            self._open, self._next = block, block + 1
        elif kind == "content_block_delta" and (block is None or block != self._open):
            self.withheld.append("content_block_delta")
            return None
        elif kind == "content_block_stop":
            if block is None or block != self._open:
                return None
            self._open = None
            self._closed.add(block)
            event.ends = (f"{block}.",)
        elif kind == "message_delta":
            self._count(body.get("usage"))
        elif kind == "message_stop":
            self.done = event.final = True
            event.ends = ("",)
        try:
            self._texts(event, block)
        except RecursionError:
            self.withheld.append("event")
            return None
        return event

    def _begin(self, body: Json) -> None:
        self._started = True
        message = body.get("message")
        if isinstance(message, dict):
            self.message_id = str(message.get("id") or "")
            self._count(message.get("usage"))

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            before = self.usage or Usage(0, 0)
            self.usage = Usage(
                count(usage.get("input_tokens")) or before.input_tokens,
                count(usage.get("output_tokens")) or before.output_tokens,
            )

    def _texts(self, event: MessagesEvent, block: int | None) -> None:
        delta = event.body.get("delta")
        kind = str(event.body["type"])
        whole = kind in _WHOLE or (isinstance(delta, dict) and delta.get("type") == "citations_delta")
        home = "x" if block is None else str(block)
        if kind not in ("content_block_start", "content_block_delta"):
            home += "." + kind
        for leaf in leaves(event.body, EVENT):
            if leaf.kind == "opaque":
                if not self._allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(event.body, leaf.path, "")
                continue
            if leaf.pattern.endswith("#key"):  # stays where it is, so it is decided now
                if leaf.text not in self._keys:
                    self._keys[leaf.text] = None
                    event.texts.append(Text(f"x.{leaf.text}#key", leaf.text, "name", "alone"))
                continue
            known = _CHANNELS.get(leaf.pattern) if block is not None else None
            form = self._text if known == "text" else form_of(leaf.kind)
            channel = f"{block}.{known}" if known else f"{home}." + ".".join(map(str, leaf.path))
            if leaf.kind == "listed":
                event.add(channel, leaf.text, "text", leaf.path, "id")
                continue
            alone = leaf.kind in ("number", "name") or leaf.pattern in EVENT.listed or (whole and known not in _DELTAS)
            if known not in _DELTAS and not alone and channel not in self._homes:
                self._homes[channel] = (event.body, leaf.path)
            reading: Reading = "alone" if alone else "on" if known else "both"
            number = leaf.kind == "number"
            event.add(channel, leaf.text, form, leaf.path, reading, says=known == "text", number=number)

    # --- writing --------------------------------------------------------------------------------

    def event(self, body: Json) -> bytes:
        """An event's bytes; the label goes into message_start and message_delta."""
        kind = str(body.get("type") or "")
        if kind == "message_start" and isinstance(body.get("message"), dict):
            body["message"]["guiju"] = self._label
        elif kind == "message_delta":
            body["guiju"] = self._label
            if isinstance(delta := body.get("delta"), dict):
                self.finish = str(delta.get("stop_reason") or self.finish)  # as it left
        return sse.write(encode(body), kind)

    def more(self, channel: str, text: str) -> bytes:
        """See `AnswerStream.more`."""
        block, _, rest = channel.partition(".")
        if rest in _DELTAS and block.isdigit():
            kind, field = _DELTAS[rest]
            delta = {"type": kind, field: text}
            return self.event({"type": "content_block_delta", "index": int(block), "delta": delta})
        if channel not in self._homes:
            self.withheld.append(channel)
            return b""
        body, way = self._homes[channel]
        return self.event(_alone(body, way, text, WORDS | self.left))

    def stop(self, *, finish: str, replacement: str, details: Json) -> bytes:
        """See `AnswerStream.stop`."""
        self._label = details
        out = b"" if self._started else self._start()
        if self._open is not None:
            out += self.event({"type": "content_block_stop", "index": self._open})
            self._open = None
        if replacement:
            index = self._next
            block = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": replacement}
            out += self.event({"type": "content_block_start", "index": index, "content_block": block})
            said = {"type": "content_block_delta", "index": index, "delta": delta, "guiju": details}
            out += self.event(said)
            out += self.event({"type": "content_block_stop", "index": index})
        self.finish = {"content_filter": "refusal", "stop": "end_turn"}.get(finish, finish)
        usage = {"output_tokens": self.usage.output_tokens if self.usage else 0}
        ended = {"stop_reason": self.finish, "stop_sequence": None}
        out += self.event({"type": "message_delta", "delta": ended, "usage": usage})
        self.done = True
        return out + self.event({"type": "message_stop"})

    def _start(self) -> bytes:
        self._started = True
        message: Json = {
            "id": self.message_id or "msg_guiju",
            "type": "message",
            "role": "assistant",
            "model": self._ask.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return self.event({"type": "message_start", "message": message})

    def fault(self, error: GuijuError, *, exchange: str, language: str) -> bytes:
        """See `AnswerStream.fault`. After an `error` event the stream is over."""
        self.done = True
        return sse.write(faults.anthropic(error, exchange=exchange, language=language), "error")


def _alone(body: Any, path: Path, text: str, types: AbstractSet[str]) -> Any:
    """An event with this text in that place: the objects along the way to it, of them their types, and nothing else."""
    if not path:
        return text
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return [{} for _ in range(step)] + [_alone(body[step], rest, text, types)]
    kind, index = body.get("type"), body.get("index")
    made: Json = {"type": kind} if isinstance(kind, str) and kind in types else {}
    if type(index) is int:
        made["index"] = index
    return {**made, step: _alone(body[step], rest, text, types)}
