"""What a worker does beside answering: what it asks of the system first; that it tries a failed disk again by itself."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import pytest

from guiju.config import Config
from guiju.errors import JournalUnavailable
from guiju.gateway import worker
from guiju.gateway.app import App
from guiju.gateway.http import Limits, Server
from guiju.gateway.reload import control_pool
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
    app = App(gateway, control_pool(config))
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
