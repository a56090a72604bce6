"""The few calls by which the journal touches a disk, so that a test can stand in for one that forgets or is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

_SYNCED_WRITE = hasattr(os, "RWF_DSYNC")
"""Linux: `pwritev` with this flag is a write and an `fdatasync` of it; a file opened to append takes no offset."""
_UNKNOWN = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))
"""What a system or a filesystem says that doesn't know the flag; nothing is written then."""


def _written_and_synced(fd: int, data: bytes) -> int:
    """Bytes that are durable already. Raises: OSError."""
    if not _SYNCED_WRITE:
        return 0
    try:
        return os.pwritev(fd, [data], 0, os.RWF_DSYNC)
    except OSError as problem:
        if problem.errno in _UNKNOWN:
            return 0
        raise


class Disk(Protocol):
    """What the writer needs. Errors are OSError."""

    def create(self, path: Path) -> int:
        """A new file for appending; its folder entry is durable when this returns."""
        ...

    def append(self, fd: int, data: bytes) -> None:
        """All of the data is durable when this returns."""
        ...

    def close(self, fd: int) -> None:
        """Done with the file."""
        ...

    def remove(self, path: Path) -> None:
        """The file is gone, where it was there."""
        ...

    def settle(self, path: Path) -> None:
        """What lies in a file that may have been written by others is durable when this returns."""
        ...

    def free(self, folder: Path) -> int:
        """Bytes free for this process."""
        ...


class RealDisk:
    """See `Disk`."""

    def create(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        folder = path.parent
        try:
            for place in (folder, folder.parent, folder.parent.parent):
                handle = os.open(place, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError:
            os.close(fd)  # a disk that fails is asked again and again: none of it may stay open
            raise
        return fd

    def append(self, fd: int, data: bytes) -> None:
        # In one call where the system has it: each gives the interpreter lock away, and has to wait for it afterwards.
        written = _written_and_synced(fd, data)
        if written < len(data):
            view = memoryview(data)[written:]
            while view:
                view = view[os.write(fd, view) :]
            os.fdatasync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def settle(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def free(self, folder: Path) -> int:
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize
