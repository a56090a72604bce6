"""The one place that reads the time.

Pure rooms take `datetime` values as arguments; only the edge that starts something calls `now()`.
"""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 — the one place


def epoch_ms() -> int:
    """Milliseconds since 1970-01-01 UTC; what journal entries carry."""
    return time.time_ns() // 1_000_000


def epoch_ns() -> int:
    """Nanoseconds since 1970-01-01 UTC; what spans carry."""
    return time.time_ns()


monotonic = time.monotonic
"""() -> seconds of a clock that never goes back; for durations and time limits only."""
