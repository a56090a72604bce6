"""A streamed answer: upstream bytes -> wire -> hold-back -> label -> client.

One gate (review/holdback.py) per channel, one verdict over all of them: what stops one channel stops the answer. The
closing record is durable before the final event leaves. exchange.py says when this runs and what its outcome means.

An event may be megabytes long and must not stop the streams of everybody else: what comes in bulk is judged in a thread, a
piece at a time, and an event beyond all measure fails the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from guiju import clock
from guiju.errors import Said, UpstreamUnavailable
from guiju.gateway.alongside import Alongside
from guiju.gateway.http import Call
from guiju.gateway.restoring import Restoring
from guiju.gateway.upstream import Reply
from guiju.label import notice
from guiju.ledger import entries
from guiju.review.holdback import Holdback
from guiju.review.judge import Reviewer
from guiju.types import Action, Form, Judged
from guiju.wire.dialect import AnswerStream, Event, Json

MakeGate = Callable[[Form, str, str | None], Holdback]
"""(form, channel, the text where it is read by itself) -> a fresh gate."""

BULK = 32_768
"""Bytes that came since something last left, beyond which what comes is judged in a thread."""
PIECE = 16_384
"""Characters that a gate takes at once: nothing else runs while an expression looks through them."""


class Stopped(Exception):
    """A finding ended the answer. `out` may still leave; after it only the dialect's ending."""

    def __init__(self, judged: Judged, out: bytes) -> None:
        super().__init__(judged.finding.cls)
        self.judged, self.out = judged, out


