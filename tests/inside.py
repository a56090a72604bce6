"""A gateway worker inside the test's own process, before an upstream that answers with the bytes it is told.

For what a whole Guiju can't be made to do: a detector that fails, an upstream that breaks HTTP. `with Inside(home) as
inside:`; `inside.says[model] = pieces` are raw bytes of the upstream's whole HTTP answer, head and all, or seconds to wait,
`CUT`, or a function that makes bytes of the request; `inside.ask(...)` is a plain socket.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guiju import config, plugins
from guiju.gateway.app import App
from guiju.gateway.compiled import Compiled, pool_of
from guiju.gateway.server import Limits, Server
from guiju.gateway.state import Gateway
from guiju.gateway.worker import day_key
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries
from guiju.review import load
from guiju.review.lexicon_blob import encode_terms
from guiju.review.policy_file import parse_policy
from guiju.snapshot import App as SnapshotApp
from guiju.snapshot import Key, ModelRoute, PolicyRef, Service, Snapshot, Upstream

KEY, EXPIRED, REVOKED = "gj-inside-the-test", "gj-expired", "gj-revoked"
CUT = "cut"
"""The upstream resets its connection here."""
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"

MODELS: dict[str, dict[str, Any]] = {
    "openai": {},
    "anthropic": {"dialect": "anthropic"},
    "base": {"offers": ("openai_completions",)},
    "responses": {"offers": ("openai_responses",)},
}
"""Model, also the name of its upstream -> what is said of that."""
MIXED = ("anthropic", "openai")
"""Upstreams of the model `mixed`, in the order in which they are asked."""


class Inside:
    """The running pair. `app` sets fields of the one app, `upstream` those of the upstreams (a secret in the clear);
    `limits` those of the server; `detectors` are added; `policy` is YAML in place of the default one; `quotas` are in force,
    every model has `prices`."""

    def __init__(
        self,
        home: Path,
        *,
        app: dict[str, Any] | None = None,
        upstream: dict[str, Any] | None = None,
        limits: Limits | None = None,
        detectors: Any = (),
        policy: str = "",
        quotas: Any = (),
        prices: tuple[float, float] = (0.0, 0.0),
        environment: dict[str, str] | None = None,
        panel: Callable[[], Any] | None = None,
    ) -> None:
        self._quotas, self._prices, self._environment = tuple(quotas), prices, environment or {}
        self._fields = upstream or {}
        self._home, self._app, self._limits = home, app or {}, limits or Limits()
        self.detectors, self._policy = list(detectors), policy or load.default_policy_yaml()
        self._panel = panel
        """Makes the slow detectors, in the gateway's own loop."""
        self.says: list[bytes | float | str | Callable[[bytes], bytes]] = []
        """What the upstream answers next, whatever it is asked."""
        self.asked: list[bytes] = []
        """Every request as the upstream read it: head and body."""
        self.spare: list[bytes | float | str] | None = None
        """What a second upstream of the model `openai` answers where the first can't; None where there is none. Set it
        before entering."""
        self.spare_asked: list[bytes] = []
        self.left = 0
        """Requests whose connection was closed before the answer was complete."""
        self.entries: list[Any] = []
        """What was recorded."""
        self.port = 0

    def __enter__(self) -> Inside:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        upstream, url = await self._listen(self._upstream)
        spare, spare_url = await self._listen(self._spare)
        settings = config.load({"GUIJU_HOME": str(self._home)} | self._environment)
        keyring, taxonomy = Keyring.open(settings), load.taxonomy()
        journal = Journal(settings.journal, "n", 1, chain_key=keyring.chain, day_key=day_key(keyring))
        append = journal.append
        journal.append = lambda entry, *rest: (self.entries.append(entry), append(entry, *rest))[1]  # type: ignore[method-assign]
        policy = parse_policy(self._policy, taxonomy, file="default.yaml", version=1)
        blobs = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
        reviewer = plugins.reviewer(policy, blobs, taxonomy.placeholder)
        reviewer.detectors += tuple(self.detectors)
        upstreams: tuple[Upstream, ...] = ()
        for name, more in MODELS.items():
            fields = {"url": url} | more | self._fields
            if "secret" in fields:
                fields["secret"] = keyring.seal_secret(fields["secret"], f"upstream:{name}")
            upstreams += (Upstream(name=name, **fields),)
        routes = tuple(
            ModelRoute(name=n, upstream=n, model=n, input_price=self._prices[0], output_price=self._prices[1])
            for n in MODELS
        )
        routes += tuple(ModelRoute(name="mixed", upstream=n, model=n, order=i) for i, n in enumerate(MIXED))
        if self.spare is not None:
            upstreams += (Upstream(name="spare", url=spare_url),)
            routes += (ModelRoute(name="openai", upstream="spare", model="other", order=1),)
        snapshot = Snapshot(
            version=1,
            services=(
                Service(
                    name="s",
                    demo=True,
                    policy="default",
                    models=routes,
                ),
            ),
            apps=(SnapshotApp(**{"name": "a", "service": "s", "allow_media": True} | self._app),),
            keys=(_key("k", KEY), _key("old", EXPIRED, expires_ms=1), _key("gone", REVOKED, revoked=True)),
            quotas=self._quotas,
            upstreams=upstreams,
            policies=(PolicyRef(name="default", version=1, yaml=""),),
        )
        self.gateway = Gateway(settings, keyring, taxonomy, journal, "n/1")
        pools = {u.name: pool_of(u, settings, keyring) for u in upstreams}
        panels = {"default": self._panel()} if self._panel else {}
        self.gateway.swap(Compiled(snapshot, {"default": reviewer}, pools, panels))
        self.control = pool_of(upstreams[0], settings, keyring)
        self.app = App(self.gateway, self.control)
        self.server = server = Server(self.app, self._limits)
        self.port = await server.listen("127.0.0.1", 0)
        ready.set()
        await self._stop.wait()
        await server.close(0.1)
        for panel in panels.values():
            panel.close()
        upstream.close()
        spare.close()
        await self.gateway.allowance.close()
        await journal.close()

    async def _listen(self, serve: Any) -> tuple[asyncio.Server, str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _upstream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, self.asked, self.says)

    async def _spare(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, self.spare_asked, self.spare or [])

    async def _serve(self, reader: Any, writer: Any, asked: list[bytes], says: list[Any]) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            asked.append(head + await reader.readexactly(size))
            for piece in [made(asked[-1]) if callable(made) else made for made in says]:
                if piece is CUT:
                    writer.transport.abort()
                    return
                if isinstance(piece, bytes):
                    writer.write(piece)
                    await writer.drain()
                else:
                    await asyncio.sleep(piece)  # type: ignore[arg-type]
                if writer.transport.is_closing() or reader.at_eof():
                    raise ConnectionResetError
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left += 1
            writer.transport.abort()

    def call(self, what: Callable[[], object]) -> None:
        """Do something in the gateway's own loop."""
        self._loop.call_soon_threadsafe(what)

    def do(self, what: Callable[[], Any]) -> Any:
        """The same, and wait for what it comes to."""

        async def done() -> Any:
            return what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def sweep(self) -> None:
        """What the worker does once a second."""
        self.call(self.server.sweep)
        self.call(self.app.sweep)
        for pool in self.gateway.current().pools.values():
            self.call(pool.sweep)

    # --- a client --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, data: bytes, *, wait: float = 5.0, until: bytes = b"") -> bytes:
        """Send these bytes; what comes back until the server closes, `until` has come, or `wait` seconds are over."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(data)
            return receive(sock, wait, until)

    def trickle(self, data: bytes, *, wait: float = 5.0) -> bytes:
        """Send these bytes one by one; what comes back."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(data)):
                sock.sendall(data[at : at + 1])
            return receive(sock, wait)

    def ask(self, path: str = "/v1/chat/completions", *, wait: float = 5.0, **body: Any) -> bytes:
        """A request of a dialect, its whole answer as bytes."""
        model = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
        if path == "/v1/messages":
            model |= {"max_tokens": 9}
        if path == "/v1/responses":
            model = {"model": "responses", "input": "hi"}
        return self.send(request(path, json.dumps(model | body).encode()), wait=wait)

    def closed(self, seconds: float = 3.0) -> entries.Closed:
        """The latest closing entry."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for entry in reversed(self.entries):
                if isinstance(entry, entries.Closed):
                    return entry
            time.sleep(0.01)
        raise AssertionError("nothing was closed")


def _key(name: str, secret: str, **more: Any) -> Key:
    return Key(id=name, app="a", prefix="gj-i", sha256=hashlib.sha256(secret.encode()).hexdigest(), **more)


def request(path: str, body: bytes, *fields: str, method: str = "POST") -> bytes:
    """A request as bytes, its connection closed after the answer."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: x",
        f"authorization: Bearer {KEY}",
        f"content-length: {len(body)}",
        *fields,
    ]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


def receive(sock: socket.socket, wait: float = 5.0, until: bytes = b"") -> bytes:
    """What comes."""
    data, deadline = b"", time.monotonic() + wait
    while not (until and until in data):
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            piece = sock.recv(65536)
        except (TimeoutError, ConnectionResetError):
            break
        if not piece:
            break
        data += piece
    return data


def body_of(answer: bytes) -> bytes:
    """The body of an answer as bytes, chunks joined."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return rest
    out = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return out
        out, rest = out + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    raise AssertionError(f"the answer broke off: {answer[-200:]!r}")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
