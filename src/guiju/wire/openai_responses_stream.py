"""OpenAI's streamed response: events in, events with their strings taken out, and what may leave of them.

Pure. Theory of operation. A text grows by `<kind>.delta` events (its channel is `<item>.<part>.text`, `<item>.arguments`,
…), and is then said whole, again and again: by `<kind>.done`, by its part's and its item's `done`, by the response that
ends the stream. Of all these only the deltas are believed. Where a text is said whole, what has left of it is written in
its place; what such a place says beyond the deltas is one more piece of the channel, and what contradicts them is left
out. Other strings stand in an item once or several times, each time whole: each is judged alone, and what became of it is
remembered, so that it is the same wherever it is said again. What a client has been told of items and parts is kept
(responses_writer.py), so that the response at the end, or a stop, says nothing else. Events that leave are numbered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from guiju.errors import GuijuError
from guiju.types import Form, Path
from guiju.wire import faults, responses_shape, sse
from guiju.wire.dialect import Ask, Json, Reading, Text, Usage
from guiju.wire.probabilities import Probabilities
from guiju.wire.responses_shape import (
    ECHOED,
    EVENT,
    FINAL,
    GROWTHS,
    PARTS,
    Grown,
    channel_of,
    is_opaque,
    of_item,
    of_part,
)
from guiju.wire.responses_translate import StreamTranslator
from guiju.wire.responses_writer import Where, Writer
from guiju.wire.strings import UNREADABLE, WORDS, decode_answer, form_of, is_identifier, leaves, object_in, put

_STATES = frozenset(("response.created", "response.queued", "response.in_progress", *FINAL))
"""Events that carry the response."""
_WHOLE = frozenset((
    *_STATES, "response.output_item.added", "response.output_item.done", "response.output_text.annotation.added",
    "response.shell_call_output_content.done",
    *(f"{kind}.{when}" for kind in PARTS for when in ("added", "done")), *(f"{kind}.done" for kind in GROWTHS),
))  # fmt: skip
"""Events whose strings are complete; in events that nobody knows they may go on in the next one of the kind."""
_MEDIA = frozenset(("response.audio.delta", "response.image_generation_call.partial_image"))
"""Events of which nothing is left where what can't be followed is left out."""
_DONE = b"[DONE]"
"""Some servers say so at the end, though nobody waits for it."""
_MOST = 100_000
"""Items of an answer, parts of an item."""


