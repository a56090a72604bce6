"""The server in front, by itself: clients that pipeline, leave, take nothing, or come while it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from guiju.gateway.http import Call
from guiju.gateway.server import Limits, Server

BIG = 8_000_000
Client = Callable[["Front"], Awaitable[None]]


class Front:
    """A server whose answers are told by the path, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.go = asyncio.Event()
        self.server = Server(self.answer, Limits(body=20_000, idle=0.2, arrival=0.2))

    async def answer(self, call: Call) -> None:
        self.asked.append(call.path if call.error is None else type(call.error).__name__)
        if call.path == "/broken":
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        if call.path == "/endless":
            call.start(200, [])
            while True:
                call.write(b"z" * 65536)
                await call.drain()
        if call.path == "/waits":
            call.start(200, [])
            call.write(b"one")
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled.append(call.path)
                raise
            call.write(b"two")
            return call.end()
        call.answer(200 if call.error is None else 413, b"y" * BIG if call.path == "/big" else b"ok", [])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def sweeps(self, count: int, seconds: float) -> None:
        for _ in range(count):
            await asyncio.sleep(seconds)
            self.server.sweep()


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def front(request: pytest.FixtureRequest) -> Callable[[Client], None]:
    """Runs a client against a server of its own, on either loop."""

    async def meet(client: Client) -> None:
        made = Front()
        made.port = await made.server.listen("127.0.0.1", 0)
        async with asyncio.timeout(20):
            await client(made)
            await made.server.close(0.1)

    return lambda client: request.param(meet(client))


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "host: x", *fields, "", ""]).encode()


TOO_LARGE = b"POST /large HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n"


def test_nothing_behind_the_last_request_is_asked(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.write(get("/last", "connection: close") + get("/behind"))
        assert (await reader.read()).count(b"HTTP/1.1 ") == 1
        assert front.asked == ["/last"]

    front(client)


def test_nothing_behind_what_ended_the_connection_is_asked(front: Callable[[Client], None]):
    """Also where the connection can't end yet, since the client hasn't taken an earlier answer."""

    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.transport.pause_reading()
        writer.write(get("/big"))
        await asyncio.sleep(0.1)
        writer.write(TOO_LARGE)
        await asyncio.sleep(0.1)
        writer.write(b"x" * 60_000 + get("/behind") + get("/behind"))
        await asyncio.sleep(0.1)
        writer.transport.resume_reading()
        answers = await reader.read()
        assert (answers.count(b"HTTP/1.1 "), len(answers) > BIG) == (2, True)
        assert front.asked == ["/big", "BodyTooLarge"]

    front(client)


def test_a_body_is_asked_for_after_the_answer_before_and_not_within(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.write(get("/waits"))
        await reader.readuntil(b"one\r\n")
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        await asyncio.sleep(0.1)
        front.go.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()

    front(client)


def test_a_client_that_leaves_ends_what_is_answered_and_asks_nothing_more(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.write(get("/waits"))
        await reader.readuntil(b"one\r\n")
        writer.transport.abort()
        await asyncio.sleep(0.1)
        assert (front.asked, front.cancelled) == (["/waits"], ["/waits"])
        assert front.server.connections == set()

    front(client)


def test_a_call_that_is_cancelled_from_within_ends_its_connection(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.write(get("/broken"))
        assert await reader.read() == b""
        assert front.server.connections == set()

    front(client)


@pytest.mark.parametrize("path", ["/big", "/endless"])
def test_who_takes_nothing_of_an_answer_loses_the_connection(front: Callable[[Client], None], path: str):
    async def client(front: Front) -> None:
        _, writer = await front.connect()
        writer.transport.pause_reading()
        writer.write(get(path))
        await front.sweeps(6, 0.1)
        assert front.server.connections == set()
        writer.transport.abort()

    front(client)


def test_who_takes_an_answer_slowly_gets_all_of_it(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        reader, writer = await front.connect()
        writer.write(get("/big", "connection: close"))
        size = 0
        while piece := await reader.read(1_000_000):
            size += len(piece)
            await front.sweeps(1, 0.02)
        assert size > BIG

    front(client)


def test_at_the_end_what_was_begun_is_finished_and_says_where_the_connection_ends(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        idle, used, running = await front.connect(), await front.connect(), await front.connect()
        for each in (idle, used):
            each[1].write(get("/a"))
            assert b"connection: close" not in await each[0].readuntil(b"ok")
        running[1].write(get("/waits") + get("/behind"))
        await running[0].readuntil(b"one\r\n")
        closing = asyncio.ensure_future(front.server.close(5, 0.3))
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await front.connect()
        used[1].write(get("/late"))
        assert b"connection: close" in await used[0].read()  # answered, and told
        assert await idle[0].read() == b""  # silent for long enough
        front.go.set()
        told = await running[0].read()
        assert told.startswith(b"3\r\ntwo\r\n0\r\n\r\n")  # what had begun ends as it began
        assert b"connection: close" in told  # and what came behind it is answered, too
        await closing
        await asyncio.sleep(0)
        assert sorted(front.asked) == ["/a", "/a", "/behind", "/late", "/waits"]
        assert [task for task in asyncio.all_tasks() if task.get_name() == "connection"] == []

    front(client)


def test_at_the_end_of_its_time_what_still_runs_is_broken_off(front: Callable[[Client], None]):
    async def client(front: Front) -> None:
        running, begun = await front.connect(), await front.connect()
        running[1].write(get("/waits"))
        await running[0].readuntil(b"one\r\n")
        begun[1].write(b"GET /half HTTP/1.1\r\nho")
        await asyncio.sleep(0.05)
        await front.server.close(0.2, 0.1)
        assert not (await running[0].read()).endswith(b"0\r\n\r\n")
        assert await begun[0].read() == b""

    front(client)
