"""A service elsewhere, acted by a server in this process that judges requests by a function; and a plain client for it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from guiju.remote.adapter import Adapter, Answer, Asked, Request
from guiju.types import Finding

NOW = datetime(2026, 11, 25, 8, 0, 0, tzinfo=UTC)
NONCE = "0123456789abcdef0123456789abcdef"


class Got(msgspec.Struct):
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=True).items()}


class FarService:
    """`with FarService(judge) as far:`; `judge(got)` returns a status and a body."""

    def __init__(self, judge: Callable[[Got], tuple[int, bytes]]) -> None:
        self.got: list[Got] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got("POST", parts.path, parts.query, headers, body)
                outer.got.append(got)
                status, told = judge(got)
                self.send_response(status)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> FarService:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def send(request: Request) -> Answer:
    """The request over a real connection, headers as they stand in it."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    names = {name for name, _ in request.headers}
    connection.putrequest(
        request.method,
        request.url.partition(parts.netloc)[2],
        skip_host="host" in names,
        skip_accept_encoding=True,
    )
    for name, value in request.headers:
        connection.putheader(name, value)
    connection.putheader("content-length", str(len(request.body)))
    connection.endheaders(request.body)
    got = connection.getresponse()
    answer = Answer(status=got.status, body=got.read())
    connection.close()
    return answer


def settings_of(adapter: Adapter, **given: str) -> dict[str, str]:
    """Its settings: these, then the defaults, then something for what must be given."""
    return {f.name: given.get(f.name, "given" if f.default is None else f.default) for f in adapter.fields}


def ask(adapter: Adapter, asked: Asked, **settings: str) -> tuple[Finding, ...]:
    """Asked over the wire, and what the answer means."""
    full = settings_of(adapter, **settings)
    return adapter.findings(send(adapter.ask(asked, full, now=NOW, nonce=NONCE)), asked, full)
