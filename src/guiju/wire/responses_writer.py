"""What a client has been told of a streamed response, and the events that tell it the rest.

Pure. Events that leave go through `event`: it numbers them, puts the label where it belongs, and keeps which items, parts
and texts are open and what they say. So whoever has to end a response, because it is over or because it was stopped, can
close what is open and say again what has left, and nothing else.
"""

from __future__ import annotations

from typing import Any

from guiju.types import Form
from guiju.wire import responses_shape, sse
from guiju.wire.dialect import Ask, Json, Usage
from guiju.wire.responses_shape import FINAL, GROWTHS, PARTS, channel_of, of_item, of_part
from guiju.wire.strings import encode

Where = tuple[str, Json]
"""A text that grows: its kind, and what its events say of where it stands."""


class Writer:
    """The response of one exchange, as its client knows it."""

    def __init__(self, ask: Ask, label: Json) -> None:
        self._ask = ask
        self.label = label
        self.name = "resp_guiju"
        self.created = 0
        """Id and time of a response that no upstream has begun."""
        self.text: Form = "json" if ask.json_mode else "text"
        self.head: Json = {}
        """The response as it was told of first."""
        self.items: dict[int, Json] = {}
        self.open: set[int] = set()
        self.left: dict[str, list[str]] = {}
        """Channel -> what has left of it."""
        self.probable: dict[str, list[Json]] = {}
        """Log probabilities that have left with it."""
        self._number = 0
        self._ours: Json = {}
        """Put into events of our own words."""
        self._parts: dict[tuple[int, str, int], Json] = {}
        self._open_parts: set[tuple[int, str, int]] = set()
        self._open_texts: dict[str, Where] = {}

    def is_open(self, channel: str) -> bool:
        """Whether a delta of this text fits now."""
        return channel in self._open_texts

    def said(self, channel: str) -> str:
        """All that has left of a text."""
        return "".join(self.left.get(channel, ()))

    # --- events -----------------------------------------------------------------------------------

    def event(self, body: Json) -> bytes:
        """An event's bytes. The label goes into the first response and into the last."""
        kind, out = str(body["type"]), b""
        if not self.head and kind not in ("response.created", "error"):
            out = self._start()
        if kind in FINAL or kind in ("response.created", "response.failed"):
            self.head = self.head or {k: v for k, v in body["response"].items() if k != "guiju"}
            body["response"]["guiju"] = self.label
        else:
            self._keep(kind, body)
        body |= self._ours | {"sequence_number": self._number}
        self._number += 1
        return out + sse.write(encode(body), kind)

    def _start(self) -> bytes:
        begun = responses_shape.response(
            self._ask.body, name=self.name, created=self.created, model=self._ask.model, output=[]
        )
        return self.event({"type": "response.created", "response": begun})

    def _keep(self, kind: str, body: Json) -> None:
        base, _, when = kind.rpartition(".")
        index: Any = body.get("output_index")
        if base == "response.output_item":
            self.items[index] = body["item"]
            if when == "added":
                self.open.add(index)
                for grown in of_item(index, body["item"]):
                    counter = GROWTHS[grown.kind].counter
                    where = {"item_id": body["item"].get("id"), "output_index": index} | (
                        {counter: grown.inner} if counter else {}
                    )
                    self._begin(grown.kind, grown.channel, where)
            else:
                self.open.discard(index)
                self._open_parts = {key for key in self._open_parts if key[0] != index}
                self._open_texts = {c: t for c, t in self._open_texts.items() if t[1]["output_index"] != index}
        elif base in PARTS:
            inner = "summary_index" if PARTS[base] == "summary" else "content_index"
            key = (index, PARTS[base], body[inner])
            self._parts[key] = body["part"]
            (self._open_parts.add if when == "added" else self._open_parts.discard)(key)
            for grown in of_part(index, body[inner], body["part"]) if when == "added" else ():
                where = {"item_id": body.get("item_id"), "output_index": index, inner: body[inner]}
                self._begin(grown.kind, grown.channel, where)
        elif base in GROWTHS:
            growth = GROWTHS[base]
            channel = channel_of(base, index, body.get(growth.counter, 0))
            if when != "done":
                where = {k: body[k] for k in ("item_id", "output_index", growth.counter) if k in body}
                self._begin(base, channel, where)
            else:
                self._open_texts.pop(channel, None)

    def _begin(self, kind: str, channel: str, where: Json) -> None:
        growth = GROWTHS[kind]
        self._open_texts.setdefault(channel, (kind, where))
        if growth.part:
            key = (where["output_index"], _inside(kind), where[growth.counter])
            self._parts.setdefault(key, responses_shape.part(growth.part))

    def delta(self, where: Where, piece: str, probable: list[Json]) -> bytes:
        """A piece of a text, in an event of our own."""
        body = {"type": f"{where[0]}.delta", **where[1], "delta": piece}
        return self.event(body | {"logprobs": probable} if where[0] == "response.output_text" else body)

    def opened(self, where: Where) -> bytes:
        """Item and part of a text, where the client hasn't been told of them."""
        kind, place = where
        growth, index, out = GROWTHS[kind], place["output_index"], b""
        if index not in self.items:
            item = responses_shape.item(growth.item, place["item_id"], "in_progress")
            out += self.event({"type": "response.output_item.added", "output_index": index, "item": item})
        inside = _inside(kind)
        if growth.part and (index, inside, place[growth.counter]) not in self._parts:
            base = next(base for base, name in PARTS.items() if name == inside)
            out += self.event({"type": f"{base}.added", **place, "part": responses_shape.part(growth.part)})
        return out

    # --- endings ----------------------------------------------------------------------------------

    def shut(self, index: int, item: Json | None = None, status: str = "incomplete") -> bytes:
        """Close an item and what is open in it.

        Args:
            item: the item as it shall be told of; None: as it is known.
        """
        out = b""
        for channel, (kind, where) in list(self._open_texts.items()):
            if where["output_index"] == index:
                body = {"type": f"{kind}.done", **where, GROWTHS[kind].field: self.said(channel)}
                if kind == "response.output_text":
                    body["logprobs"] = self.probable.get(channel, [])
                out += self.event(body)
        for key in sorted(key for key in self._open_parts if key[0] == index):
            base = next(base for base, inside in PARTS.items() if inside == key[1])
            where = {"item_id": self.items[index].get("id"), "output_index": index}
            inner = {"summary_index" if key[1] == "summary" else "content_index": key[2]}
            out += self.event({"type": f"{base}.done", **where, **inner, "part": self._filled(key)})
        if item is None:
            item = self._so_far(index, status)
        return out + self.event({"type": "response.output_item.done", "output_index": index, "item": item})

    def _so_far(self, index: int, status: str) -> Json:
        """An item that is open, with all that has left of its texts."""
        item = dict(self.items[index])
        for inside in PARTS.values():
            if keys := sorted(key for key in self._parts if key[:2] == (index, inside)):
                item[inside] = [self._filled(key) for key in keys]
        for grown in of_item(index, item):
            grown.holder[grown.key] = self.said(grown.channel)
        if "status" in item:
            item["status"] = status
        return item

    def _filled(self, key: tuple[int, str, int]) -> Json:
        """A part with all that has left of its text."""
        part = dict(self._parts[key])
        for grown in of_part(key[0], key[2], part):
            if _inside(grown.kind) == key[1]:
                part[grown.key] = self.said(grown.channel)
                if grown.kind == "response.output_text":
                    part["logprobs"] = self.probable.get(grown.channel, [])
        return part

    def say(self, text: str) -> bytes:
        """A message of our own, whole. Where JSON was asked for it is a refusal: nobody reads that as JSON."""
        index = max(self.items, default=-1) + 1
        kind = "response.refusal" if self.text == "json" else "response.output_text"
        where = (
            kind,
            {"item_id": f"msg_{self.label.get('exchange', 'guiju')}", "output_index": index, "content_index": 0},
        )
        self.left[channel_of(kind, index, 0)] = [text]
        self._ours = {"guiju": self.label}
        out = self.opened(where) + self.delta(where, text, []) + self.shut(index, status="completed")
        self._ours = {}
        return out

    def stop(self, *, finish: str, replacement: str, usage: Usage | None) -> bytes:
        """Close everything, say the replacement, end the response."""
        out = b"" if self.head else self._start()
        for index in sorted(self.open):
            out += self.shut(index)
        if replacement:
            out += self.say(replacement)
        ended = responses_shape.ending(finish)
        response = self.head | ended | {"usage": responses_shape.counted(usage) if usage else None}
        return out + self.final(f"response.{ended['status']}", response)

    def final(self, kind: str, response: Json) -> bytes:
        """The event that ends a response: its output is what was told of."""
        response["output"] = [
            self._so_far(index, "incomplete") if index in self.open else self.items[index]
            for index in sorted(self.items)
        ]
        return self.event({"type": kind, "response": response})


def _inside(kind: str) -> str:
    """The item's list in which the part of such a text stands."""
    return "summary" if GROWTHS[kind].counter == "summary_index" else "content"
