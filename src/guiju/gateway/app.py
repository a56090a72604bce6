"""Paths -> surfaces; health and metrics; nothing else. exchange.py has the life of what comes through a dialect's door."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import msgspec

from guiju import clock, plugins
from guiju.errors import (
    BodyEncoded,
    CallerError,
    GuijuError,
    OurError,
    PolicyError,
    ReviewUnavailable,
    UnknownModel,
    UnknownPath,
    UpstreamError,
    WrongMethod,
)
from guiju.gateway import admission, away, exposition, forwarded, ids, slow, telemetry
from guiju.gateway.exchange import Exchange
from guiju.gateway.http import Call, ClientLeft
from guiju.gateway.state import Gateway
from guiju.gateway.texts import aside
from guiju.gateway.upstream import Pool
from guiju.journal import claim, reader
from guiju.review.explain import asked_language, language_of
from guiju.review.moderation import moderation_result
from guiju.snapshot import App as SnapshotApp
from guiju.wire import faults, ollama_models, openai_moderations
from guiju.wire.dialect import Dialect, Json
from guiju.wire.openai_chat import read_json, text_field

_log = logging.getLogger("guiju.gateway")
_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade", "content-length", "host", "expect", "x-forwarded-for", "x-forwarded-proto", "x-real-ip")
)  # fmt: skip
_API = ("/v1/", "/api/")
_MODERATIONS = "/v1/moderations"
_METHODS = {
    "/v1/models": "GET, HEAD",
    _MODERATIONS: "POST",
    "/api/tags": "GET, HEAD",
    "/api/version": "GET, HEAD",
    "/api/show": "POST",
}
"""Of surfaces without a dialect; a dialect's paths take POST."""
_READS = ("GET", "HEAD")
_MODEL = "/v1/models/"


