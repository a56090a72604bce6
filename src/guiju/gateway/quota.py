"""What a quota lets in: the arithmetic of its counters, with the time as an argument.

Pure. Where the counts lie: counters_local.py (this machine), counters_redis.py (the same arithmetic in Lua; a test races
the two). When it is asked, and what an exchange is charged: allowance.py.

A minute slides: the count of the minute before fades evenly while the current one goes on, so that no 60 seconds let in
much more than the limit. Days and months are calendar ones, of Beijing (UTC+8, no summer time).
"""

from __future__ import annotations

from typing import NamedTuple

from guiju.errors import Said
from guiju.snapshot import Quota

MINUTE_MS, DAY_MS = 60_000, 86_400_000
BEIJING_MS = 8 * 3_600_000
MICROS = 1_000_000
"""Cost is counted in millionths of the currency."""

METERS: dict[str, Said] = {
    "requests_per_minute": Said("requests per minute", "每分钟请求数"),
    "tokens_per_minute": Said("tokens per minute", "每分钟词元数"),
    "streams": Said("exchanges at once", "并发交互数"),
    "tokens_per_day": Said("tokens per day", "每日词元数"),
    "cost_per_day": Said("cost per day", "每日费用"),
    "tokens_per_month": Said("tokens per month", "每月词元数"),
    "cost_per_month": Said("cost per month", "每月费用"),
}
"""Field of `Quota` -> for people. In this order they are asked, and stand in a `Limits`."""
COSTS = frozenset(("cost_per_day", "cost_per_month"))
BUSY_MS = 1_000
"""When to come back where all places are taken: nobody knows when one becomes free."""

Limits = tuple[int, int, int, int, int, int, int]
"""One number for each of METERS; 0 is no limit, cost in millionths."""


class Moment(NamedTuple):
    """A time, as the counters need it."""

    ms: int
    minute: int
    day: int
    month: int
    day_left: int
    """Milliseconds until the next day."""
    month_left: int


class Use:
    """What one bucket has used. `streams` lies elsewhere: whoever keeps the counts knows which exchanges still live."""

    FIELDS = (
        "minute", "requests", "requests_before", "tokens", "tokens_before",
        "day", "tokens_day", "cost_day", "month", "tokens_month", "cost_month",
    )  # fmt: skip
    __slots__ = FIELDS
    minute: int
    requests: int
    requests_before: int
    tokens: int
    tokens_before: int
    day: int
    tokens_day: int
    cost_day: int
    month: int
    tokens_month: int
    cost_month: int

    def __init__(self, *values: int) -> None:
        for name, value in zip(self.FIELDS, values or (0,) * len(self.FIELDS), strict=True):
            setattr(self, name, value)

    def values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in self.FIELDS)

    def roll(self, now: Moment) -> None:
        """What is over is forgotten. A clock that goes back (another node's) changes nothing."""
        if now.minute > self.minute:
            near = now.minute == self.minute + 1
            self.requests_before, self.tokens_before = (self.requests, self.tokens) if near else (0, 0)
            self.minute, self.requests, self.tokens = now.minute, 0, 0
        if now.day > self.day:
            self.day, self.tokens_day, self.cost_day = now.day, 0, 0
        if now.month > self.month:
            self.month, self.tokens_month, self.cost_month = now.month, 0, 0

    def add(self, requests: int, tokens: int, cost: int) -> None:
        """Charge all counters, after `roll`."""
        self.requests += requests
        self.tokens += tokens
        self.tokens_day += tokens
        self.cost_day += cost
        self.tokens_month += tokens
        self.cost_month += cost

    def settle(self, taken: Moment, tokens: int, cost: int) -> None:
        """Correct a charge of `taken` by the difference to what was really used, after `roll`. What was charged too much to
        a time that is over isn't given to the present one; what was charged too little is taken from it."""
        if taken.minute == self.minute or tokens > 0:
            self.tokens = max(0, self.tokens + tokens)
        elif taken.minute == self.minute - 1:
            self.tokens_before = max(0, self.tokens_before + tokens)
        if taken.day == self.day or tokens > 0:
            self.tokens_day = max(0, self.tokens_day + tokens)
        if taken.day == self.day or cost > 0:
            self.cost_day = max(0, self.cost_day + cost)
        if taken.month == self.month or tokens > 0:
            self.tokens_month = max(0, self.tokens_month + tokens)
        if taken.month == self.month or cost > 0:
            self.cost_month = max(0, self.cost_month + cost)


