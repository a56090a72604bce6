"""Keys are made once, stay as they are, and are readable by their owner alone."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from guiju.errors import SettingError
from guiju.journal.keyring import Keyring
from guiju.ledger import seal


def test_keys_stay(tmp_path: Path):
    first, again = Keyring(tmp_path / "keys"), Keyring(tmp_path / "keys")
    assert (first.master, first.ledger, first.node_token) == (again.master, again.ledger, again.node_token)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "keys").iterdir() if f.is_file()} == {0o600}


def _master(folder: str) -> bytes:
    return Keyring(Path(folder)).master


def test_processes_that_start_at_once_agree(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_master, [str(tmp_path / "keys")] * 8))) == 1


def test_a_cut_key_stops_the_start(tmp_path: Path):
    Keyring(tmp_path / "keys")
    (tmp_path / "keys" / "master.key").write_bytes(b"short")
    with pytest.raises(SettingError, match=r"5 bytes.*backup"):
        Keyring(tmp_path / "keys")


def test_a_secret_opens_only_for_its_purpose(tmp_path: Path):
    keyring = Keyring(tmp_path / "keys")
    sealed = keyring.seal_secret("sk-secret", "upstream:a")
    assert "sk-secret" not in sealed
    assert keyring.unseal_secret(sealed, "upstream:a") == "sk-secret"
    with pytest.raises(seal.CannotOpen):
        keyring.unseal_secret(sealed, "upstream:b")


def test_a_destroyed_day_is_gone(tmp_path: Path):
    keyring = Keyring(tmp_path / "keys")
    key = keyring.day_key("2026-11-24")
    assert keyring.day_key_if_kept("2026-11-24") == key
    keyring.destroy_day("2026-11-24")
    assert keyring.days() == []
    assert keyring.day_key_if_kept("2026-11-24") is None
