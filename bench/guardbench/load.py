"""What a gateway costs and adds: requests as fast as they go, and paced streams whose chunks say when they were written."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from bench import client, machines
from bench.guardbench import stamp
from bench.guardbench.peers import Running

RAMP = 0.003
"""Seconds between the beginnings of two streams."""
STALL_MS = 100.0
MANY, FEW, SLOW_MS = 64, 4, 100.0
"""Connections that saturate; few where one answer alone takes so long that many would only queue for minutes."""
OVERLOADED_MS = 1000.0
"""A median lag beyond this, and more streams are not tried."""
PATIENCE = 30.0
"""Seconds beyond what a level takes without any gateway; what hasn't come then is not waited for."""


class Streams(asyncio.Protocol):
    """One client with one stream, as cheap as it can be: it reads times and the end, nothing else."""

    def __init__(self, message: bytes, done: asyncio.Future[None]) -> None:
        self.message, self.done, self.reader = message, done, stamp.Reader()
        self.lags: list[int] = []
        """Microseconds from each chunk's writing to its reading."""
        self.first: float | None = None
        """Seconds from the request to the first chunk."""
        self.status, self.ended, self._tail = b"", False, b""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.began = transport, time.perf_counter()
        transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        now = stamp.microseconds()
        self.status = self.status or data[:12]
        if times := self.reader.feed(data):
            self.first = self.first if self.first is not None else time.perf_counter() - self.began
            self.lags += [now - at for at in times]
        self._tail = (self._tail + data)[-40:]
        if b"[DONE]" in self._tail or b"\r\n0\r\n\r\n" in self._tail:
            self.ended = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p99, p99.9 and the longest, in the values' own unit; empty where there are none."""
    if not values:
        return {}
    cuts = statistics.quantiles([*values, values[0]] if len(values) == 1 else values, n=1000, method="inclusive")
    return {"p50": cuts[499], "p99": cuts[989], "p999": cuts[998], "max": max(values)}


def megabytes(of: Running) -> float:
    """Resident memory of all its processes."""
    return sum(machines.memory(pid) for pid in of.processes())


async def _streams(to: Running, count: int, timeout: float) -> tuple[list[Streams], float]:
    """The clients, and how many megabytes the gateway held while all streams were open; cut off after `timeout` seconds."""
    loop, clients = asyncio.get_running_loop(), []
    message = client.request(to.port, to.key, stream=True, headers=to.headers)
    waiting = []
    for _ in range(count):
        done = loop.create_future()
        _, one = await loop.create_connection(lambda d=done: Streams(message, d), "127.0.0.1", to.port)
        clients.append(one)
        waiting.append(done)
        await asyncio.sleep(RAMP)
    await asyncio.sleep(1)
    held = megabytes(to)
    await asyncio.wait(waiting, timeout=timeout)
    for one in clients:
        one.transport.abort()
    await asyncio.sleep(0)
    return clients, held


def streams(to: Running, count: int, seconds: float) -> dict[str, Any]:
    """So many paced streams at once; `seconds` is what one takes without a gateway."""
    pids = to.processes()
    before = machines.cpu(pids)
    clients, held = uvloop.run(_streams(to, count, seconds + PATIENCE))
    spent = machines.cpu(pids) - before
    lags = [lag / 1000 for one in clients for lag in one.lags if 0 <= lag < 600_000_000]
    firsts = [one.first * 1000 for one in clients if one.first is not None]
    return {
        "streams": count,
        "ended": sum(one.ended for one in clients),
        "status": sorted({one.status.decode("latin-1") for one in clients}),
        "chunks": len(lags),
        "first_ms": percentiles(firsts),
        "lag_ms": percentiles(lags),
        "stalled": sum(lag > STALL_MS for lag in lags),
        "cpu_us_per_chunk": spent / len(lags) * 1e6 if lags else None,
        "open_mb": held,
    }


def overloaded(level: dict[str, Any]) -> str:
    """Why more streams are not tried; "" where they are."""
    if level["ended"] < level["streams"]:
        return f"{level['streams'] - level['ended']} of {level['streams']} streams had not ended in time"
    if level["lag_ms"] and level["lag_ms"]["p50"] > OVERLOADED_MS:
        return f"chunks were {level['lag_ms']['p50']:.0f} ms late in the median"
    return "" if level["chunks"] else f"no chunk came: {', '.join(level['status'])}"


def whole(to: Running, seconds: float) -> dict[str, float]:
    """One connection alone, then saturation by many. Raises: RuntimeError where an answer isn't 200."""
    ask = {"headers": to.headers}
    alone = uvloop.run(client.whole(to.port, to.key, seconds=seconds / 2, connections=1, **ask))
    many = MANY if alone.median_ms < SLOW_MS else FEW
    uvloop.run(client.whole(to.port, to.key, seconds=seconds / 4, connections=many, **ask))
    pids = to.processes()
    before = machines.cpu(pids)
    load = uvloop.run(client.whole(to.port, to.key, seconds=seconds, connections=many, **ask))
    spent = machines.cpu(pids) - before
    return {
        "connections": many,
        "requests_per_second": load.rate,
        "cpu_us_per_request": spent / load.count * 1e6,
        "latency_ms": alone.median_ms,
    }


def wait_until_it_answers(to: Running, seconds: float = 120.0) -> float:
    """Seconds from its start to the first answer of 200. Raises: RuntimeError with what it answered instead."""
    said = ""
    while time.perf_counter() - to.began < seconds:
        try:
            uvloop.run(client.whole(to.port, to.key, seconds=0.0001, connections=1, headers=to.headers))
            return time.perf_counter() - to.began
        except (OSError, EOFError, RuntimeError) as early:
            said = str(early)[:300]
            time.sleep(0.02)
    raise RuntimeError(f"never answered: {said}")


def measure(start: Any, levels: Sequence[int], seconds: float, pace: float, chunks: int) -> dict[str, Any]:
    """One round. `start` begins the gateway when it is entered."""
    with start as to:
        found: dict[str, Any] = {"start_seconds": wait_until_it_answers(to) if to.pid else 0.0}
        time.sleep(1)  # what goes on after a start isn't idling yet
        found["idle_mb"] = megabytes(to)
        found["whole"] = whole(to, seconds)
        uvloop.run(_streams(to, 4, 1.0))  # what a first stream loads is no delay of the others
        found["warm_mb"] = megabytes(to)
        found["streams"], found["stopped"] = [], ""
        for count in levels:
            level = streams(to, count, count * RAMP + pace * chunks)
            found["streams"].append(level)
            found["stopped"] = overloaded(level)
            if found["stopped"]:
                break
    return found