class Relay:
    """The gates of one answer.

    Args:
        answer: the dialect's machine.
        make_gate: see `MakeGate`.
        place: where the notice stands in text: `interface` (nowhere), `begin` or `end`.
        label: the `guiju` object that the dialect writes; it is told here when something has been masked.
        clear: whether a string surely holds nothing that is found: spares identifiers a gate of their own.
        restoring: where the request was masked reversibly.
    """

    def __init__(
        self,
        answer: AnswerStream,
        make_gate: MakeGate,
        *,
        place: str,
        language: str,
        notices: bool,
        label: Json | None = None,
        clear: Callable[[str], bool] = lambda text: False,
        restoring: Restoring | None = None,
    ) -> None:
        self.answer, self.restoring = answer, restoring
        self.gates: dict[str, Holdback] = {}
        self.alone: list[tuple[str, Holdback]] = []
        """Strings in which something was found that were judged by themselves."""
        self._make_gate, self._clear = make_gate, clear
        self._label = {} if label is None else label
        self._says: dict[str, None] = {}  # a set, as `_noticed` is: an empty dict takes a quarter of one's memory
        """Channels before or after which the notice may stand."""
        self._begin = notice.beginning(language) if place == "begin" and notices else ""
        self._end = notice.end(language) if place == "end" and notices else ""
        self._noticed: dict[str, None] = {}
        self.notices: list[tuple[str, int, int]] = []
        """(channel, offset in the delivered text, length)."""
        self.contents: dict[str, list[str]] = {}
        """What was delivered, by channel, before anything was restored in it: for the sealed record."""
        self.delivered = 0
        self.seconds = 0.0
        """Spent in `feed`: what review adds to the answer."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Upstream bytes -> what may leave now, and the final event if it has come. Raises: Stopped."""
        since = clock.monotonic()
        try:
            return self._events(self.answer.feed(data))
        finally:
            self.seconds += clock.monotonic() - since

    def close(self) -> tuple[bytes, bytes]:
        """The upstream has ended. Raises: Stopped."""
        return self._events(self.answer.close())

    def _events(self, events: Iterable[Event]) -> tuple[bytes, bytes]:
        out: list[bytes] = []
        final = b""
        for event in events:
            released: dict[str, str] = {}
            identifiers: dict[str, str] = {}
            for said in event.texts:
                channel, text, reading = said.channel, said.text, said.reading
                if reading == "id" and self._clear(text):
                    identifiers[channel] = text
                    continue
                alone: list[Judged] = []
                if reading != "on":
                    whole = self._make_gate(said.form, channel, text)
                    piece = fed(whole, text) + whole.close()
                    alone = whole.judged
                if reading in ("alone", "id"):
                    if alone:
                        self.alone.append((channel, whole))
                    if whole.insertions:
                        self._label["action"] = str(Action.MASK)
                    if whole.ended:
                        self._stop(whole, released, out)
                    if reading == "id":
                        identifiers[channel] = piece
                        continue
                    if self.restoring is not None:
                        self.restoring.open(channel, said.form)
                else:
                    gate = self.gates.get(channel)
                    if gate is None:
                        gate = self.gates[channel] = self._make_gate(said.form, channel, None)
                        if said.says:
                            self._says[channel] = None
                        if self.restoring is not None:
                            self.restoring.open(channel, said.form)
                    piece = gate.feed(text, alone) if alone else fed(gate, text)
                    if gate.ended:
                        released[channel] = released.get(channel, "") + piece
                        self._stop(gate, released, out)
                released[channel] = released[channel] + piece if channel in released else piece
            if event.ends:
                self._finish(event.ends, released, out)
            if released:
                for channel, piece in released.items():
                    if piece or self._waits(channel):
                        released[channel] = self._deliver(channel, piece)
            written = event.write(released | identifiers if identifiers else released)
            if event.final:
                final = written
            else:
                out.append(written)
        return b"".join(out), final

    def _finish(self, ends: tuple[str, ...], released: dict[str, str], out: list[bytes]) -> None:
        """Channels that are complete: what they still hold is decided, and leaves before the event's own ending."""
        for channel, gate in self.gates.items():
            if gate.closed or not any(channel.startswith(end) for end in ends):
                continue
            tail = gate.close()
            if gate.ended:
                if tail:
                    released[channel] = released.get(channel, "") + tail
                self._stop(gate, released, out)
            if gate.insertions:
                self._label["action"] = str(Action.MASK)
            if self._end and channel in self._says and (tail or released.get(channel) or channel in self._noticed):
                self._noticed.pop(channel, None)
                self.notices.append((channel, gate.delivered, len(self._end)))
                tail += self._end
            if not tail and not self._waits(channel):
                continue
            if channel in released:
                released[channel] += tail
            else:
                out.append(self.answer.more(channel, self._deliver(channel, tail)))

    def flush(self) -> bytes:
        """The upstream ended without its last event: what is still held is decided. Raises: Stopped."""
        out: list[bytes] = []
        self._finish(("",), {}, out)
        return b"".join(out)

    def sign(self) -> bytes:
        """The answer is cut here: the notice that would have stood at its end, after what was said of it."""
        out: list[bytes] = []
        for channel in sorted(self._noticed) if self._end else ():
            self.notices.append((channel, self.gates[channel].delivered, len(self._end)))
            out.append(self.answer.more(channel, self._deliver(channel, self._end)))
        self._noticed.clear()
        if self.restoring is not None:
            out += [self.answer.more(channel, text) for channel, text in self.restoring.cut()]
        return b"".join(out)

    def _stop(self, gate: Holdback, released: dict[str, str], out: list[bytes]) -> None:
        """What was safe leaves, and its notice; then nothing more."""
        for channel, piece in released.items():
            if piece and channel in self.gates:
                out.append(self.answer.more(channel, self._deliver(channel, piece)))
        out.append(self.sign())
        assert gate.stopped is not None
        raise Stopped(gate.stopped, b"".join(out))

    def _deliver(self, channel: str, piece: str) -> str:
        first = channel not in self._noticed and channel not in self.contents
        if first and (self._begin or self._end) and channel in self._says:
            if not self.gates[channel].closed:
                self._noticed[channel] = None
            if self._begin:
                self.notices.append((channel, 0, len(self._begin)))
                piece = self._begin + piece
        self.delivered += len(piece)
        self.contents.setdefault(channel, []).append(piece)
        if self.restoring is None:
            return piece
        gate = self.gates.get(channel)
        return self.restoring.feed(channel, piece, last=gate is None or gate.closed)

    def _waits(self, channel: str) -> bool:
        return self.restoring is not None and self.restoring.waits(channel)

    @property
    def judged(self) -> list[Judged]:
        """Every finding so far, channel by channel."""
        return [judged for _, gate in self._all() for judged in gate.judged]

    def _all(self) -> list[tuple[str, Holdback]]:
        return [*self.gates.items(), *self.alone]

    def told(self) -> dict[str, Any]:
        """What was found and served so far: fields of `entries.Closed`, and `contents` to be sealed beside it."""
        masks = [
            entries.Insertion(
                channel=entries.channel(channel), offset=i.offset, length=i.length, kind="mask", removed=i.removed
            )
            for channel, gate in self._all()
            for i in gate.insertions
        ]
        notices = [
            entries.Insertion(channel=entries.channel(c), offset=o, length=n, kind="notice") for c, o, n in self.notices
        ]
        return {
            "action": Action.MASK if masks else Action.ALLOW,
            "texts": tuple(
                entries.Reviewed(
                    path=(entries.channel(channel),),
                    role="assistant",
                    length=gate.received,
                    action=max((j.action for j in gate.judged), key=lambda action: action.severity),
                    judged=tuple(gate.judged),
                )
                for channel, gate in self._all()
                if gate.judged
            ),
            "insertions": tuple(masks + notices + (self.restoring.insertions() if self.restoring else [])),
            "characters": self.delivered,
            "contents": [[channel, "".join(parts)] for channel, parts in self.contents.items()],
        }

    @property
    def held(self) -> int:
        """Characters that wait in all channels."""
        return sum(gate.held for gate in self.gates.values())


