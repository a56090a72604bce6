"""Whose journal folder it is: a lock that its worker holds, and that ends with the worker's process however it ends.

I/O. So a second worker of the same number can't write there, and whoever closes what a crash left open (work/drain.py)
knows for sure that nobody writes there any more.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guiju import clock
from guiju.errors import SettingError

PATIENCE = 1.0
"""Seconds: whoever only looks (`unclaimed`, `claimed`) holds a lock for a moment too, and must not keep a worker from
its start."""


def _lock(folder: Path) -> int | None:
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def claim(journal: Path, node: str, worker: int) -> int:
    """Take a worker's folder for as long as this process lives. Returns the lock's file descriptor.

    Raises:
        SettingError: a worker of that number runs already.
    """
    until = clock.monotonic() + PATIENCE
    while (fd := _lock(journal / node / str(worker))) is None:
        if clock.monotonic() > until:
            raise SettingError(
                name="--worker",
                problem=f"worker {worker} of {node} runs already",
                remedy="Give this one another number",
            )
        time.sleep(0.02)
    return fd


def claimed(journal: Path) -> list[str]:
    """Workers that run on this machine, as `node/worker`."""
    running = []
    for lock in sorted(journal.glob("*/*/lock")):
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                running.append(f"{lock.parent.parent.name}/{lock.parent.name}")
    return running


@contextmanager
def unclaimed(journal: Path, node: str, worker: int) -> Iterator[bool]:
    """Whether no worker has the folder; while the block runs none can take it."""
    fd = _lock(journal / node / str(worker))
    try:
        yield fd is not None
    finally:
        if fd is not None:
            os.close(fd)
