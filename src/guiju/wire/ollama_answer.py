"""What an OpenAI upstream answers, as Ollama says it: whole answers, and streams of one JSON object a line.

Pure. Only what is made here leaves: content, thinking, tool calls, counts of tokens, and by the rule of unknown.py fields
that nobody has a word for. Of all else the place is told as withheld. A stream's text comes as it goes; tool calls come
whole and together once the model has ended, for their arguments are an object here, and half of one is none. Ollama tells
how long things took; this room reads no clock, so durations are those that the upstream tells (llama.cpp's `timings`), else 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from guiju.errors import GuijuError, Said, UpstreamRefused
from guiju.types import Form, Path, Segment
from guiju.wire import faults, sse, unknown
from guiju.wire.dialect import Ask, Json, Text, Usage, count
from guiju.wire.openai_chat import ANSWER, answer_leaves, usage_of
from guiju.wire.openai_stream import CHUNK
from guiju.wire.strings import (
    EPOCH,
    LARGE,
    UNREADABLE,
    Leaf,
    decode,
    decode_answer,
    encode,
    form_of,
    is_identifier,
    leaves,
    object_in,
    objects_in,
    put,
    text_in,
)

_FINISH = {"length": "length", "content_filter": "content_filter"}
"""OpenAI's finish reason -> `done_reason`; all others are `stop`, tool calls too."""
_THOUGHT, _SAID = ("reasoning_content", "reasoning"), ("content", "refusal")
_READ = frozenset((*_THOUGHT, *_SAID, "tool_calls"))
"""Fields of a message or a delta that are read here; of two for one thing the first that says something."""
_KNOWN = CHUNK.listed | {"choices", "usage", "timings", "choices.*.index", "choices.*.delta"}
_KNOWN |= {f"choices.*.delta.{name}" for name in _READ}
"""Places of a chunk that are read, or tell a reader nothing."""
CONTENT, THINKING = "0.content", "0.thinking"


class Shape(NamedTuple):
    """Where a door's objects hold the answer."""

    home: Path
    """The way to the object that holds it; () where it stands in the outermost."""
    text: str
    calls: bool
    """Whether it has a place for tool calls."""


CHAT = Shape(("message",), "content", calls=True)
GENERATE = Shape((), "response", calls=False)


class Call:
    """A tool call, put together."""

    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""
        """The arguments are JSON source."""

    def add(self, given: Json) -> bool:
        """A piece of it, or all; False where it renames a call whose arguments have begun."""
        function = object_in(given.get("function"))
        name, arguments, told = function.get("name"), function.get("arguments"), given.get("id")
        if isinstance(told, str) and is_identifier(told):
            self.id = self.id or told
        renamed = isinstance(name, str) and bool(name) and bool(self.arguments)
        if isinstance(name, str) and not renamed:
            self.name += name
        self.arguments += encode(arguments).decode() if isinstance(arguments, dict) else text_in(arguments)
        return not renamed

    def written(self, index: int, name: str, arguments: str) -> Json:
        """As Ollama writes it, with the name and the arguments that may leave."""
        function = {"index": index, "name": name, "arguments": _object_of(arguments)}
        return {"id": self.id or f"call_{index}", "function": function}