def fed(gate: Holdback, text: str) -> str:
    """A text through a gate."""
    if len(text) <= PIECE:
        return gate.feed(text)
    return "".join([gate.feed(text[at : at + PIECE]) for at in range(0, len(text), PIECE)])


async def relay(machine: Relay, reply: Reply | Alongside, call: Call, overdue: float, limit: int) -> bytes:
    """Carry an answer from upstream to client until its final event, which is returned and not written, or until the
    upstream says that it failed.

    Args:
        overdue: seconds after which a held sentence is judged as it stands; 0 where no detector holds sentences.
        limit: bytes that may come without anything leaving: one event, for all that is known.

    Raises: Stopped, ClientLeft, UpstreamError, and what interrupted the reading.
    """
    loop, until, final = asyncio.get_running_loop(), 0.0, b""
    waiting, bulk = 0, b""

    def left(out: bytes, size: int) -> None:
        nonlocal until, waiting
        if out:
            until, waiting = 0.0, size  # the last of what came may be the beginning of a long event
            call.write(out)

    def take(data: bytes) -> bool:
        nonlocal final, waiting, bulk
        waiting += len(data)
        if waiting > BULK:
            bulk += data
            return False
        out, final = machine.feed(data)
        left(out, len(data))
        return not (final or machine.answer.failed or call.full or overdue)

    while True:
        if overdue and machine.held:
            until = until or loop.time() + overdue
            try:
                async with asyncio.timeout_at(until):
                    ended = await reply.follow(take)
            except TimeoutError:
                call.write(_overdue(machine))
                until, ended = 0.0, False
        else:
            ended = await reply.follow(take)
        if bulk:
            if waiting > limit:
                problem = Said(
                    "an event of its answer is larger than {limit} bytes",
                    "其回答中有事件超过 {limit} 字节",
                    limit=limit,
                )
                raise UpstreamUnavailable(upstream=reply.upstream, problem=problem)
            data, bulk = bulk, b""
            out, final = await apart(machine.feed, data)
            left(out, len(data))
        if ended:
            out, final = await apart(machine.close) if waiting > BULK else machine.close()
            call.write(out if final else out + machine.flush())
        if ended or final or machine.answer.failed:
            return final
        await call.drain()


async def apart(work: Callable[..., tuple[bytes, bytes]], *args: Any) -> tuple[bytes, bytes]:
    """Work on an answer in a thread. Whoever gives up waiting does so once it is done: what it came to is recorded then."""
    done = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        await asyncio.wait((done,))
    except asyncio.CancelledError:
        await asyncio.wait((done,))
        done.exception()
        raise
    return done.result()


def _overdue(machine: Relay) -> bytes:
    out: list[bytes] = []
    for channel, gate in machine.gates.items():
        piece = gate.overdue()
        if gate.ended:
            machine._stop(gate, {channel: piece}, out)
        if piece:
            out.append(machine.answer.more(channel, machine._deliver(channel, piece)))
    return b"".join(out)


def gate_maker(reviewer: Reviewer, **how: Any) -> MakeGate:
    """Gates of one answer: all from the same reviewer, whatever is activated meanwhile."""
    return lambda form, channel, text: reviewer.holdback(direction="output", form=form, **how)
