"""A detector elsewhere, as tests need one: a real HTTP service steered by its attributes, and the adapter that asks it.

`service.mood`: `well`, `slow` (answers after `delay`), `hangs`, `resets`, `garbage`, `error` (500), `half` (breaks off in the
middle). It finds `BAD` and says so by class. `kill()` ends it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import Answer, Asked, Fault, Field, Request
from guiju.types import Finding

BAD = "rivalcola"
CLS = "X.rival"


class PlainAdapter:
    """Posts JSON, and reads places."""

    name = "test"
    fields = (
        Field(name="url", label=Said("address", "地址")),
        Field(name="key", label=Said("key", "密钥"), secret=True, default=""),
    )
    classes = frozenset({CLS})
    limit = 1000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        body = json.dumps({"text": asked.text, "direction": asked.direction, "prompt": asked.before}).encode()
        headers = (("content-type", "application/json"), ("x-key", settings.get("key", "")))
        return Request(method="POST", url=settings["url"], headers=headers, body=body)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        if answer.status != 200:
            raise Fault(Said(f"it answered {answer.status}", f"它返回 {answer.status}"), again=answer.status >= 500)
        try:
            places = msgspec.json.decode(answer.body, type=list[tuple[int, int]])
        except msgspec.DecodeError:
            raise Fault(Said("no verdict", "没有结论"), again=True) from None
        return tuple(Finding(cls=CLS, detector="", rule="test", start=a, end=b) for a, b in places)


class SlowService:
    """The service, in a thread of its own."""

    def __init__(self) -> None:
        self.mood, self.delay = "well", 0.0
        self.asked: list[dict[str, Any]] = []
        self.left = 0
        """Questions whose connection was closed before they were answered."""

    def __enter__(self) -> SlowService:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """It is gone: nobody listens."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/judge"
        ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:"))
                asked = json.loads(await reader.readexactly(size))
                self.asked.append(asked)
                await self._answer(asked["text"], reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()

    async def _answer(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mood = self.mood
        if mood in ("hangs", "slow"):
            closed = asyncio.ensure_future(reader.read(1))
            done, _ = await asyncio.wait({closed}, timeout=self.delay if mood == "slow" else 60)
            if done:
                self.left += 1
                raise ConnectionResetError
            closed.cancel()
            await asyncio.sleep(0)
        if mood == "resets":
            raise ConnectionResetError
        places, at = [], text.lower().find(BAD)
        while at >= 0:
            places.append([at, at + len(BAD)])
            at = text.lower().find(BAD, at + 1)
        body = {"garbage": b"<html>ok</html>", "error": b"{}"}.get(mood, json.dumps(places).encode())
        status = 500 if mood == "error" else 200
        out = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body
        if mood == "half":
            writer.write(out[:-1])
            await writer.drain()
            raise ConnectionResetError
        writer.write(out)
        await writer.drain()
