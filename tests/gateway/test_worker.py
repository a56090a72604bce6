"""What a worker does beside answering: what it asks of the system first; that it tries a failed disk again by itself."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from certificates import Authority
from guiju import snapshot as snapshots
from guiju.config import Config
from guiju.errors import JournalUnavailable
from guiju.gateway import worker
from guiju.gateway.app import App
from guiju.gateway.reload import control_pool
from guiju.gateway.server import Limits, Server
from guiju.gateway.state import Gateway
from guiju.gateway.tasks import spawn
from guiju.gateway.worker import _watch, day_key
from guiju.journal import reader
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries
from guiju.review import load
from journal.test_writer import HeldDisk, opened


async def test_a_journal_that_failed_is_tried_without_anybody_asking_and_the_recovery_is_an_entry(
    config: Config, monkeypatch: pytest.MonkeyPatch
):
    keyring, disk = Keyring.open(config), HeldDisk()
    journal = Journal(config.journal, "n", 1, chain_key=keyring.chain, day_key=day_key(keyring), disk=disk)
    gateway = Gateway(config, keyring, load.taxonomy(), journal, "n/1")
    app = App(gateway, control_pool(config, keyring))
    real, rounds = asyncio.sleep, []

    async def soon(seconds: float) -> None:
        rounds.append(seconds)
        await real(0.01)

    monkeypatch.setattr(asyncio, "sleep", soon)
    disk.wrong = OSError(28, "No space left on device")
    with pytest.raises(JournalUnavailable):
        await journal.append(opened(1))
    watching = spawn(_watch(gateway, app, Server(app, Limits())), "watch")
    while len(rounds) < 3:
        await real(0.01)
    assert journal.failed == "No space left on device"  # tried again each second, in vain
    disk.wrong = None
    async with asyncio.timeout(5):
        while journal.failed:
            await real(0.01)
    until = len(rounds) + 3
    while len(rounds) < until:
        await real(0.01)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    monkeypatch.undo()
    await journal.close()
    records = [r for s in reader.segments(config.journal) for _, r in reader.read(s.path, keyring.chain).records]
    (note,) = [entries.decode(record.entry) for record in records]  # said once
    assert isinstance(note, entries.Note)
    assert (note.what, note.node, note.detail) == (
        "journal.recovered",
        "n/1",
        {"problem": "No space left on device"},
    )


@pytest.fixture
def limits():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], before[1]))


def test_the_soft_limit_of_open_files_is_raised(limits):
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    assert worker.room(400) == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_no_more_clients_are_taken_than_there_are_files_for(monkeypatch, caplog):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert worker.room(10_000) == (4096 - 200) // 2
    assert "limit of open files" in caplog.text
    assert worker.room(100) == 100


@contextmanager
def a_worker(home: Path, **settings: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A gateway of one worker, without control; and its port."""
    told = {"GUIJU_HOME": str(home)} | {f"GUIJU_GATEWAY_{n.upper()}": str(value) for n, value in settings.items()}
    command = [sys.executable, "-m", "guiju.cli.main", "gateway", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, json.loads(process.stdout.readline() or '{"port": 0}')["port"]
        finally:
            process.terminate()


def published(home: Path) -> None:
    """A snapshot on disk, so that a worker serves without control."""
    (home / "run").mkdir(parents=True)
    (home / "run" / "snapshot.json").write_bytes(snapshots.encode(snapshots.Snapshot(version=1)))


def test_a_hangup_reads_the_certificate_anew(tmp_path: Path):
    published(tmp_path / "home")
    authority = Authority(tmp_path)
    cert, key = authority.sign("front")
    with a_worker(tmp_path / "home", tls_cert=cert, tls_key=key) as (process, port):
        first = ssl.get_server_certificate(("127.0.0.1", port))
        assert first.strip() == cert.read_text().strip()
        authority.sign("front")
        assert ssl.get_server_certificate(("127.0.0.1", port)) == first
        process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 20
        while (now := ssl.get_server_certificate(("127.0.0.1", port))) == first and time.monotonic() < until:
            time.sleep(0.05)
        assert now.strip() == cert.read_text().strip()
        process.terminate()
        assert process.wait(20) == 0


def test_a_hangup_ends_no_worker_that_has_no_certificate(tmp_path: Path):
    with a_worker(tmp_path) as (process, _):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)


def test_a_certificate_that_cannot_be_used_stops_the_start_with_a_sentence(tmp_path: Path):
    with a_worker(tmp_path, tls_cert="/nowhere/cert.pem") as (process, _):
        assert process.wait(20) == 3
        assert "gateway.tls_cert: /nowhere/cert.pem: No such file or directory" in process.stderr.read()
