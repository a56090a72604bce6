"""A disk that forgets what wasn't synced, stands in for the real one, and breaks when told to."""

from __future__ import annotations

import random
import time
from pathlib import Path


class ForgetfulDisk:
    """See journal/disk.py: `Disk`. `crash()` leaves what a power cut would leave."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.files: dict[int, Path] = {}
        self.synced: dict[Path, bytes] = {}
        self.written: dict[Path, bytes] = {}
        self.dead = False
        self.problem = ""
        """Of the next write or sync: "No space left on device"."""

    def create(self, path: Path) -> int:
        fd = len(self.files) + 1
        self.files[fd] = path
        self.synced[path] = self.written[path] = b""
        return fd

    def append(self, fd: int, data: bytes) -> None:
        path = self.files[fd]
        if self.problem:
            self.written[path] += data[: len(data) // 2]
            raise OSError(28, self.problem)
        if not self.dead:
            self.written[path] += data
            time.sleep(self.rng.random() / 2000)  # the power may go between the write and its sync
        if self.dead:
            raise OSError(5, "Input/output error")
        self.synced[path] = self.written[path]

    def close(self, fd: int) -> None: ...

    def remove(self, path: Path) -> None:
        self.written.pop(path, None)
        self.synced.pop(path, None)

    def settle(self, path: Path) -> None:
        if path in self.written:
            self.synced[path] = self.written[path]

    def free(self, folder: Path) -> int:
        return 1 << 40

    def crash(self) -> None:
        """Power off: of what wasn't synced any beginning may be there."""
        self.dead = True
        for path, synced in self.synced.items():
            more = self.written[path][len(synced) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(synced + more[: self.rng.randint(0, len(more))])
