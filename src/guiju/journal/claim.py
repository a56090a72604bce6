"""Whose journal folder it is: a lock that its worker holds, and that ends with the worker's process however it ends.

I/O. So a second worker of the same number can't write there, and whoever closes what a crash left open (work/drain.py)
knows for sure that nobody writes there any more.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guiju import clock
from guiju.errors import Said, SettingError

PATIENCE = 5.0
"""Seconds: whoever only looks (`claimed`), or looks after a dead predecessor (`unclaimed`), holds a lock for a moment too, and
must not keep a worker from its start."""


def _lock(folder: Path) -> int | None:
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def home_of(journal: Path) -> str:
    """What tells this home's journals from those of every other machine: 32 hexadecimal digits, made once. Raises: OSError."""
    file = journal / "home"
    if not file.exists():
        journal.mkdir(parents=True, exist_ok=True)
        draft = journal / f".home.{secrets.token_hex(4)}"
        draft.write_text(secrets.token_hex(16), encoding="ascii")
        with suppress(FileExistsError):  # another process was first: its word counts
            os.link(draft, file)
        draft.unlink()
    return file.read_text(encoding="ascii")


def claim(journal: Path, node: str, worker: int) -> int:
    """Take a worker's folder for as long as this process lives. Returns the lock's file descriptor.

    Raises:
        SettingError: a worker of that number runs already.
    """
    until = clock.monotonic() + PATIENCE
    while (fd := _lock(journal / node / str(worker))) is None:
        if clock.monotonic() > until:
            raise SettingError(
                name="node",
                problem=Said(
                    "worker {worker} of {node} runs already",
                    "{node} 的工作进程 {worker} 已在运行",
                    worker=worker,
                    node=node,
                ),
                remedy=Said(
                    "Another `guiju gateway` serves from this home: stop it, or give this one a name of its own",
                    "同一 GUIJU_HOME 中已有 `guiju gateway` 在运行：请停止它，或为本机另设名称",
                ),
            )
        time.sleep(0.02)
    return fd


def claimed(journal: Path) -> set[str]:
    """Workers that run on this machine, as `node/worker`."""
    running = set()
    for lock in journal.glob("*/*/lock"):
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                running.add(f"{lock.parent.parent.name}/{lock.parent.name}")
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
