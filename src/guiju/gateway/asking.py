"""One slow detector, asked: time of a try, tries, a second one alongside (hedging), the exchange's budget, a breaker.

The rule of it all: an answer that isn't a verdict of the documented shape is no verdict. panel.py says what that means.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Hashable
from typing import Protocol

import msgspec

from guiju.errors import GuijuError, Said
from guiju.gateway.breaker import Breaker
from guiju.gateway.tasks import spawn
from guiju.guard import Context
from guiju.remote.adapter import Fault
from guiju.review.policy import Asking
from guiju.review.slow import windows
from guiju.types import Direction, Finding

AT_ONCE = 32
"""Questions to one detector that run at a time, of one worker; what comes on top waits, and its time runs."""


class Source(Protocol):
    """Whoever answers: a service elsewhere, or a guard's process."""

    limit: int
    """Most characters of one question."""

    async def ask(self, text: str, about: Context, id: str) -> tuple[Finding, ...]:
        """Findings in the text; `id` is new for each try. Raises: Fault, GuijuError, OSError."""
        ...

    def close(self) -> None:
        """It isn't asked any more."""
        ...


class Unanswered(Exception):
    """A detector gave no verdict."""

    def __init__(self, judge: Judge, said: str) -> None:
        super().__init__(str(said))
        self.judge, self.said = judge, said


class Tab:
    """What one exchange has spent on slow detectors, and what it went without."""

    def __init__(self, counts: Counter[str] | None = None) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts
        """Texts without a verdict, by `detector|direction|mode`: the worker's."""
        self.unjudged: dict[Direction, set[str]] = {"input": set(), "output": set()}
        self.ahead = 0
        self._spent: dict[str, float] = {}
        self._running: dict[str, tuple[int, float]] = {}
        """Detector -> questions that run, and since when one does."""

    def left(self, judge: Judge, now: float) -> float:
        """Seconds that this exchange may still spend."""
        running, since = self._running.get(judge.name, (0, now))
        return judge.how.budget - self._spent.get(judge.name, 0.0) - (now - since if running else 0.0)

    def begin(self, judge: Judge, now: float) -> None:
        """A question begins. Those that run at the same time are paid for once."""
        running, since = self._running.get(judge.name, (0, now))
        self._running[judge.name] = (running + 1, since if running else now)

    def end(self, judge: Judge, now: float) -> None:
        """It has ended."""
        running, since = self._running[judge.name]
        self._running[judge.name] = (running - 1, since)
        if running == 1:
            self._spent[judge.name] = self._spent.get(judge.name, 0.0) + now - since


class Judge:
    """One configured detector of a worker."""

    def __init__(self, name: str, how: Asking, source: Source, *, label: str = "", key: Hashable = None) -> None:
        """`label`: as records name it; `key`: what it was made of, so that one that hasn't changed is kept."""
        self.name, self.how, self.source, self.label, self.key = name, how, source, label or name, key
        self.breaker = Breaker()
        self.ok = self.failed = 0
        self.latency_ms = 0.0
        self.last_error: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(AT_ONCE)

    def stats(self) -> dict[str, object]:
        """How it fares, as the console shows it; see `upstream.Pool.stats`."""
        now = self._loop.time()
        return {
            "state": self.breaker.state(now), "wait_ms": round(self.breaker.wait(now) * 1000), "ok": self.ok,
            "failed": self.failed, "errors": self.breaker.failures, "last_error": self.last_error,
            "latency_ms": round(self.latency_ms, 1),
        }  # fmt: skip

    async def judge(self, text: str, about: Context, tab: Tab) -> list[Finding]:
        """What it finds; offsets are characters of the text. Raises: Unanswered."""
        pieces = windows(text, self.source.limit)
        tab.begin(self, self._loop.time())
        try:
            answers = await asyncio.gather(*(self._one(piece.text, about, tab) for piece in pieces))
        finally:
            tab.end(self, self._loop.time())
        moved = msgspec.structs.replace
        for answer in answers:
            if isinstance(answer, Unanswered):
                raise answer
        return [
            moved(f, detector=self.name, start=f.start + piece.start, end=f.end + piece.start)
            for piece, answer in zip(pieces, answers, strict=True)
            if not isinstance(answer, Unanswered)
            for f in answer
        ]

    async def _one(self, text: str, about: Context, tab: Tab) -> tuple[Finding, ...] | Unanswered:
        problem: Unanswered | None = None
        for _ in range(max(1, self.how.attempts)):
            now = self._loop.time()
            if self.breaker.wait(now):
                left_alone = Said("it is left alone, as it failed several times", "它接连出错，暂不再请求")
                return problem or Unanswered(self, left_alone)
            left = tab.left(self, now)
            if left <= 0:
                spent = Said("the exchange has spent its time on it", "本次交互为其预留的时间已用完")
                return problem or Unanswered(self, spent)
            answer = await self._hedged(text, about, left)
            if not isinstance(answer, _Failed):
                return answer
            problem = Unanswered(self, answer.said)
            if not answer.again:
                break
        assert problem is not None
        return problem

    async def _hedged(self, text: str, about: Context, left: float) -> tuple[Finding, ...] | _Failed:
        """One try, and a second one alongside where the first is slow: the first verdict counts."""
        if not self.how.hedge:
            return await self._try(text, about, left)
        first = spawn(self._try(text, about, left), f"asking {self.name}")
        tries = {first}
        try:
            await asyncio.wait(tries, timeout=min(self.how.hedge, left))
            if not first.done():
                tries.add(spawn(self._try(text, about, left), f"asking {self.name} again"))
            answer: tuple[Finding, ...] | _Failed | None = None
            for _ in range(len(tries)):
                done, _running = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
                tries -= done
                answer = next((t.result() for t in done if not isinstance(t.result(), _Failed)), None)
                if answer is not None or not tries:
                    last: tuple[Finding, ...] | _Failed = done.pop().result()
                    return last if answer is None else answer
            raise AssertionError("one of them has ended")
        finally:
            for each in tries:
                each.cancel()

    async def _try(self, text: str, about: Context, left: float) -> tuple[Finding, ...] | _Failed:
        since = self._loop.time()
        self.breaker.begin(since)
        seconds = min(self.how.timeout, left)
        try:
            async with asyncio.timeout(seconds), self._places:
                found = await self.source.ask(text, about, secrets.token_hex(16))
        except TimeoutError:
            said = Said("no answer within {n} s", "{n} 秒内没有回答", n=f"{seconds:.3g}")
            return self._fails(_Failed(said, True))
        except Fault as problem:
            return self._fails(_Failed(problem.said, problem.again))
        except GuijuError as problem:
            said = Said(problem.sentence("en"), problem.sentence("zh"))
            return self._fails(_Failed(said, True))
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()
        self.ok += 1
        self.latency_ms = (self._loop.time() - since) * 1000
        return found

    def _fails(self, failed: _Failed) -> _Failed:
        self.breaker.failed(self._loop.time())
        self.failed += 1
        self.last_error = {"en": str(failed.said), "zh": getattr(failed.said, "zh", str(failed.said))}
        return failed


class _Failed(msgspec.Struct, frozen=True):
    """A try that came to nothing."""

    said: str
    again: bool
