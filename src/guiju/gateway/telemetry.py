"""What a worker counts: for /metrics, and for control's home page with each poll. Cheap: plain integers and one list.

Every worker writes its counts to GUIJU_HOME/run/metrics/<worker>.json each second; /metrics adds up those of the node, so
that a scrape doesn't depend on which worker answers it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Seconds."""


class Counts(msgspec.Struct):
    """A worker's counts since it started."""

    exchanges: Counter[str] = msgspec.field(default_factory=Counter)
    """By `door|outcome`."""
    findings: Counter[str] = msgspec.field(default_factory=Counter)
    """By `class|direction|action`."""
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    """By error code."""
    upstream_errors: Counter[str] = msgspec.field(default_factory=Counter)
    """By upstream."""
    unjudged: Counter[str] = msgspec.field(default_factory=Counter)
    """Texts that a slow detector gave no verdict on, by `detector|direction|mode`: `closed` refused, `open` let pass."""
    tokens: Counter[str] = msgspec.field(default_factory=Counter)
    """By `input` and `output`."""
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    """Sum of what `buckets` counts: from request to end."""
    active: int = 0
    held_characters: int = 0
    journal_backlog: int = 0
    journal_failed: int = 0
    quota_counters_away: int = 0
    snapshot: int = 0
    started_ms: int = 0

    def took(self, seconds: float) -> None:
        """An exchange ended."""
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def quantile(self, share: float) -> float:
        """Upper bound of the bucket in which that share of the exchanges lies, in seconds; 0 where there are none."""
        total, seen = sum(self.buckets), 0
        for bound, count in zip((*BUCKETS, BUCKETS[-1]), self.buckets, strict=True):
            seen += count
            if total and seen >= share * total:
                return bound
        return 0.0


def save(folder: Path, worker: str, counts: Counts) -> None:
    """Write a worker's counts; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{worker.replace('/', '-')}.json"
    draft.write_bytes(msgspec.json.encode(counts))
    draft.replace(folder / draft.name[1:])


def load(folder: Path) -> dict[str, Counts]:
    """Every worker's counts. A file that is being replaced is read as it was."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = msgspec.json.decode(path.read_bytes(), type=Counts, dec_hook=_counter)
        except (OSError, msgspec.DecodeError):
            continue
    return found


def _counter(kind: type, value: dict[str, int]) -> Counter[str]:
    """msgspec writes a Counter as the object that it is, but doesn't read one."""
    return Counter(value)


_TABLE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("guiju_exchanges_total", "exchanges", ("door", "outcome"), "Exchanges that ended, by door and outcome"),
    ("guiju_findings_total", "findings", ("class", "direction", "action"), "Findings, by class, direction and action"),
    ("guiju_rejected_total", "rejected", ("code",), "Requests turned away before an exchange began"),
    ("guiju_upstream_errors_total", "upstream_errors", ("upstream",), "Failures of upstreams"),
    (
        "guiju_unjudged_total",
        "unjudged",
        ("detector", "direction", "mode"),
        "Texts without a verdict of a slow detector: refused (closed) or let pass (open)",
    ),
    ("guiju_tokens_total", "tokens", ("kind",), "Tokens as upstreams count them"),
)
_GAUGES = (
    ("guiju_active_exchanges", "active", "Exchanges that are running"),
    ("guiju_held_characters", "held_characters", "Characters held back in running streams"),
    ("guiju_journal_backlog", "journal_backlog", "Entries that aren't durable yet"),
    ("guiju_journal_failed", "journal_failed", "1 where the last journal sync failed"),
    ("guiju_quota_counters_away", "quota_counters_away", "1 where Redis, which counts quotas, doesn't answer"),
    ("guiju_snapshot_version", "snapshot", "Version of the snapshot in force"),
)


def exposition(workers: dict[str, Counts]) -> bytes:
    """Prometheus text format 0.0.4. Counters are added up over workers; gauges carry the worker's name."""
    lines: list[str] = []
    for name, field, labels, text in _TABLE:
        total: Counter[str] = Counter()
        for counts in workers.values():
            total.update(getattr(counts, field))
        lines += [f"# HELP {name} {text}", f"# TYPE {name} counter"]
        for key, value in sorted(total.items()):
            pairs = ",".join(f'{k}="{_escape(v)}"' for k, v in zip(labels, key.split("|"), strict=False))
            lines.append(f"{name}{{{pairs}}} {value}")
    name = "guiju_exchange_seconds"
    lines += [f"# HELP {name} From request to the end of its answer", f"# TYPE {name} histogram"]
    sums = [sum(c.buckets[i] for c in workers.values()) for i in range(len(BUCKETS) + 1)]
    for i, bound in enumerate(BUCKETS):
        lines.append(f'{name}_bucket{{le="{bound}"}} {sum(sums[: i + 1])}')
    lines.append(f'{name}_bucket{{le="+Inf"}} {sum(sums)}')
    lines += [f"{name}_count {sum(sums)}", f"{name}_sum {sum(c.seconds for c in workers.values())}"]
    for gauge, field, text in _GAUGES:
        lines += [f"# HELP {gauge} {text}", f"# TYPE {gauge} gauge"]
        lines += [f'{gauge}{{worker="{_escape(w)}"}} {getattr(c, field)}' for w, c in workers.items()]
    return ("\n".join(lines) + "\n").encode()


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def stats(counts: Counts, upstreams: dict[str, Any], journal: dict[str, Any], disk_free: int) -> dict[str, Any]:
    """What goes to control with each poll."""
    by_class: Counter[str] = Counter()
    for key, value in counts.findings.items():
        cls, _, action = key.split("|")
        if action != "allow":
            by_class[cls] += value
    outcomes: Counter[str] = Counter()
    for key, value in counts.exchanges.items():
        outcomes[key.split("|")[1]] += value
    return {
        "requests": sum(counts.exchanges.values()),
        "refused": sum(v for k, v in outcomes.items() if "refused" in k or "blocked" in k),
        "outcomes": dict(outcomes),
        "rejected": dict(counts.rejected),
        "active_streams": counts.active,
        "by_class": dict(by_class),
        "latency_ms": {"p50": counts.quantile(0.5) * 1000, "p99": counts.quantile(0.99) * 1000},
        "upstreams": upstreams,
        "journal": journal,
        "disk_free": disk_free,
    }
