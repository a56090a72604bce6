"""The figures that table and plots show, from the raw JSON: medians of rounds, differences to no gateway at all, sums."""

from __future__ import annotations

import statistics
from typing import Any

Run = dict[str, Any]


def rounds(run: Run, name: str) -> list[dict[str, Any]]:
    """What was measured of a peer; empty where it is missing or failed."""
    return run["peers"].get(name, {}).get("rounds", [])


def median(values: list[float | None]) -> float | None:
    """The middle of what is there."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def of_whole(run: Run, name: str, key: str) -> float | None:
    """`requests_per_second`, `cpu_us_per_request`, `latency_ms`."""
    return median([one["whole"][key] for one in rounds(run, name)])


def of_round(run: Run, name: str, key: str) -> float | None:
    """`start_seconds`, `idle_mb`, `warm_mb` (after load, before streams)."""
    return median([one[key] for one in rounds(run, name)])


def levels(run: Run) -> list[int]:
    """All numbers of streams that were tried."""
    return sorted({level["streams"] for name in run["peers"] for one in rounds(run, name) for level in one["streams"]})


def of_level(run: Run, name: str, count: int) -> list[dict[str, Any]]:
    """A peer's rounds at a number of streams; empty where it was never that many."""
    return [level for one in rounds(run, name) for level in one["streams"] if level["streams"] == count]


def per_chunk(run: Run, name: str, count: int) -> float | None:
    """CPU microseconds per paced chunk."""
    return median([level["cpu_us_per_chunk"] for level in of_level(run, name, count)])


def ours_and_floor(run: Run) -> dict[str, float | None]:
    """CPU of a request as multiples: Guiju's of nginx's, LiteLLM's (no guard) of Guiju's; of a chunk, Guiju's of nginx's."""
    request = {name: of_whole(run, name, "cpu_us_per_request") for name in ("nginx", "guiju", "litellm")}
    count = 500 if 500 in levels(run) else max(levels(run), default=0)
    return {
        "request / nginx": ratio(request["guiju"], request["nginx"]),
        "litellm / request": ratio(request["litellm"], request["guiju"]),
        "chunk / nginx": ratio(per_chunk(run, "guiju", count), per_chunk(run, "nginx", count)),
    }


def ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def delay(run: Run, name: str, count: int, what: str, share: str) -> float | None:
    """Milliseconds of `first_ms` or `lag_ms` at `p50`, `p99`, `p999`, `max`."""
    return median([level[what].get(share) for level in of_level(run, name, count)])


def added(run: Run, name: str, count: int, what: str, share: str) -> float | None:
    """The same without what is there with no gateway at all; never below zero, where noise would take it."""
    through, without = delay(run, name, count, what, share), delay(run, "direct", count, what, share)
    return None if through is None or without is None else max(0.0, through - without)


def open_mb(run: Run, name: str, count: int) -> float | None:
    """Megabytes more than before while so many streams are open."""
    grown = [level["open_mb"] - one["warm_mb"] for one in rounds(run, name) for level in one["streams"]
             if level["streams"] == count]  # fmt: skip
    return median(grown)


def stopped(run: Run, name: str) -> str:
    """Why a peer wasn't tried with more streams; "" where it was."""
    return next(
        (f"{one['streams'][-1]['streams']} streams: {one['stopped']}" for one in rounds(run, name) if one["stopped"]),
        "",
    )


def leaked(run: Run, name: str, **where: Any) -> dict[str, int]:
    """Sums over the rows of a peer's leak score that are `door`, `channel`, `stream`, `kind`."""
    rows = run["peers"].get(name, {}).get("leaks", {}).get("rows", [])
    picked = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return {key: sum(row[key] for row in picked) for key in ("cases", "leaking", "delivered", "characters", "unserved")}


def places(run: Run) -> list[tuple[str, str, bool]]:
    """Every door, channel and way of answering of a leak score, in their order."""
    found: dict[tuple[str, str, bool], None] = {}
    for peer in run["peers"].values():
        for row in peer.get("leaks", {}).get("rows", []):
            found[row["door"], row["channel"], row["stream"]] = None
    return sorted(found, key=lambda p: (("chat", "responses", "messages").index(p[0]), not p[2]))
