"""`guiju node`: a machine that asked gets the installation's keys, and nobody else does."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guiju.config import load
from guiju.journal.keyring import Keyring
from whole import clean_environment


def guiju(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = clean_environment() | {"GUIJU_HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "guiju.cli.main", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def keyring(home: Path) -> Keyring:
    return Keyring.open(load({"GUIJU_HOME": str(home)}))


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """An installation, a machine that has joined it, and the folder of what was carried."""
    folder = tmp_path_factory.mktemp("nodes")
    first, second = folder / "first", folder / "second"
    asked = guiju(second, "node", "request", "--name", "node2")
    assert asked.returncode == 0, asked.stderr
    (folder / "request").write_text(asked.stdout)
    admitted = guiju(first, "node", "admit", str(folder / "request"))
    assert admitted.returncode == 0, admitted.stderr
    (folder / "letter").write_text(admitted.stdout)
    assert asked.stderr.split("fingerprint ")[1] == admitted.stderr.split("fingerprint ")[1]
    joined = guiju(second, "node", "join", str(folder / "letter"))
    assert joined.returncode == 0, joined.stderr
    return first, second, folder


def test_it_has_all_keys_but_the_days_of_others(homes: tuple[Path, Path, Path]):
    first, second, _ = homes
    ours, theirs = keyring(first), keyring(second)
    assert ours.shared() == theirs.shared()
    assert ours.day_key("2026-11-25") != theirs.day_key("2026-11-25")
    assert not (second / "keys" / "join.key").exists()
    assert {p.stat().st_mode & 0o77 for p in (second / "keys").rglob("*")} == {0}


def test_what_is_carried_tells_nothing(homes: tuple[Path, Path, Path]):
    first, _, folder = homes
    carried = b"".join(base64.b64decode((folder / name).read_text()) for name in ("request", "letter"))
    assert [name for name, key in keyring(first).shared().items() if key in carried] == []


def test_it_is_recorded(homes: tuple[Path, Path, Path]):
    first = homes[0]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from guiju.cli.django_setup import ready; ready()\n"
            "from guiju.control.records.models import Entry; from guiju.ledger import entries\n"
            "e = [entries.decode(bytes(r.body)) for r in Entry.objects.filter(kind='act')]\n"
            "print([(a.target, len(a.after)) for a in e if a.verb == 'nodes.admit'])",
        ],
        env=clean_environment() | {"GUIJU_HOME": str(first)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[('node2', 24)]"


def test_a_machine_that_did_not_ask_cannot_open_the_letter(homes: tuple[Path, Path, Path], tmp_path: Path):
    letter = str(homes[2] / "letter")
    for made in (lambda: None, lambda: guiju(tmp_path, "node", "request", "--name", "x")):
        made()
        done = guiju(tmp_path, "node", "join", letter)
        assert (done.returncode, "another machine" in done.stderr) == (2, True)
        assert not (tmp_path / "keys" / "master.key").exists()


def test_keys_that_are_there_are_never_replaced(homes: tuple[Path, Path, Path]):
    _, second, folder = homes
    before = keyring(second).shared()
    for words in (("request", "--name", "x"), ("join", str(folder / "letter"))):
        done = guiju(second, "node", *words)
        assert (done.returncode, "keys already" in done.stderr) == (3, True)
    assert keyring(second).shared() == before


def test_a_file_of_another_kind_is_named(homes: tuple[Path, Path, Path], tmp_path: Path):
    (tmp_path / "notes.txt").write_text("hello")
    done = guiju(homes[0], "node", "admit", str(tmp_path / "notes.txt"), "--json")
    assert (done.returncode, "notes.txt" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert json.loads(guiju(tmp_path / "new", "node", "request", "--name", "y", "--json").stdout)["name"] == "y"
    assert os.listdir(tmp_path / "new" / "keys") == ["join.key"]
