"""Whether an upstream is asked at all: a circuit breaker (Nygard, Release It!), one for each upstream of a worker.

Pure: the clock is an argument, in seconds.

    closed ──FAILURES in a row──► open ──its pause is over──► half open: one request tries
       ▲                            ▲                              │
       └────────── it succeeds ─────┴────── it fails, ─────────────┘
                                            the pause doubles
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal, get_args

FAILURES = 5
"""In a row, that open it."""
PAUSE, LONGEST = 5.0, 60.0
"""Seconds that it stays open: the first time, and at most."""

State = Literal["closed", "open", "half_open"]
STATES: tuple[State, ...] = get_args(State)


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that a `Retry-After` asks for, as a number or as a date (RFC 9110, 10.2.3); 0 where none can be read."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0


class Breaker:
    """One upstream's."""

    def __init__(self) -> None:
        self.failures = 0
        """Since the last success."""
        self._pause = PAUSE
        self._until = 0.0
        """Nobody asks before; 0 where it is closed."""
        self._resting = False
        """It is well, and asked to be left alone (429 with Retry-After)."""
        self._trying = False

    def state(self, now: float) -> State:
        """As the console shows it."""
        if not self._until or self._resting:
            return "closed"
        return "half_open" if self._trying or now >= self._until else "open"

    def wait(self, now: float) -> float:
        """Seconds until it may be asked; 0 is now."""
        if self._trying:
            return PAUSE
        return max(0.0, self._until - now)

    def begin(self, now: float) -> None:
        """It is asked."""
        if self._until and not self._resting:
            self._trying = True

    def succeeded(self) -> None:
        """It has begun to answer."""
        self.failures, self._pause, self._until, self._resting, self._trying = 0, PAUSE, 0.0, False, False

    def failed(self, now: float) -> None:
        """It couldn't be reached, or answered that it can't work."""
        self.failures += 1
        if self._trying or self.failures >= FAILURES:
            if self._trying:
                self._pause = min(2 * self._pause, LONGEST)
            self._until, self._resting, self._trying = now + self._pause, False, False

    def rest(self, now: float, seconds: float) -> None:
        """It works, and wants nothing more for so long."""
        self.succeeded()
        self._until, self._resting = now + min(seconds, LONGEST), True

    def abandoned(self) -> None:
        """Whoever asked gave up before it could tell: somebody else may try."""
        self._trying = False
