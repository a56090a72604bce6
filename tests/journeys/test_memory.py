"""Bad input and bad upstreams against a real gateway process, over and over: clear answers, and its memory stays flat."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from inside import SSE, body_of, receive, status_of
from whole import Whole

pytestmark = pytest.mark.slow
WARM = 3
"""Rounds after which a process has what it keeps: arenas of its allocator, caches, threads."""
GROWS, PEAK = 24, 160
"""Megabytes: what may be left at the end, and what one round may take meanwhile."""
HUNDRED = 100_000_000
PATH = "/v1/chat/completions"
HI = b'{"role":"user","content":"hi"}'
EVENT = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "well. " * 300}}]}).encode() + b"\n\n"


class Flood:
    """An upstream that says as much as it can: events, or one event that doesn't end."""

    def __init__(self) -> None:
        self.endless = False
        self.most = 0
        """Bytes that it could say to one connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = 0
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(SSE + (b"data: " if self.endless else b""))
            while not writer.transport.is_closing():
                writer.write(b"x" * 65_536 if self.endless else EVENT * 20)
                said += 65_536
                self.most = max(self.most, said)
                await writer.drain()
        writer.transport.abort()

    @contextmanager
    def listening(self) -> Iterator[str]:
        ready = threading.Event()

        async def run() -> None:
            self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self.over.wait()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert ready.wait(10)
        yield f"http://127.0.0.1:{self.port}/v1"
        self.loop.call_soon_threadsafe(self.over.set)
        thread.join(10)


@pytest.fixture(params=[10, pytest.param(100, marks=pytest.mark.soak)])
def times(request: pytest.FixtureRequest) -> int:
    """Rounds: one that keeps what a body may have is found in the short form, a smaller loss in the long one."""
    return int(request.param)


@pytest.fixture(scope="module")
def flood() -> Flood:
    return Flood()


@pytest.fixture(scope="module")
def guiju(flood: Flood, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("memory") / "home"
    home.mkdir()
    with flood.listening() as url:
        limits = {"GUIJU_GATEWAY_ANSWER_LIMIT": "4000000", "GUIJU_GATEWAY_IDLE_SECONDS": "1"}
        with Whole(home, "--upstream", url, "--model", "m", **limits) as running:
            yield running


def gateway_of(guiju: Whole) -> int:
    for pid in guiju.processes():
        if b"\0gateway\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no gateway runs")


def megabytes(pid: int, what: str) -> float:
    """`VmRSS` is what it has now, `VmHWM` the most that it had since it was last asked to forget."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def send(guiju: Whole, head: list[str], body: Iterator[bytes]) -> bytes:
    """Send all of it, or what is taken of it; the answer."""
    with socket.create_connection(("127.0.0.1", guiju.port)) as sock:
        with suppress(ConnectionError):
            sock.sendall("\r\n".join([f"POST {PATH} HTTP/1.1", "host: x", *head, "", ""]).encode())
            for piece in body:
                sock.sendall(piece)
        return receive(sock, 30)


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(0, size, 1_000_000):
        yield b"x" * 1_000_000


