"""The server in front: HTTP/1.1 on asyncio, with llhttp (httptools) reading what clients send.

I/O. app.py gets a `Call` for each request and answers through it. Why not an ASGI server: docs/decisions/0001. Limits are
here: size of head and body, connections, and a client that doesn't read stops its upstream from being read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httptools

from guiju.gateway.tasks import spawn

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Handler = Callable[["Call"], Awaitable[None]]


class Limits:
    """What a client may send."""

    def __init__(self, *, head: int = 65_536, body: int = 8_388_608, connections: int = 10_000) -> None:
        self.head, self.body, self.connections = head, body, connections


class ClientLeft(ConnectionError):
    """The client closed its connection before the answer was complete."""


class Call:
    """One request, and the way to answer it."""

    __slots__ = (
        "_connection", "_state", "body", "headers", "http11", "keep_alive", "method", "path", "query", "started", "too_large",
    )  # fmt: skip

    def __init__(self, connection: Connection, method: str, target: bytes, headers: dict[str, str]) -> None:
        self._connection = connection
        self._state = "new"
        self.method = method
        path, _, query = target.partition(b"?")
        self.path = path.decode("ascii", "replace")
        self.query = query.decode("ascii", "replace")
        self.headers = headers
        """Names in lower case; repeated ones joined by a comma."""
        self.body = b""
        self.keep_alive = True
        self.http11 = True
        self.too_large = False
        self.started = 0.0

    @property
    def begun(self) -> bool:
        """Whether the head of the answer has been sent."""
        return self._state != "new"

    @property
    def peer(self) -> str:
        """The client's address."""
        return self._connection.peer

    def answer(
        self, status: int, body: bytes, headers: list[tuple[str, str]], content_type: str = "application/json"
    ) -> None:
        """A whole answer. Raises: ClientLeft."""
        self._state = "done"
        fields = [*headers, ("content-type", content_type), ("content-length", str(len(body)))]
        self._connection.send(self._head(status, fields) + (b"" if self.method == "HEAD" else body))

    def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The head of an answer whose length isn't known. Raises: ClientLeft."""
        self._state = "streaming"
        if self.http11:
            headers = [*headers, ("transfer-encoding", "chunked")]
        else:
            self.keep_alive = False
        self._connection.send(self._head(status, headers))

    def write(self, data: bytes) -> None:
        """A piece of the body. Raises: ClientLeft."""
        if data:
            self._connection.send(b"%x\r\n%b\r\n" % (len(data), data) if self.http11 else data)

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written. Raises: ClientLeft."""
        if self._connection.full is not None:
            await self._connection.full
        if self._connection.lost:
            raise ClientLeft("the client has left")

    def end(self) -> None:
        """The body is complete. Raises: ClientLeft."""
        self._state = "done"
        if self.http11:
            self._connection.send(b"0\r\n\r\n")

    def abort(self) -> None:
        """Break off: the client sees that the answer isn't complete."""
        self._state = "done"
        self.keep_alive = False
        self._connection.close()

    def _head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        lines = [b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b""))]
        lines += [f"{name}: {value}\r\n".encode("latin-1", "replace") for name, value in headers]
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)


