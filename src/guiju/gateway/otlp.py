"""Traces and metrics for OpenTelemetry, sent as OTLP over HTTP. Needs the extra `otel`; tracing.py says whether it is wanted.

Names follow the semantic conventions 1.41.0, the last release that holds those for generative AI
(https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai); their status is "development". An exchange
is a span of its own (SERVER), a child of the caller's where a `traceparent` came (https://www.w3.org/TR/trace-context/). Below
it stand the review of the input, each request to an upstream (CLIENT, and it carries a `traceparent` of its own), the stream,
or the review of the whole output. No span holds contents: what a caller or a model has written is in none of them.

Everything is sent by threads of the SDK, in batches. What a collector doesn't take is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from guiju import __version__, clock
from guiju.errors import GuijuError
from guiju.ledger import entries
from guiju.snapshot import Upstream
from guiju.types import Judged

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange
    from guiju.gateway.http import Call
    from guiju.gateway.routing import Target
    from guiju.gateway.stream import Relay

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
OPERATIONS = {
    "openai": "chat",
    "openai_responses": "chat",
    "openai_completions": "text_completion",
    "openai_embeddings": "embeddings",
    "anthropic": "chat",
}
"""How an upstream is asked (`snapshot.WAYS`) -> `gen_ai.operation.name`."""
COUNTS = {"anthropic_count": "count_tokens"}
"""A door that asks for something else; the conventions have no word for it."""
PROVIDERS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.mistral.ai": "mistral_ai",
    "api.groq.com": "groq",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
}
"""Host, or the end of one, -> `gen_ai.provider.name`. Elsewhere it is the dialect's: "the telemetry format flavor"."""
_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
"""Bounds of buckets, as the conventions have them."""
FLUSH = 2.0
"""Seconds for what is still to be sent when the worker ends."""
_context = TraceContextTextMapPropagator()


class Otlp:
    """A worker's.

    Args:
        endpoints: signal (`traces`, `metrics`) -> URL; "" where the SDK shall read it from the environment. What isn't in it
            isn't sent.
        headers: of each request to the collector, beside those of the environment.
        ratio: share of traces that are kept; None where the environment says (`OTEL_TRACES_SAMPLER`).
    """

    def __init__(
        self, worker: str, endpoints: Mapping[str, str], headers: Mapping[str, str], ratio: float | None
    ) -> None:
        own = {"service.name": "guiju-gateway", "service.version": __version__, "service.instance.id": worker}
        resource = Resource.create(own).merge(OTELResourceDetector().detect())  # the environment wins
        readers = []
        if "metrics" in endpoints:
            meters = OTLPMetricExporter(endpoint=endpoints["metrics"] or None, headers=dict(headers))
            readers.append(PeriodicExportingMetricReader(meters))
        self._traces = TracerProvider(
            resource=resource,
            sampler=_sampler(ratio) if "traces" in endpoints else ALWAYS_OFF,
            shutdown_on_exit=False,
        )
        if "traces" in endpoints:
            spans = OTLPSpanExporter(endpoint=endpoints["traces"] or None, headers=dict(headers))
            self._traces.add_span_processor(BatchSpanProcessor(spans))
        self._meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self.tracer = self._traces.get_tracer("guiju", __version__, schema_url=SCHEMA)
        meter = self._meters.get_meter("guiju", __version__, schema_url=SCHEMA)
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time to receive the first chunk of a stream.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def begin(self, call: Call, exchange: str, door: str) -> Trace:
        """An exchange begins. Its path is one of the door's own, and so no caller's invention."""
        about = {
            "http.request.method": call.method,
            "http.route": call.path,
            "guiju.exchange": exchange,
            "guiju.door": door,
        }
        parent = _context.extract(call.headers)
        span = self.tracer.start_span(f"{call.method} {call.path}", parent, SpanKind.SERVER, about)
        return Trace(self, span, door)

    def close(self) -> None:
        """Send what waits, for `FLUSH` seconds at most: a collector that is away keeps no worker from its end. Blocks."""
        ends = [Thread(target=end, daemon=True) for end in (self._traces.shutdown, self._meters.shutdown)]
        until = clock.monotonic() + FLUSH
        for end in ends:
            end.start()
        for end in ends:
            end.join(max(0.0, until - clock.monotonic()))


