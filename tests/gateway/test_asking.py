"""One slow detector, asked: a second try beside a slow first one, and the time that an exchange may spend on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from far_service import FarService, Got
from guiju.gateway.asking import Judge, Tab, Unanswered
from guiju.gateway.elsewhere import Elsewhere
from guiju.guard import Context
from guiju.review.policy import Asking
from slow_service import PlainAdapter

ABOUT = Context(direction="input")
HANGS = 8.0
"""Seconds: longer than any test waits."""
FOUND, CLEAN, BROKEN = (200, b"[[0, 1]]"), (200, b"[]"), (500, b"{}")


class Far(FarService):
    """Answers one question after the other as `plan` says: seconds to wait, then status and body; the last one for ever."""

    def __init__(self, *plan: tuple[float, tuple[int, bytes]]) -> None:
        self._plan = list(plan)
        super().__init__(self._judge)

    def _judge(self, got: Got) -> tuple[int, bytes]:
        seconds, answer = self._plan.pop(0) if len(self._plan) > 1 else self._plan[0]
        time.sleep(seconds)
        return answer


@pytest.fixture
def far() -> Iterator[Callable[..., Far]]:
    started: list[Far] = []

    def start(*plan: tuple[float, tuple[int, bytes]]) -> Far:
        started.append(Far(*plan))
        started[-1].server.daemon_threads = True
        started[-1].server.block_on_close = False
        return started[-1].__enter__()

    yield start
    for each in started:
        each.__exit__()


def judge_of(far: Far, **how: Any) -> Judge:
    source = Elsewhere("far", PlainAdapter(), {"url": f"{far.url}/judge", "key": ""}, 5.0)
    return Judge("far", Asking(**{"timeout": 3.0, "attempts": 1} | how), source)


async def ask(judge: Judge, text: str = "text", tab: Tab | None = None) -> tuple[int | str, float]:
    """How much it found, or why there is no verdict; and how long that took."""
    began = time.monotonic()
    try:
        found: int | str = len(await judge.judge(text, ABOUT, tab or Tab()))
    except Unanswered as problem:
        found = problem.said
    return found, time.monotonic() - began


class TestHedge:
    async def test_a_slow_first_try_gets_a_second_one_beside_it_and_the_first_verdict_counts(self, far: Any):
        slow = far((HANGS, CLEAN), (0.0, FOUND))
        judge = judge_of(slow, hedge=0.2)
        found, took = await ask(judge)
        assert (found, len(slow.got)) == (1, 2)
        assert 0.2 <= took < 2.0
        judge.source.close()

    async def test_a_first_try_that_ends_after_the_second_began_counts_too(self, far: Any):
        slow = far((0.4, FOUND), (HANGS, CLEAN))
        found, took = await ask(judge_of(slow, hedge=0.1))
        assert (found, len(slow.got)) == (1, 2)
        assert took < 2.0

    async def test_a_quick_one_is_asked_once(self, far: Any):
        quick = far((0.0, FOUND))
        found, _ = await ask(judge_of(quick, hedge=0.5))
        assert (found, len(quick.got)) == (1, 1)

    async def test_a_failure_waits_for_the_verdict_of_the_other(self, far: Any):
        slow = far((0.3, BROKEN), (0.5, FOUND))
        found, _ = await ask(judge_of(slow, hedge=0.1))
        assert (found, len(slow.got)) == (1, 2)

    async def test_two_that_fail_are_no_verdict(self, far: Any):
        slow = far((0.3, BROKEN))
        found, _ = await ask(judge_of(slow, hedge=0.1))
        assert (found, len(slow.got)) == ("it answered 500", 2)

    async def test_without_it_nobody_is_asked_twice(self, far: Any):
        slow = far((HANGS, CLEAN), (0.0, FOUND))
        found, _ = await ask(judge_of(slow, timeout=0.5))
        assert (found, len(slow.got)) == ("no answer within 0.5 s", 1)


class TestBudget:
    async def test_tries_end_when_the_exchange_has_spent_its_time(self, far: Any):
        slow = far((HANGS, CLEAN))
        judge, tab = judge_of(slow, timeout=0.3, attempts=4, budget=0.5), Tab()
        found, took = await ask(judge, tab=tab)
        assert isinstance(found, str)
        assert len(slow.got) == 2  # one of 0.3 s, one of what was left
        assert 0.45 <= took < 1.0
        found, took = await ask(judge, "more", tab)
        assert found == "the exchange has spent its time on it"
        assert (len(slow.got), took < 0.2) == (2, True)

    async def test_another_exchange_has_its_own(self, far: Any):
        slow = far((HANGS, CLEAN), (0.0, FOUND))
        judge = judge_of(slow, timeout=0.3, budget=0.3)
        assert (await ask(judge))[0] == "no answer within 0.3 s"
        assert (await ask(judge))[0] == 1

    async def test_questions_one_after_the_other_add_up(self, far: Any):
        slow = far((0.4, FOUND))
        judge, tab = judge_of(slow, budget=0.6), Tab()
        assert (await ask(judge, tab=tab))[0] == 1
        found, took = await ask(judge, tab=tab)
        assert str(found).startswith("no answer within 0.")
        assert took < 0.35  # what the first has left

    async def test_those_that_run_at_the_same_time_are_paid_for_once(self, far: Any):
        slow = far((0.4, FOUND))
        judge, tab = judge_of(slow, budget=1.0), Tab()
        answers = await asyncio.gather(*(ask(judge, f"text {n}", tab) for n in range(4)))
        assert [found for found, _ in answers] == [1] * 4
        assert tab.left(judge, asyncio.get_running_loop().time()) > 0.2
