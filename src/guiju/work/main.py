"""`guiju work`: one loop that drains the journal, closes what crashes left open, and signs checkpoints.

It may be killed at any moment: everything it does is one transaction, or can be done twice. Without its database it
waits; the gateway goes on, and the ledger catches up.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, connection

from guiju import clock
from guiju.work import checkpoint, drain

_log = logging.getLogger("guiju.work")

LOOK, SIGN, RECOVER = 0.15, 2.0, 5.0
"""Seconds between looks at the journal, between checkpoints, between looks for exchanges that a crash left open."""


def run() -> None:
    """Work until SIGTERM or SIGINT. Raises: SettingError where another machine has this one's name."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, ask)
    drainer = drain.make()
    signed = recovered = float("-inf")
    while not stop.is_set():
        try:
            if clock.monotonic() - recovered > RECOVER:
                recovered = clock.monotonic()
                drainer.keep_names(settings.GUIJU["node"])
                drainer.recover()
                drainer.destroy_days(time.strftime("%Y-%m-%d", time.gmtime()))
            drainer.run_once()
            if clock.monotonic() - signed > SIGN:
                signed = clock.monotonic()
                checkpoint.sign_if_due()
        except DatabaseError as problem:
            _log.error("database=away problem=%s", problem)
            connection.close()
            stop.wait(1.0)
        except OSError as problem:
            _log.error("journal=unreadable problem=%s", problem)
            stop.wait(1.0)
        stop.wait(LOOK)
    try:
        drainer.run_once()
        checkpoint.sign_if_grown()
    except DatabaseError as problem:  # what is left in the journal the next start takes
        _log.error("database=away problem=%s", problem)
