"""Load: whole answers as fast as they come, or many paced streams at once. Raw sockets, so that it costs little."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from typing import NamedTuple

PROMPT = "请用三段话说明人工智能对普通人生活的影响，并给出两个例子，语气平和，避免使用专业术语。" * 6


class Load(NamedTuple):
    """What a run came to."""

    count: int
    """Requests, or streams."""
    seconds: float
    latencies: list[float]
    """Seconds to the whole answer, or to the first piece of a stream."""

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def median_ms(self) -> float:
        return statistics.median(self.latencies) * 1000

    @property
    def p99_ms(self) -> float:
        return statistics.quantiles(self.latencies, n=100)[98] * 1000


HEADERS: dict[str, str] = {}
"""None but those of every request."""


def request(port: int, key: str, *, stream: bool, headers: dict[str, str] = HEADERS) -> bytes:
    """A question to `/v1/chat/completions`, with these headers more."""
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": PROMPT}]}
    return post(port, key, "/v1/chat/completions", body, headers)


def post(port: int, key: str, path: str, body: object, headers: dict[str, str]) -> bytes:
    """A request of JSON as it goes over the wire."""
    data = json.dumps(body, ensure_ascii=False).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {key}\r\n{more}"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    ).encode() + data


async def body_of(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """What follows a response's head, by its length, in chunks, or up to the end of the connection."""
    head = head.lower()
    if length := re.search(rb"\ncontent-length: *(\d+)", head):
        return await reader.readexactly(int(length[1]))
    if b"transfer-encoding: chunked" not in head:
        return await reader.read(-1)
    pieces = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readline()
    return b"".join(pieces)


async def whole(port: int, key: str, *, seconds: float, connections: int, headers: dict[str, str] = HEADERS) -> Load:
    """Closed loop: each connection asks again as soon as it has its answer."""
    message, latencies = request(port, key, stream=False, headers=headers), []
    began = time.perf_counter()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            await body_of(head, reader)
            latencies.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return Load(len(latencies), time.perf_counter() - began, latencies)


async def streams(port: int, key: str, *, count: int) -> Load:
    """So many paced streams at once, each to its end."""
    message, latencies = request(port, key, stream=True), []
    began = time.perf_counter()

    async def ask(number: int) -> None:
        await asyncio.sleep(number * 0.003)  # not all in the same tick
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        start, tail, first = time.perf_counter(), b"", True
        writer.write(message)
        while b"[DONE]" not in tail:
            data = await reader.read(65536)
            if not data:
                raise RuntimeError("the stream ended early")
            if first and b"content" in data.partition(b"data:")[2]:
                latencies.append(time.perf_counter() - start)
                first = False
            tail = (tail + data)[-40:]
        writer.close()

    await asyncio.gather(*(ask(n) for n in range(count)))
    return Load(count, time.perf_counter() - began, latencies)
