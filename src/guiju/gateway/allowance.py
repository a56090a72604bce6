"""What an exchange may use, and what it used: quotas asked at admission, settled at its close.

Tokens are known only afterwards. So an estimate is charged first, and the difference to what the upstream counted when the
exchange ends. An exchange without a quota asks nothing here but `Door.quotas`.

quota.py has the arithmetic; counters_local.py and counters_redis.py keep the counts.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from guiju import clock
from guiju.config import Config
from guiju.errors import QuotaSpent, QuotaUnknown, Said
from guiju.gateway.counters_local import Bucket, LocalCounters
from guiju.gateway.counters_redis import Away, RedisCounters
from guiju.gateway.quota import METERS, MICROS, Moment, Spent, limits, moment
from guiju.gateway.tasks import spawn
from guiju.gateway.telemetry import Counts
from guiju.snapshot import Quota
from guiju.types import Grant
from guiju.wire.anthropic_count import AnthropicCount, tokens_of
from guiju.wire.dialect import Ask
from guiju.wire.numbers import Numbers

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange

_log = logging.getLogger("guiju.gateway")

OUTPUT = 256
"""Tokens that an answer is taken to have where the request says no bound."""
_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_WHOSE = {
    "key": Said("this key", "该密钥"),
    "app": Said("this app", "该应用"),
    "service": Said("this service", "该服务"),
    "subject": Said("this user", "该用户"),
}

Price = tuple[float, float]
"""Of a million tokens of input and of output."""


class Length(NamedTuple):
    """How long the texts of a request are."""

    tokens: float
    characters: int


class Hold(msgspec.Struct):
    """What was charged to an exchange."""

    id: str
    buckets: tuple[Bucket, ...]
    taken: Moment
    tokens: int
    cost: int
    shared: bool
    """In Redis, and not here alone."""
    headers: list[tuple[str, str]]
    """`x-ratelimit-…`, as OpenAI's API has them."""
    settled: bool = False


