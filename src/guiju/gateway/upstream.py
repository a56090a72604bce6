"""Connections to the servers behind us: a pool of our own on asyncio.

I/O. Why our own: the usual clients cost more than everything else together (docs/decisions/0001). HTTP/1.1 over TCP, TLS or
a Unix socket, kept alive, read with llhttp. A request that meets a connection which the server had already closed is sent
once more, before any byte of an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httptools

from guiju import clock
from guiju.errors import GuijuError, Said, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from guiju.gateway.breaker import Breaker, State, retry_after
from guiju.quoted import quoted

_READ_AHEAD = 262_144
"""Bytes of an answer that wait here before the server is told to pause."""
_BARREN = 262_144
"""Bytes that may come of an answer without any of its body: an endless head, trailer or chunk header is held by the parser."""

_KEPT = 256
"""Connections to one upstream that wait for the next request."""


class Stale(Exception):
    """A kept connection turned out to be closed, before any byte of an answer."""


class Reply(asyncio.Protocol):
    """One connection; while it answers, that answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._taker: Callable[[bytes], bool] | None = None
        """Who follows the body; see `follow`."""
        self.used = False
        self._reset()

    def _reset(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        self._paused = False
        self.status = 0
        self.head_fields: list[tuple[str, str]] = []
        """Every field in order: `set-cookie` may come more than once."""
        self._barren = 0
        """Bytes that came since the last of the body."""
        self._complete = False
        self._head = self._stays = self._unbounded = False
        self._any = False
        self._error: BaseException | None = None
        self.deadline = 0.0

    # --- asyncio and httptools ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if not self._complete and self._error is None:
            if error is None and self._head and self._unbounded:
                self._complete = True
            elif not self._any and self.used:
                self._error = Stale()
            else:
                problem = Said("it closed the connection", "连接被对方关闭")
                if self._any:
                    problem = Said("it closed the connection in the middle of its answer", "回答到一半时连接被对方关闭")
                self._error = UpstreamUnavailable(upstream=self._pool.name, problem=problem)
        self._pool.forget(self)
        self._wake()
        self._parser = self._transport = None  # they know this reply: see Connection.connection_lost

    def data_received(self, data: bytes) -> None:
        if self._complete:  # more than was asked for: whatever it is, the next exchange must not get it
            self.close()
            return
        self._any = True
        had = self._waiting_bytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as problem:
            said = Said("its answer is malformed: {problem}", "其回答格式有误：{problem}", problem=problem)
            self._fail(UpstreamUnavailable(upstream=self._pool.name, problem=said))
        if self._head:  # a head that trickles has no more time than one that doesn't come
            self.deadline = self._pool.loop.time() + self._pool.idle_timeout
        if self._waiting_bytes != had:
            self._barren = 0
        elif not self._complete:
            self._barren += len(data)
            if self._barren > _BARREN:
                said = Said("its answer has a head without end", "其回答的头部没有尽头")
                self._fail(UpstreamUnavailable(upstream=self._pool.name, problem=said))
        if self._taker is not None and self._chunks:
            self._hand_on()
        else:
            self._wake()

    def on_status(self, status: bytes) -> None:
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head_fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._complete:  # a second answer to one question
            self._stays = False
            return
        self.status = self._parser.get_status_code()
        self._head = self.status >= 200
        if not self._head:  # an interim answer: what it says isn't said of the answer that follows (RFC 9110, 15.2)
            self.head_fields = []
            return
        # An answer without either ends with its connection.
        self._unbounded = not self.headers.keys() & {"content-length", "transfer-encoding"}
        self._stays = self._parser.should_keep_alive()  # asked now: after the last byte the parser has forgotten

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._chunks.append(body)
        self._waiting_bytes += len(body)
        if self._waiting_bytes > _READ_AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._head:
            self._complete = True

    def forget(self) -> None:
        """Its head isn't needed any more; see `Call.forget`."""
        self.head_fields = []

    @property
    def headers(self) -> dict[str, str]:
        """The head's fields by name; of one that came more than once, the last."""
        return dict(self.head_fields)

    @property
    def upstream(self) -> str:
        """Whose answer it is."""
        return self._pool.name

    # --- for the exchange -----------------------------------------------------------------------------

    async def send(self, head: bytes, body: bytes, timeout: float) -> None:
        """Send a request and wait for the head of its answer. Raises: Stale, UpstreamError."""
        assert self._transport is not None
        self.deadline = self._pool.loop.time() + timeout
        self._transport.write(head + body)
        while not self._head:
            await self._wait()

    async def read(self) -> bytes:
        """What has come of the body; b"" at its end. Raises: UpstreamError."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait()
        return self._gather()

    async def follow(self, take: Callable[[bytes], bool]) -> bool:
        """Hand on the body as it comes, in the loop's own callback: waking a task for each piece of a stream would cost
        more than reviewing it.

        Args:
            take: gets what has come; says whether it wants more.

        Returns:
            Whether the body has ended; False where `take` wants no more for now.

        Raises: UpstreamError, and what `take` raises.
        """
        self._taker = take
        try:
            while self._taker is not None:
                if self._chunks:
                    if not take(self._gather()):
                        return False
                elif self._complete:
                    return True
                else:
                    await self._wait()
            return False
        finally:
            self._taker = None

    def _hand_on(self) -> None:
        if self._taker is None or self._waiter is None or self._waiter.done():
            return  # whoever follows is about to look
        try:
            more = self._taker(self._gather())
        except Exception as problem:
            self._waiter.set_exception(problem)
            return
        if not more:
            self._taker = None
        if not more or self._complete or self._error is not None:
            self._wake()

    def _gather(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._waiting_bytes = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def read_all(self, limit: int) -> bytes:
        """The whole body. Raises: UpstreamError, also where it is larger than `limit` bytes."""
        parts, size = [], 0
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > limit:
                problem = Said("its answer is larger than {limit} bytes", "其回答超过 {limit} 字节", limit=limit)
                raise UpstreamUnavailable(upstream=self._pool.name, problem=problem)
        return b"".join(parts)

    def release(self) -> None:
        """Done: back to the pool if the answer was read to its end, else closed, which tells the server to stop."""
        if self._complete and self._error is None and self._stays and self._transport is not None:
            self.used = True
            self._reset()
            self._complete = True
            self._pool.keep(self)
        else:
            self.close()

    def reuse(self) -> bool:
        """Ready for another request; False where the connection has closed meanwhile."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._reset()
        return True

    def close(self) -> None:
        """Break off."""
        self._complete = True
        if self._transport is not None:
            self._transport.abort()

    def interrupt(self, error: GuijuError) -> None:
        """Whoever reads gets this error now (suspension, revocation)."""
        self._fail(error)

    def late(self, now: float) -> None:
        """Past its deadline: give up."""
        if not self._complete and self.deadline and now > self.deadline:
            waited = self._pool.idle_timeout if self._head else self._pool.first_byte_timeout
            self._fail(UpstreamTimeout(upstream=self._pool.name, seconds=round(waited)))

    async def _wait(self) -> None:
        self._raise()
        self._waiter = self._pool.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if not self._chunks:
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: GuijuError) -> None:
        if self._error is None:
            self._error = error
            self._chunks.clear()
            if self._transport is not None:
                self._transport.abort()
        self._wake()