class Head:
    """What an upstream says of an answer as a whole."""

    def __init__(self, ask: Ask, shape: Shape) -> None:
        self._model, self._shape = ask.model, shape
        self.created = 0
        """Epoch seconds."""
        self.usage: Usage | None = None
        self._took = (0, 0)
        """Nanoseconds for the prompt and for the answer."""

    def learn(self, body: Json) -> None:
        """Read one object of the upstream's."""
        created, timings = count(body.get("created")), body.get("timings")
        if 0 < created <= EPOCH:
            self.created = created
        if (usage := usage_of(body.get("usage"))) is not None:
            self.usage = Usage(*(tokens if tokens <= EPOCH else 0 for tokens in usage))
        if isinstance(timings, dict):
            self._took = (_nanoseconds(timings.get("prompt_ms")), _nanoseconds(timings.get("predicted_ms")))

    def written(
        self, text: str = "", thinking: str = "", calls: list[Json] | None = None, *, done: str = "", **more: Any
    ) -> Json:
        """One object; `done` is its reason where it is the last."""
        said: Json = {self._shape.text: text}
        if thinking:
            said["thinking"] = thinking
        if calls:
            said["tool_calls"] = calls
        at = datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body: Json = {"model": self._model, "created_at": at}
        body |= {"message": {"role": "assistant", **said}} if self._shape.home else said
        return {**body, "done": bool(done), **(self._counted(done) if done else {}), **more}

    def _counted(self, reason: str) -> Json:
        (read, wrote), (before, after) = self.usage or (0, 0), self._took
        return {
            "done_reason": reason,
            "total_duration": before + after,
            "load_duration": 0,
            "prompt_eval_count": read,
            "prompt_eval_duration": before,
            "eval_count": wrote,
            "eval_duration": after,
        }


class OllamaAnswer:
    """See `Answer`."""

    def __init__(self, body: Json, ask: Ask, shape: Shape) -> None:
        choices = body.get("choices")
        choice = object_in(choices[0] if isinstance(choices, list) and choices else None)
        message = choice.get("message")
        if not isinstance(message, dict):
            said = Said("its answer has no choices", "其回答没有 choices")
            raise UpstreamRefused(upstream="", upstream_status=200, problem=said)
        more = unknown.answered({}, _untimed(body), choice, message)
        self.withheld = [s.pattern for s in answer_leaves(body, ANSWER) if not _leaves(s.path)]
        head = Head(ask, shape)
        head.learn(body)
        self._calls: list[Call] = []
        for given in objects_in(message.get("tool_calls")):
            call = Call()
            call.add(given)
            self._calls += [call] if shape.calls and call.name else []
            self.withheld += [] if shape.calls and call.name else ["tool_calls"]
        self.usage = head.usage
        self.finish = _FINISH.get(text_in(choice.get("finish_reason")), "stop")
        text, thinking = _first(message, _SAID), _first(message, _THOUGHT)
        made = head.written(text, thinking, done=self.finish)
        more = {name: value for name, value in more.items() if name not in made}
        self._body = more | made
        place = (*shape.home, shape.text)
        form: Form = "json" if ask.json_mode else "text"
        self.content_paths: list[Path] = [place] if text else []
        texts: list[tuple[Path, str, Form]] = [((*shape.home, "thinking"), thinking, "text"), (place, text, form)]
        for number, call in enumerate(self._calls):
            texts += [
                (_called(number, "name"), call.name, "name"),
                (_called(number, "arguments"), call.arguments, "json"),
            ]
        texts += [(leaf.path, leaf.text, form_of(leaf.kind)) for leaf in leaves(more, unknown.TEXT)]
        self.segments = [Segment(path=p, text=t, role="assistant", form=how) for p, t, how in texts if t]

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        for path, text in replaced.items():
            if not self._calls or path[:2] != ("message", "tool_calls"):
                put(self._body, path, text)
        if self._calls:
            self._body["message"]["tool_calls"] = [
                call.written(
                    number,
                    replaced.get(_called(number, "name"), call.name),
                    replaced.get(_called(number, "arguments"), call.arguments),
                )
                for number, call in enumerate(self._calls)
            ]
        return encode({**self._body, "guiju": label})


def _leaves(path: Path) -> bool:
    """Whether a string of a whole answer is read here, or is of a field that nobody knows."""
    read = path[:3] == ("choices", 0, "message") and path[3] in _READ
    return read or (unknown.travels(path) and path[0] != "timings")


def _untimed(body: Json) -> Json:
    """Without what durations are taken from."""
    return {name: value for name, value in body.items() if name != "timings"}


def _called(number: int, what: str) -> Path:
    """Where a whole answer has the name or the arguments of a call."""
    return ("message", "tool_calls", number, "function", what)


