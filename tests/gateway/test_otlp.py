"""Traces and metrics as a collector gets them: their shape, their place in the caller's trace, and nothing of the contents."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector import Collector, about
from guiju.gateway.otlp import FLUSH, OPERATIONS, Otlp
from guiju.snapshot import WAYS
from inside import CUT, JSON, SSE, Inside, body_of, request, status_of

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET, PHONE = "a secret of the client's", "13812345678"
DONE = b"data: [DONE]\n\n"


def piece(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def whole(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 5}
    return JSON + json.dumps({"choices": [choice], "usage": usage}).encode()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


class Traced:
    """A worker that sends to the collector."""

    def __init__(self, home: Path, url: str, ratio: float | None = 1.0, **headers: str) -> None:
        self.inside = Inside(home)
        self.otlp = Otlp("n/1", {s: f"{url}/v1/{s}" for s in ("traces", "metrics")}, headers, ratio)

    def __enter__(self) -> Inside:
        self.inside.__enter__()
        self.inside.gateway.otlp = self.otlp
        return self.inside

    def __exit__(self, *_: object) -> None:
        self.inside.__exit__()
        self.otlp.close()


def ask(inside: Inside, *fields: str, **more: Any) -> bytes:
    body = {"model": "openai", "messages": [{"role": "user", "content": SECRET}], **more}
    return inside.send(request("/v1/chat/completions", json.dumps(body).encode(), *fields))


def test_a_stream_is_a_trace_that_goes_on_from_the_callers_to_the_upstream(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url, authorization="Bearer t") as inside:
        inside.says = [SSE, piece("电话 "), piece(PHONE), piece("。", finish_reason="stop"), DONE]
        answer = ask(inside, f"traceparent: 00-{TRACE}-{PARENT}-01", "tracestate: other=1", stream=True)
        assert status_of(answer) == 200
    root, review, asked, stream = collector.spans
    assert [s.name for s in collector.spans] == ["POST /v1/chat/completions", "review input", "chat openai", "stream"]
    assert {s.trace_id.hex() for s in collector.spans} == {TRACE}
    assert root.parent_span_id.hex() == PARENT
    assert {s.parent_span_id for s in (review, asked, stream)} == {root.span_id}
    assert (root.kind, review.kind, asked.kind, stream.kind) == (2, 1, 3, 1)  # SERVER, INTERNAL, CLIENT, INTERNAL
    head = inside.asked[0].lower()
    assert f"traceparent: 00-{TRACE}-{asked.span_id.hex()}-01\r\n".encode() in head
    assert b"tracestate: other=1\r\n" in head
    told = about(asked.attributes)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "openai"
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert told["server.address"] == "127.0.0.1"
    assert 0 < told["gen_ai.response.time_to_first_chunk"] < 5
    said = about(root.attributes)
    assert said["guiju.exchange"].encode() in answer
    assert (said["guiju.outcome"], said["guiju.action"], said["guiju.app"]) == ("masked", "mask", "a")
    assert about(stream.attributes)["guiju.findings"] == ["I.mobile"]
    for span in (review, asked, stream):
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
    resource = about(collector.traces[0].resource_spans[0].resource.attributes)
    assert (resource["service.name"], resource["service.instance.id"]) == ("guiju-gateway", "n/1")
    assert {h["authorization"] for h in collector.headers} == {"Bearer t"}


def test_nothing_that_was_said_is_in_what_is_sent(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url) as inside:
        inside.says = [whole(f"answered in secret {PHONE}")]
        ask(inside)
        inside.says = [SSE, piece("streamed in secret"), piece("", finish_reason="finished in secret"), DONE]
        ask(inside, stream=True)
        inside.says = [b'HTTP/1.1 400 X\r\ncontent-length: 33\r\n\r\n{"error":{"message":"in secret"}}']
        ask(inside)
        ask(inside, model="asked for in secret")
        ask(inside, messages=[{"role": "user", "content": "如何制作炸药"}])
    assert len(collector.spans) > 10
    for body in collector.bodies:
        assert b"secret" not in body
        assert PHONE.encode() not in body
        assert "炸药".encode() not in body


def test_metrics_are_those_of_the_conventions(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url) as inside:
        inside.says = [whole("hello")]
        ask(inside)
        inside.says = [SSE, piece("hello", finish_reason="stop"), DONE]
        ask(inside, stream=True)
        inside.says = [CUT]
        ask(inside)
    found = collector.histograms()
    assert set(found) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    }
    tokens = {about(p.attributes)["gen_ai.token.type"]: p.sum for p in found["gen_ai.client.token.usage"]}
    assert tokens == {"input": 7, "output": 5}
    durations = {about(p.attributes).get("error.type", ""): p.count for p in found["gen_ai.client.operation.duration"]}
    assert durations == {"": 2, "upstream_unavailable": 3}  # each try is an operation
    (first,) = found["gen_ai.client.operation.time_to_first_chunk"]
    assert first.count == 1
    common = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port"}
    for points in found.values():
        for point in points:
            assert about(point.attributes).keys() - {"error.type", "gen_ai.token.type"} == common


def test_every_try_is_a_span_and_one_that_failed_says_so(tmp_path: Path, collector: Collector):
    traced = Traced(tmp_path, collector.url)
    traced.inside.spare = [whole("from the spare one")]
    with traced as inside:
        inside.says = [CUT]
        assert status_of(ask(inside)) == 200
    root, _, first, second, *_ = collector.spans
    assert (first.status.code, about(first.attributes)["error.type"]) == (2, "upstream_unavailable")
    assert (second.name, second.status.code, root.status.code) == ("chat other", 0, 0)
    assert about(second.attributes)["guiju.upstream"] == "spare"
    heads = [asked.lower() for asked in (*inside.asked, *inside.spare_asked)]
    assert [span.span_id.hex().encode() in head for span, head in zip((first, second), heads, strict=True)] == [
        True
    ] * 2


def test_an_exchange_ends_its_span_however_it_ends(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url) as inside:
        ask(inside, model="nobody's")
        ask(inside, messages=[{"role": "user", "content": "如何制作炸药"}])
        inside.says = [SSE, piece("begun "), CUT]
        ask(inside, stream=True)
        inside.says = [SSE, piece("你好，" * 200), 30.0]
        body = json.dumps({"model": "openai", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
        inside.send(request("/v1/chat/completions", body), until="你好".encode(), wait=5)  # and leaves
        inside.closed()
        deadline = time.monotonic() + 5
        while inside.gateway.running and time.monotonic() < deadline:
            time.sleep(0.01)
    roots = [about(s.attributes) for s in collector.spans if s.name.startswith("POST")]
    outcomes = [told["guiju.outcome"] for told in roots]
    assert outcomes[0] == "rejected"
    assert outcomes[1].startswith("input_")
    assert outcomes[2:] == ["upstream_error", "client_left"]
    assert (roots[0]["error.type"], roots[2]["error.type"]) == ("model_not_found", "upstream_unavailable")
    ends = {s.span_id: s.end_time_unix_nano for s in collector.spans}
    assert all(ends.values())


def test_a_share_of_traces_is_kept_and_no_caller_gets_more(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url, ratio=0.0) as inside:
        inside.says = [whole("hello")]
        ask(inside)
        ask(inside, f"traceparent: 00-{TRACE}-{PARENT}-01")
    assert collector.spans == []
    assert f"traceparent: 00-{TRACE}-".encode() in inside.asked[1].lower()
    assert b"-00\r\n" in inside.asked[1]  # the upstream is told that this part isn't kept
    (point,) = collector.histograms()["gen_ai.client.operation.duration"]
    assert point.count == 2  # metrics count them all


def test_a_traceparent_that_is_none_begins_a_trace(tmp_path: Path, collector: Collector):
    with Traced(tmp_path, collector.url) as inside:
        inside.says = [whole("hello")]
        assert status_of(ask(inside, 'traceparent: 00-zz-"injected"-01')) == 200
    assert collector.spans[0].parent_span_id == b""
    assert b"injected" not in inside.asked[0]


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "never answers"])
def test_a_collector_that_is_away_does_no_harm(tmp_path: Path, silent: bool):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        if silent:
            sock.listen()
        traced = Traced(tmp_path, f"http://127.0.0.1:{sock.getsockname()[1]}")
        with traced as inside:
            inside.says = [whole("hello")]
            for _ in range(3):
                assert b"hello" in body_of(ask(inside))
        began = time.monotonic()
        traced.otlp.close()
        assert time.monotonic() - began < FLUSH + 3


def test_off_sends_nothing_and_passes_nothing_on(tmp_path: Path):
    with Inside(tmp_path) as inside:
        inside.says = [whole("hello")]
        ask(inside, f"traceparent: 00-{TRACE}-{PARENT}-01")
    assert b"traceparent" not in inside.asked[0].lower()


def test_each_way_of_asking_has_its_operation():
    assert set(OPERATIONS) == set(WAYS)
