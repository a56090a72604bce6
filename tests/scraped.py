"""A real page of /metrics, read by Prometheus' own parser, after every metric has something to tell."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from inside import JSON, SSE, Inside, body_of, request, status_of


def families(page: str) -> dict[str, Metric]:
    """Name of each metric's family -> the family."""
    return {family.name: family for family in text_string_to_metric_families(page)}


def page(running: Inside) -> str:
    """What a scrape gets."""
    answer = running.send(request("/metrics", b"", method="GET"))
    assert status_of(answer) == 200
    return body_of(answer).decode()


def busy(home: Path) -> str:
    """The page of a worker that has served, masked, failed and turned away."""
    usage = {"prompt_tokens": 7, "completion_tokens": 5}
    with Inside(home) as running:
        message = {"role": "assistant", "content": "电话 13812345678"}
        whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        running.says = [JSON + json.dumps(whole).encode()]
        running.ask()
        piece = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
        running.says = [SSE, b"data: " + json.dumps(piece).encode() + b"\n\n", b"data: [DONE]\n\n"]
        running.ask(stream=True)
        running.says = [b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"]
        running.ask(model="base", path="/v1/completions", prompt="hi", messages=None)
        running.ask(model='a|b\n"c"')
        running.gateway.counts.unjudged["input|closed|far"] += 1  # as test_slow.py brings about
        return page(running)