class Piece:
    """See `Event`: what one chunk says, or the end of it all."""

    __slots__ = ("_calls", "_more", "_places", "_stream", "ends", "final", "texts")

    def __init__(self, stream: OllamaStream, text: str = "", thinking: str = "", *, final: bool = False) -> None:
        self._stream, self.final = stream, final
        self.texts = [Text(THINKING, thinking, "text")] if thinking else []
        if text:
            self.texts.append(Text(CONTENT, text, stream.form, says=True))
        self.ends: tuple[str, ...] = ("",) if final else ()
        self._calls: dict[int, Call] = {}
        self._more: Json = {}
        self._places: list[tuple[str, Leaf]] = []

    def tell(self, more: Json) -> None:
        """Fields that nobody knows: they are whole."""
        self._more = more
        for leaf in leaves(more, unknown.TEXT):
            channel = "x." + ".".join(map(str, leaf.path))
            if leaf.pattern.endswith("#key"):  # stays where it is
                channel += "#key"
            elif any(channel == other for other, _ in self._places):  # two places of one name: it leaves once
                put(more, leaf.path, "")
            else:
                self._places.append((channel, leaf))
            self.texts.append(Text(channel, leaf.text, form_of(leaf.kind), "alone"))

    def end(self, calls: dict[int, Call]) -> None:
        """The model has said all: nothing more comes of its text, and its calls are whole."""
        self.ends, self._calls = ("0.",), calls
        for index, call in calls.items():
            self.texts.append(Text(f"0.tool_calls.{index}.name", call.name, "name", "alone"))
            self.texts.append(Text(f"0.tool_calls.{index}.arguments", call.arguments, "json", "alone"))

    def write(self, released: dict[str, str]) -> bytes:
        """See `Event.write`."""
        for channel, leaf in self._places:
            out = released.get(channel, "")
            if leaf.kind != "number" or out != leaf.text:
                put(self._more, leaf.path, out)
        if self.final:
            return self._stream.end(self._more)
        calls = [
            call.written(index, name, released.get(f"0.tool_calls.{index}.arguments", ""))
            for index, call in self._calls.items()
            if (name := released.get(f"0.tool_calls.{index}.name"))
        ]
        text, thinking = released.get(CONTENT, ""), released.get(THINKING, "")
        return self._stream.line(text, thinking, calls) if text or thinking or calls else b""


