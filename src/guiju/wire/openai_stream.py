"""OpenAI's streamed chat answer: chunks in, events with their strings taken out, and what may leave of them.

Pure. Theory of operation. Nearly every chunk is one choice with a piece of content: `_plain` knows that shape and
touches nothing else. And nearly every one of these differs from the one before in its content alone: what stands around
the content is kept (openai_frame.py), and only the string between is read. All other chunks are walked: every string is a
channel, an unknown place too. A tool's name comes out whole (it is held here until its arguments begin), since half a
name can't be judged. Log probabilities leave with their characters (probabilities.py). Identifiers, which nearly every
chunk repeats, are judged where they are new; what left of one stands for it from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from guiju.errors import GuijuError
from guiju.types import Form, Path
from guiju.wire import faults, sse
from guiju.wire.dialect import Ask, Json, Reading, Text, Usage, count
from guiju.wire.openai_frame import Frames, Piece
from guiju.wire.probabilities import Probabilities, withhold_numbered
from guiju.wire.strings import EPOCH, UNREADABLE, Places, build, decode_answer, encode, form_of, leaves, put

_HEAD = frozenset(("id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage"))
_KNOWN = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
"""What nearly every chunk repeats."""
_CHOICE = frozenset(("index", "delta", "logprobs", "finish_reason"))
_DELTA = frozenset(("role", "content"))

CHUNK = Places(
    listed=frozenset(
        "id object model system_fingerprint service_tier provider choices.*.finish_reason choices.*.native_finish_reason "
        "choices.*.stop_reason choices.*.delta.role choices.*.delta.tool_calls.*.id choices.*.delta.tool_calls.*.type "
        "choices.*.delta.audio.id x_groq.id choices.*.delta.annotations.*.type created "
        "choices.*.delta.audio.expires_at usage.prompt_tokens usage.completion_tokens usage.total_tokens".split()
    ),
    forms={
        "choices.*.delta.tool_calls.*.function.arguments": "json",
        "choices.*.delta.function_call.arguments": "json",
        "choices.*.delta.function_call.name": "name",
    },
    opaque=frozenset(("choices.*.delta.audio.data", "choices.*.delta.reasoning.encrypted_content")),
)

_GROWS = frozenset(
    "choices.*.delta.content choices.*.delta.refusal choices.*.delta.reasoning_content choices.*.delta.reasoning "
    "choices.*.delta.tool_calls.*.function.arguments choices.*.delta.function_call.arguments "
    "choices.*.delta.audio.transcript".split()
)
"""Text that is known to go on from chunk to chunk."""


class Chunk:
    """One chunk; see `Event`."""

    __slots__ = ("_stream", "body", "ends", "final", "identifiers", "known", "numbers", "places", "plain", "texts")

    def __init__(self, stream: ChatStream, body: Json) -> None:
        self._stream, self.body = stream, body
        self.texts: list[Text] = []
        self.places: dict[str, Path] = {}
        self.numbers: dict[str, str] = {}
        """Channels whose place holds a number, and how it reads: it stays one where nothing is hidden of it."""
        self.identifiers: list[tuple[str, Path, str]] = []
        """Channel, place and text of each."""
        self.known: tuple[Any, ...] = ()
        """What nearly every chunk repeats, as it came."""
        self.plain = False
        """One choice's content and nothing else."""
        self.ends: tuple[str, ...] = ()
        self.final = False

    def add(self, channel: str, text: str, form: Form, path: Path, reading: Reading, *, says: bool = False) -> None:
        """A string of this chunk."""
        self.texts.append(Text(channel, text, form, reading, says))
        if channel in self.places:  # the same place twice in one chunk: it leaves once
            put(self.body, path, "")
        else:
            self.places[channel] = path

    def write(self, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        return self._stream.write(self, released)


class ChatStream:
    """See `AnswerStream`. openai_completions.py speaks through it: `hears` and `shows` are the difference."""

    frames = True
    """What the client reads are the upstream's chunks: what stands around their content may be kept."""

    def __init__(self, ask: Ask, *, label: Json, allow_opaque: bool) -> None:
        self._ask = ask
        self._label = label
        self._allow_opaque = allow_opaque
        self._sse = sse.SseSplitter()
        self._content: Form = "json" if ask.json_mode else "text"
        self.usage: Usage | None = None
        self.finish = ""
        self.withheld: list[str] = []
        self.done = False
        self.failed = ""
        self.head: Json = {}
        """Of the first chunk, as it left: what a chunk of our own begins with."""
        self._known: tuple[Any, ...] = ()
        """Of the latest chunk that left with all of it as it came."""
        self._identifiers: dict[str, tuple[str, str]] = {}
        """Channel -> the identifier that stood there last, and what left of it."""
        self._labelled = False
        self._frames = Frames()
        self._finished: dict[int, None] = {}  # these four are sets; an empty dict takes a quarter of one's memory
        self._seen: dict[int, None] = {}
        self._tools: dict[tuple[int, int], Json] = {}
        """Tool calls whose name isn't complete: what was said of them so far."""
        self._named: dict[tuple[int, int], None] = {}
        """Tool calls whose name has left."""
        self._keys: dict[str, None] = {}
        """Unknown keys that have been judged: each once."""
        self._probabilities: dict[int, Probabilities] = {}
        self._homes: dict[str, tuple[int | None, Path]] = {}
        """Where a channel's text stands: the choice's index, None outside choices, and the way from there."""
        self._counted = False
        """The client has had its chunk of usage."""

    def feed(self, data: bytes) -> Iterable[Chunk | Piece]:
        """See `AnswerStream.feed`."""
        events = self._sse.feed(data)
        if len(events) == 1 and self._labelled and not (events[0].event or self.done or self.failed):
            piece = self._frames.find(events[0].data)
            if piece is not None:
                return (piece,)
        return self._chunks(events)

    def close(self) -> Iterator[Chunk]:
        """See `AnswerStream.close`."""
        yield from self._chunks(self._sse.close())
        if not self.done and not self.failed:
            yield from self._open_calls()

    def _chunks(self, events: Iterable[sse.Sse]) -> Iterator[Chunk]:
        """Each is written before the next is read."""
        for event in events:
            yield from self._read(event)

    def hears(self, body: Json) -> Json:
        """An event of the upstream's as a chunk of chat."""
        return body

    def shows(self, body: Json) -> Json:
        """A chunk of chat as the client reads it."""
        return body

    # --- reading --------------------------------------------------------------------------------

    def _read(self, event: sse.Sse) -> Iterator[Chunk]:
        if self.done or self.failed:
            return
        if event.data == b"[DONE]":
            yield from self._open_calls()
            self.done = True
            last = Chunk(self, {})
            last.final = True
            last.ends = ("",)
            yield last
            return
        try:
            body = decode_answer(event.data)
            if not isinstance(body, dict):
                self.withheld.append("event")
                return
            if event.event == "error" or body.get("error"):
                self.failed = faults.kind_of(body)
                return
            body.pop("obfuscation", None)  # padding, of no use once text is held back
            if (chunk := self._plain(body := self.hears(body))) is not None:
                if self.frames and not event.event:
                    self._frames.learn(event.data, chunk.body, chunk.texts[0])
                yield chunk
            else:
                self._frames.forget()
                if (chunk := self._any(body)) is not None:
                    yield chunk
        except UNREADABLE:
            self.withheld.append("event")

    def _open_calls(self) -> Iterator[Chunk]:
        """Tool calls whose name still waits when the answer ends without a finish reason."""
        for index in sorted({index for index, _ in self._tools}):
            choice: Json = {"index": index, "delta": {}, "logprobs": None, "finish_reason": None}
            chunk = Chunk(self, self._chunk([choice]))
            self._tool_calls(index, choice["delta"], chunk, finished=True, at=0)
            self._others(chunk.body, chunk)
            yield chunk

    def _plain(self, body: Json) -> Chunk | None:
        """A chunk with one choice and content alone, and the rest as in the chunk before."""
        choices = body.get("choices")
        if (
            not isinstance(choices, list)
            or len(choices) != 1
            or not body.keys() <= _HEAD
            or body.get("usage") is not None
        ):
            return None
        choice = choices[0]
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if (
            not isinstance(delta, dict)
            or not choice.keys() <= _CHOICE
            or not delta.keys() <= _DELTA
            or choice.get("finish_reason") is not None
            or choice.get("logprobs") is not None
        ):
            return None
        index, content = choice.get("index", 0), delta.get("content")
        if not isinstance(content, str) or type(index) is not int or index in self._finished:
            return None
        if tuple([body.get(name) for name in _KNOWN]) != self._known or index in self._probabilities:
            return None
        if delta.get("role", "assistant") != "assistant":
            return None
        self._seen[index] = None
        channel = f"{index}.content"
        chunk = Chunk(self, body)
        chunk.plain = True
        chunk.texts.append(Text(channel, content, self._content, "on", True))
        return chunk

    def _any(self, body: Json) -> Chunk | None:
        """Any other chunk: every string of it is a channel."""
        body.pop("guiju", None)  # ours alone
        given = body.get("choices")
        choices = body["choices"] = [c for c in given if isinstance(c, dict)] if isinstance(given, list) else []
        if given is not None and choices != given:
            self.withheld.append("choices")
        if isinstance(usage := body.get("usage"), dict):
            self.usage = Usage(count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")))
            if not choices and not self._ask.include_usage:
                return None  # we asked for it, not the client
        if not self._ask.include_usage:
            body.pop("usage", None)
        if not self._allow_opaque:
            withhold_numbered(body, "delta", self.withheld)
        chunk = Chunk(self, body)
        chunk.known = tuple([body.get(name) for name in _KNOWN])
        for number, choice in enumerate(choices):
            self._choice(number, choice, chunk)
        self._others(body, chunk)
        return chunk

    def _choice(self, number: int, choice: Json, chunk: Chunk) -> None:
        index = choice.get("index", 0)
        if type(index) is not int:
            index = choice["index"] = number
        self._seen[index] = None
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice["delta"] = {}
        if index in self._finished:
            if delta:
                self.withheld.append(f"choices.{index}.delta")
            choice["delta"], choice["logprobs"] = {}, None
            return
        self._hold_probabilities(index, choice, delta)
        finish = choice.get("finish_reason")
        self._tool_calls(index, delta, chunk, finished=finish is not None, at=number)
        if finish is not None:
            self._finished[index] = None
            chunk.ends += (f"{index}.", f"x.choices.{index}.")
            if index == 0:
                self.finish = str(finish)

    def _tool_calls(self, index: int, delta: Json, chunk: Chunk, *, finished: bool, at: int) -> None:
        """Names wait until they are complete: arguments begin, another call begins, or the choice ends."""
        given = delta.pop("tool_calls", None) or []
        calls = [c for c in given if isinstance(c, dict)] if isinstance(given, list) else []
        if calls != given:
            self.withheld.append(f"choices.{index}.delta.tool_calls")
        waiting = {key: call for key, call in self._tools.items() if key[0] == index}
        out: list[Json] = []
        for position, call in enumerate(calls):
            which = call["index"] if type(call.get("index")) is int else position
            function: Json = call["function"] if isinstance(call.get("function"), dict) else {}
            key = (index, which)
            name = function.pop("name", None)
            if isinstance(name, str) and name and key in self._named:  # the client would put it behind the one it has
                self.withheld.append(f"choices.{index}.delta.tool_calls.{which}.name")
            elif isinstance(name, str) and name:
                opened = waiting.setdefault(key, {"index": which, "function": {"name": ""}})
                opened["function"]["name"] += name
                opened.update({k: v for k, v in call.items() if k not in ("index", "function")})
                if not function.get("arguments"):
                    continue
            call["index"], call["function"] = which, function
            out.append(call)
        going_on = {c["index"] for c in out}
        latest = max((k[1] for k in waiting), default=-1)
        for key in sorted(waiting):
            if finished or key[1] in going_on or key[1] < latest:
                opened = waiting.pop(key)
                self._named[key] = None
                self._tools.pop(key, None)
                later = next((c for c in out if c["index"] == key[1]), None)
                if later is None:
                    out.insert(0, opened)
                else:
                    opened["function"].update(later["function"])
                    later.update(opened)
        self._tools.update(waiting)
        out.sort(key=lambda c: c["index"])
        if out:
            delta["tool_calls"] = out
        for number, call in enumerate(out):
            if name := call["function"].get("name"):
                place = ("choices", at, "delta", "tool_calls", number, "function", "name")
                chunk.add(f"{index}.tool_calls.{call['index']}.name", name, "name", place, "alone")

    def _others(self, body: Json, chunk: Chunk) -> None:
        """Every string that isn't listed, tool names apart."""
        taken = set(chunk.places.values())
        for leaf in leaves(body, CHUNK):
            if leaf.path in taken:
                continue
            if leaf.kind == "opaque":
                if not self._allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(body, leaf.path, None)
                continue
            if leaf.pattern.endswith("#key"):  # stays where it is, so it is decided now
                if leaf.text not in self._keys:
                    self._keys[leaf.text] = None
                    chunk.texts.append(Text(f"x.{leaf.text}#key", leaf.text, "name", "alone"))
                continue
            channel = self._channel(body, leaf.path)
            if leaf.kind == "listed":
                self._identifier(channel, leaf.path, leaf.text, chunk)
                continue
            whole = leaf.kind in ("number", "name") or leaf.pattern in CHUNK.listed or leaf.path[0] == "usage"
            if leaf.kind == "number":
                chunk.numbers[channel] = leaf.text
            form = self._content if channel.endswith(".content") and leaf.pattern in _GROWS else form_of(leaf.kind)
            reading: Reading = "alone" if whole else "on" if leaf.pattern in _GROWS else "both"
            says = leaf.path[0] == "choices" and leaf.path[2:] == ("delta", "content")
            chunk.add(channel, leaf.text, form, leaf.path, reading, says=says)

    def _identifier(self, channel: str, path: Path, text: str, chunk: Chunk) -> None:
        if any(channel == other for other, _, _ in chunk.identifiers):
            return put(chunk.body, path, "")  # the same place twice in one chunk
        chunk.identifiers.append((channel, path, text))
        if self._identifiers.get(channel, ("",))[0] != text:
            self._identifiers[channel] = (text, "")
            chunk.texts.append(Text(channel, text, "text", "id"))

    def _channel(self, body: Json, path: Path) -> str:
        if path[0] != "choices":
            channel = "x." + ".".join(map(str, path))
            self._homes[channel] = (None, path)
            return channel
        choice = body["choices"][path[1]]
        index, way = choice.get("index", 0), path[2:]
        if way[:2] == ("delta", "tool_calls"):
            way = (*way[:2], choice["delta"]["tool_calls"][way[2]]["index"], *way[3:])
        if way == ("delta", "content"):
            channel = f"{index}.content"
        elif way[:2] == ("delta", "tool_calls") and way[3:] == ("function", "arguments"):
            channel = f"{index}.tool_calls.{way[2]}.arguments"
        elif way[0] == "delta":
            channel = f"{index}." + ".".join(map(str, way[1:]))
        else:
            channel = f"x.choices.{index}." + ".".join(map(str, way))
        self._homes[channel] = (index, way)
        return channel

    def _hold_probabilities(self, index: int, choice: Json, delta: Json) -> None:
        found, content = choice.get("logprobs"), delta.get("content")
        if found is None and index not in self._probabilities:
            return
        choice["logprobs"] = None
        store = self._probabilities.setdefault(index, Probabilities())
        if not store.take(content if isinstance(content, str) else "", found):
            self.withheld.append("choices.*.logprobs")

    # --- writing --------------------------------------------------------------------------------

    def write(self, chunk: Chunk, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        if chunk.final:
            return b"data: [DONE]\n\n"
        body, left = chunk.body, False
        if chunk.plain:
            delta, out = body["choices"][0]["delta"], released.get(chunk.texts[0].channel, "")
            delta["content"] = out
            return self._event(body, label=False) if out or "role" in delta else b""
        for channel, path in chunk.places.items():
            out = released.get(channel, "")
            if out != chunk.numbers.get(channel):
                put(body, path, out)
            left = left or bool(out)
        for channel, path, given in chunk.identifiers:
            if channel in released:
                self._identifiers[channel] = (given, released[channel])
            put(body, path, self._identifiers[channel][1])
        self._learn(chunk)
        ending = body.get("usage") is not None
        self._counted = self._counted or (ending and not body["choices"])
        for choice in body["choices"]:
            left = self._release_probabilities(choice, released) or left
            left = left or "role" in choice["delta"] or "tool_calls" in choice["delta"]
            if (finish := choice.get("finish_reason")) is not None:
                ending = True
                if choice.get("index", 0) == 0:
                    self.finish = str(finish)  # as it left
        return self._event(body, label=ending) if left or ending else b""

    def _learn(self, chunk: Chunk) -> None:
        """What a chunk said of itself has been judged by now."""
        body, known = chunk.body, tuple([chunk.body.get(name) for name in _KNOWN])
        if known == chunk.known and all(
            k is None or isinstance(k, str) or (type(k) is int and k <= EPOCH) for k in known
        ):
            self._known = known
        if not self.head and not any(isinstance(value, (dict, list)) for value in known[:4]):
            self.head = {name: body[name] for name in _KNOWN[:4] if name in body}

    def _release_probabilities(self, choice: Json, released: dict[str, str]) -> bool:
        index = choice.get("index", 0)
        store = self._probabilities.get(index)
        if store is None:
            return False
        entries = store.release(released.get(f"{index}.content", ""))
        choice["logprobs"] = {"content": entries} if entries else None
        return bool(entries)

    def _event(self, body: Json, *, label: bool) -> bytes:
        data = encode(self.shows(body))
        if label or not self._labelled:
            self._labelled = True
            data = data[:-1] + b',"guiju":' + encode(self._label) + b"}"
        return b"data: " + data + b"\n\n"

    def _chunk(self, choices: list[Json], **more: Any) -> Json:
        head = self.head or {
            "id": "chatcmpl-guiju",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self._ask.model,
        }
        return {**head, "choices": choices, **more}

    def more(self, channel: str, text: str) -> bytes:
        """See `AnswerStream.more`."""
        head, _, rest = channel.partition(".")
        index, way = self._homes.get(channel) or (int(head), ("delta", *rest.split(".")))
        if index is None:
            body = self._chunk([])
            build(body, way, text)
            return self._event(body, label=False)
        choice: Json = {"index": index, "delta": {}, "logprobs": None, "finish_reason": None}
        if way[:2] == ("delta", "tool_calls") and len(way) > 3:
            call: Json = {"index": way[2]}
            build(call, way[3:], text)
            choice["delta"]["tool_calls"] = [call]
        elif way[0] == "delta":
            build(choice["delta"], way[1:], text)
        else:
            build(choice, way, text)
        self._release_probabilities(choice, {channel: text})
        return self._event(self._chunk([choice]), label=False)

    def stop(self, *, finish: str, replacement: str, details: Json) -> bytes:
        """See `AnswerStream.stop`."""
        self._label = details
        out = b""
        open_choices = sorted({*self._seen, *range(self._ask.choices)} - self._finished.keys())
        for index in open_choices:
            self._finished[index] = None
            if replacement:
                delta = {"role": "assistant", "refusal" if self._ask.json_mode else "content": replacement}
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
                out += self._event(self._chunk([choice]), label=True)
            choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}
            out += self._event(self._chunk([choice]), label=True)
        self.finish = finish
        if self._ask.include_usage and not self._counted:
            usage = self.usage or Usage(0, 0)
            counted = {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": sum(usage),
            }
            out += self._event(self._chunk([], usage=counted), label=True)
        self.done = True
        return out + b"data: [DONE]\n\n"

    def fault(self, error: GuijuError, *, exchange: str, language: str) -> bytes:
        """See `AnswerStream.fault`. The official SDK raises APIError on an event with `error`."""
        self.done = True
        body = faults.openai(error, exchange=exchange, language=language)
        return b"data: " + body + b"\n\ndata: [DONE]\n\n"