class ResponseEvent:
    """One event; see `Event`."""

    __slots__ = ("_stream", "added", "alone", "body", "echo", "ends", "final", "grown", "grows", "index", "indexes",
                 "kind", "numbers", "probable", "texts")  # fmt: skip

    def __init__(self, stream: ResponsesStream, body: Json, kind: str) -> None:
        self._stream, self.body, self.kind = stream, body, kind
        self.index = -1
        """Of the item."""
        self.indexes: list[int] = []
        """Of the items of a response, in its order."""
        self.grows = False
        """It is a piece of a text that grows."""
        self.texts: list[Text] = []
        self.added: list[str] = []
        """Channels of which this event brings a piece."""
        self.grown: list[Grown] = []
        """Where such texts are said whole."""
        self.probable: list[tuple[str, Json]] = []
        """Channels, and where the log probabilities of their tokens stand."""
        self.alone: list[tuple[str, tuple[str, str] | None, Path]] = []
        """Of every other string its channel, under what is remembered what became of it, and its place."""
        self.numbers: dict[str, str] = {}
        """Channels whose place holds a number, and how it reads: it stays one where nothing is hidden of it."""
        self.echo: Json = {}
        self.ends: tuple[str, ...] = ()
        self.final = False

    def write(self, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        return self._stream.write(self, released)


class ResponsesStream:
    """See `AnswerStream`."""

    def __init__(self, ask: Ask, *, label: Json, allow_opaque: bool, translator: StreamTranslator | None) -> None:
        self._ask, self._allow_opaque = ask, allow_opaque
        self._translator = translator
        self._sse = sse.SseSplitter()
        self.usage: Usage | None = None
        self.finish = ""
        self.withheld: list[str] = []
        self.done = False
        self.failed = ""
        self._text: Form = "json" if ask.json_mode else "text"
        self._writer = Writer(ask, label)
        self._begun = False
        self._known: dict[int, Any] = {}
        """Items that the upstream has begun, and their ids."""
        self._over: set[int] = set()
        """Items that it has ended."""
        self._received: dict[str, list[str]] = {}
        """Channel -> what has come of it."""
        self._grown: dict[str, Where] = {}
        self._passed: dict[tuple[str, str], str] = {}
        """What became of a string that was judged alone: by channel, or by "" for an identifier, and by what it said."""
        self._keys: dict[str, None] = {}  # a set: see ChatStream
        """Unknown keys that have been judged: each once."""
        self._homes: dict[str, tuple[Path, list[Json]]] = {}
        """Where a channel's text stands: the way to it in its first event, and what says which event that was."""
        self._probabilities: dict[str, Probabilities] = {}

    def feed(self, data: bytes) -> Iterator[ResponseEvent]:
        """See `AnswerStream.feed`."""
        if self._translator is not None:
            return self._events(self._translator.feed(data))
        return self._events(map(_json, self._sse.feed(data)))

    def close(self) -> Iterator[ResponseEvent]:
        """See `AnswerStream.close`."""
        if self._translator is not None:
            return self._events(self._translator.close())
        return self._events(map(_json, self._sse.close()))

    # --- reading --------------------------------------------------------------------------------

    def _events(self, bodies: Iterable[Any]) -> Iterator[ResponseEvent]:
        for body in bodies:
            event = self._read(body)
            if event is not None:
                yield event
        if self._translator is not None:
            self.failed = self.failed or self._translator.failed
            self.withheld += self._translator.withheld
            self._translator.withheld = []

    def _read(self, body: Any) -> ResponseEvent | None:
        if self.done or self.failed or body == _DONE:
            return None
        kind = body.get("type") if isinstance(body, dict) else None
        if not isinstance(kind, str) or not kind or not is_identifier(kind):
            self.withheld.append("event")
            return None
        if kind in ("error", "response.failed"):
            error = body.get("error") or body if kind == "error" else object_in(body.get("response")).get("error")
            self.failed = faults.kind_of({"error": error})
            return None
        event = ResponseEvent(self, body, kind)
        body.pop("guiju", None)  # ours alone
        body.pop("obfuscation", None)  # padding, of no use once text is held back
        try:
            if not (self._state(event) if kind in _STATES else self._inner(event)):
                self.withheld.append(kind)
                return None
            self._strings(event)
        except RecursionError:
            self.withheld.append("event")
            return None
        return event

    def _state(self, event: ResponseEvent) -> bool:
        """An event that carries the response."""
        body, response = event.body, event.body.get("response")
        if event.kind in FINAL:
            response = body["response"] = object_in(response)
            self.done = event.final = True
            self.usage = responses_shape.usage_of(response.get("usage")) or self.usage
            event.ends = ("",)
        elif not isinstance(response, dict) or (event.kind == "response.created" and self._begun):
            return False
        self._begun = True
        response.pop("guiju", None)
        event.echo = {name: self._ask.body[name] for name in ECHOED if name in response and name in self._ask.body}
        for name in (*event.echo, "output_text"):
            response.pop(name, None)
        output = response.get("output")
        if not event.final:
            response["output"] = []
            return True
        response["output"] = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        for place, item in enumerate(response["output"]):
            index = self._index_of(place, item)
            event.indexes.append(index)
            if index in self._over:
                response["output"][place] = {}  # told of already: that is said again
                continue
            self._known.setdefault(index, item.get("id"))
            self._whole(event, list(of_item(index, item)))
        return True

    def _index_of(self, place: int, item: Json) -> int:
        """The index under which an item of the final response was told of; a new one where it wasn't."""
        name = item.get("id")
        found = [index for index, known in self._known.items() if known == name and name is not None]
        if found:
            return found[0]
        if place in self._known and (name is None or self._known[place] is None):
            return place
        return place if place not in self._known else max(self._known, default=-1) + 1

    def _inner(self, event: ResponseEvent) -> bool:
        """An event of an item, or one that nobody knows; False where it doesn't fit what came before."""
        body, kind = event.body, event.kind
        if kind in _MEDIA and not self._allow_opaque:
            return False
        base, _, when = kind.rpartition(".")
        index = event.index = _index(body.get("output_index"))
        if kind in ("response.output_item.added", "response.output_item.done"):
            item = body.get("item")
            if not isinstance(item, dict) or index < 0 or index in self._over:
                return False
            if when == "added" and index in self._known:
                return False
            self._known[index] = item.get("id")
            if when == "done":
                self._over.add(index)
                event.ends = (f"{index}.",)
            self._whole(event, list(of_item(index, item)))
            return True
        if base not in PARTS and base not in GROWTHS:
            return True
        if when not in ("added", "delta", "done") or index not in self._known or index in self._over:
            return False
        inner = _index(body.get("summary_index" if base == "response.reasoning_summary_part" else "content_index"))
        if base in PARTS:
            if inner < 0 or not isinstance(body.get("part"), dict):
                return False
            if when == "done":
                event.ends = (f"{index}.{inner}.",) if PARTS[base] == "content" else (f"{index}.summary.{inner}.",)
            self._whole(event, list(of_part(index, inner, body["part"])))
            return True
        growth = GROWTHS[base]
        inner = _index(body.get(growth.counter)) if growth.counter else 0
        if inner < 0:
            return False
        channel = channel_of(base, index, inner)
        if when == "done":
            event.ends = (channel,)
        if when == "delta" and isinstance(body.get("delta"), str):
            self._delta(event, base, channel, inner)
        elif isinstance(body.get(growth.field), str):
            self._whole(event, [Grown(base, index, inner, body, growth.field)])
        return True

    def _delta(self, event: ResponseEvent, kind: str, channel: str, inner: int) -> None:
        body, piece = event.body, event.body["delta"]
        event.grows, body["delta"] = True, ""
        found = body.pop("logprobs", None)
        if kind == "response.output_text":
            event.probable.append((channel, body))
            if found or channel in self._probabilities:
                self._take_probabilities(channel, piece, found)
        item_id = body.get("item_id")
        self._add(event, Grown(kind, event.index, inner, body, "delta"), piece, item_id)

    def _take_probabilities(self, channel: str, piece: str, found: Any) -> None:
        store = self._probabilities.setdefault(channel, Probabilities())
        if not store.take(piece, {"content": found} if found else None):
            self.withheld.append(f"{channel}.logprobs")

    def _whole(self, event: ResponseEvent, said: list[Grown]) -> None:
        """Where texts are said whole: what they say beyond the deltas is one more piece."""
        event.grown += said
        for grown in said:
            whole, channel = grown.holder[grown.key], grown.channel
            grown.holder[grown.key] = ""
            if grown.kind == "response.output_text" and isinstance(grown.holder, dict):
                if "logprobs" in grown.holder:
                    event.probable.append((channel, grown.holder))
                grown.holder.pop("logprobs", None)
            received = "".join(self._received.get(channel, ()))
            if not whole.startswith(received):
                if whole:
                    self.withheld.append(channel)
            elif whole != received:
                rest = whole[len(received) :]
                if channel in self._probabilities:
                    self._take_probabilities(channel, rest, None)
                self._add(event, grown, rest, object_in(event.body.get("item")).get("id") or event.body.get("item_id"))

    def _add(self, event: ResponseEvent, grown: Grown, piece: str, item_id: Any) -> None:
        """A piece of a text."""
        if not piece:
            return
        channel, growth = grown.channel, GROWTHS[grown.kind]
        self._received.setdefault(channel, []).append(piece)
        if channel not in self._grown:
            where: Json = {"item_id": item_id, "output_index": grown.output}
            self._grown[channel] = (grown.kind, where | ({growth.counter: grown.inner} if growth.counter else {}))
        says = grown.kind == "response.output_text"
        event.texts.append(Text(channel, piece, self._text if says else growth.form, "on", says))
        event.added.append(channel)

    def _strings(self, event: ResponseEvent) -> None:
        """Every other string that isn't listed."""
        whole = event.kind in _WHOLE
        for leaf in leaves(event.body, EVENT):
            if is_opaque(event.body, leaf) or (event.kind in _MEDIA and leaf.path == ("delta",)):
                if not self._allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(event.body, leaf.path, None)
                continue
            if leaf.pattern.endswith("#key"):  # stays where it is, so it is decided now
                if leaf.text not in self._keys:
                    self._keys[leaf.text] = None
                    event.texts.append(Text(f"x.{leaf.text}#key", leaf.text, "name", "alone"))
                continue
            channel = self._channel(event, leaf.path)
            alone = whole or leaf.kind in ("number", "name", "listed") or leaf.pattern in EVENT.listed
            key = ("" if leaf.kind == "listed" else channel, leaf.text)
            if alone and (known := self._passed.get(key)) is not None:
                if known != leaf.text:
                    put(event.body, leaf.path, known)
                continue
            if leaf.kind == "number":
                event.numbers[channel] = leaf.text
            if not alone and channel not in self._homes:
                self._homes[channel] = (leaf.path, _way_to(event.body, leaf.path))
            reading: Reading = "id" if leaf.kind == "listed" else "alone" if alone else "both"
            event.texts.append(Text(channel, leaf.text, form_of(leaf.kind), reading))
            event.alone.append((channel, key if alone else None, leaf.path))

    def _channel(self, event: ResponseEvent, path: Path) -> str:
        if path[:2] == ("response", "output") and len(path) > 3 and event.final:
            where: Path = (event.indexes[path[2]], "item", *path[3:])  # type: ignore[index]
        elif path[0] == "item" and event.kind in _WHOLE:
            where = (event.index, *path)
        elif event.kind in _STATES:
            where = ("x", *path)
        else:
            others = sorted(key for key in event.body if key.endswith("_index") and key != "output_index")
            indexes = [event.body[key] for key in others if type(event.body[key]) is int]
            where = (event.index if event.index >= 0 else "x", *indexes, "event", event.kind, *path)
        return ".".join(map(str, where))

    # --- writing --------------------------------------------------------------------------------

    def write(self, event: ResponseEvent, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        body, out, left = event.body, b"", False
        for channel, key, path in event.alone:
            piece = released.get(channel, "")
            if key:
                self._passed[key] = piece
            if piece != event.numbers.get(channel):
                put(body, path, piece)
            left = left or bool(piece and (key is None or key[0]))
        for channel in dict.fromkeys(event.added):
            piece = released.get(channel, "")
            entries = self._release(channel, piece)
            if event.grows:
                left = left or bool(piece or entries)
                body["delta"] = piece
                if event.probable:
                    body["logprobs"] = entries
            elif piece and not event.kind.endswith(".added") and self._writer.is_open(channel):
                out += self._writer.delta(self._where(channel), piece, entries)
        if event.kind.endswith(".delta") and (event.grows or event.alone) and not left:
            return b""
        for grown in event.grown:
            grown.holder[grown.key] = self._writer.said(grown.channel)
        for channel, holder in event.probable:
            if not event.grows:
                holder["logprobs"] = self._writer.probable.get(channel, [])
        if event.kind in _STATES:
            body["response"] |= event.echo
            if "id" in self._writer.head:  # the SDK takes no other
                body["response"]["id"] = self._writer.head["id"]
            elif isinstance(name := body["response"].get("id"), str):
                self._writer.name = name
            if event.final:
                return out + self._last(event)
        return out + self._writer.event(body)

    def _last(self, event: ResponseEvent) -> bytes:
        """The response's end: what no event has closed is closed, and its output is what was told of."""
        response, out = event.body["response"], b""
        self.finish = responses_shape.finish_of(response)  # as it leaves
        for index, item in zip(event.indexes, response["output"], strict=True):
            if index in self._writer.open:
                out += self._writer.shut(index, item)
            else:
                self._writer.items.setdefault(index, item)
        for index in sorted(self._writer.open):
            out += self._writer.shut(index)
        ended = {"status": event.kind.rpartition(".")[2]}
        return out + self._writer.final(event.kind, self._writer.head | ended | response)

    def _release(self, channel: str, piece: str) -> list[Json]:
        """This much of a text leaves; the log probabilities that leave with it."""
        self._writer.left.setdefault(channel, []).append(piece)
        store = self._probabilities.get(channel)
        if store is None:
            return []
        entries = [{k: v for k, v in entry.items() if v is not None} for entry in store.release(piece)]
        self._writer.probable.setdefault(channel, []).extend(entries)
        return entries

    def more(self, channel: str, text: str) -> bytes:
        """See `AnswerStream.more`."""
        if channel in self._grown:
            where = self._where(channel)
            entries = self._release(channel, text)
            return self._writer.opened(where) + self._writer.delta(where, text, entries)
        if channel not in self._homes:
            self.withheld.append(channel)
            return b""
        path, levels = self._homes[channel]
        known = {said for (_, said), left in self._passed.items() if said == left}
        return self._writer.event({"type": "response.text.delta"} | _alone(path, levels, text, WORDS | known))

    def _where(self, channel: str) -> Where:
        """Kind and place of a text that grows, its item by the name under which it has left."""
        kind, place = self._grown[channel]
        name = place["item_id"]
        known = None
        if isinstance(name, str):
            known = name if name in WORDS else self._passed.get(("", name))
        return kind, place | {"item_id": known or f"item_{place['output_index']}"}

    def stop(self, *, finish: str, replacement: str, details: Json) -> bytes:
        """See `AnswerStream.stop`."""
        self._writer.label = details
        self.finish, self.done = finish, True
        return self._writer.stop(finish=finish, replacement=replacement, usage=self.usage)

    def fault(self, error: GuijuError, *, exchange: str, language: str) -> bytes:
        """See `AnswerStream.fault`. A response that was begun has failed; then the official SDK raises APIError on an event
        with `error`."""
        self.done = True
        said = faults.openai_error(error, exchange=exchange, language=language)
        short = {name: said[name] for name in ("code", "message")}
        out = b""
        if self._writer.head:
            failed = self._writer.head | {"status": "failed", "error": short}
            out = self._writer.final("response.failed", failed)
        return out + self._writer.event({"type": "error", **short, "param": said["param"], "error": said})


def _json(event: sse.Sse) -> Any:
    """What an event says; None where it is no JSON."""
    if event.data == _DONE:
        return _DONE
    try:
        body = decode_answer(event.data)
    except UNREADABLE:
        return None
    if isinstance(body, dict):
        body.setdefault("type", event.event)
    return body


def _index(value: Any) -> int:
    """A place in a list; -1 for what is none."""
    return value if type(value) is int and 0 <= value < _MOST else -1


def _way_to(body: Any, path: Path) -> list[Json]:
    """Of each object along the way to a text, what says which it is: taken at once, since an event is changed as it leaves."""
    levels: list[Json] = []
    for step in path:
        level = {} if isinstance(step, int) else {k: v for k, v in body.items() if _says_which(k, v)}
        levels.append(level)
        body = body[step]
    return levels


def _says_which(key: str, value: Any) -> bool:
    if key in ("type", "item_id"):
        return isinstance(value, str)
    return (key == "index" or key.endswith("_index")) and type(value) is int and 0 <= value < _MOST


def _alone(path: Path, levels: list[Json], text: str, known: AbstractSet[str]) -> Any:
    """An event with this text in that place: the objects along the way to it, what says which they are as far as it has
    left before, and nothing else."""
    made: Any = text
    for step, level in zip(reversed(path), reversed(levels), strict=True):
        if isinstance(step, int):
            made = [*({} for _ in range(step)), made]
            continue
        kept = {key: value for key, value in level.items() if not isinstance(value, str) or value in known}
        if kept.get("type", "").endswith(".delta"):
            kept |= {"delta": ""} | ({"logprobs": []} if kept["type"] == "response.output_text.delta" else {})
        made = {**kept, step: made}
    return made