class Connection(asyncio.Protocol):
    """One client connection. Requests are answered one after the other, in the order in which they came."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._call: Call | None = None
        self._waiting: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self.full: asyncio.Future[None] | None = None
        self.lost = False
        self.peer = ""

    # --- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._server.admit(self):
            self._refuse(503, b"too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._server.connections.discard(self)
        if self.full is not None and not self.full.done():
            self.full.set_result(None)
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self.full = self._loop.create_future()

    def resume_writing(self) -> None:
        if self.full is not None and not self.full.done():
            self.full.set_result(None)
        self.full = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, b"upgrades are not spoken here")
        except httptools.HttpParserError as problem:
            if not self.lost:
                self._refuse(400, f"malformed request: {problem}".encode())
        except _TooLarge as problem:
            self._refuse(problem.status, problem.sentence)

    # --- httptools --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._target, self._headers, self._head_size = b"", {}, 0
        self._pieces, self._size, self._call = [], 0, None

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._grow(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow(len(name) + len(value))
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        headers = self._headers
        if "transfer-encoding" in headers and "content-length" in headers:
            raise _TooLarge(400, b"content-length and transfer-encoding together")
        call = Call(self, self._parser.get_method().decode("ascii", "replace"), self._target, headers)
        call.keep_alive = self._parser.should_keep_alive()
        call.http11 = self._parser.get_http_version() != "1.0"
        call.started = self._loop.time()
        self._call = call
        if (
            headers.get("content-length", "0").isdigit()
            and int(headers.get("content-length", "0")) > self._server.limits.body
        ):
            call.too_large = True
        if headers.get("expect", "").lower() == "100-continue" and not call.too_large:
            self.send(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        call = self._call
        self._size += len(body)
        if call is not None and self._size > self._server.limits.body:
            call.too_large = True
        if call is not None and not call.too_large:
            self._pieces.append(body)
        elif self._size > 4 * self._server.limits.body:
            raise _TooLarge(413, b"the body is too large")

    def on_message_complete(self) -> None:
        call = self._call
        if call is None:
            return
        call.body = b"" if call.too_large else b"".join(self._pieces)
        self._pieces, self._call = [], None
        if self._task is None:
            self._begin(call)
        else:  # pipelined: later
            self._waiting.append(call)
            if self._transport is not None:
                self._transport.pause_reading()

    def _grow(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._server.limits.head:
            raise _TooLarge(431, b"the head is too large")

    # --- one call after the other -------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        self._task = spawn(self._serve(call), "call")

    async def _serve(self, call: Call) -> None:
        try:
            await self._server.handler(call)
        except ClientLeft:
            return
        finally:
            self._task = None
            if call._state == "streaming":
                call.abort()
        if not call.keep_alive or self._server.closing:
            self.close()
        elif self._waiting:
            self._begin(self._waiting.popleft())
            if not self._waiting and self._transport is not None:
                self._transport.resume_reading()

    def send(self, data: bytes) -> None:
        """Raises: ClientLeft."""
        if self.lost or self._transport is None:
            raise ClientLeft("the client has left")
        self._transport.write(data)

    def close(self) -> None:
        """Flush what was written, then close."""
        if self._transport is not None:
            self._transport.close()

    @property
    def idle(self) -> bool:
        """Whether no call is being answered."""
        return self._task is None

    def _refuse(self, status: int, sentence: bytes) -> None:
        if self._transport is not None:
            head = b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self._transport.write(head % (status, _REASONS.get(status, b""), len(sentence)) + sentence)
            self._transport.close()


class _TooLarge(Exception):
    def __init__(self, status: int, sentence: bytes) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Server:
    """Listens, and hands every request to `handler`."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler, self.limits = handler, limits
        self.connections: set[Connection] = set()
        self.closing = False
        self._servers: list[asyncio.Server] = []

    def admit(self, connection: Connection) -> bool:
        """Count a connection; False where there are too many."""
        if len(self.connections) >= self.limits.connections:
            return False
        self.connections.add(connection)
        return True

    async def listen(self, host: str, port: int) -> int:
        """Listen; several workers share a port. Returns the port. Raises: OSError."""
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), host, port, reuse_port=True, backlog=1024
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self, grace: float) -> None:
        """Take no more connections, let running calls end for `grace` seconds, then break them off."""
        self.closing = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            if connection.idle:
                connection.close()
        deadline = asyncio.get_running_loop().time() + grace
        while self.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 — each ends itself
            await asyncio.sleep(0.05)
        for connection in list(self.connections):
            connection.close()
            if connection._task is not None:
                connection._task.cancel()
        await asyncio.sleep(0)
