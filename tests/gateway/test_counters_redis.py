"""Counters that nodes share in Redis: the same arithmetic as here, told by a race; an outage, and what comes after it."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import services
from guiju import clock
from guiju.gateway.counters_local import LocalCounters
from guiju.gateway.counters_redis import PREFIX, Away, RedisCounters
from guiju.gateway.quota import MINUTE_MS, Spent, limits, moment
from guiju.snapshot import Quota

pytestmark = pytest.mark.redis


def per(**which: float):
    return limits(Quota(scope="app", name="a", **which))


async def nothing() -> None: ...


@asynccontextmanager
async def counters(url: str, node: str = "n", **more: Any) -> AsyncIterator[RedisCounters]:
    made = RedisCounters(
        url, node, more.pop("limit", 5.0), more.pop("changed", lambda away: None), more.pop("back", nothing)
    )
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def fresh(redis_url: str) -> str:
    """A database of its own in that Redis."""
    import redis

    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    client.close()
    return redis_url


@pytest.mark.parametrize("seed", range(6))
async def test_it_decides_as_the_counters_of_one_machine_do(fresh: str, tmp_path: Path, seed: int):
    rng = random.Random(seed)
    here = LocalCounters(tmp_path / "quotas")
    some = [
        (bytes([n]) * 16, per(requests_per_minute=rng.choice((0, 9)), tokens_per_minute=rng.choice((0, 300)),
                              streams=rng.choice((0, 3)), tokens_per_day=rng.choice((0, 2000)),
                              cost_per_day=rng.choice((0, 0.01)),
                              tokens_per_month=rng.choice((0, 4000)), cost_per_month=rng.choice((0, 0.02))))
        for n in range(1, 4)
    ]  # fmt: skip
    ms, held = clock.epoch_ms(), []
    async with counters(fresh) as there:
        for step in range(250):
            ms += rng.choice((0, 10, 400, 9_000, 70_000)) if step % 40 else 86_400_000
            now, buckets = moment(ms), rng.sample(some, rng.randint(1, 3))
            if held and rng.random() < 0.4:
                buckets, taken, lease = held.pop(rng.randrange(len(held)))
                tokens, cost = rng.randint(-40, 20), rng.randint(-900, 500)
                here.settle(buckets, taken, now, tokens, cost)
                await there.settle(buckets, taken, now, tokens, cost, lease)
                continue
            tokens, cost = rng.randint(0, 80), rng.randint(0, 3000)
            # what the set forgets by time alone is put off, so that both have the same under way
            for held_buckets, _, name in held:
                for digest, its in held_buckets:
                    if its[2]:
                        await there._redis.zadd(f"{PREFIX}{digest.hex()}:streams", {name: now.ms + 60_000})
            one = here.take(buckets, now, tokens, cost)
            two = await there.take(buckets, now, tokens, cost, f"e{step}")
            assert one == two, (seed, step)
            if not isinstance(one, Spent):
                held.append((buckets, now, f"e{step}"))
    here.close()


async def test_two_nodes_let_in_exactly_the_limit(fresh: str):
    who = (b"q" * 16, per(requests_per_minute=500))
    now = moment(clock.epoch_ms() // MINUTE_MS * MINUTE_MS)
    async with counters(fresh, "one") as one, counters(fresh, "two") as two:
        asked = [(one, two)[n % 2].take([who], now, 0, 0, str(n)) for n in range(700)]
        found = await asyncio.gather(*asked)
    assert sum(not isinstance(f, Spent) for f in found) == 500


async def test_what_a_dead_node_had_under_way_ends_with_its_time(fresh: str):
    who = (b"d" * 16, per(streams=1))
    now = moment(clock.epoch_ms())
    async with counters(fresh) as there:
        assert isinstance(await there.take([who], now, 0, 0, "a"), list)
        assert await there.take([who], now, 0, 0, "b") == Spent(0, 2, 1000)
        assert isinstance(await there.take([who], moment(now.ms + 31_000), 0, 0, "c"), list)


async def test_a_living_worker_keeps_its_exchanges(fresh: str):
    who, name = (b"l" * 16, per(streams=1)), f"{PREFIX}{(b'l' * 16).hex()}:streams"
    async with counters(fresh) as there:
        old = moment(clock.epoch_ms() - 29_000)
        assert isinstance(await there.take([who], old, 0, 0, "a"), list)
        before = await there._redis.zscore(name, "a")
        await there._sign_of_life()
        assert await there._redis.zscore(name, "a") > before
        await there.settle([who], old, moment(clock.epoch_ms()), 0, 0, "a")
        await there._sign_of_life()
        assert await there._redis.zscore(name, "a") is None


async def test_nodes_that_live_are_counted(fresh: str):
    async with counters(fresh, "one") as one, counters(fresh, "two") as two:
        async with asyncio.timeout(20):
            while (one.nodes, two.nodes) != (2, 2):
                await one._sign_of_life()
                await two._sign_of_life()


async def test_an_outage_is_told_once_costs_one_wait_and_ends_by_itself(tmp_path: Path):
    port = services.free_port()
    url = f"redis://127.0.0.1:{port}/0"

    def serve() -> subprocess.Popen[bytes]:
        args = [
            services.redis_server() or "",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(tmp_path),
        ]
        return subprocess.Popen(args, stdout=subprocess.DEVNULL)

    turns: list[bool] = []
    handed: list[str] = []

    async def back() -> None:
        handed.append("in")

    who, now = (b"o" * 16, per(requests_per_minute=5)), moment(clock.epoch_ms())
    server = serve()
    try:
        async with counters(url, changed=turns.append, back=back, limit=2.0) as there:
            async with asyncio.timeout(30):
                while True:  # it may still be starting
                    try:
                        assert isinstance(await there.take([who], now, 0, 0, "a"), list)
                        break
                    except Away:
                        await asyncio.sleep(0.05)
                while there.away:
                    await asyncio.sleep(0.05)
            turns.clear()
            handed.clear()
            server.kill()
            server.wait()
            for _ in range(50):
                with pytest.raises(Away):
                    await there.take([who], now, 0, 0, "b")
            assert turns == [True]
            server = serve()
            async with asyncio.timeout(30):
                while there.away:
                    await asyncio.sleep(0.05)
            assert (turns, handed) == ([True, False], ["in"])
            assert isinstance(await there.take([who], now, 0, 0, "c"), list)
    finally:
        server.kill()
        server.wait()


async def test_a_redis_that_hangs_holds_nobody_up(tmp_path: Path):
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with counters(url, limit=0.2) as there:
        found = await asyncio.gather(
            *(there.take([(b"h" * 16, per(streams=1))], moment(clock.epoch_ms()), 0, 0, str(n)) for n in range(40)),
            return_exceptions=True,
        )
        assert {type(f) for f in found} == {Away}
        assert there.away
    server.close()
