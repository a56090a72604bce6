"""Journal -> ledger, exactly once, whenever it is interrupted."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from guiju.control.records import actions
from guiju.control.records.models import Checkpoint, Content, DrainOffset, Entry, Exchange, Node
from guiju.control.records.proof import prove
from guiju.errors import SettingError
from guiju.journal import claim, reader
from guiju.journal.disk import RealDisk
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal
from guiju.work import checkpoint, drain

pytestmark = pytest.mark.django_db(transaction=True)
DAY = "2026-11-23"


@pytest.fixture(autouse=True)
def _no_journal_of_others() -> None:
    """`prove` reads the session's journal too: what other files left there was never taken into this ledger."""
    shutil.rmtree(settings.GUIJU.journal, ignore_errors=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def write(folder: Path, made: list[entries.Entry], payload: bytes = b"", **more) -> None:
    import asyncio

    async def writing() -> None:
        key = seal.public_of(settings.KEYRING.day_key(DAY))
        journal = Journal(folder, "n", 0, chain_key=settings.KEYRING.chain, day_key=lambda: (DAY, key), **more)
        for entry in made:
            await journal.append(entry, payload, "subject" if payload else "")
        await journal.close()

    asyncio.run(writing())


def opened(number: int, **more) -> entries.Opened:
    return entries.Opened(at_ms=number, exchange=f"ex_{number}", node="n/0", app="demo", service="demo", **more)


def exchanges() -> list[str]:
    return list(Entry.objects.order_by("index").values_list("exchange", flat=True))


def test_every_entry_is_taken_once(folder: Path):
    write(folder, [opened(n) for n in range(7)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    assert drainer.run_once() == 7
    assert drainer.run_once() == 0
    write(folder, [opened(n) for n in range(7, 9)])
    assert drainer.run_once() == 2
    assert drain.Drainer(folder, settings.KEYRING).run_once() == 0  # a new process
    assert exchanges() == [f"ex_{n}" for n in range(9)]


def test_a_database_that_fails_in_between_loses_and_doubles_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    write(folder, [opened(n) for n in range(10)])
    monkeypatch.setattr(drain, "BATCH", 3)
    drainer = drain.Drainer(folder, settings.KEYRING)
    real, calls = actions.append, []

    def failing(items):
        calls.append(1)
        real(items)
        if len(calls) == 2:
            raise DatabaseError("the server went away")

    monkeypatch.setattr(actions, "append", failing)
    with pytest.raises(DatabaseError):
        drainer.run_once()
    assert exchanges() == ["ex_0", "ex_1", "ex_2"]
    monkeypatch.setattr(actions, "append", real)
    assert drainer.run_once() == 7
    assert exchanges() == [f"ex_{n}" for n in range(10)]


def test_what_a_power_cut_could_take_back_is_synced_before_it_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A killed worker's last write may lie in memory only: a ledger that has it would know what never happened."""
    write(folder, [opened(n) for n in range(3)])
    (segment,) = reader.segments(folder)
    drainer, synced = drain.Drainer(folder, settings.KEYRING), []
    monkeypatch.setattr(RealDisk, "settle", lambda self, path: synced.append((path, Entry.objects.count())))
    assert drainer.run_once() == 3
    assert synced == [(segment.path, 0)]
    drainer.run_once()
    assert len(synced) == 1  # nothing new, nothing to sync


def test_a_sync_that_fails_takes_nothing_and_skips_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def failing(self: RealDisk, path: Path) -> None:
        raise OSError(5, "Input/output error")

    write(folder, [opened(n) for n in range(3)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    with monkeypatch.context() as failed:
        failed.setattr(RealDisk, "settle", failing)
        with pytest.raises(OSError, match="Input/output"):
            drainer.run_once()
    assert exchanges() == []
    write(folder, [opened(n) for n in range(3, 5)])
    for _ in range(2):
        drainer.run_once()
    assert exchanges() == [f"ex_{n}" for n in range(5)]


def test_contents_are_sealed_anew_under_their_subjects_key(folder: Path):
    committed = seal.commit("你好".encode(), os.urandom(32))
    write(folder, [opened(1, commitment=committed.commitment)], committed.payload)
    drain.Drainer(folder, settings.KEYRING).run_once()
    (content,) = Content.objects.all()
    assert content.key.subject == "subject"
    assert actions.open_content(content, committed.commitment) == "你好".encode()


def test_a_segment_that_was_left_is_deleted_and_its_day_key_destroyed(folder: Path):
    write(folder, [opened(1)])
    write(folder, [opened(2)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    drainer.run_once()
    drainer.run_once()
    assert [s.sequence for s in reader.segments(folder)] == [2]
    drainer.destroy_days("2026-11-24")
    assert DAY in settings.KEYRING.days()  # a segment of that day is still there
    next(reader.segments(folder)).path.unlink()
    drainer.destroy_days("2026-11-24")
    assert DAY not in settings.KEYRING.days()


def test_a_torn_tail_is_noted(folder: Path):
    write(folder, [opened(1), opened(2)])
    (segment,) = reader.segments(folder)
    segment.path.write_bytes(segment.path.read_bytes()[:-7])
    write(folder, [opened(3)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    drainer.run_once()
    drainer.run_once()
    notes = [entries.decode(bytes(e.body)) for e in Entry.objects.filter(kind="note")]
    assert [n.what for n in notes] == ["journal.torn"]
    assert sorted(e for e in exchanges() if e) == ["ex_1", "ex_3"]


def test_a_tampered_segment_stays_as_evidence(folder: Path):
    write(folder, [opened(1), opened(2), opened(3)])
    (segment,) = reader.segments(folder)
    data = bytearray(segment.path.read_bytes())
    data[-60] ^= 1
    segment.path.write_bytes(bytes(data))
    write(folder, [opened(4)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    for _ in range(3):
        drainer.run_once()
    assert segment.path.exists()
    assert "ex_4" in exchanges()


def test_what_a_crash_left_open_is_closed_once(folder: Path):
    write(folder, [opened(1), opened(2), entries.Closed(at_ms=3, exchange="ex_2", outcome="served")])
    write(folder, [entries.Note(at_ms=9, what="worker.started", node="n/0"), opened(10)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    lock = claim.claim(folder, "n", 0)  # the next worker of that number runs
    assert drainer.recover() == 1
    assert drainer.recover() == 0
    outcomes = dict(Exchange.objects.values_list("id", "outcome"))
    assert outcomes == {"ex_1": "interrupted", "ex_2": "served", "ex_10": ""}
    os.close(lock)
    assert drainer.recover() == 1
    assert Exchange.objects.get(id="ex_10").outcome == "interrupted"


def test_of_segments_that_are_gone_only_the_newest_offset_is_kept(folder: Path):
    write(folder, [opened(n) for n in range(30)], segment_bytes=600)
    drainer = drain.Drainer(folder, settings.KEYRING)
    drainer.run_once()
    assert list(DrainOffset.objects.order_by("sequence").values_list("left", flat=True)) == [True, False]
    assert exchanges() == [f"ex_{n}" for n in range(30)]


def test_a_checkpoint_is_signed_where_the_ledger_has_grown(folder: Path):
    write(folder, [opened(1)])
    drain.Drainer(folder, settings.KEYRING).run_once()
    assert checkpoint.sign_if_grown()
    assert not checkpoint.sign_if_grown()
    assert (settings.GUIJU.home / "ledger" / "checkpoint").read_text().startswith("guiju/ledger\n1\n")


def test_after_a_clock_that_went_backwards_what_a_crash_left_open_is_closed(folder: Path):
    write(folder, [opened(5000)])
    write(folder, [entries.Note(at_ms=9, what="worker.started", node="n/0"), opened(10)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    lock = claim.claim(folder, "n", 0)
    assert drainer.recover() == 1
    assert dict(Exchange.objects.values_list("id", "outcome")) == {"ex_5000": "interrupted", "ex_10": ""}
    os.close(lock)


def test_contents_whose_key_is_gone_are_told_as_lost(folder: Path):
    committed = seal.commit("你好".encode(), os.urandom(32))
    write(folder, [opened(1, commitment=committed.commitment)], committed.payload)
    settings.KEYRING.destroy_day(DAY)
    drain.Drainer(folder, settings.KEYRING).run_once()
    note = entries.decode(bytes(Entry.objects.get(kind="note").body))
    assert (note.what, note.detail) == ("contents.lost", {"exchange": "ex_1"})


def test_a_name_belongs_to_one_machine_as_long_as_it_is_heard(folder: Path, tmp_path: Path):
    """Else each would close what the other's workers have open."""
    one, other = (drain.Drainer(tmp_path / name, settings.KEYRING) for name in ("one", "other"))
    one.keep_names("n")
    other.keep_names("m")
    with pytest.raises(SettingError, match="'n' is the name of another machine"):
        other.keep_names("n")
    one.keep_names("n")
    Node.objects.filter(name="n").update(seen_ms=0)  # it was lost
    other.keep_names("n")
    with pytest.raises(SettingError):
        one.keep_names("n")


def test_a_journal_that_was_brought_from_elsewhere_keeps_its_name_taken(folder: Path, tmp_path: Path):
    write(folder, [opened(1)])
    drain.Drainer(folder, settings.KEYRING).keep_names("m")
    assert sorted(Node.objects.values_list("name", flat=True)) == ["m", "n"]


def test_of_several_machines_one_signs(folder: Path):
    write(folder, [opened(1)])
    drainer = drain.Drainer(folder, settings.KEYRING)
    drainer.run_once()
    assert checkpoint.sign_if_due()
    write(folder, [opened(2)])
    drainer.run_once()
    kept = settings.GUIJU.home / "ledger" / "checkpoint"
    kept.unlink()
    assert not checkpoint.sign_if_due()  # somebody has just signed
    assert kept.read_text().startswith("guiju/ledger\n1\n")  # and here it lies all the same
    Checkpoint.objects.update(at_ms=0)
    assert checkpoint.sign_if_due()


def test_several_drainers_make_one_order(tmp_path: Path):
    """Three machines and one ledger: nothing twice, nothing lost, and the tree is one."""
    folders = [tmp_path / name for name in "abc"]
    for number, each in enumerate(folders):
        write(each, [opened(1000 * number + n) for n in range(120)])
    problems: list[BaseException] = []

    def run(each: Path) -> None:
        try:
            drainer = drain.Drainer(each, settings.KEYRING)
            while drainer.run_once():
                pass
            checkpoint.sign_if_grown()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    with mock.patch.object(drain, "BATCH", 7):
        threads = [threading.Thread(target=run, args=(each,)) for each in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    assert sorted(exchanges()) == sorted(f"ex_{1000 * m + n}" for m in range(3) for n in range(120))
    assert list(Entry.objects.order_by("index").values_list("index", flat=True)) == list(range(360))
    for number in range(3):  # each machine's own are in the order in which it wrote them
        own = [e for e in exchanges() if int(e[3:]) // 1000 == number]
        assert own == [f"ex_{1000 * number + n}" for n in range(120)]
    proof = prove()
    assert (proof.entries, proof.faults) == (360, [])