class App:
    """What a worker's server calls for each request."""

    def __init__(self, gateway: Gateway, control: Pool) -> None:
        self._gateway, self._control = gateway, control
        self._dialects = plugins.dialects()

    async def __call__(self, call: Call) -> None:
        """Answer one request. Raises: ClientLeft."""
        dialect = self._dialects.get(call.path)
        try:
            if call.error is not None:
                raise call.error
            if dialect is not None and call.method == "POST":
                await Exchange(self._gateway, call, dialect).serve()
            else:
                await self._other(call)
        except ClientLeft:
            raise
        except Exception as problem:
            error = problem if isinstance(problem, GuijuError) else OurError()
            if error is not problem:
                _log.exception("path=%s failed", call.path)
            if call.begun:
                call.abort()
            else:
                self._fault(call, error, dialect)

    def _fault(self, call: Call, error: GuijuError, dialect: Dialect | None) -> None:
        """An error outside any exchange, in the shape that the caller reads."""
        shape = dialect.fault if dialect is not None else _shape(call)
        language = language_of(call.headers.get("accept-language", ""), "", "zh")
        headers = self._named()
        exchange, details = headers[0][1], None
        if isinstance(error, CallerError | PolicyError | ReviewUnavailable):
            door = dialect.name if dialect is not None else "moderations" if call.path == _MODERATIONS else ""
            details = self._gateway.rejected(exchange, door, call.headers, error)
        body = shape(error, exchange=exchange, language=language, details={"guiju": details} if details else None)
        if isinstance(error, WrongMethod):
            headers.append(("allow", str(error.data["allowed"])))
        if isinstance(error, BodyEncoded):
            headers.append(("accept-encoding", "identity"))  # RFC 9110, 15.5.16
        if error.status in (429, 503):
            headers.append(("retry-after", "1"))
        call.answer(error.status, body, headers)

    def _named(self) -> list[tuple[str, str]]:
        """The header that every answer of an API carries."""
        return [("x-guiju-exchange", ids.exchange_id(clock.epoch_ms(), self._gateway.entropy.take(10)))]

    async def _other(self, call: Call) -> None:
        path = call.path
        allowed = (
            "POST" if path in self._dialects else _METHODS.get("/v1/models" if path.startswith(_MODEL) else path, "")
        )
        if allowed and call.method not in allowed.split(", "):
            raise WrongMethod(method=call.method, path=path, allowed=allowed)
        if path == "/healthz":
            call.answer(200, b'{"status":"alive"}', [])
        elif path == "/readyz":
            ready = self._gateway.ready and not self._gateway.leaving
            body = msgspec.json.encode(
                {
                    "ready": ready,
                    "snapshot": self._gateway.counts.snapshot,
                    "journal": self._gateway.journal.failed or "ok",
                }
            )
            call.answer(200 if ready else 503, body, [])
        elif path == "/metrics":
            with suppress(OSError):  # a full disk: the figures of a moment ago
                self.save_counts()
            body = await asyncio.to_thread(self._metrics)
            call.answer(200, body, [], exposition.CONTENT_TYPE)
        elif path == "/v1/models" or path.startswith(_MODEL):
            self._models(call, unquote(path[len(_MODEL) :]))
        elif path == _MODERATIONS:
            await self._moderations(call)
        elif path == "/api/version":
            call.answer(200, msgspec.json.encode({"version": ollama_models.VERSION}), self._named())
        elif path in ("/api/tags", "/api/show"):
            self._ollama_models(call)
        elif path.startswith(_API) or path.startswith("/_internal"):
            raise UnknownPath(method=call.method, path=path)
        elif path == "/" and call.method in _READS and not _browses(call):
            call.answer(200, b"Guiju is running", [], "text/plain; charset=utf-8")
        else:
            await self._control_page(call)

    def sweep(self) -> None:
        """Called about once a second: give up what control has left without an answer for too long, polls and pages."""
        self._control.sweep()

    def save_counts(self) -> None:
        """This worker's counts, where every worker of the node finds them."""
        gateway = self._gateway
        gateway.read_gauges()
        telemetry.save(gateway.config.run / "metrics", gateway.worker, gateway.counts)

    def _metrics(self) -> bytes:
        config = self._gateway.config
        live = {telemetry.stem(worker) for worker in (self._gateway.worker, *claim.claimed(config.journal))}
        lag = reader.waiting(config.journal, clock.epoch_ms())
        return exposition.exposition(telemetry.load(config.run / "metrics"), live, lag)

    # --- surfaces without an upstream -----------------------------------------------------------------

    def _models(self, call: Call, wanted: str) -> None:
        """The models of an app, or the one `wanted`. Raises: UnknownModel."""
        _, names = self._offered(call)
        if wanted and wanted not in names:
            raise UnknownModel(model=wanted)
        body: Json
        listed: list[Json]
        if "anthropic-version" in call.headers:
            made = {"type": "model", "created_at": "2026-01-01T00:00:00Z"}
            listed = [{"id": n, "display_name": n, **made} for n in names]
            ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
            body = {"data": listed, "has_more": False, **ends}
        else:
            listed = [{"id": n, "object": "model", "created": 0, "owned_by": "guiju"} for n in names]
            body = {"object": "list", "data": listed}
        if wanted:
            body = listed[names.index(wanted)]
        call.answer(200, msgspec.json.encode(body), self._named())

    def _ollama_models(self, call: Call) -> None:
        """The same as Ollama's clients ask it. Raises: BadRequest, UnknownModel."""
        app, names = self._offered(call)
        if call.path == "/api/tags":
            body = ollama_models.tags(names)
        else:
            asked = read_json(call.body)
            wanted = text_field(asked, "model" if "model" in asked else "name")
            if wanted not in names:
                raise UnknownModel(model=wanted)
            body = ollama_models.show(media=app.allow_media)
        call.answer(200, msgspec.json.encode(body), self._named())

    def _offered(self, call: Call) -> tuple[SnapshotApp, list[str]]:
        """The app that the request's key belongs to, and the models that it may ask for."""
        gateway = self._gateway
        compiled = gateway.current()
        door, _ = admission.door_of(call.headers, compiled, gateway.chat_key, clock.epoch_ms())
        return door.app, compiled.models(door.app)

    async def _moderations(self, call: Call) -> None:
        """OpenAI's moderations, answered by our own review. Raises: ReviewUnavailable: a slow detector gives no verdict."""
        gateway = self._gateway
        compiled = gateway.current()
        door, token_subject = admission.door_of(call.headers, compiled, gateway.chat_key, clock.epoch_ms())
        size = len(call.body)
        texts = await aside(size, lambda: openai_moderations.inputs(read_json(call.body)))
        language = language_of(call.headers.get("accept-language", ""), "".join(texts)[:200], door.service.language)
        reviewer = compiled.reviewers[door.service.policy]
        audience = door.service.audience
        verdicts = await aside(
            10 * size,  # a text is reviewed in ten times the time that it is read in
            lambda: [reviewer.review(t, direction="input", audience=audience, language=language) for t in texts],
        )
        headers = self._named()
        exchange = headers[0][1]
        moderation = slow.Moderation(gateway, compiled, door, exchange, texts, verdicts, language)
        await moderation.judge()
        await gateway.record_moderation(
            exchange, door, texts, moderation.verdicts, token_subject, moderation.asked, moderation.tab
        )
        moderation.observe()
        results = [moderation_result(v, gateway.taxonomy, language) for v in moderation.verdicts]
        answer = openai_moderations.answer(exchange, results)
        call.answer(200, msgspec.json.encode(answer), headers)

    # --- pages ----------------------------------------------------------------------------------------

    async def _control_page(self, call: Call) -> None:
        """Everything that is no API belongs to control; while it is away a browser gets a page that says so."""
        try:
            await self._from_control(call)
        except UpstreamError:
            if not _browses(call):
                raise
            language = asked_language(call.headers.get("accept-language", ""))
            page = away.page(
                [language] if language else ["zh", "en"], serving=self._gateway.ready, sent=call.method not in _READS
            )
            call.answer(503, page, list(away.HEADERS), "text/html; charset=utf-8")

    async def _from_control(self, call: Call) -> None:
        """Control's answer. Raises: UpstreamError, before any byte of it."""
        headers = {k: v for k, v in call.headers.items() if k not in _HOP}
        headers["host"] = call.headers.get("host", "localhost")
        config = self._gateway.config
        proxies, told = config["gateway.trusted_proxies"], call.headers.get
        headers["x-forwarded-for"] = forwarded.client_of(call.peer, told("x-forwarded-for", ""), proxies)
        scheme = forwarded.scheme_of(call.peer, told("x-forwarded-proto", ""), proxies)
        headers["x-forwarded-proto"] = scheme or ("https" if call.tls else config.base_url.partition(":")[0])
        target = call.path + (f"?{call.query}" if call.query else "")
        reply = await self._control.request(call.method, target, call.body, headers)
        try:
            kept = [(k, v) for k, v in reply.head_fields if k not in _HOP]
            if "content-length" in reply.headers or call.method == "HEAD" or reply.status in (204, 304):
                data = b"" if call.method == "HEAD" else await reply.read_all(1 << 30)
                content_type = reply.headers.get("content-type", "application/octet-stream")
                call.answer(reply.status, data, [(k, v) for k, v in kept if k != "content-type"], content_type)
                return
            call.start(reply.status, kept)
            while data := await reply.read():
                call.write(data)
                await call.drain()
            call.end()
        except UpstreamError:
            if not call.begun:
                raise
            call.abort()
        finally:
            reply.release()


def _browses(call: Call) -> bool:
    """Whether it asks for a page: a browser that opens an address does, a script's fetch and a program don't."""
    return "text/html" in call.headers.get("accept", "")


def _shape(call: Call) -> Any:
    """How the caller reads an error on a path that no dialect has."""
    if call.path.startswith("/api/"):
        return faults.ollama
    return faults.anthropic if "anthropic-version" in call.headers else faults.openai


__all__ = ["App", "ClientLeft"]
