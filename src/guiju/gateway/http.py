"""A client's connection: HTTP/1.1 on asyncio, with llhttp (httptools) reading what is sent. server.py takes connections.

I/O. app.py gets a `Call` for each request and answers through it. Why not an ASGI server: docs/decisions/0001. Limits
(server.py: Limits) are kept here: size of head and body, how long a request may take to come and a connection may lie idle;
and a client that doesn't read stops its upstream from being read.
"""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httptools

from guiju.errors import BadRequest, BodyEncoded, BodyTooLarge, GuijuError, HeadTooLarge, RequestTooSlow, Said
from guiju.gateway.tasks import spawn

if TYPE_CHECKING:
    from guiju.gateway.server import Server

_log = logging.getLogger("guiju.gateway")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ORIGIN = re.compile(rb"^https?://[^/?]*(?=/)", re.IGNORECASE)
"""Of a target in absolute form, which servers must take too (RFC 9112, 3.2.2)."""
_SLOWEST = 500
"""Bytes a second that a body must come with on average, once `arrival` is over: one that comes a byte now and then would
hold its connection for months."""
_READ = 262_144
"""Bytes that the loop reads at once, at most: some of them may be of the request before."""
_LINGER = 5.0
"""Seconds in which a refused body is still taken in and dropped: a client that is cut off while it sends never reads why."""


class ClientLeft(Exception):
    """The client closed its connection before the answer was complete."""


class Call:
    """One request, and the way to answer it."""

    __slots__ = (
        "_connection", "_state", "body", "error", "headers", "http11", "keep_alive", "method", "path", "query", "started",
    )  # fmt: skip

    def __init__(self, connection: Connection, method: str, target: bytes, headers: dict[str, str]) -> None:
        self._connection = connection
        self._state = "new"
        self.method = method
        path, _, query = _ORIGIN.sub(b"", target).partition(b"?")
        self.path = path.decode("ascii", "replace")
        self.query = query.decode("ascii", "replace")
        self.headers = headers
        """Names in lower case; repeated ones joined by a comma."""
        self.body = b""
        self.keep_alive = True
        self.http11 = True
        self.error: GuijuError | None = None
        """Why the request can't be read; the connection ends with the answer that says so."""
        self.started = 0.0

    def forget(self) -> None:
        """What was asked isn't needed any more: its answer may stream for minutes, and so may a thousand others."""
        self.body, self.headers = b"", {}

    @property
    def begun(self) -> bool:
        """Whether the head of the answer has been sent."""
        return self._state != "new"

    @property
    def peer(self) -> str:
        """The address at the other end, or the one that a PROXY header named."""
        return self._connection.peer

    @property
    def tls(self) -> bool:
        """Whether the connection is TLS here."""
        return self._connection.tls

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

    @property
    def full(self) -> bool:
        """Whether the client has so much to take that nothing more should be written before `drain`."""
        return self._connection.full is not None

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
        if self._connection.ends_with_this:
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)


