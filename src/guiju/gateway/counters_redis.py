"""The counts of quotas that several nodes share: in Redis or Valkey, changed by scripts, each of them atomic.

The scripts are quota.py's arithmetic once more, in Lua. An exchange under way is a member of a sorted set with a time until
which it counts; the worker that serves it puts that off, so that what a dead node had under way is gone a little later.

A request waits for `quota.redis_seconds` at most. Then Redis counts as away: nobody asks it again until a question in the
background was answered. What is done meanwhile is allowance.py's to decide; what was counted elsewhere meanwhile is handed
in afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from guiju import clock
from guiju.gateway.counters_local import Bucket
from guiju.gateway.quota import BUSY_MS, Moment, Spent, Use
from guiju.gateway.tasks import spawn

_log = logging.getLogger("guiju.gateway")

PREFIX = "guiju:quota:"
LEASE_MS = 30_000
"""How long an exchange counts as under way after the last that was heard of its worker."""
BEAT = 5.0
"""Seconds between two signs of life of a worker; and, while Redis is away, `AWAY` between two tries."""
AWAY = 0.5
_NODES = PREFIX + "nodes"
_KEPT = 40 * 86_400
"""Seconds that a bucket is kept after its last use: longer than a month."""
_CONNECTIONS = 16

_ROLL = (
    """
local names = {"""
    + ", ".join(f"'{name}'" for name in Use.FIELDS)
    + """}
local function read(key)
  local found, use = redis.call('HMGET', key, unpack(names)), {}
  for i, name in ipairs(names) do use[name] = tonumber(found[i] or '0') or 0 end
  return use
