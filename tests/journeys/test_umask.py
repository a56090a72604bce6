"""Whatever umask it is started under, nothing in its folder can be read by others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fake_upstream import Upstream
from gateway.test_exchange import command
from whole import Whole

pytestmark = pytest.mark.slow


def open_to_others(home: Path) -> list[str]:
    found = [home, *home.rglob("*")]
    return [f"{path.lstat().st_mode:o} {path}" for path in found if path.exists() and path.lstat().st_mode & 0o077]


def test_nothing_is_open_to_others(tmp_path: Path):
    before = os.umask(0)
    try:
        options, stored = ("--model", "m"), {"GUIJU_DATABASE_URL": ""}  # SQLite, in the folder
        with Upstream() as up, Whole(tmp_path / "home", "--upstream", up.url, *options, **stored) as guiju:
            assert command(guiju, "ledger", "checkpoint").returncode == 0
            kinds = {path.suffix for path in guiju.home.rglob("*")}
            assert {".key", ".jnl", ".sqlite3", ".log", ".sock"} <= kinds
            assert open_to_others(guiju.home) == []
        assert open_to_others(guiju.home) == []
    finally:
        os.umask(before)
