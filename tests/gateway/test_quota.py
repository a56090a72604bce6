"""The arithmetic of quotas: a minute slides, days and months are Beijing's, what was charged too much is given back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.gateway.quota import MINUTE_MS, Limits, Use, left, limits, moment, share, spent
from guiju.snapshot import Quota

START = 1_790_000_040_000 // MINUTE_MS * MINUTE_MS
BEIJING = timezone(timedelta(hours=8))


def only(**which: float) -> Limits:
    return limits(Quota(scope="app", name="a", **which))


@given(st.datetimes(datetime(1970, 1, 2), datetime(2399, 12, 31)))  # noqa: DTZ001
def test_days_and_months_are_those_of_the_calendar(at: datetime):
    here = at.replace(tzinfo=BEIJING)
    found = moment(int(here.timestamp() * 1000))
    tomorrow = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    first = (here.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    assert found.month == (here.year - 1970) * 12 + here.month - 1
    assert found.ms + found.day_left == int(tomorrow.timestamp()) * 1000
    assert found.ms + found.month_left == int(first.timestamp()) * 1000


@given(st.integers(1, 50), st.lists(st.integers(0, 30_000), max_size=200))
def test_no_calendar_minute_lets_in_more_and_two_in_a_row_hardly(limit: int, steps: list[int]):
    use, ms, let = Use(), START, {}
    for step in steps:
        ms += step
        now = moment(ms)
        use.roll(now)
        if spent(use, 0, only(requests_per_minute=limit), now, 0, 0) is None:
            use.add(1, 0, 0)
            let[now.minute] = let.get(now.minute, 0) + 1
    assert all(n <= limit for n in let.values())


@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60), st.integers(0, MINUTE_MS - 1), st.integers(1, 40))
def test_whoever_waits_as_told_is_let_in_and_not_much_sooner(limit: int, before: int, now: int, gone: int, need: int):
    use = Use(*moment(START)[1:2], 0, 0, now, before, 0, 0, 0, 0, 0, 0)
    at = moment(START + gone)
    per = only(tokens_per_minute=limit)
    found = spent(use, 0, per, at, need, 0)
    if found is None:
        return
    later = moment(at.ms + found[1])
    use.roll(later)
    assert spent(use, 0, per, later, need, 0) is None


def test_each_meter_refuses_for_itself_and_says_when():
    now = moment(START)
    use = Use()
    use.roll(now)
    use.add(3, 100, 5_000_000)
    assert spent(use, 0, only(requests_per_minute=3), now, 0, 0)[0] == 0
    assert spent(use, 0, only(tokens_per_minute=100), now, 1, 0)[0] == 1
    assert spent(use, 2, only(streams=2), now, 1, 0)[0] == 2
    assert spent(use, 0, only(tokens_per_day=100), now, 1, 0) == (3, now.day_left)
    assert spent(use, 0, only(cost_per_day=5.0), now, 1, 1) == (4, now.day_left)
    assert spent(use, 0, only(tokens_per_month=100), now, 1, 0) == (5, now.month_left)
    assert spent(use, 0, only(cost_per_month=5.0), now, 1, 1) == (6, now.month_left)
    enough = only(requests_per_minute=4, tokens_per_minute=101, streams=1, cost_per_day=5.1, tokens_per_day=101)
    assert spent(use, 0, enough, now, 1, 1) is None


def test_a_request_larger_than_its_limit_is_let_in_once_all_of_it_is_free():
    now, use = moment(START), Use()
    use.roll(now)
    assert spent(use, 0, only(tokens_per_day=10), now, 500, 0) is None
    use.add(1, 1, 0)
    assert spent(use, 0, only(tokens_per_day=10), now, 500, 0) is not None


def test_what_was_charged_too_much_is_given_back_to_its_own_time_only():
    then, use = moment(START), Use()
    use.roll(then)
    use.add(1, 100, 1000)
    use.roll(moment(START + MINUTE_MS))
    use.settle(then, -60, -400)
    assert (use.tokens, use.tokens_before, use.tokens_day, use.cost_day) == (0, 40, 40, 600)
    use.roll(moment(START + 86_400_000 * 32))
    use.settle(then, -10, -10)
    assert (use.tokens, use.tokens_day, use.tokens_month) == (0, 0, 0)
    use.settle(then, 7, 7)  # what nobody was charged for yet is charged now
    assert (use.tokens, use.tokens_day, use.cost_month) == (7, 7, 7)


def test_a_clock_that_goes_back_gives_nothing_anew():
    use = Use()
    use.roll(moment(START + MINUTE_MS))
    use.add(5, 5, 0)
    use.roll(moment(START))
    assert use.requests == 5
    assert spent(use, 0, only(requests_per_minute=5), moment(START), 0, 0) is not None


def test_a_share_is_never_nothing_and_what_has_no_limit_gets_none():
    assert share(only(requests_per_minute=1, tokens_per_day=9), 3)[:4] == (1, 0, 0, 3)
    assert limits(Quota(scope="app", name="a", cost_per_day=1e-9))[4] == 1


@pytest.mark.parametrize(("limit", "expected"), [({}, (-1, -1)), ({"requests_per_minute": 5}, (3, -1))])
def test_what_remains_is_told_of_what_has_a_limit(limit: dict[str, int], expected: tuple[int, int]):
    use, now = Use(), moment(START)
    use.roll(now)
    use.add(2, 10, 0)
    assert left(use, only(**limit), now) == expected