end
local function write(key, use)
  local flat = {}
  for _, name in ipairs(names) do flat[#flat + 1] = name; flat[#flat + 1] = string.format('%.0f', use[name]) end
  redis.call('HSET', key, unpack(flat))
  redis.call('EXPIRE', key, """
    + str(_KEPT)
    + """)
end
local now, minute, day, month = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local function roll(use)
  if minute > use.minute then
    local near = minute == use.minute + 1
    use.requests_before, use.tokens_before = near and use.requests or 0, near and use.tokens or 0
    use.minute, use.requests, use.tokens = minute, 0, 0
  end
  if day > use.day then use.day, use.tokens_day, use.cost_day = day, 0, 0 end
  if month > use.month then use.month, use.tokens_month, use.cost_month = month, 0, 0 end
end
"""
)

_TAKE = (
    _ROLL
    + """
local day_left, month_left = tonumber(ARGV[5]), tonumber(ARGV[6])
local tokens, cost, lease, until_ms = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local M = 60000
local function sliding(before, current, limit, wanted, gone)
  if math.floor(before * (M - gone) / M) + current + wanted <= limit then return 0 end
  local room = limit - wanted
  if current <= room then return math.max(1, M - gone - math.floor((room - current) * M / before)) end
  return math.max(1, 2 * M - gone - math.floor(room * M / current))
end
local uses, answer = {}, {0}
for i, key in ipairs(KEYS) do
  local limits = {}
  for meter = 1, 7 do limits[meter] = tonumber(ARGV[10 + (i - 1) * 7 + meter]) end
  local use = read(key)
  roll(use)
  local gone = math.min(math.max(now - use.minute * M, 0), M)
  local streams, wait = key .. ':streams', 0
  if limits[1] > 0 then
    wait = sliding(use.requests_before, use.requests, limits[1], 1, gone)
    if wait > 0 then return {1, i - 1, 0, wait} end
  end
  if limits[2] > 0 then
    wait = sliding(use.tokens_before, use.tokens, limits[2], math.min(tokens, limits[2]), gone)
    if wait > 0 then return {1, i - 1, 1, wait} end
  end
  if limits[3] > 0 then
    redis.call('ZREMRANGEBYSCORE', streams, '-inf', '(' .. string.format('%.0f', now))
    if redis.call('ZCARD', streams) >= limits[3] then return {1, i - 1, 2, """
    + str(BUSY_MS)
    + """} end
  end
  local calendar = {{4, 'tokens_day', tokens, day_left}, {5, 'cost_day', cost, day_left},
                    {6, 'tokens_month', tokens, month_left}, {7, 'cost_month', cost, month_left}}
  for _, c in ipairs(calendar) do
    local limit = limits[c[1]]
    if limit > 0 and use[c[2]] + math.min(c[3], limit) > limit then return {1, i - 1, c[1] - 1, c[4]} end
  end
  use.limits, use.gone = limits, gone
  uses[i] = use
end
for i, key in ipairs(KEYS) do
  local use = uses[i]
  use.requests, use.tokens = use.requests + 1, use.tokens + tokens
  use.tokens_day, use.tokens_month = use.tokens_day + tokens, use.tokens_month + tokens
  use.cost_day, use.cost_month = use.cost_day + cost, use.cost_month + cost
  write(key, use)
  if use.limits[3] > 0 then
    redis.call('ZADD', key .. ':streams', until_ms, lease)
    redis.call('PEXPIRE', key .. ':streams', 4 * """
    + str(LEASE_MS)
    + """)
  end
  for meter, name in ipairs({'requests', 'tokens'}) do
    local limit, fading = use.limits[meter], math.floor(use[name .. '_before'] * (M - use.gone) / M)
    answer[#answer + 1] = limit > 0 and math.max(0, limit - use[name] - fading) or -1
  end
end
return answer
"""
)

_SETTLE = (
    _ROLL
    + """
local then_minute, then_day, then_month = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local tokens, cost, lease = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
for _, key in ipairs(KEYS) do
  local use = read(key)
  roll(use)
  local function add(name, more) use[name] = math.max(0, use[name] + more) end
  if then_minute == use.minute or tokens > 0 then add('tokens', tokens)
  elseif then_minute == use.minute - 1 then add('tokens_before', tokens) end
  if then_day == use.day or tokens > 0 then add('tokens_day', tokens) end
  if then_day == use.day or cost > 0 then add('cost_day', cost) end
  if then_month == use.month or tokens > 0 then add('tokens_month', tokens) end
  if then_month == use.month or cost > 0 then add('cost_month', cost) end
  write(key, use)
  if lease ~= '' then redis.call('ZREM', key .. ':streams', lease) end
end
return 0
"""
)


class Away(Exception):
    """Redis doesn't answer, or not in time."""


class RedisCounters:
    """One worker's connections to it.

    Args:
        node: this machine's name: how many there are decides each one's share while Redis is away.
        changed: called with whether it is away, when that changes.
        back: awaited when it answers again, before anybody is let ask it. Raises: Away.
    """

    def __init__(
        self,
        url: str,
        node: str,
        limit: float,
        changed: Callable[[bool], None],
        back: Callable[[], Awaitable[None]],
    ) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._limit, self._node, self._changed, self._back = limit, node, changed, back
        pool = BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=limit, socket_timeout=limit, socket_connect_timeout=limit,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._redis: Any = Redis(connection_pool=pool)
        self._take: Any
        self._settle: Any
        self._take, self._settle = self._redis.register_script(_TAKE), self._redis.register_script(_SETTLE)
        self.away = False
        self.nodes = 1
        """How many share it, as far as is known."""
        self._leases: dict[str, list[str]] = {}
        """Exchange -> sets in which it counts."""
        self._hurry = asyncio.Event()
        self._beating = spawn(self._beat(), "quota counters")

    async def close(self) -> None:
        self._beating.cancel()
        await asyncio.wait((self._beating,))
        await self._redis.aclose()

    async def take(
        self, buckets: Sequence[Bucket], now: Moment, tokens: int, cost: int, lease: str
    ) -> Spent | list[tuple[int, int]]:
        """As `LocalCounters.take`. Raises: Away."""
        keys = [PREFIX + digest.hex() for digest, _ in buckets]
        numbers = [n for _, limits in buckets for n in limits]
        args = [now.ms, now.minute, now.day, now.month, now.day_left, now.month_left, tokens, cost, lease,
                now.ms + LEASE_MS, *numbers]  # fmt: skip
        found = await self._ask(lambda: self._take(keys, args))
        if found[0]:
            return Spent(*found[1:])
        sets = [f"{key}:streams" for key, (_, limits) in zip(keys, buckets, strict=True) if limits[2]]
        if sets:
            self._leases[lease] = sets
        return list(zip(found[1::2], found[2::2], strict=True))

    async def settle(
        self, buckets: Sequence[Bucket], taken: Moment, now: Moment, tokens: int, cost: int, lease: str
    ) -> None:
        """As `LocalCounters.settle`. Raises: Away; the exchange isn't under way any more all the same."""
        self._leases.pop(lease, None)
        keys = [PREFIX + digest.hex() for digest, _ in buckets]
        args = [now.ms, now.minute, now.day, now.month, taken.minute, taken.day, taken.month, tokens, cost, lease]
        await self._ask(lambda: self._settle(keys, args))

    async def _ask(self, question: Callable[[], Awaitable[Any]], *, always: bool = False) -> Any:
        from redis.exceptions import RedisError

        if self.away and not always:
            raise Away
        try:
            async with asyncio.timeout(self._limit):
                return await question()
        except (RedisError, OSError, TimeoutError) as problem:
            self._turn(True, problem)
            raise Away from problem

    def _turn(self, away: bool, problem: Exception | None = None) -> None:
        if away != self.away:
            self.away = away
            self._changed(away)
            if away:
                _log.error("redis=away problem=%r", problem)
                self._hurry.set()
            else:
                _log.warning("redis=back nodes=%s", self.nodes)

    async def _beat(self) -> None:
        """Say that this node and its exchanges live; while Redis is away, ask until it is back."""
        while True:
            self._hurry.clear()
            try:
                if self.away:  # what is left in the pool leads to the server that is gone
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                await self._ask(self._sign_of_life, always=True)
                if self.away:
                    await self._back()
                    self._turn(False)
            except Away:
                pass
            try:
                async with asyncio.timeout(AWAY if self.away else BEAT):
                    await self._hurry.wait()
            except TimeoutError:
                continue

    async def _sign_of_life(self) -> None:
        now = clock.epoch_ms()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(_NODES, {self._node: now})
            pipe.zremrangebyscore(_NODES, "-inf", now - 86_400_000)
            pipe.zcount(_NODES, now - LEASE_MS, "+inf")
            for lease, sets in self._leases.items():
                for name in sets:
                    pipe.zadd(name, {lease: now + LEASE_MS})
                    pipe.pexpire(name, 4 * LEASE_MS)
            self.nodes = max(1, (await pipe.execute())[2])

    async def hand_in(self, digest: bytes, taken: Moment, now: Moment, tokens: int, cost: int) -> None:
        """What was counted elsewhere while it was away. Raises: Away."""
        keys, args = [PREFIX + digest.hex()], [
            now.ms, now.minute, now.day, now.month, taken.minute, taken.day, taken.month, tokens, cost, ""
        ]  # fmt: skip
        await self._ask(lambda: self._settle(keys, args), always=True)
