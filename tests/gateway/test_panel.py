"""Several slow detectors of a group: how many must have answered, and whose failure mode decides where too few have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from guiju.errors import ReviewUnavailable
from guiju.gateway.asking import Judge, Tab
from guiju.gateway.elsewhere import Elsewhere
from guiju.gateway.panel import Panel
from guiju.guard import Context
from guiju.review.policy import Asking
from slow_service import BAD, PlainAdapter, SlowService

ABOUT = Context(direction="input")
DEAD = "http://127.0.0.1:9/judge"


@pytest.fixture(scope="module")
def service() -> Iterator[SlowService]:
    with SlowService() as running:
        yield running


def judge(name: str, url: str, **how: Any) -> Judge:
    asking = Asking(**{"timeout": 2.0, "attempts": 1, "group": "g"} | how)
    return Judge(name, asking, Elsewhere(name, PlainAdapter(), {"url": url, "key": ""}, 2.0))


def panel(service: SlowService, alive: int, dead: int, **how: Any) -> Panel:
    return Panel(
        [judge(f"a{n}", service.url, **how) for n in range(alive)] + [judge(f"d{n}", DEAD, **how) for n in range(dead)]
    )


async def names(made: Panel, tab: Tab | None = None) -> list[str]:
    """Who found something."""
    try:
        return [f.detector for f in await made.judge(f"buy {BAD}", ABOUT, tab or Tab())]
    finally:
        made.close()


@pytest.mark.parametrize(
    ("alive", "dead", "quorum", "verdict"),
    [
        (3, 0, 0, True), (2, 1, 0, False), (2, 1, 2, True), (1, 2, 2, False), (1, 2, 1, True), (0, 3, 1, False),
        (3, 0, 9, True), (2, 1, 9, False),  # more than there are: all of them
    ],
)  # fmt: skip
async def test_so_many_of_a_group_must_have_answered(
    service: SlowService, alive: int, dead: int, quorum: int, verdict: bool
):
    made = panel(service, alive, dead, quorum=quorum)
    if verdict:
        assert await names(made) == [f"a{n}" for n in range(alive)]
    else:
        with pytest.raises(ReviewUnavailable, match="detector d0: it can't be reached"):
            await names(made)


async def test_the_highest_that_one_of_them_says_counts(service: SlowService):
    made = Panel([judge("a", service.url, quorum=1), judge("d", DEAD, quorum=2)])
    with pytest.raises(ReviewUnavailable):
        await names(made)


async def test_those_of_another_group_and_those_alone_stand_in_for_nobody(service: SlowService):
    for group in ("other", ""):
        made = Panel([judge("a", service.url, quorum=1), judge("d", DEAD, group=group, quorum=1)])
        with pytest.raises(ReviewUnavailable, match="detector d:"):
            await names(made)


async def test_too_few_answers_pass_only_where_all_that_are_missing_fail_open(service: SlowService):
    open_ = {"fails_open": ("input",), "quorum": 2}
    tab = Tab()
    assert await names(panel(service, 1, 1, **open_), tab) == ["a0"]
    assert tab.unjudged["input"] == {"d0"}
    assert dict(tab.counts) == {"input|open|d0": 1}
    with pytest.raises(ReviewUnavailable, match="detector closed:"):
        await names(Panel([judge("open", DEAD, **open_), judge("closed", DEAD, quorum=2)]))


async def test_who_is_missing_from_a_group_with_its_quorum_is_no_gap(service: SlowService):
    tab = Tab()
    await names(panel(service, 1, 1, quorum=1), tab)
    assert (tab.unjudged["input"], dict(tab.counts)) == (set(), {})
