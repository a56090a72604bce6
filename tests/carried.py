"""A streamed answer carried through a dialect's machine, for tests: as the gateway does it, with a gate that only waits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from guiju.wire.dialect import Ask, Dialect

LABEL = {"exchange": "ex_1", "label": {"AIGC": {"Label": "1"}}}


def asked(dialect: Dialect, **more: Any) -> Ask:
    """A request for a stream."""
    body = {"model": "m", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    body |= {"prompt": "hi", "input": "hi", **more}
    return dialect.read(json.dumps(body).encode(), {})


def machine(dialect: Dialect, *, upstream: str = "openai", allow_opaque: bool = False, **more: Any) -> Any:
    """What reads the answer to such a request."""
    return dialect.read_stream(asked(dialect, **more), dialect=upstream, label=LABEL, allow_opaque=allow_opaque)


def pieces(raw: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Bytes cut at these places."""
    last = 0
    for cut in [*sorted({min(max(c, 0), len(raw)) for c in cuts}), len(raw)]:
        yield raw[last:cut]
        last = cut


def carry(stream: Any, raw: bytes, cuts: Iterable[int] = (), *, hold: int = 0) -> bytes:
    """What a client gets when every channel waits with its last `hold` characters until the machine says that it ends."""
    out, held, closed = b"", {}, set()
    for event in read(stream, raw, cuts):
        released: dict[str, str] = {}
        for channel, text, reading in [(t.channel, t.text, t.reading) for t in event.texts]:
            if reading in ("alone", "id"):
                released[channel] = released.get(channel, "") + text
                continue
            if channel in closed:
                released.setdefault(channel, "")
                continue
            whole = held.get(channel, "") + text
            cut = max(0, len(whole) - hold)
            released[channel], held[channel] = released.get(channel, "") + whole[:cut], whole[cut:]
        for channel in [
            c for c in held if any(c == e or (c.startswith(e) and e[-1:] in ("", ".")) for e in event.ends)
        ]:
            closed.add(channel)
            tail = held.pop(channel)
            if channel in released:
                released[channel] += tail
            elif tail:
                out += stream.more(channel, tail)
        out += event.write(released)
    return out


def read(stream: Any, raw: bytes, cuts: Iterable[int] = ()) -> Iterator[Any]:
    """The events of an answer, one after the other."""
    for piece in pieces(raw, cuts):
        yield from stream.feed(piece)
    yield from stream.close()


def texts(stream: Any, raw: bytes, cuts: Iterable[int] = ()) -> dict[str, str]:
    """Every channel's text but identifiers, joined; of each channel its form is part of the name: `0.content:text`."""
    joined: dict[str, str] = {}
    for event in read(stream, raw, cuts):
        for channel, text, form, reading in [(t.channel, t.text, t.form, t.reading) for t in event.texts]:
            if reading == "id":
                continue
            joined[f"{channel}:{form}"] = joined.get(f"{channel}:{form}", "") + text
    return joined


def chunk(delta: Any = None, finish: str | None = None, *, index: int = 0, **more: Any) -> bytes:
    """One chunk of chat/completions; `more` is put beside `choices`."""
    choices = [] if delta is None else [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1718345013, "model": "gpt-4o"}
    return data({**head, "choices": choices, **more})


def data(body: Any, event: str = "") -> bytes:
    """One event, as OpenAI or (with a name) Anthropic writes it."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def named(*bodies: dict[str, Any]) -> bytes:
    """Anthropic's events, each under the name of its type."""
    return b"".join(data(body, body["type"]) for body in bodies)


DONE = b"data: [DONE]\n\n"