class Connection(asyncio.Protocol):
    """One client connection. Requests are answered one after the other, in the order in which they came."""

    def __init__(self, server: Server, peer: str = "") -> None:
        """`peer`: the client's address where it isn't the one at the other end."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._pieces: list[bytes] = []
        self._size = self._barren = 0
        """Of the body so far; bytes that came since its last: the parser keeps a line of the head until it is whole."""
        self._call: Call | None = None
        self._over = False
        """Nothing that comes is read any more as a request."""
        self._waiting: list[Call] = []
        self._task: asyncio.Task[None] | None = None
        """Answers the connection's calls, from the first on: one for each would cost more than reading its request."""
        self._next: asyncio.Future[Call] | None = None
        """Where the task waits for the next call; None while it answers one."""
        self._since = self._loop.time()
        """When the connection began to wait for what it waits for: a request, the rest of a head, more of a body."""
        self._coming = False
        """A request has begun to come and isn't whole."""
        self._expected = False
        """The client waits for a `100 Continue` before it sends the body of the request that is coming."""
        self._untaken = 0
        """Bytes that the client hadn't taken when it was last looked at."""
        self._taken = self._since
        """When it was last seen to take some, or had none to take."""
        self.full: asyncio.Future[None] | None = None
        self.lost = self.tls = False
        self.peer = peer

    def late(self, now: float) -> None:
        """Close a connection that has waited too long: who sends a byte now and then, or takes nothing of its answer, must not
        keep it for ever."""
        limits = self._server.limits
        untaken = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if not untaken or untaken != self._untaken:
            self._untaken, self._taken = untaken, now
        if now - self._taken > limits.idle and self._transport is not None:
            self._transport.abort()
        elif self.idle:
            waited, call = now - self._since, self._call
            slow = call is not None and now - call.started > limits.arrival + self._size / _SLOWEST
            if not self._coming:
                if waited > limits.idle:
                    self.close()
            elif slow or waited > limits.arrival:
                self._refuse(RequestTooSlow())

    # --- asyncio ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        if not self.peer:
            self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self.tls = transport.get_extra_info("sslcontext") is not None
        if not self._server.admit(self):
            self._over = True
            self._say(503, b"too many connections")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._waiting.clear()
        self._pieces = []
        self._server.connections.discard(self)
        if self.full is not None and not self.full.done():
            self.full.set_result(None)
        if self._task is not None:
            self._task.cancel()
        # What knows this connection is let go: else all of it would wait for the collector of cycles, which comes rarely.
        self._parser = self._transport = self._task = None

    def pause_writing(self) -> None:
        self.full = self._loop.create_future()

    def resume_writing(self) -> None:
        if self.full is not None and not self.full.done():
            self.full.set_result(None)
        self.full = None

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        size = self._size
        try:
            self._parser.feed_data(data)
            if self._coming and self._size == size:
                self._barren += len(data)
                if self._barren > self._server.limits.head + _READ:
                    self._refuse(HeadTooLarge(limit=self._server.limits.head))
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserError as problem:
            cause = problem.__context__
            known = isinstance(cause, GuijuError)
            self._refuse(cause if known else BadRequest(field="HTTP", problem=str(problem)))  # type: ignore[arg-type]

    def _decline(self, rest: bytes) -> None:
        """An offer to speak another protocol (Java's client makes one) is passed over: the request is read without it."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            return self._refuse(BadRequest(field="method", problem=Said("this is no proxy", "本服务不是代理")))
        kept = [(k, v) for k, v in self._headers.items() if k not in ("upgrade", "connection", "http2-settings")]
        fields = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("connection", "close")]).encode("latin-1")
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._target, fields, rest))

    # --- httptools --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._coming, self._since = True, self._loop.time()
        self._target, self._headers, self._head_size = b"", {}, 0
        self._pieces, self._size, self._call, self._expected = [], 0, None, False
        self._barren = 0

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
        if self._parser.should_upgrade():
            return
        call = Call(self, self._parser.get_method().decode("ascii", "replace"), self._target, headers)
        call.keep_alive = self._parser.should_keep_alive()
        call.http11 = self._parser.get_http_version() != "1.0"
        call.started = self._loop.time()
        self._call = call
        if (coding := headers.get("content-encoding", "identity").strip()).lower() not in ("identity", ""):
            self._early(call, BodyEncoded(coding=coding[:40]))
        elif int(headers.get("content-length", "0")) > self._server.limits.body:
            self._early(call, BodyTooLarge(limit=self._server.limits.body))
        elif headers.get("expect", "").lower() == "100-continue":
            self._expected = True
            if self.idle:
                self._invite()

    def _invite(self) -> None:
        """Ask for the body that waits for a `100 Continue`: not in the middle of the answer before."""
        if self._expected and self._transport is not None and not self._transport.is_closing():
            self._expected = False
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._since, self._expected = self._loop.time(), False
        self._size += len(body)
        self._barren = 0
        limit, call = self._server.limits.body, self._call
        if self._size > 4 * limit:
            self._over, self._call = True, None
            if self.idle:
                self.close()
        elif call is None or call.error is not None:  # taken in and dropped
            return
        elif self._size <= limit:
            self._pieces.append(body)
        else:
            self._early(call, BodyTooLarge(limit=limit))

    def _early(self, call: Call, error: GuijuError) -> None:
        """Answered before its body has come: who waits for a `100 Continue` would wait for ever."""
        call.error, call.keep_alive = error, False
        self._pieces = []
        self._take(call)

    def on_message_complete(self) -> None:
        self._coming = False
        call, self._call = self._call, None
        if call is None:
            return
        if call.error is not None:  # taken already; now its body has come to an end
            self._over = True
            if self.idle:
                self.close()
            return
        call.body, self._pieces, self._headers = b"".join(self._pieces), [], {}
        self._take(call)

    def _grow(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._server.limits.head:
            raise HeadTooLarge(limit=self._server.limits.head)

    # --- one call after the other -------------------------------------------------------------------

    def _take(self, call: Call) -> None:
        if self._over and call.error is None:
            return  # it came behind what ended the connection
        if self._task is None:
            self._task = spawn(self._answer(call), "connection")
        elif self._next is not None:
            waiting, self._next = self._next, None
            if not waiting.done():
                waiting.set_result(call)
        else:  # pipelined: later
            self._waiting.append(call)
            if self._transport is not None and call.error is None:
                self._transport.pause_reading()

    def _refuse(self, error: GuijuError) -> None:
        """What came can't be read: said in its turn, after the answers that are owed, and the connection ends with it."""
        told = self._over or (self._call is not None and self._call.error is not None)
        self._over, self._call = True, None
        if told and self.idle:
            self.close()
        if told or self.lost:
            return
        call = Call(self, "", self._target, self._headers)  # as far as it came: it tells in which shape to answer
        call.error, call.keep_alive = error, False
        self._take(call)

    async def _answer(self, call: Call | None) -> None:
        try:
            while call is not None:
                await self._serve(call)
                call = None  # an idle connection keeps nothing of the last one
                if self._waiting:
                    call = self._waiting.pop(0)
                    if not self._waiting and self._transport is not None:
                        self._transport.resume_reading()
                else:
                    self._invite()
                    self._next = self._loop.create_future()
                    call = await self._next
        finally:
            self.close()  # whatever ended it: nobody would answer what comes

    async def _serve(self, call: Call) -> None:
        try:
            await self._server.handler(call)
        except ClientLeft:
            return
        except Exception:  # the handler answers for its own; this is for what it couldn't: nobody is left waiting
            _log.exception("call=%s %s failed", call.method, call.path)
            call.keep_alive = False
            if not call.begun:
                self._say(500, b"internal error")
        finally:
            self._since = self._loop.time()
            if call._state == "streaming":
                call.abort()
        if not call.keep_alive:
            self._waiting.clear()
            if self._call is not None and self._transport is not None:  # its body is still coming
                if self._transport.can_write_eof():  # TLS can't
                    self._transport.write_eof()
                self._loop.call_later(_LINGER, self.close)
            else:
                self.close()

    def send(self, data: bytes) -> None:
        """Raises: ClientLeft."""
        if self.lost or self._transport is None:
            raise ClientLeft("the client has left")
        self._transport.write(data)

    def close(self) -> None:
        """Flush what was written, then close."""
        if self._transport is not None:
            self._transport.close()

    def break_off(self) -> None:
        """Close at once: what the client hasn't taken it doesn't get, and nobody waits for it."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no call is being answered."""
        return self._task is None or self._next is not None

    @property
    def ends_with_this(self) -> bool:
        """Whether the answer that begins now ends the connection and says so: the server ends, and nothing more has come."""
        return self._server.closing and not (self._waiting or self._coming)

    def silent(self, since: float, seconds: float) -> bool:
        """Whether nothing is answered or has begun to come, for so many seconds, counted from `since` at the earliest."""
        return self.idle and not self._coming and self._loop.time() - max(self._since, since) >= seconds

    def _say(self, status: int, sentence: bytes) -> None:
        if self._transport is not None and not self.lost:
            head = b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self._transport.write(head % (status, _REASONS.get(status, b""), len(sentence)) + sentence)
