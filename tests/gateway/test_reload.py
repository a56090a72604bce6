"""Before the first request control was asked once: what lies on disk may be older than a decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from guiju import clock, snapshot
from guiju.config import Config
from guiju.errors import UpstreamUnavailable
from guiju.gateway.reload import Reloader
from guiju.gateway.state import Gateway
from guiju.gateway.tasks import spawn
from guiju.gateway.worker import day_key
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.review import load


class Control:
    """Answers every poll in one way; the second one never ends."""

    def __init__(
        self, status: int = 204, body: bytes = b"", wait: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self.status, self._body, self._wait, self.polls = status, body, wait, 0

    async def request(self, *_: Any, **__: Any) -> Control:
        self.polls += 1
        if self._wait is not None:
            await self._wait()
        if self.polls > 1:
            await asyncio.Event().wait()
        return self

    async def read_all(self, limit: int) -> bytes:
        return self._body

    def release(self) -> None: ...


@pytest.fixture
async def gateway(config: Config) -> AsyncIterator[Gateway]:
    keyring = Keyring.open(config)
    journal = Journal(config.journal, "n", 1, chain_key=keyring.chain, day_key=day_key(keyring))
    yield Gateway(config, keyring, load.taxonomy(), journal, "n/1")
    await journal.close()


async def seconds(gateway: Gateway, control: Control, patience: float) -> float:
    """How long a worker waits before it listens."""
    reloader = Reloader(gateway, control)  # type: ignore[arg-type]
    await reloader.start()
    job = spawn(reloader.run(), "reload")
    began = clock.monotonic()
    await reloader.asked(patience)
    took = clock.monotonic() - began
    job.cancel()
    return took


async def test_what_control_decided_meanwhile_is_in_force_before_the_first_request(gateway: Gateway):
    gateway.config.run.mkdir(parents=True, exist_ok=True)
    (gateway.config.run / "snapshot.json").write_bytes(snapshot.encode(snapshot.Snapshot(version=3)))
    control = Control(200, snapshot.encode(snapshot.Snapshot(version=4)), lambda: asyncio.sleep(0.1))
    assert await seconds(gateway, control, 5) < 4
    assert gateway.counts.snapshot == 4


async def test_with_nothing_new_it_starts_at_once(gateway: Gateway):
    assert await seconds(gateway, Control(), 5) < 2


async def test_a_control_that_is_away_is_not_waited_for(gateway: Gateway):
    async def away() -> None:
        raise UpstreamUnavailable(upstream="control", problem="Connection refused")

    control = Control(wait=away)
    assert await seconds(gateway, control, 5) < 2
    assert control.polls == 1


async def test_a_control_that_says_nothing_is_waited_for_only_so_long(gateway: Gateway):
    assert 0.2 <= await seconds(gateway, Control(wait=asyncio.Event().wait), 0.2) < 2


async def test_it_tells_control_how_its_upstreams_fare(gateway: Gateway):
    gateway.config.run.mkdir(parents=True, exist_ok=True)
    there = snapshot.Upstream(name="u", url="http://127.0.0.1:9/v1")
    (gateway.config.run / "snapshot.json").write_bytes(
        snapshot.encode(snapshot.Snapshot(version=3, upstreams=(there,)))
    )
    reloader = Reloader(gateway, Control())  # type: ignore[arg-type]
    await reloader.start()
    pool = gateway.current().pools["u"]
    with pytest.raises(UpstreamUnavailable):
        await pool.request("GET", "/", b"", {})
    told = reloader._stats()["upstreams"]
    assert told == {"u": pool.stats()}
    assert told["u"]["failed"] == 1
