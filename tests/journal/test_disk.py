"""The real disk does what the writer asks for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from guiju.journal.disk import RealDisk


def test_it_creates_appends_and_never_opens_what_is_there(tmp_path: Path):
    disk, path = RealDisk(), tmp_path / "a" / "b" / "1.jnl"
    fd = disk.create(path)
    disk.append(fd, b"one ")
    disk.append(fd, b"two")
    disk.close(fd)
    assert path.read_bytes() == b"one two"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        disk.create(path)


def test_it_knows_what_is_free(tmp_path: Path):
    assert RealDisk().free(tmp_path) > 0


def test_what_the_system_takes_in_parts_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, data, at, flags: real(fd, [data[0][:3]], at, flags))
    disk, path = RealDisk(), tmp_path / "a" / "b" / "1.jnl"
    fd = disk.create(path)
    disk.append(fd, b"one two three")
    disk.close(fd)
    assert path.read_bytes() == b"one two three"


@pytest.mark.parametrize("said", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_where_a_filesystem_knows_no_synced_write_it_writes_and_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int
):
    def declined(*_: object) -> int:
        raise OSError(said, os.strerror(said))

    synced, real = [], os.fdatasync
    monkeypatch.setattr(os, "pwritev", declined)
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd)))
    disk, path = RealDisk(), tmp_path / "a" / "b" / "1.jnl"
    fd = disk.create(path)
    disk.append(fd, b"one")
    disk.close(fd)
    assert (path.read_bytes(), synced) == (b"one", [fd])


def test_a_full_disk_is_an_error_of_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    disk = RealDisk()
    fd = disk.create(tmp_path / "a" / "b" / "1.jnl")
    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(OSError, match="No space left"):
        disk.append(fd, b"one")
    disk.close(fd)


def test_a_file_that_cannot_be_made_durable_is_not_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is tried again and again while a disk fails: each time a descriptor would go."""

    def failing(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="Input/output"):
        RealDisk().create(tmp_path / "a" / "b" / "1.jnl")
    assert os.listdir("/proc/self/fd") == before
