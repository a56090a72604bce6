"""The counts of quotas on this machine: a file that all its workers map into their memory.

A counter is changed under a lock of the file (fcntl), which the system lifts when its holder dies: microseconds, and no
other process to ask. Exchanges under way are counted in a column of each worker's own; a worker's column is claimed by a
lock too, so that what a killed one had under way is seen to be gone. Days and months outlive restarts, since the file does.

quota.py has the arithmetic; this file says only where the numbers lie.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from guiju.gateway.quota import Limits, Moment, Spent, Use, left, share, spent

_MAGIC = b"guiju quotas 1\n"
_HEAD = 4096
_WORKERS = 64
_LOCK, _CLAIMS, _USED = 0, 1024, 2048
"""Places in the head: locks of the table and of each column are taken on these bytes; a byte says that a column is in use."""
_ROWS = 32_768
_KEY = 16
_USE = struct.Struct(f"<{len(Use.FIELDS)}q")
_COLUMNS = struct.Struct(f"<{_WORKERS}H")
_ROW = 256
_MOST = 0xFFFF
_LOOKS = 16
"""Places in which a bucket may lie. Where all are taken, the one that was asked longest ago is forgotten."""
assert _KEY + _USE.size + _COLUMNS.size <= _ROW

Bucket = tuple[bytes, Limits]
"""A digest of 16 bytes that names who is counted, and the limits."""


class LocalCounters:
    """The table. One object a process. Raises: OSError where the file can't be made or is another's."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            try:
                size = _HEAD + _ROWS * _ROW
                if os.fstat(self._file).st_size != size or os.pread(self._file, len(_MAGIC), 0) != _MAGIC:
                    os.ftruncate(self._file, 0)
                    os.posix_fallocate(self._file, 0, size)  # a full disk is told here, and not by a signal later
                    os.pwrite(self._file, _MAGIC, 0)
                self._map = mmap.mmap(self._file, size)
                self.column = self._claim()
                if self._map[_USED + self.column]:  # whoever had it was killed
                    self._clear(self.column)
                self._map[_USED + self.column] = 1
            finally:
                self._unlock()
        except BaseException:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Give the column back."""
        self._lock()
        self._clear(self.column)
        self._map[_USED + self.column] = 0
        self._unlock()
        self._map.close()
        os.close(self._file)

    def take(
        self, buckets: Sequence[Bucket], now: Moment, tokens: int, cost: int, nodes: int = 1
    ) -> Spent | list[tuple[int, int]]:
        """Charge one request to all buckets, or to none.

        Args:
            tokens, cost: the estimate; `settle` corrects it.
            nodes: of how many nodes this one has its share.

        Returns: what is spent, or for each bucket what remains (`quota.left`).
        """
        rows = []
        self._lock()
        try:
            for place, (digest, limits) in enumerate(buckets):
                at = self._row(digest, now)
                use = self._use(at)
                use.roll(now)
                limits = share(limits, nodes) if nodes > 1 else limits
                if found := self._spent(at, use, limits, now, tokens, cost):
                    return Spent(place, *found)
                rows.append((at, use, limits))
            for at, use, _ in rows:
                use.add(1, tokens, cost)
                _USE.pack_into(self._map, at + _KEY, *use.values())
                self._count(at, 1)
        finally:
            self._unlock()
        return [left(use, limits, now) for _, use, limits in rows]

    def settle(
        self, buckets: Sequence[Bucket], taken: Moment, now: Moment, tokens: int, cost: int, *, streams: int = -1
    ) -> None:
        """Correct a charge by the difference (`Use.settle`), and end its exchange.

        Args:
            streams: -1 ends what `take` began; 0 where nothing was begun here.
        """
        self._lock()
        try:
            for digest, _ in buckets:
                at = self._row(digest, now)
                use = self._use(at)
                use.roll(now)
                use.settle(taken, tokens, cost)
                _USE.pack_into(self._map, at + _KEY, *use.values())
                self._count(at, streams)
        finally:
            self._unlock()

    def _spent(self, at: int, use: Use, limits: Limits, now: Moment, tokens: int, cost: int) -> tuple[int, int] | None:
        if not limits[2]:
            return spent(use, 0, limits, now, tokens, cost)
        columns = at + _KEY + _USE.size
        found = spent(use, sum(_COLUMNS.unpack_from(self._map, columns)), limits, now, tokens, cost)
        if found is not None and found[0] == 2 and self._forget_the_dead(columns):
            found = spent(use, sum(_COLUMNS.unpack_from(self._map, columns)), limits, now, tokens, cost)
        return found

    # --- places ---------------------------------------------------------------------------------------

    def _row(self, digest: bytes, now: Moment) -> int:
        """Where a bucket lies; made where it is new."""
        start = int.from_bytes(digest[:8], "little") % _ROWS
        oldest, age = 0, 1 << 62
        for step in range(_LOOKS):
            at = _HEAD + (start + step) % _ROWS * _ROW
            key = self._map[at : at + _KEY]
            if key == digest:
                return at
            if key == bytes(_KEY):
                oldest = at
                break
            last, busy = self._use(at).minute, any(_COLUMNS.unpack_from(self._map, at + _KEY + _USE.size))
            if (last + (1 << 40) if busy else last) < age:
                oldest, age = at, last + (1 << 40) if busy else last
        self._map[oldest : oldest + _ROW] = digest + bytes(_ROW - _KEY)
        return oldest

    def _use(self, at: int) -> Use:
        return Use(*_USE.unpack_from(self._map, at + _KEY))

    def _count(self, at: int, more: int) -> None:
        """Exchanges of this worker. Never below 0: its row may have been given to another since."""
        place = at + _KEY + _USE.size + 2 * self.column
        now = int.from_bytes(self._map[place : place + 2], "little") + more
        self._map[place : place + 2] = min(max(now, 0), _MOST).to_bytes(2, "little")

    # --- workers --------------------------------------------------------------------------------------

    def _claim(self) -> int:
        """A column that no living worker has."""
        for column in range(_WORKERS):
            if self._try(column):
                return column
        raise OSError(f"more than {_WORKERS} workers count quotas here")

    def _try(self, column: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _CLAIMS + column)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _clear(self, column: int) -> None:
        """A new worker's column: what the one before had under way is over."""
        for row in range(_ROWS):
            place = _HEAD + row * _ROW + _KEY + _USE.size + 2 * column
            if self._map[place : place + 2] != b"\0\0":
                self._map[place : place + 2] = b"\0\0"

    def _forget_the_dead(self, columns: int) -> bool:
        """Exchanges, in this row, of workers that are gone. Whether there were any."""
        found = False
        for column, count in enumerate(_COLUMNS.unpack_from(self._map, columns)):
            if count and column != self.column and self._try(column):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _CLAIMS + column)
                self._map[columns + 2 * column : columns + 2 * column + 2] = b"\0\0"
                found = True
        return found

    def _lock(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, _LOCK)

    def _unlock(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _LOCK)