class OllamaStream:
    """See `AnswerStream`."""

    def __init__(self, ask: Ask, shape: Shape, *, label: Json, created: int = 0) -> None:
        self._shape, self._label = shape, label
        self._head = Head(ask, shape)
        self._head.created = created
        self._sse = sse.SseSplitter()
        self.form: Form = "json" if ask.json_mode else "text"
        self._begun = False
        """The first line has been written."""
        self._calls: dict[int, Call] = {}
        self._unknown = unknown.Unknown()
        self.finish = ""
        self.withheld: list[str] = []
        self.done = False
        self.failed = ""

    @property
    def usage(self) -> Usage | None:
        """See `AnswerStream.usage`."""
        return self._head.usage

    def feed(self, data: bytes) -> Iterator[Piece]:
        """See `AnswerStream.feed`."""
        for event in self._sse.feed(data):
            yield from self._read(event)

    def close(self) -> Iterator[Piece]:
        """See `AnswerStream.close`."""
        for event in self._sse.close():
            yield from self._read(event)

    def _read(self, event: sse.Sse) -> Iterator[Piece]:
        if self.done or self.failed:
            return
        if event.data == b"[DONE]":
            if not self.finish:  # all was said, only the reason wasn't
                yield self._end(Piece(self), "stop")
            self.done = True
            last = Piece(self, final=True)
            last.tell(self._unknown.answered({}))
            self.withheld += self._unknown.withheld
            yield last
            return
        try:
            body = decode_answer(event.data)
        except UNREADABLE:
            body = None
        if not isinstance(body, dict):
            self._withhold("event")
        elif event.event == "error" or body.get("error"):
            self.failed = faults.kind_of(body)
        else:
            self._head.learn(body)
            self._unknown.learn(_untimed(body))
            self._unread(body, "", unknown.ANSWER)
            for choice in objects_in(body.get("choices")):
                yield from self._choice(choice)

    def _choice(self, choice: Json) -> Iterator[Piece]:
        if choice.get("index", 0) != 0 or self.finish:
            self._unread(choice, "choices.*.", choice)
            if choice.get("delta"):
                self._withhold("choices.*.delta")
            return
        delta = object_in(choice.get("delta"))
        self._unknown.hear(choice, delta)
        self._unread(choice, "choices.*.", unknown.CHOICE)
        self._unread(delta, "choices.*.delta.", unknown.MESSAGE)
        for position, call in enumerate(objects_in(delta.get("tool_calls"))):
            index = call["index"] if type(call.get("index")) is int else position
            if not self._shape.calls or not self._calls.setdefault(index, Call()).add(call):
                self._withhold("tool_calls")
        piece = Piece(self, _first(delta, _SAID), _first(delta, _THOUGHT))
        if finish := text_in(choice.get("finish_reason")):
            yield self._end(piece, _FINISH.get(finish, "stop"))
        elif piece.texts:
            yield piece

    def _end(self, piece: Piece, finish: str) -> Piece:
        self.finish = finish
        called = [call for _, call in sorted(self._calls.items())]
        if not all(call.name for call in called):
            self._withhold("tool_calls")
        piece.end(dict(enumerate(call for call in called if call.name)))
        return piece

    def _unread(self, given: Json, place: str, words: Collection[str]) -> None:
        """Of these words those that say something and have no place here."""
        for name, value in given.items():
            if value and type(value) in (str, list, dict) and name in words and place + name not in _KNOWN:
                self._withhold(place + name)

    def _withhold(self, place: str) -> None:
        if place not in self.withheld:
            self.withheld.append(place)

    # --- writing --------------------------------------------------------------------------------

    def line(
        self,
        text: str = "",
        thinking: str = "",
        calls: list[Json] | None = None,
        *,
        done: str = "",
        label: bool = False,
        more: Json | None = None,
    ) -> bytes:
        """One object; the label goes into the first, into the last, and beside words of our own."""
        ours = {"guiju": self._label} if label or done or not self._begun else {}
        self._begun = True
        return encode({**(more or {}), **self._head.written(text, thinking, calls, done=done, **ours)}) + b"\n"

    def end(self, more: Json | None = None) -> bytes:
        """The last object, and fields that nobody knows."""
        return self.line(done=self.finish, more=more)

    def more(self, channel: str, text: str) -> bytes:
        """See `AnswerStream.more`."""
        return self.line(thinking=text) if channel == THINKING else self.line(text)

    def stop(self, *, finish: str, replacement: str, details: Json) -> bytes:
        """See `AnswerStream.stop`."""
        self._label, self.done, self.finish = details, True, finish
        return (self.line(replacement, label=True) if replacement else b"") + self.end()

    def fault(self, error: GuijuError, *, exchange: str, language: str) -> bytes:
        """See `AnswerStream.fault`. Ollama's clients raise on a line with `error`; after it the stream is over."""
        self.done = True
        return faults.ollama(error, exchange=exchange, language=language) + b"\n"


# --- reading ------------------------------------------------------------------------------------


def _first(message: Json, names: tuple[str, ...]) -> str:
    """The first of these fields that says something: a string, or the text of a list of parts."""
    for name in names:
        value = message.get(name)
        said = value if isinstance(value, str) else "".join(text_in(part.get("text")) for part in objects_in(value))
        if said:
            return said
    return ""


def _object_of(arguments: str) -> Json:
    """A call's arguments as an object; those that are none stand in one."""
    try:
        value = decode(arguments.encode() or b"{}")
    except UNREADABLE:
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}


def _nanoseconds(milliseconds: Any) -> int:
    """Whole milliseconds in nanoseconds; 0 for what is none. More digits could be a number that tells something."""
    if type(milliseconds) not in (int, Decimal) or not 0 < milliseconds <= LARGE:
        return 0
    return int(milliseconds) * 1_000_000