class Trace:
    """One exchange's spans, from `begin` to `end`."""

    def __init__(self, otlp: Otlp, span: Span, door: str) -> None:
        self._otlp, self._span, self._door = otlp, span, door
        self._below: Context = set_span_in_context(span)
        self._asked: Span | None = None
        """The request to an upstream that is under way."""
        self._about: dict[str, Any] = {}
        self._since = 0.0

    def reviewed(self, direction: str, seconds: float, judged: Iterable[Judged]) -> None:
        """All texts in that direction were reviewed, just now. A finding is told by its class alone."""
        self._past(f"review {direction}", seconds, {"guiju.findings": sorted({j.finding.cls for j in judged})})

    def asks(self, upstream: Upstream, target: Target, stream: bool) -> dict[str, str]:
        """A request to an upstream begins. Returns the header fields that tell it of its place in the trace."""
        provider, address = _server(upstream.url, upstream.dialect)
        operation = COUNTS.get(self._door) or OPERATIONS[target.way]
        self._about = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": target.model,
            **address,
        }
        about = self._about | {"gen_ai.request.stream": stream, "guiju.upstream": upstream.name}
        self._since = clock.monotonic()
        name = f"{operation} {target.model}"
        self._asked = self._otlp.tracer.start_span(name, self._below, SpanKind.CLIENT, about)
        fields: dict[str, str] = {}
        _context.inject(fields, set_span_in_context(self._asked))
        return fields

    def failed(self, error: GuijuError) -> None:
        """The request to the upstream came to nothing."""
        self._answered(error.code, None, 0.0)

    def streamed(self, seconds: float, machine: Relay) -> None:
        """The answer has streamed for so long, and ends now."""
        about = {
            "guiju.review.duration": machine.seconds,
            "guiju.characters": machine.delivered,
            "guiju.findings": sorted({j.finding.cls for j in machine.judged}),
        }
        self._past("stream", seconds, about)

    def closed(self, exchange: Exchange, entry: entries.Closed) -> None:
        """The exchange is over, and this is what is recorded of it."""
        code = (entry.code or entry.outcome) if entry.outcome in ("upstream_error", "our_error") else ""
        streamed = exchange.relay is not None and exchange.first_byte
        self._answered(code, entry, exchange.first_byte - self._since if streamed else 0.0)
        grant = exchange.grant
        self._span.set_attributes(
            {
                "guiju.outcome": entry.outcome,
                "guiju.action": str(entry.action),
                "guiju.app": grant.app,
                "guiju.service": grant.service,
                "guiju.model": exchange.model,
                "guiju.policy": grant.policy,
                "guiju.snapshot": exchange.compiled.snapshot.version,
            }
        )
        self._end(code)

    def rejected(self, error: GuijuError) -> None:
        """The request was turned away before an exchange was opened; or its caller left."""
        self._span.set_attribute("guiju.outcome", "rejected")
        self._span.set_attribute("error.type", error.code)
        self._end(error.code if error.status >= 500 else "")

    def left(self) -> None:
        """The caller left before an exchange was opened."""
        self._span.set_attribute("guiju.outcome", "client_left")
        self._end("")

    def _answered(self, code: str, entry: entries.Closed | None, first: float) -> None:
        """The request to the upstream is over, with this error or none; the first piece of a stream came after so long."""
        if self._asked is None:
            return
        span, self._asked = self._asked, None
        about = self._about | ({"error.type": code} if code else {})
        self._otlp.duration.record(clock.monotonic() - self._since, about)
        if first:
            self._otlp.first_chunk.record(first, about)
            span.set_attribute("gen_ai.response.time_to_first_chunk", first)
        if entry is not None and (entry.input_tokens or entry.output_tokens) and not entry.tokens_estimated:
            for kind, count in (("input", entry.input_tokens), ("output", entry.output_tokens)):
                self._otlp.tokens.record(count, about | {"gen_ai.token.type": kind})
                span.set_attribute(f"gen_ai.usage.{kind}_tokens", count)
        if entry is not None and entry.finish:
            span.set_attribute("gen_ai.response.finish_reasons", [entry.finish])
        if code:
            span.set_attribute("error.type", code)
            span.set_status(StatusCode.ERROR)
        span.end()

    def _past(self, name: str, seconds: float, about: Mapping[str, Any]) -> None:
        """A span that ends now and began so long ago."""
        if self._span.is_recording():
            now = clock.epoch_ns()
            span = self._otlp.tracer.start_span(
                name, self._below, attributes=about, start_time=now - int(seconds * 1e9)
            )
            span.end(now)

    def _end(self, code: str) -> None:
        if code:
            self._span.set_attribute("error.type", code)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _sampler(ratio: float | None) -> Sampler | None:
    """A caller that asks for its trace to be kept gets no more than the share: a trace is drawn by its number, so that all of
    its parts are kept or none."""
    if ratio is None:
        return None
    drawn = TraceIdRatioBased(ratio)
    return ParentBased(drawn, remote_parent_sampled=drawn)


@cache
def _server(url: str, dialect: str) -> tuple[str, dict[str, Any]]:
    """Provider; address and port, where it has one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    provider = next((p for end, p in PROVIDERS.items() if host == end or host.endswith(f".{end}")), dialect)
    if parts.scheme not in ("http", "https"):
        return provider, {}
    return provider, {"server.address": host, "server.port": parts.port or (443 if parts.scheme == "https" else 80)}