class Spent(NamedTuple):
    """Why a request isn't let in."""

    bucket: int
    """Which of those that were asked."""
    meter: int
    """Place in METERS."""
    wait_ms: int


def moment(ms: int) -> Moment:
    """Epoch milliseconds -> their minute, day and month."""
    local = ms + BEIJING_MS
    day = local // DAY_MS
    month, next_month = _month(day)
    return Moment(ms, ms // MINUTE_MS, day, month, (day + 1) * DAY_MS - local, next_month * DAY_MS - local)


def _month(day: int) -> tuple[int, int]:
    """Days since 1970 -> months since then, and the first day of the next. H. Hinnant, chrono-Compatible Low-Level Date
    Algorithms, `civil_from_days` and `days_from_civil`."""
    of_era = (day + 719_468) % 146_097
    era = (day + 719_468) // 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march = (5 * of_year + 2) // 153
    number = march + 3 if march < 10 else march - 9
    year = year_of_era + era * 400 + (number <= 2)
    following = year * 12 + number  # months since year 0, of the next month
    return (year - 1970) * 12 + number - 1, _first_day(following // 12, following % 12 + 1)


def _first_day(year: int, number: int) -> int:
    year -= number <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (number - 3 if number > 2 else number + 9) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def limits(quota: Quota) -> Limits:
    """The numbers of a quota. A cost below a millionth is one: it must not become no limit."""
    found = [
        (max(1, round(value * MICROS)) if value else 0) if name in COSTS else int(value)
        for name in METERS
        for value in (getattr(quota, name),)
    ]
    return tuple(found)  # type: ignore[return-value]


def share(limits: Limits, nodes: int) -> Limits:
    """A node's part of these limits; at least 1 of each that there is."""
    return tuple(max(1, n // nodes) if n else 0 for n in limits)  # type: ignore[return-value]


def spent(use: Use, streams: int, limits: Limits, now: Moment, tokens: int, cost: int) -> tuple[int, int] | None:
    """Whether one more request, of about so many tokens, is too much: (place in METERS, milliseconds to wait), or None.

    Args:
        use: after `roll`.
        streams: exchanges under way.
    """
    gone = now.ms - use.minute * MINUTE_MS
    gone = min(max(gone, 0), MINUTE_MS)
    requests, per_minute, at_once, t_day, c_day, t_month, c_month = limits
    if requests and (wait := _sliding(use.requests_before, use.requests, requests, 1, gone)):
        return 0, wait
    # A request that is larger than its whole limit is let in where all of the limit is free: else it never would be.
    if per_minute and (wait := _sliding(use.tokens_before, use.tokens, per_minute, min(tokens, per_minute), gone)):
        return 1, wait
    if at_once and streams >= at_once:
        return 2, BUSY_MS
    if t_day and use.tokens_day + min(tokens, t_day) > t_day:
        return 3, now.day_left
    if c_day and use.cost_day + min(cost, c_day) > c_day:
        return 4, now.day_left
    if t_month and use.tokens_month + min(tokens, t_month) > t_month:
        return 5, now.month_left
    if c_month and use.cost_month + min(cost, c_month) > c_month:
        return 6, now.month_left
    return None


def _sliding(before: int, current: int, limit: int, wanted: int, gone: int) -> int:
    """Milliseconds until `wanted` more fit; 0 is now."""
    if before * (MINUTE_MS - gone) // MINUTE_MS + current + wanted <= limit:
        return 0
    room = limit - wanted
    if current <= room:  # the minute before fades until there is room; here before > 0
        return max(1, MINUTE_MS - gone - (room - current) * MINUTE_MS // before)
    return max(1, 2 * MINUTE_MS - gone - room * MINUTE_MS // current)  # so does the current one, once it is over


def left(use: Use, limits: Limits, now: Moment) -> tuple[int, int]:
    """Requests and tokens of this minute that remain, after a charge; of what has no limit -1."""
    gone = min(max(now.ms - use.minute * MINUTE_MS, 0), MINUTE_MS)
    fading = MINUTE_MS - gone
    requests = limits[0] - use.requests - use.requests_before * fading // MINUTE_MS if limits[0] else -1
    tokens = limits[1] - use.tokens - use.tokens_before * fading // MINUTE_MS if limits[1] else -1
    return (max(0, requests) if limits[0] else -1), (max(0, tokens) if limits[1] else -1)
