"""What a worker counts, and where every worker of its node finds it. exposition.py says it to Prometheus.

Cheap: plain integers. Each worker writes its counts to GUIJU_HOME/run/metrics/<worker>.json each second, so that a scrape
doesn't depend on which worker answers it. A worker goes on from what its predecessor of the same number had counted, and the
file of one that has gone stays: what was counted once is never taken back, however a worker ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

EXCHANGE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Bounds of buckets, in seconds: for what waits for a model."""
WORK = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
"""For what Guiju itself does."""


class Histogram(msgspec.Struct):
    """How many fell below each bound (the last: above all), and their sum."""

    counts: list[int]
    sum: float = 0.0


class Counts(msgspec.Struct):
    """A worker's counts since its number first ran on this node; the gauges as they are now.

    A key with several parts has `|` between them; what people name (a model, an upstream) is the last, and may hold one.
    """

    exchanges: Counter[str] = msgspec.field(default_factory=Counter)
    """By `door|outcome|model`."""
    findings: Counter[str] = msgspec.field(default_factory=Counter)
    """By `class|direction|action`."""
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    """By error code."""
    attempts: Counter[str] = msgspec.field(default_factory=Counter)
    """By upstream."""
    upstream_errors: Counter[str] = msgspec.field(default_factory=Counter)
    """By `code|upstream`."""
    unjudged: Counter[str] = msgspec.field(default_factory=Counter)
    """Texts that a slow detector gave no verdict on, by `direction|mode|detector`: `closed` refused, `open` let pass."""
    tokens: Counter[str] = msgspec.field(default_factory=Counter)
    """By `kind|model`; kinds are `input` and `output`."""
    durations: dict[str, Histogram] = msgspec.field(default_factory=dict)
    """From request to end, by door."""
    first_bytes: dict[str, Histogram] = msgspec.field(default_factory=dict)
    """From request to the first byte of the upstream's answer, by door."""
    reviews: dict[str, Histogram] = msgspec.field(default_factory=dict)
    """Time of review of an exchange, by direction."""
    syncs: dict[str, Histogram] = msgspec.field(default_factory=dict)
    """Time of each write and sync of the journal."""
    running: int = 0
    active: int = 0
    held_characters: int = 0
    journal_backlog: int = 0
    journal_lag: float = 0.0
    journal_failed: int = 0
    quota_counters_away: int = 0
    snapshot: int = 0
    breakers: dict[str, int] = msgspec.field(default_factory=dict)
    """By `state|upstream`: 1 for the state that it is in."""
    policies: dict[str, int] = msgspec.field(default_factory=dict)
    """By `version|policy`: 1 for each in force."""
    started: float = 0.0
    """Seconds since 1970."""

    def ended(self, door: str, seconds: float, first_byte: float) -> None:
        """An exchange is over. `first_byte`: seconds from request to the upstream's first byte, 0 where none came."""
        _observe(self.durations, EXCHANGE, door, seconds)
        if first_byte:
            _observe(self.first_bytes, EXCHANGE, door, first_byte)

    def reviewed(self, direction: str, seconds: float) -> None:
        """All texts of an exchange in one direction were reviewed."""
        _observe(self.reviews, WORK, direction, seconds)

    def synced(self, seconds: float) -> None:
        """The journal wrote and synced."""
        _observe(self.syncs, WORK, "", seconds)


TOTALS = frozenset(
    ("exchanges", "findings", "rejected", "attempts", "upstream_errors", "unjudged", "tokens", "durations", "first_bytes",
     "reviews", "syncs")
)  # fmt: skip
"""Fields that only grow; the others are gauges."""


def _observe(series: dict[str, Histogram], bounds: tuple[float, ...], key: str, seconds: float) -> None:
    found = series.get(key)
    if found is None:
        found = series[key] = Histogram([0] * (len(bounds) + 1))
    found.counts[bisect_left(bounds, seconds)] += 1
    found.sum += seconds


def resumed(folder: Path, worker: str, started: float) -> Counts:
    """Counts to go on from: its predecessor's, as they were written last. Its gauges are taken off the disk too."""
    counts = _read(folder / f"{stem(worker)}.json") or Counts()
    for gauge, fresh in msgspec.structs.asdict(Counts(started=started)).items():
        if gauge not in TOTALS:
            setattr(counts, gauge, fresh)
    with suppress(OSError):  # a full disk
        save(folder, worker, counts)
    return counts


def save(folder: Path, worker: str, counts: Counts) -> None:
    """Write a worker's counts; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{stem(worker)}.json"
    draft.write_bytes(msgspec.json.encode(counts))
    draft.replace(folder / draft.name[1:])


def load(folder: Path) -> dict[str, Counts]:
    """Every worker's counts, of those that have gone too, by `stem`. A file that is being replaced is read as it was."""
    read = ((path.stem, _read(path)) for path in sorted(folder.glob("[!.]*.json")))
    return {stem: counts for stem, counts in read if counts is not None}


def stem(worker: str) -> str:
    """`node/worker` as it stands in the name of a file, and in the label `worker`."""
    return worker.replace("/", "-")


def _read(path: Path) -> Counts | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Counts, dec_hook=_counter)
    except (OSError, msgspec.DecodeError):
        return None


def _counter(kind: type, value: dict[str, int]) -> Counter[str]:
    """msgspec writes a Counter as the object that it is, but doesn't read one."""
    return Counter(value)
