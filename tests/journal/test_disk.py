"""The real disk does what the writer asks for."""

from __future__ import annotations

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
