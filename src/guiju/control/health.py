"""How upstreams and slow detectors fare, from what workers report with each poll: how each worker finds each now, and the last
hour of all upstreams together, minute by minute. In memory: control forgets it when it restarts, the ledger doesn't need it.
"""

from typing import Any, NamedTuple

MINUTES = 60
_MINUTE = 60_000
_WORST = ("open", "half_open", "failing", "healthy", "unused")
"""States, the one that needs somebody's eyes first."""


class Seen(NamedTuple):
    """An upstream or a detector as one worker finds it."""

    worker: str
    state: str
    """One of _WORST: `open` isn't asked, `half_open` is tried with one request, `failing` failed last, and is asked all the
    same."""
    until_ms: int
    """When it may be asked again; 0 where it may be."""
    errors: int
    """Failures in a row."""
    last_error: dict[str, str]
    """Its sentence, by language."""
    latency_ms: float
    """Of the last answer's head."""
    answered: bool
    """Whether it has ever answered this worker."""


class Health(NamedTuple):
    """The same, as all workers find it."""

    worst: Seen
    workers: list[Seen]


def by_name(live: dict[str, dict[str, Any]], kind: str) -> dict[str, Health]:
    """Name -> how it fares.

    Args:
        live: worker -> {"seen_ms", "stats"}, as internal.workers keeps them.
        kind: of whom: `upstreams` or `detectors`.
    """
    found: dict[str, list[Seen]] = {}
    for worker, told in sorted(live.items()):
        for name, said in told["stats"].get(kind, {}).items():
            found.setdefault(name, []).append(_seen(worker, told["seen_ms"], said))
    return {name: Health(min(seen, key=_rank), seen) for name, seen in found.items()}


def _seen(worker: str, at_ms: int, said: dict[str, Any]) -> Seen:
    state, wait = said.get("state", "closed"), said.get("wait_ms", 0)
    if state == "closed":
        state = "failing" if said["errors"] else "healthy" if said["ok"] else "unused"
    until = at_ms + wait if wait else 0
    return Seen(worker, state, until, said["errors"], said["last_error"], said["latency_ms"], bool(said["ok"]))


def _rank(seen: Seen) -> tuple[int, int]:
    return _WORST.index(seen.state), -seen.errors


class Minute(NamedTuple):
    """What one upstream did in one minute, all workers together."""

    at_ms: int
    answers: int
    failures: int


class History:
    """Answers and failures of every upstream, minute by minute."""

    def __init__(self) -> None:
        self._last: dict[str, dict[str, tuple[int, int]]] = {}
        """Worker -> upstream -> answers and failures that it has counted, as it said last."""
        self._minutes: dict[str, dict[int, list[int]]] = {}
        """Upstream -> minute -> answers and failures."""

    def heard(self, worker: str, stats: dict[str, Any], at_ms: int) -> None:
        """A worker said what it has counted. The first word of a worker isn't counted: nobody knows when that was."""
        told = {n: (u["ok"], u.get("failed", 0)) for n, u in stats.get("upstreams", {}).items()}
        before = self._last.get(worker)
        self._last[worker] = told
        if before is None:
            return
        minute = at_ms // _MINUTE
        for name, counts in told.items():
            last = before.get(name, (0, 0))
            if (
                counts[0] < last[0] or counts[1] < last[1]
            ):  # it began to count anew: the worker has, or the upstream changed
                last = (0, 0)
            if counts != last:
                kept = self._minutes.setdefault(name, {}).setdefault(minute, [0, 0])
                kept[0] += counts[0] - last[0]
                kept[1] += counts[1] - last[1]
        self._forget(minute)

    def _forget(self, minute: int) -> None:
        for name, minutes in list(self._minutes.items()):
            for old in [m for m in minutes if m <= minute - MINUTES]:
                del minutes[old]
            if not minutes:
                del self._minutes[name]

    def minutes(self, name: str, now_ms: int) -> list[Minute]:
        """The last hour of an upstream, oldest first, minutes without anything too."""
        now, kept = now_ms // _MINUTE, self._minutes.get(name, {})
        return [Minute(m * _MINUTE, *kept.get(m, (0, 0))) for m in range(now - MINUTES + 1, now + 1)]