class Pool:
    """Connections to one upstream."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: dict[str, str],
        connect_timeout: float = 10.0,
        first_byte_timeout: float = 120.0,
        idle_timeout: float = 60.0,
        max_connections: int = 10_000,
        socket: str = "",
        context: ssl.SSLContext | None = None,
        certificate_name: str = "",
    ) -> None:
        """`socket`: path of a Unix socket, where the URL's host is only a name. `context`: TLS other than the system's, and
        the name that the server's certificate must have, where that isn't the URL's host."""
        self.name, self.url = name, url
        self.loop = asyncio.get_running_loop()
        self.connect_timeout, self.first_byte_timeout, self.idle_timeout = (
            connect_timeout,
            first_byte_timeout,
            idle_timeout,
        )
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: list[Reply] = []
        self._busy: set[Reply] = set()
        self._path = socket
        parts = urlsplit(url)
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._base = parts.path.rstrip("/")
        self._context = (context or ssl.create_default_context()) if self._tls else None
        self._certificate_name = certificate_name or None
        fields = {
            "host": "localhost" if socket else parts.netloc,
            "accept-encoding": "identity",
            "user-agent": "guiju",
            **headers,
        }
        self._fields = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        self.breaker = Breaker()
        self.failed = 0
        """Failures since it was made; `ok` counts the rest."""
        self.last_error: dict[str, str] = {}
        """Its sentence in each language, for the console."""
        self.ok = 0
        self.latency_ms = 0.0
        """Of the last answer's head."""

    async def request(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        timeout: float = 0.0,
        *,
        begun: Callable[[Reply], None] | None = None,
    ) -> Reply:
        """Send a request; the reply's head has come when this returns. The caller releases the reply.

        Args:
            begun: told of the reply before anything is sent, so that its wait can be interrupted.

        Raises: UpstreamUnavailable, UpstreamTimeout, and what the wait is interrupted with.
        """
        own = self._fields if "host" not in headers else self._fields.partition("\r\n")[2]
        more = own + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        head = f"{method} {self._base}{path} HTTP/1.1\r\n{more}content-length: {len(body)}\r\n\r\n".encode("latin-1")
        since = self.loop.time()
        self.breaker.begin(since)
        try:
            while True:
                reply = await self._reserve()
                try:
                    if begun is not None:
                        begun(reply)
                    await reply.send(head, body, timeout or self.first_byte_timeout)
                    break
                except Stale:
                    continue  # the server had closed it: only kept connections can be stale, so this ends
                except BaseException:
                    reply.close()
                    raise
        except UpstreamError as error:
            self._failed({language: error.sentence(language) for language in ("zh", "en")})
            raise
        except BaseException:
            self.breaker.abandoned()
            raise
        self._began_to_answer(reply)
        self.latency_ms = (self.loop.time() - since) * 1000
        return reply

    def _began_to_answer(self, reply: Reply) -> None:
        now = self.loop.time()
        if reply.status >= 500:
            said = Said("it answered {status}", "它返回 {status}", status=reply.status)
            self._failed({"zh": said.zh, "en": str(said)})
            return
        if reply.status == 429 and (seconds := retry_after(reply.headers, clock.now())):
            self.breaker.rest(now, seconds)
        else:
            self.breaker.succeeded()
        self.ok += 1

    def _failed(self, told: dict[str, str]) -> None:
        self.breaker.failed(self.loop.time())
        self.failed += 1
        self.last_error = told

    def wait(self) -> float:
        """Seconds until this upstream may be asked; 0 is now."""
        return self.breaker.wait(self.loop.time())

    @property
    def failing(self) -> bool:
        """Whether it is left alone because it keeps failing, and not at its own wish."""
        return self.state != "closed"

    @property
    def state(self) -> State:
        """Its circuit breaker's."""
        return self.breaker.state(self.loop.time())

    def stats(self) -> dict[str, object]:
        """How it fares, as the console shows it."""
        return {
            "state": self.state,
            "wait_ms": round(self.wait() * 1000),
            "ok": self.ok,
            "failed": self.failed,
            "errors": self.breaker.failures,
            "last_error": self.last_error,
            "latency_ms": round(self.latency_ms, 1),
        }

    async def _reserve(self) -> Reply:
        """A connection of ours alone, kept or new, and the slot that it holds until `_end`."""
        await self._slots.acquire()
        try:
            reply = self._take() or await self._connect()
        except BaseException:
            self._slots.release()
            raise
        self._busy.add(reply)
        return reply

    def _take(self) -> Reply | None:
        while self._idle:
            reply = self._idle.pop()
            if reply.reuse():
                return reply
        return None

    async def _connect(self) -> Reply:
        try:
            async with asyncio.timeout(self.connect_timeout):
                if self._path:
                    _, reply = await self.loop.create_unix_connection(lambda: Reply(self), self._path)
                else:
                    _, reply = await self.loop.create_connection(
                        lambda: Reply(self),
                        self._host,
                        self._port,
                        ssl=self._context,
                        server_hostname=self._certificate_name,
                    )
        except TimeoutError:
            raise UpstreamTimeout(upstream=self.name, seconds=round(self.connect_timeout)) from None
        except (OSError, ssl.SSLError) as problem:
            raise UpstreamUnavailable(upstream=self.name, problem=quoted(problem)) from None
        return reply

    def keep(self, reply: Reply) -> None:
        """A reply was read to its end: its connection waits for the next request."""
        self._end(reply)
        if len(self._idle) < _KEPT:
            self._idle.append(reply)
        else:
            reply.close()

    def forget(self, reply: Reply) -> None:
        """A connection has closed."""
        self._end(reply)
        if reply in self._idle:
            self._idle.remove(reply)

    def _end(self, reply: Reply) -> None:
        if reply in self._busy:
            self._busy.discard(reply)
            self._slots.release()

    def sweep(self) -> None:
        """Called about once a second: give up what is past its deadline."""
        now = self.loop.time()
        for reply in list(self._busy):
            reply.late(now)

    def close(self) -> None:
        """Close idle connections; busy ones end with their exchanges."""
        for reply in self._idle:
            reply.close()
        self._idle.clear()
