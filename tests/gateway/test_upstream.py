"""A body that is followed: every byte once and in order, whoever pauses, and whatever happens meanwhile."""

import asyncio
import random

import pytest

from guiju.errors import UpstreamError
from guiju.gateway.breaker import FAILURES, PAUSE
from guiju.gateway.upstream import Pool


async def _following(answer: bytes, take, cuts=()) -> list[bool]:
    """Serve these bytes in pieces and follow the body; what each `follow` came to."""
    ends = [*cuts, len(answer)]

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for start, end in zip([0, *ends], ends, strict=False):
            writer.write(answer[start:end])
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pool = Pool("u", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})
    reply = await pool.request("GET", "/", b"", {})
    came = []
    try:
        while not came or not came[-1]:
            came.append(await reply.follow(take))
            await asyncio.sleep(random.Random(len(came)).random() * 0.005)
    finally:
        reply.close()
        server.close()
    return came


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n"
LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("pauses", [0.0, 0.5, 1.0])
def test_a_body_that_is_followed_comes_whole_however_often_the_follower_pauses(pauses: float):
    taken, rng = [], random.Random(7)

    def take(data: bytes) -> bool:
        taken.append(data)
        return rng.random() >= pauses

    came = asyncio.run(_following(HEAD + LETTERS, take, range(len(HEAD) - 3, len(HEAD) + 26, 2)))
    assert b"".join(taken) == LETTERS
    assert came[-1] is True
    assert len(taken) > 3


def test_what_the_follower_raises_reaches_whoever_awaits_it():
    def take(data: bytes) -> bool:
        raise LookupError(data.decode())

    with pytest.raises(LookupError, match="a"):
        asyncio.run(_following(HEAD + LETTERS, take, [len(HEAD), len(HEAD) + 3]))


def test_a_body_that_breaks_off_is_an_error_after_what_came_of_it():
    taken = []

    def take(data: bytes) -> bool:
        taken.append(data)
        return True

    with pytest.raises(UpstreamError):
        asyncio.run(_following(HEAD + LETTERS[:9], take, [len(HEAD), len(HEAD) + 3]))
    assert b"".join(taken) == LETTERS[:9]


async def test_as_many_streams_run_at_once_as_there_are_clients():
    """Nobody waits for somebody else's answer to end."""
    most = 600
    open_now, all_there = 0, asyncio.Event()

    async def serve(reader, writer):
        nonlocal open_now
        await reader.readuntil(b"\r\n\r\n")
        open_now += 1
        if open_now == most:
            all_there.set()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await all_there.wait()
        writer.write(b"ok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=most)
    pool = Pool("u", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})

    async def ask() -> bytes:
        reply = await pool.request("GET", "/", b"", {})
        try:
            return await reply.read_all(10)
        finally:
            reply.release()

    async with asyncio.timeout(20):
        assert await asyncio.gather(*(ask() for _ in range(most))) == [b"ok"] * most
    server.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12", b"garbage\r\n\r\n"])
async def test_a_failure_gives_its_place_back_once(first: bytes):
    """A cap that failures widen, or use up, is none."""
    asked = 0

    async def serve(reader, writer):
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pool = Pool("u", url, headers={}, max_connections=2)

    async def ask() -> None:
        reply = await pool.request("GET", "/", b"", {})
        try:
            await reply.read_all(10)
        finally:
            reply.release()

    async with asyncio.timeout(10):
        for _ in range(3):
            came = await asyncio.gather(ask(), ask(), ask(), return_exceptions=True)
            assert [isinstance(problem, UpstreamError) for problem in came] == [True] * 3
        await asyncio.sleep(0.05)
    assert (asked, pool._slots._value) == (9, 2)
    server.close()


async def test_it_says_how_it_fares():
    answers = [b"200", *[b"500"] * FAILURES]

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answers.pop(0) + b" X\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pool = Pool("u", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})
    assert pool.stats() == {
        "state": "closed", "wait_ms": 0, "ok": 0, "failed": 0, "errors": 0, "last_error": {}, "latency_ms": 0.0
    }  # fmt: skip
    for _ in range(1 + FAILURES):
        (await pool.request("GET", "/", b"", {})).release()
    told = pool.stats()
    assert (told["state"], told["ok"], told["failed"], told["errors"]) == ("open", 1, FAILURES, FAILURES)
    assert 0 < told["wait_ms"] <= PAUSE * 1000
    assert told["last_error"] == {"zh": "它返回 500", "en": "it answered 500"}
    server.close()
    with pytest.raises(UpstreamError):
        await pool.request("GET", "/", b"", {})
    assert pool.stats()["failed"] == FAILURES + 1
