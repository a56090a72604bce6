"""What /metrics says: the counts of all workers of a node (telemetry.py), as Prometheus reads them.

Names, units and labels follow https://prometheus.io/docs/practices/naming/; the format is text, version 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/). Every label has few values: what people have named
(models, upstreams, policies) and what Guiju itself names, and nothing that a caller can make up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from guiju import __version__
from guiju.gateway.telemetry import EXCHANGE, WORK, Counts, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric: its name, and the field of `Counts` that it tells."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    field: str
    labels: tuple[str, ...]
    """In the order of the parts of the field's keys. Gauges carry `worker` beside them."""
    help: str
    bounds: tuple[float, ...] = ()
    """Of a histogram's buckets."""


METRICS = (
    Metric("guiju_exchanges_total", "counter", "exchanges", ("door", "outcome", "model"), "Exchanges that ended"),
    Metric(
        "guiju_exchange_duration_seconds",
        "histogram",
        "durations",
        ("door",),
        "From request to the end of its answer",
        EXCHANGE,
    ),
    Metric(
        "guiju_time_to_first_byte_seconds",
        "histogram",
        "first_bytes",
        ("door",),
        "From request to the first byte of the upstream's answer",
        EXCHANGE,
    ),
    Metric(
        "guiju_review_duration_seconds",
        "histogram",
        "reviews",
        ("direction",),
        "Time that review added to an exchange, in that direction; for a stream with reading and writing its events",
        WORK,
    ),
    Metric(
        "guiju_findings_total",
        "counter",
        "findings",
        ("class", "direction", "action"),
        "Findings, and what was done about them",
    ),
    Metric("guiju_rejected_total", "counter", "rejected", ("code",), "Requests turned away before an exchange began"),
    Metric(
        "guiju_upstream_attempts_total",
        "counter",
        "attempts",
        ("upstream",),
        "Requests to upstreams; more than one for an exchange where the first failed",
    ),
    Metric(
        "guiju_upstream_errors_total",
        "counter",
        "upstream_errors",
        ("code", "upstream"),
        "Requests to upstreams that failed, also in mid-answer, or weren't sent since it is left alone",
    ),
    Metric(
        "guiju_unjudged_total",
        "counter",
        "unjudged",
        ("direction", "mode", "detector"),
        "Texts without a verdict of a slow detector: refused (closed) or let pass (open)",
    ),
    Metric("guiju_tokens_total", "counter", "tokens", ("kind", "model"), "Tokens as upstreams count them"),
    Metric(
        "guiju_journal_sync_duration_seconds",
        "histogram",
        "syncs",
        (),
        "Time of each write and sync of a worker's journal",
        WORK,
    ),
    Metric("guiju_exchanges_in_progress", "gauge", "running", (), "Exchanges under way"),
    Metric("guiju_streams_in_progress", "gauge", "active", (), "Exchanges whose answer is streaming"),
    Metric("guiju_held_characters", "gauge", "held_characters", (), "Characters held back in running streams"),
    Metric(
        "guiju_upstream_breaker_state",
        "gauge",
        "breakers",
        ("state", "upstream"),
        "1 for the state that the worker's circuit breaker of an upstream is in: closed, open or half_open",
    ),
    Metric("guiju_journal_unsynced_entries", "gauge", "journal_backlog", (), "Entries that wait for the next sync"),
    Metric(
        "guiju_journal_lag_seconds",
        "gauge",
        "journal_lag",
        (),
        "How long the oldest entry that isn't durable yet has waited",
    ),
    Metric("guiju_journal_failed", "gauge", "journal_failed", (), "1 where the last sync failed: nothing is served"),
    Metric(
        "guiju_quota_counters_away",
        "gauge",
        "quota_counters_away",
        (),
        "1 where Redis, which counts quotas, doesn't answer",
    ),
    Metric("guiju_snapshot_version", "gauge", "snapshot", (), "Version of the snapshot in force"),
    Metric("guiju_policy_info", "gauge", "policies", ("version", "policy"), "1 for each policy version in force"),
    Metric("guiju_worker_start_time_seconds", "gauge", "started", (), "When the worker started, in seconds since 1970"),
)
NODE = {
    "guiju_workers": "Workers that run on this node",
    "guiju_ledger_lag_seconds": "How long the oldest closed segment of this node's journal has waited for `guiju work`; "
    "0 where the ledger has all of them",
    "guiju_build_info": "1, with the version of Guiju",
}
"""Gauges of the node -> help."""


def exposition(workers: Mapping[str, Counts], live: Container[str], ledger_lag: float) -> bytes:
    """The page.

    Args:
        workers: name -> counts; those that have gone too: their totals stay, their gauges don't.
        live: names of those that run.
        ledger_lag: seconds.
    """
    running = {name: counts for name, counts in workers.items() if name in live}
    lines: list[str] = []
    for metric in METRICS:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        if metric.kind == "gauge":
            for name, counts in running.items():
                lines += _gauge(metric, name, getattr(counts, metric.field))
        else:
            write = _histogram if metric.kind == "histogram" else _counter
            lines += write(metric, [getattr(counts, metric.field) for counts in workers.values()])
    node = {"guiju_workers": len(running), "guiju_ledger_lag_seconds": round(ledger_lag, 3)}
    for name, text in NODE.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines.append(f"{name} {node[name]}" if name in node else f"{name}{_pairs({'version': __version__})} 1")
    return ("\n".join(lines) + "\n").encode()


def _labels(metric: Metric, key: str) -> dict[str, str]:
    return dict(zip(metric.labels, key.split("|", max(0, len(metric.labels) - 1)), strict=False))


def _gauge(metric: Metric, worker: str, value: Any) -> list[str]:
    values = value if isinstance(value, dict) else {"": value}
    return [f"{metric.name}{_pairs(_labels(metric, k) | {'worker': worker})} {v}" for k, v in sorted(values.items())]


def _counter(metric: Metric, parts: list[Counter[str]]) -> list[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return [f"{metric.name}{_pairs(_labels(metric, key))} {value}" for key, value in sorted(total.items())]


def _histogram(metric: Metric, parts: list[dict[str, Histogram]]) -> list[str]:
    lines: list[str] = []
    for key in sorted({key for part in parts for key in part}):
        found = [part[key] for part in parts if key in part]
        sums = [sum(counts) for counts in zip(*(h.counts for h in found), strict=True)]
        labels = _labels(metric, key)
        for bound, count in zip((*map(str, metric.bounds), "+Inf"), accumulate(sums), strict=True):
            lines.append(f"{metric.name}_bucket{_pairs(labels | {'le': bound})} {count}")
        lines.append(f"{metric.name}_sum{_pairs(labels)} {sum(h.sum for h in found)}")
        lines.append(f"{metric.name}_count{_pairs(labels)} {sum(sums)}")
    return lines


def _pairs(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