def chunks(size: int) -> Iterator[bytes]:
    for piece in pieces(size):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def crowd(one: bytes, size: int) -> bytes:
    return b'{"model":"m","messages":[' + HI + b'],"x":[' + b",".join([one] * (size // (len(one) + 1))) + b"]}"


def bad(guiju: Whole) -> list[tuple[int, bytes]]:
    """Everything bad once: the status that it must get, and what it gets."""
    key = [f"authorization: Bearer {guiju.key}", "connection: close"]

    def ask(body: bytes, *more: str, known: bool = True) -> bytes:
        return send(guiju, [f"content-length: {len(body)}", *more, *(key if known else key[1:])], iter((body,)))

    many = b'{"model":"m","messages":[' + b",".join([HI] * 100_000) + b"]}"
    deep = b'{"model":"m","messages":[' + HI + b'],"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    return [
        (413, send(guiju, [f"content-length: {HUNDRED}", *key], pieces(HUNDRED))),
        (413, send(guiju, ["transfer-encoding: chunked", *key], chunks(HUNDRED))),
        (415, ask(gzip.compress(bytes(HUNDRED)), "content-encoding: gzip")),
        (400, ask(many)),
        (400, ask(crowd(b"1", 2_000_000))),
        (400, ask(crowd(b"[]", 8_000_000))),
        (400, ask(crowd(b'"a"', 8_000_000))),
        (401, ask(crowd(b"[]", 8_000_000), known=False)),
        (400, ask(deep)),
        (400, ask(b"\xff\xfe" * 1_000_000)),
        (431, send(guiju, ["x-endless: " + "a" * 5_000_000], pieces(HUNDRED))),
    ]


def streamed(guiju: Whole) -> socket.socket:
    """A client that has asked for a stream, and takes none of it by itself."""
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    sock = socket.create_connection(("127.0.0.1", guiju.port))
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {guiju.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    sock.sendall((head + body).encode())
    return sock


def until_flat(pid: int, most: float) -> float:
    """What it has once the rest was given back: its threads and its allocator take a moment."""
    deadline = time.monotonic() + 20
    while (now := megabytes(pid, "VmRSS")) > most and time.monotonic() < deadline:
        time.sleep(0.2)
    return now


def forget(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def test_bad_input_is_answered_clearly_and_leaves_nothing(guiju: Whole, times: int):
    pid = gateway_of(guiju)
    ids: list[str] = []
    for number in range(times):
        if number == WARM:
            before = megabytes(pid, "VmRSS")
            forget(pid)
        for expected, answer in bad(guiju):
            assert (status_of(answer), answer.count(b"HTTP/1.1 ")) == (expected, 1)
            assert json.loads(body_of(answer))["error"]["code"]
            ids.append(answer.partition(b"x-guiju-exchange: ")[2].partition(b"\r\n")[0].decode())
    assert megabytes(pid, "VmHWM") < before + PEAK
    assert until_flat(pid, before + GROWS) < before + GROWS
    command = [sys.executable, "-m", "guiju.cli.main", "explain", ids[1], "--json"]
    told = subprocess.run(command, env=guiju.environment, capture_output=True, text=True, check=True)
    (entry,) = json.loads(told.stdout)["entries"]
    assert (entry["kind"], entry["code"], entry["app"]) == ("exchange.rejected", "body_too_large", "demo")


def test_who_takes_nothing_of_an_endless_stream_stops_the_upstream(guiju: Whole, flood: Flood, times: int):
    pid = gateway_of(guiju)
    flood.endless = False
    for number in range(times):
        if number == WARM:
            before = megabytes(pid, "VmRSS")
            forget(pid)
        flood.most = 0
        clients = [streamed(guiju) for _ in range(5)]
        assert receive(clients[0], 10, until=b"data: ").count(b"200 OK") == 1
        for client in clients[1:]:  # one that takes nothing is cut off after gateway.idle_seconds
            client.settimeout(20)
        last, deadline = -1, time.monotonic() + 10
        while flood.most != last and time.monotonic() < deadline:  # until nothing more is taken of the upstream
            last = flood.most
            time.sleep(0.2)
        assert flood.most < 40_000_000
        for client in clients:
            client.close()
    assert megabytes(pid, "VmHWM") < before + PEAK
    assert until_flat(pid, before + GROWS) < before + GROWS


def test_an_event_without_end_ends_its_stream(guiju: Whole, flood: Flood, times: int):
    pid = gateway_of(guiju)
    flood.endless = True
    for number in range(times):
        if number == WARM:
            before = megabytes(pid, "VmRSS")
            forget(pid)
        with streamed(guiju) as client:
            assert b"upstream_unavailable" in receive(client, 20, until=b"0\r\n\r\n")
    assert megabytes(pid, "VmHWM") < before + PEAK
    assert until_flat(pid, before + GROWS) < before + GROWS
