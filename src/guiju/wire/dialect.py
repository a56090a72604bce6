"""The Protocol all dialects share, and the table path -> dialect.

Pure: bytes in, segments and events out. Reviewing them is review/, sending them is gateway/stream.py. A dialect
knows where text stands in its JSON, how an answer is written, how a stream ends, and what an error looks like;
it decides nothing about content.

The one rule of reading answers: **each JSON path that carries strings and isn't listed by the dialect as
non-text is a channel of its own.** An unknown field of an upstream is text until somebody lists it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from guiju.errors import GuijuError
from guiju.types import Claim, Form, Media, Path, Segment

Json = dict[str, Any]


class Ask(msgspec.Struct, kw_only=True):
    """A request, read."""

    body: Json
    """As sent, unknown fields and all; `Dialect.upstream_body` writes it on."""
    model: str
    stream: bool
    segments: list[Segment]
    """Every string that the model may read, unknown fields included; listed non-text fields left out."""
    media: list[Media]
    claim: Claim
    choices: int = 1
    json_mode: bool = False
    """Content of the answer is JSON: no notice goes into it, and it is reviewed with its escapes decoded."""
    include_usage: bool = False
    """The client asked for usage in its stream; where it did not, we ask the upstream and keep it to ourselves."""
    raw: bytes = b""
    """The body's bytes: read once more where something is masked. Never sent: what travels on is what was reviewed."""
    echoes: bool = False
    """The answer says parts of the request's body again."""

    def answered(self) -> Ask:
        """What of it a streamed answer needs: a stream lasts minutes, and thousands of them are open at once."""
        return msgspec.structs.replace(self, body=self.body if self.echoes else {}, raw=b"", segments=[], media=[])


Reading = Literal["on", "alone", "both", "id"]
"""How a client may read a string of an event: `on` from the strings of its channel before it (content), `alone` (a
number, a tool's name), or, of a place that the dialect doesn't know, `both`. An `id` is read alone too, but nobody says it:
it doesn't count as text that was served."""


class Text(msgspec.Struct, frozen=True, gc=False):
    """One string of an event, and the channel it grows."""

    channel: str
    """Stable name: `0.content`, `0.reasoning_content`, `0.tool_calls.1.arguments`, `1.refusal`, `x.some.path`."""
    text: str
    form: Form
    reading: Reading = "on"
    says: bool = False
    """It is what the answer says to its reader: the notice stands before or after it where the app wants one in the
    text. Settled by a channel's first piece. Its counterpart in a whole answer is `Answer.content_paths`."""


class Event(Protocol):
    """One event of a stream, with its strings taken out."""

    texts: list[Text]
    """In the order in which a reader sees them."""
    ends: tuple[str, ...]
    """Channels, or prefixes ending in a dot, that are complete with this event: what they still hold is decided, and
    leaves before this event's own ending (with this event's text, where it has some of that channel)."""
    final: bool
    """The dialect's last event (`[DONE]`, `message_stop`): the closing record is durable before it leaves."""

    def write(self, released: dict[str, str]) -> bytes:
        """The event's bytes, each channel's string replaced by what may leave now; b"" where nothing is left that is
        worth an event."""
        ...


class Usage(NamedTuple):
    """Tokens as the upstream counts them."""

    input_tokens: int
    output_tokens: int


def count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if type(value) is int and value > 0 else 0


class AnswerStream(Protocol):
    """Reads one streamed answer (after translation) and writes what may leave of it. One per exchange."""

    usage: Usage | None
    """Known once the upstream has said it."""
    finish: str
    """Finish reason of the first choice, "" until it is known."""
    withheld: list[str]
    """Places whose strings could not be followed and were not passed on; `event` for what was no JSON."""
    done: bool
    """The dialect's last event has been read."""
    failed: str
    """The upstream broke off with an error of its own: a word for it (faults.kind_of), else ""."""

    def feed(self, data: bytes) -> Iterable[Any]:
        """Upstream bytes -> events. What can't be parsed is withheld. Each event is read when it is asked for, so that
        after a stop the machine knows of nothing that came later."""
        ...

    def close(self) -> Iterator[Any]:
        """The upstream ended; what was left open."""
        ...

    def more(self, channel: str, text: str) -> bytes:
        """An event of our own that carries only this text on this channel (flushed hold-back, a notice)."""
        ...

    def stop(self, *, finish: str, replacement: str, details: Json) -> bytes:
        """Everything that makes the stream end properly after a stop: open tool calls or blocks closed, replacement
        text where the dialect has a place for it (never inside arguments), finish reason, usage, closing event.
        `details` is the `guiju` object from here on: it says why, and stands in the event of the replacement text too, so
        that our words can be told from the model's."""
        ...

    def fault(self, error: GuijuError, *, exchange: str, language: str) -> bytes:
        """A failure in mid-stream (upstream died, service suspended): the dialect's own error event, then its end."""
        ...


class Answer(Protocol):
    """A whole answer, read."""

    segments: list[Segment]
    """Identifiers too, which have no role: they don't count as text that was served."""
    usage: Usage | None
    finish: str
    withheld: list[str]
    content_paths: list[Path]
    """Where the text of each choice stands: a notice may be put before or after it."""

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """The answer's bytes: strings at these paths replaced, label added."""
        ...


class Dialect(Protocol):
    """A door: how one API speaks. Built-ins are listed in plugins.py; docs/how-to/add-a-dialect.md adds one."""

    name: str
    paths: tuple[str, ...]
    """Exact request paths: `/v1/chat/completions`."""
    upstreams: tuple[str, ...]
    """How it can ask an upstream, what it would rather first: its own way, then those that it translates to. The words are
    those of `snapshot.Upstream.offers`; `dialect` in the methods below is the one that was picked."""
    stream_type: str
    """The content type of its streams; `sse.TYPE` where they are server-sent events, "" where it never streams (then `read`
    asks for no stream; numbers.py has the methods that such a door doesn't need)."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """Bytes -> Ask. Raises: BadRequest naming the field."""
        ...

    def upstream_path(self, dialect: str) -> str:
        """Path below the upstream's base URL, for an upstream of that dialect. "" where none is asked: the door answers by
        itself, and `read_answer` reads what `upstream_body` wrote."""
        ...

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """The request for the upstream: masked strings replaced, model name set, translated where dialects differ.

        Args:
            dropped: a list where the upstream refuses fields that it doesn't know: what a translation would carry over of
                them stays out, and is named in it. None: it travels. The door's own words go as they are in any case.
        """
        ...

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> Answer:
        """A whole answer of the upstream -> Answer in this dialect. Raises: UpstreamError where it isn't one."""
        ...

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> AnswerStream:
        """A machine for a streamed answer of an upstream of that dialect; `label` goes into first and last event. It is
        read when the event is written: what was masked meanwhile stands in it."""
        ...

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes | None:
        """A normal answer (or whole stream, as asked) of this dialect that carries only `text`. None where its answers have
        no place for words: then a refusal is an error."""
        ...

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """Body of an error in this dialect's own shape, with our stable `code`; its status is the error's."""
        ...
