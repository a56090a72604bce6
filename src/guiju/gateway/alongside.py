"""Slow detectors beside a stream: what the upstream sends is read ahead, and handed on once it has its verdict.

    upstream ──► Alongside ─────────────► stream.relay ──► client
                   │  reads the texts,      (local detectors, masks, notices,
                   ▼  asks about stretches   endings: as without slow detectors)
                 panel

It stands in the place of the upstream's reply, so that the relay doesn't know of it. A reader of its own takes the texts out
of what comes; a unit of bytes (a line) is handed on once every text that it completes is decided, `lead` characters aside.
What was found is told to the relay's gates by a scanner (review/slow.py).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from guiju.errors import GuijuError, ReviewUnavailable, UpstreamError
from guiju.gateway.asking import Tab
from guiju.gateway.panel import Panel
from guiju.gateway.tasks import spawn
from guiju.gateway.upstream import Reply
from guiju.guard import Context
from guiju.review import slow
from guiju.review.holdback import Holdback
from guiju.review.judge import Reviewer
from guiju.review.slow import Behind, Growing, Told
from guiju.types import Finding, Form
from guiju.wire.dialect import AnswerStream, Text

AHEAD = 262_144
"""Bytes that wait for a verdict before the upstream is told to pause."""
_IDENTIFIER = re.compile(r"[!-~]{0,80}")
"""What a string of reading `id` may look like without being asked about: one word without blanks, ASCII."""


class _Unit(NamedTuple):
    data: bytes
    texts: tuple[tuple[Growing, int], ...]
    """Channels, and the offset up to which each must be decided."""
    alone: tuple[str, ...]
    """Strings that are read by themselves, as keys of `_alone`."""


class Alongside:
    """One answer. Use `follow` in place of the reply's, `gate` to make the relay's gates, and `close` it.

    Args:
        reader: a machine of the dialect, of this object's own.
        wait: seconds that text may gather before it is asked about as it stands.
    """

    def __init__(
        self, reply: Reply, reader: AnswerStream, panel: Panel, about: Context, tab: Tab, *, wait: float
    ) -> None:
        self._reply, self._reader, self._panel, self._about, self._tab = reply, reader, panel, about, tab
        self.lead, self._wait = panel.lead, wait
        self._loop = asyncio.get_running_loop()
        self._units: deque[_Unit] = deque()
        self._size = 0
        self._rest = b""
        self._channels: dict[str, Growing] = {}
        self._alone: dict[str, list[Finding] | None] = {}
        """String -> what was found, canonical; None while it is asked about."""
        self._asking: set[Growing] = set()
        self._timers: dict[Growing, asyncio.TimerHandle] = {}
        self._ended = False
        self._error: Exception | None = None
        """What stops everything now."""
        self._broken: UpstreamError | None = None
        """How the upstream ended, told once all before it has left."""
        self._moved: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._tasks = {spawn(self._pump(), f"alongside {about.exchange}")}

    @property
    def upstream(self) -> str:
        """Whose answer it is."""
        return self._reply.upstream

    async def follow(self, take: Callable[[bytes], bool]) -> bool:
        """See `Reply.follow`. Raises: ReviewUnavailable too."""
        while True:
            if self._error is not None:
                raise self._error
            if ready := self._ready():
                if not take(ready):
                    return False
                continue
            if self._ended and not self._units:
                if self._broken is not None:
                    raise self._broken
                return True
            self._moved = self._loop.create_future()
            try:
                await self._moved
            finally:
                self._moved = None

    def gate(self, reviewer: Reviewer, form: Form, channel: str, text: str | None, **how: object) -> Holdback:
        """A gate of the relay (`stream.MakeGate`)."""
        if text is not None:
            found = self._alone.get(text) or []
            more = [(Told(found), True)] if found else []
        elif (growing := self._channels.get(channel)) is not None:
            more = [(Told(growing.findings), True)]
            if self.lead:
                more.append((Behind(growing), False))  # type: ignore[arg-type]
        else:
            more = []
        return reviewer.holdback(direction="output", form=form, more=more, **how)  # type: ignore[arg-type]

    def close(self) -> None:
        """The exchange is over: nobody waits for an answer any more."""
        for timer in self._timers.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()

    # --- what comes -----------------------------------------------------------------------------

    async def _pump(self) -> None:
        try:
            while not await self._reply.follow(self._came):
                self._room = self._loop.create_future()
                await self._room
            self._unit(self._rest)
        except UpstreamError as problem:
            self._broken = problem
        except GuijuError as problem:
            self._error = problem
        for event in self._reader.close():
            for text in event.texts:
                self._text(text)
        self._ended = True
        for growing in self._channels.values():
            growing.close()
            self._ask(growing)
        everything = tuple((growing, growing.length) for growing in self._channels.values())
        self._units.append(_Unit(b"", everything, tuple(self._alone)))
        self._wake()

    def _came(self, data: bytes) -> bool:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._unit(line + b"\n")
        self._size += len(data)
        self._wake()
        return self._size < AHEAD

    def _unit(self, data: bytes) -> None:
        needs: dict[Growing, int] = {}
        alone: list[str] = []
        for event in self._reader.feed(data):
            for text in event.texts:
                growing = self._text(text)
                if growing is not None:
                    needs[growing] = growing.length
                elif text.text in self._alone:
                    alone.append(text.text)
            for name, growing in self._channels.items():
                if event.ends and any(name.startswith(end) for end in event.ends):
                    growing.close()
                    needs[growing] = growing.length
        self._units.append(_Unit(data, tuple(needs.items()), tuple(alone)))
        for growing in needs:
            self._ask(growing)

    def _text(self, text: Text) -> Growing | None:
        """The channel that it grows; None for what is read by itself."""
        if text.reading in ("alone", "id"):
            if text.text not in self._alone and not (text.reading == "id" and _IDENTIFIER.fullmatch(text.text)):
                self._alone[text.text] = None
                self._start(self._judge_alone(text.text, text.form))
            return None
        growing = self._channels.get(text.channel)
        if growing is None:
            growing = self._channels[text.channel] = Growing(text.form)
        growing.feed(text.text)
        return growing

    # --- what is asked --------------------------------------------------------------------------

    def _ask(self, growing: Growing, *, overdue: bool = False) -> None:
        """One question at a time for each channel: what comes meanwhile is asked about together."""
        if growing in self._asking:
            return
        stretch = growing.wanted(overdue=overdue)
        timer = self._timers.pop(growing, None)
        if timer is not None:
            timer.cancel()
        if stretch is not None:
            self._asking.add(growing)
            self._start(self._judge(growing, stretch))
        elif growing.decided < growing.length:
            self._timers[growing] = self._loop.call_later(self._wait, lambda: self._ask(growing, overdue=True))

    async def _judge(self, growing: Growing, stretch: slow.Stretch) -> None:
        try:
            found = await self._panel.judge(stretch.text, self._about, self._tab)
        except ReviewUnavailable as problem:
            self._error = self._error or problem
        else:
            growing.answered(stretch, found)
            self._asking.discard(growing)
            self._ask(growing)
        self._wake()

    async def _judge_alone(self, text: str, form: Form) -> None:
        try:
            shown = slow.readable(text, form)
            found = await self._panel.judge(shown, self._about, self._tab)
        except ReviewUnavailable as problem:
            self._error = self._error or problem
        else:
            self._alone[text] = slow.located(shown, found)
        self._wake()

    def _start(self, work: object) -> None:
        task = spawn(work, f"judging {self._about.exchange}")  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what may go on -------------------------------------------------------------------------

    def _ready(self) -> bytes:
        out: list[bytes] = []
        while self._units and self._may_go(self._units[0]):
            unit = self._units.popleft()
            for growing, offset in unit.texts:
                self._tab.ahead = max(self._tab.ahead, offset - growing.decided)
            out.append(unit.data)
            self._size -= len(unit.data)
        if self._room is not None and self._size < AHEAD:
            self._room.set_result(None)
            self._room = None
        return b"".join(out)

    def _may_go(self, unit: _Unit) -> bool:
        return all(growing.decided + self.lead >= offset for growing, offset in unit.texts) and all(
            self._alone[text] is not None for text in unit.alone
        )

    def _wake(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)