class Allowance:
    """The counters of one worker; opened with the first quota that there is."""

    def __init__(self, config: Config, counts: Counts) -> None:
        self._config, self._counts = config, counts
        self._local: LocalCounters | None = None
        self._redis: RedisCounters | None = None
        self._owed: dict[bytes, tuple[Moment, int, int]] = {}
        """Charges that Redis hasn't heard of: bucket -> since when, tokens, cost."""

    def admit(
        self, exchange: str, quotas: Sequence[Quota], grant: Grant, ask: Ask, price: Price, output: int
    ) -> Hold | Awaitable[Hold]:
        """Charge an estimate to all that have a quota in it. Where Redis is set, the answer is to be awaited.

        Args:
            output: tokens that an answer may have where the request says no bound.

        Raises: QuotaSpent; QuotaUnknown.
        """
        now = moment(clock.epoch_ms())
        read = round(length_of(ask).tokens)
        wrote = bound(ask) or output * ask.choices
        cost = cost_of(read, wrote, price)
        buckets = tuple((digest(quota, grant), limits(quota)) for quota in quotas)
        if self._config["redis_url"]:
            return self._shared(exchange, quotas, buckets, now, read + wrote, cost)
        return self._alone(exchange, quotas, buckets, now, read + wrote, cost, 1)

    def settle(self, hold: Hold, tokens: int, cost: int) -> None:
        """An exchange has ended, with so many tokens. Once is enough."""
        if hold.settled:
            return
        hold.settled = True
        now = moment(clock.epoch_ms())
        more, dearer = tokens - hold.tokens, cost - hold.cost
        if hold.shared:
            spawn(self._settle_shared(hold, now, more, dearer), f"quota of {hold.id}")
            with suppress(QuotaUnknown):  # for an outage: each node knows what it served itself
                self._here.settle(hold.buckets, hold.taken, now, tokens, cost, streams=0)
        else:
            self._here.settle(hold.buckets, hold.taken, now, more, dearer)
            if self._redis is not None:
                self._owe(hold, tokens, cost)

    async def close(self) -> None:
        """The worker ends."""
        if self._redis is not None:
            await self._redis.close()
        if self._local is not None:
            self._local.close()

    # --- here -----------------------------------------------------------------------------------------

    @property
    def _here(self) -> LocalCounters:
        """Raises: QuotaUnknown, where the file can't be had."""
        if self._local is None:
            try:
                self._local = LocalCounters(self._config.run / "quotas")
            except OSError as problem:
                _log.error("quotas=uncounted problem=%s", problem)
                raise QuotaUnknown() from None
        return self._local

    def _alone(
        self, exchange: str, quotas: Sequence[Quota], buckets: tuple[Bucket, ...], now: Moment, tokens: int, cost: int,
        nodes: int,
    ) -> Hold:  # fmt: skip
        found = self._here.take(buckets, now, tokens, cost, nodes)
        return _hold(exchange, quotas, buckets, now, tokens, cost, found, shared=False)

    # --- shared ---------------------------------------------------------------------------------------

    @property
    def _there(self) -> RedisCounters:
        if self._redis is None:
            config = self._config
            self._redis = RedisCounters(
                config["redis_url"], config["node"], config["quota.redis_seconds"], self._turned, self._hand_in
            )
        return self._redis

    async def _shared(
        self, exchange: str, quotas: Sequence[Quota], buckets: tuple[Bucket, ...], now: Moment, tokens: int, cost: int
    ) -> Hold:
        there = self._there
        try:
            found = await there.take(buckets, now, tokens, cost, exchange)
        except Away:
            if self._config["quota.outage"] == "closed":
                raise QuotaUnknown() from None
            return self._alone(exchange, quotas, buckets, now, tokens, cost, there.nodes)
        return _hold(exchange, quotas, buckets, now, tokens, cost, found, shared=True)

    async def _settle_shared(self, hold: Hold, now: Moment, tokens: int, cost: int) -> None:
        try:
            await self._there.settle(hold.buckets, hold.taken, now, tokens, cost, hold.id)
        except Away:
            self._owe(hold, tokens, cost)

    def _turned(self, away: bool) -> None:
        self._counts.quota_counters_away = int(away)

    def _owe(self, hold: Hold, tokens: int, cost: int) -> None:
        for name, _ in hold.buckets:
            since, before, cheaper = self._owed.get(name, (hold.taken, 0, 0))
            self._owed[name] = (since, before + tokens, cheaper + cost)

    async def _hand_in(self) -> None:
        while self._owed:
            name = next(iter(self._owed))
            since, tokens, cost = self._owed[name]
            await self._there.hand_in(name, since, moment(clock.epoch_ms()), tokens, cost)
            since, now_tokens, now_cost = self._owed.pop(name)
            if (now_tokens, now_cost) != (tokens, cost):  # more came meanwhile
                self._owed[name] = (since, now_tokens - tokens, now_cost - cost)


def charge(exchange: Exchange, quotas: Sequence[Quota], ask: Ask) -> Awaitable[None] | None:
    """Admission's question. Something to await only where the counts lie elsewhere. Raises: QuotaSpent, QuotaUnknown."""
    price = exchange.compiled.price(exchange.service.name, exchange.target)
    output = 0 if isinstance(exchange.dialect, Numbers) else OUTPUT
    found = exchange.gateway.allowance.admit(exchange.id, quotas, exchange.grant, ask, price, output)
    if isinstance(found, Hold):
        exchange.hold = found
        return None
    return _awaited(exchange, found)


async def _awaited(exchange: Exchange, found: Awaitable[Hold]) -> None:
    exchange.hold = await found


def account(exchange: Exchange, told: dict[str, Any], length: Length | None) -> None:
    """Complete a closing record with tokens that nobody counted and with what they cost, and settle.

    Args:
        told: fields of `entries.Closed`.
        length: the request's, where an upstream has begun to answer; None where nothing was used.
    """
    silent = not told.get("input_tokens") and not told.get("output_tokens")
    if length is not None and silent and not isinstance(exchange.dialect, AnthropicCount):  # which makes no model work
        told |= estimated(length, told.get("characters", 0))
    read, wrote = told.get("input_tokens", 0), told.get("output_tokens", 0)
    if exchange.compiled.prices:
        told["cost"] = cost_of(read, wrote, exchange.compiled.price(exchange.service.name, exchange.target))
    if exchange.hold is not None:
        exchange.gateway.allowance.settle(exchange.hold, read + wrote, told.get("cost", 0))


def digest(quota: Quota, grant: Grant) -> bytes:
    """Who is counted. Users that an app doesn't name share one quota: leaving the name out must not be a way around it."""
    who = f"{quota.scope}\0{quota.name}\0{grant.subject if quota.scope == 'subject' else ''}"
    return hashlib.blake2b(who.encode(), digest_size=16).digest()


def bound(ask: Ask) -> int:
    """Tokens that all answers of a request may have, as it says itself, the most where it says several: which of them the
    upstream goes by isn't known here. 0 where it says none."""
    options = ask.body.get("options")
    said: list[Any] = [ask.body.get(name) for name in _BOUNDS]
    said.append(options.get("num_predict") if isinstance(options, dict) else None)
    return max([n * ask.choices for n in said if type(n) is int and 0 < n < 1 << 31], default=0)


def cost_of(read: int, wrote: int, price: Price) -> int:
    """Of so many tokens, in millionths of the currency: a price is of a million tokens."""
    return round(read * price[0] + wrote * price[1])


def length_of(ask: Ask) -> Length:
    """How long a request is."""
    return Length(sum([tokens_of(s.text) for s in ask.segments]), sum([len(s.text) for s in ask.segments]))


def estimated(length: Length, characters: int) -> dict[str, Any]:
    """Tokens of an exchange whose upstream counted none, as fields of `entries.Closed`: by length."""
    # An answer is taken to be in the language of its question; it isn't read once more for this.
    each = length.tokens / length.characters if length.characters else 0.6
    return {
        "input_tokens": round(length.tokens),
        "output_tokens": math.ceil(characters * each),
        "tokens_estimated": True,
    }


def _hold(
    exchange: str, quotas: Sequence[Quota], buckets: tuple[Bucket, ...], now: Moment, tokens: int, cost: int,
    found: Spent | Iterable[tuple[int, int]], *, shared: bool,
) -> Hold:  # fmt: skip
    """Raises: QuotaSpent."""
    if isinstance(found, Spent):
        raise _refusal(quotas[found.bucket], found)
    return Hold(exchange, buckets, now, tokens, cost, shared, _headers(buckets, found))


def _refusal(quota: Quota, found: Spent) -> QuotaSpent:
    field, said = list(METERS.items())[found.meter]
    limit = getattr(quota, field)
    seconds = max(1, math.ceil(found.wait_ms / 1000))
    told = Said("{limit} {what}", "{what} {limit}", limit=f"{limit:g}" if limit < MICROS else f"{limit:.0f}", what=said)
    error = QuotaSpent(whose=_WHOSE[quota.scope], quota=told, seconds=seconds)
    error.retry_after = seconds
    return error


def _headers(buckets: Sequence[Bucket], found: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """The scarcest of each kind."""
    made: list[tuple[str, str]] = []
    pairs = list(zip(found, buckets, strict=True))
    for place, kind in enumerate(("requests", "tokens")):
        scarce = [(remains[place], bucket[1][place]) for remains, bucket in pairs if remains[place] >= 0]
        if scarce:
            remaining, limit = min(scarce)
            made.append((f"x-ratelimit-limit-{kind}", str(limit)))
            made.append((f"x-ratelimit-remaining-{kind}", str(remaining)))
    return made
