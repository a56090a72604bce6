"""No acknowledged entry is lost and none is invented, whatever the disk does."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guiju import clock
from guiju.errors import JournalUnavailable, SettingError
from guiju.gateway.tasks import spawn
from guiju.journal import reader
from guiju.journal.disk import RealDisk
from guiju.journal.segment import Mark
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal
from journal.forgetful import ForgetfulDisk

CHAIN = b"c" * 32
PRIVATE = b"d" * 32


def journal(folder: Path, disk=None, **more: Any) -> Journal:
    key = seal.public_of(PRIVATE)
    more = {"day_key": lambda: ("2026-11-24", key)} | more
    return Journal(folder, "n", 0, chain_key=CHAIN, disk=disk, **more)


def opened(number: int) -> entries.Opened:
    return entries.Opened(at_ms=number, exchange=f"ex_{number}")


def kept(folder: Path) -> list[str]:
    """Exchanges in the journal, in order; fails on tampering."""
    found = []
    for segment in reader.segments(folder):
        read = reader.read(segment.path, CHAIN)
        assert read.tampered is None
        found += [entries.decode(record.entry).exchange for _, record in read.records]
    return found


async def test_what_is_acknowledged_can_be_read(tmp_path: Path):
    writing = journal(tmp_path)
    await asyncio.gather(*(writing.append(opened(n)) for n in range(200)))
    assert kept(tmp_path) == [f"ex_{n}" for n in range(200)]
    await writing.close()


async def test_contents_are_sealed_and_open_with_the_days_key_alone(tmp_path: Path):
    writing = journal(tmp_path)
    payload = seal.commit("身份证 110105".encode(), os.urandom(32)).payload
    await writing.append(opened(1), payload, "subject")
    await writing.close()
    (segment,) = reader.segments(tmp_path)
    assert "身份证".encode() not in segment.path.read_bytes()
    read = reader.read(segment.path, CHAIN)
    key = seal.unwrap(PRIVATE, read.header.wrapped_key)
    assert seal.unseal(key, read.records[0][1].sealed) == payload
    with pytest.raises(seal.CannotOpen):
        seal.unwrap(b"e" * 32, read.header.wrapped_key)


async def test_a_segment_ends_at_its_size_and_the_chain_goes_on_in_the_next(tmp_path: Path):
    writing = journal(tmp_path, segment_bytes=500)
    for n in range(30):
        await writing.append(opened(n))
    await writing.close()
    assert len(list(reader.segments(tmp_path))) > 2
    assert kept(tmp_path) == [f"ex_{n}" for n in range(30)]


@pytest.mark.parametrize("seed", range(20))
async def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    disk = ForgetfulDisk(rng)
    writing = journal(tmp_path, disk, segment_bytes=rng.choice((400, 1 << 20)))
    waiting = {}
    for n in range(rng.randint(1, 120)):
        waiting[f"ex_{n}"] = writing.append(opened(n))
        if rng.random() < 0.2:
            await asyncio.sleep(0)
        if rng.random() < 0.1:
            await asyncio.sleep(0.001)
    disk.crash()
    acknowledged = [name for name, future in waiting.items() if future.done() and not future.exception()]
    found = kept(tmp_path)
    assert set(acknowledged) <= set(found)
    assert found == list(waiting)[: len(found)]  # in order, nothing invented
    for future in waiting.values():
        future.cancel()


async def test_a_full_disk_fails_its_entries_and_a_new_segment_takes_the_next(tmp_path: Path):
    disk = ForgetfulDisk(random.Random(1))
    writing = journal(tmp_path, disk)
    await writing.append(opened(1))
    disk.problem = "No space left on device"
    with pytest.raises(JournalUnavailable, match="No space left"):
        await writing.append(opened(2))
    assert writing.failed
    with pytest.raises(JournalUnavailable):
        await writing.append(opened(3))
    disk.problem = ""
    await writing.append(opened(4))
    assert not writing.failed
    await writing.close()
    disk.crash()
    assert [name for name in kept(tmp_path) if name in ("ex_1", "ex_4")] == ["ex_1", "ex_4"]
    assert "ex_3" not in kept(tmp_path)


async def test_a_closed_journal_takes_nothing(tmp_path: Path):
    writing = journal(tmp_path)
    await writing.close()
    with pytest.raises(JournalUnavailable):
        await writing.append(opened(1))


async def test_numbers_of_deleted_segments_stay_taken(tmp_path: Path):
    writing = journal(tmp_path)
    await writing.append(opened(1))
    await writing.close()
    (segment,) = reader.segments(tmp_path)
    gone = reader.read(segment.path, CHAIN)
    reader.delete(segment, gone)
    again = journal(tmp_path)
    await again.append(opened(2))
    await again.close()
    (following,) = reader.segments(tmp_path)
    assert following.sequence == segment.sequence + 1
    assert reader.header_of(following.path, CHAIN).before == Mark(segment.sequence, gone.end, gone.tag)


class HeldDisk(RealDisk):
    """Waits with every write until `go` is set; then does what `wrong` raises, if anything."""

    def __init__(self) -> None:
        self.go, self.wrong, self.wrong_close = threading.Event(), None, None
        self.go.set()

    def append(self, fd: int, data: bytes) -> None:
        assert self.go.wait(10)
        if self.wrong is not None:
            raise self.wrong
        super().append(fd, data)

    def close(self, fd: int) -> None:
        super().close(fd)
        if self.wrong_close is not None:
            raise self.wrong_close


def texts(folder: Path) -> Iterator[bytes]:
    """Contents in the journal, each opened with its own segment's key."""
    for segment in reader.segments(folder):
        read = reader.read(segment.path, CHAIN)
        key = seal.unwrap(PRIVATE, read.header.wrapped_key)
        for _, record in read.records:
            yield seal.unseal(key, record.sealed)[-8:]


async def test_closing_waits_for_all_although_the_last_waiter_has_left(tmp_path: Path):
    disk = HeldDisk()
    writing = journal(tmp_path, disk)
    disk.go.clear()
    first = writing.append(opened(1))
    await asyncio.sleep(0.01)  # it is with the disk; what follows waits for the next sync
    second, third = writing.append(opened(2)), writing.append(opened(3))
    third.cancel()
    closing = spawn(writing.close(), "close")
    await asyncio.sleep(0.01)
    disk.go.set()
    async with asyncio.timeout(5):
        await asyncio.gather(first, second, closing)
    assert kept(tmp_path) == ["ex_1", "ex_2", "ex_3"]


class SlowDisk(RealDisk):
    """What the journal's thread writes waits for a step."""

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)

    def append(self, fd: int, data: bytes) -> None:
        assert threading.current_thread().name != "journal" or self.steps.acquire(timeout=10)
        super().append(fd, data)


async def test_a_segment_ends_under_load_too(tmp_path: Path):
    """Where the next sync's entries are always there already: they go into the next segment, sealed with its key."""
    disk = SlowDisk()
    writing = journal(tmp_path, disk, segment_bytes=4000)
    waiting: list[asyncio.Future[None]] = []
    for n in range(100):
        waiting.append(writing.append(opened(n), seal.commit(b"%08d" % n, os.urandom(32)).payload))
        await asyncio.sleep(0)
        if n:
            disk.steps.release()
            await waiting[n - 1]
    disk.steps.release(100)
    await writing.close()
    assert kept(tmp_path) == [f"ex_{n}" for n in range(100)]
    assert list(texts(tmp_path)) == [b"%08d" % n for n in range(100)]
    assert len(list(reader.segments(tmp_path))) > 3
    for segment in list(reader.segments(tmp_path))[1:]:
        before = reader.header_of(segment.path, CHAIN).before
        assert reader.reaches(segment.path.with_name(f"{before.sequence:010}.jnl"), CHAIN, before)


async def test_what_is_queued_when_a_sync_fails_is_told_and_nothing_of_it_is_written(tmp_path: Path):
    disk = HeldDisk()
    writing = journal(tmp_path, disk)
    disk.go.clear()
    first = writing.append(opened(1))
    await asyncio.sleep(0.01)
    second = writing.append(opened(2))
    disk.wrong = OSError(28, "No space left on device")
    disk.go.set()
    for told in await asyncio.gather(first, second, return_exceptions=True):
        assert isinstance(told, JournalUnavailable)
    with pytest.raises(JournalUnavailable, match="No space left"):
        await writing.append(opened(3))
    disk.wrong = None
    await writing.append(opened(4))
    await writing.close()
    assert kept(tmp_path) == ["ex_4"]


async def test_a_failure_that_nobody_thought_of_is_told_and_the_next_entry_is_taken(tmp_path: Path):
    disk = HeldDisk()
    writing = journal(tmp_path, disk)
    disk.wrong = ValueError("odd")
    async with asyncio.timeout(5):
        with pytest.raises(JournalUnavailable, match="odd"):
            await writing.append(opened(1))
    disk.wrong = None
    await writing.append(opened(2))
    await writing.close()
    assert kept(tmp_path) == ["ex_2"]


async def test_a_segment_that_cannot_be_closed_takes_nothing_back(tmp_path: Path):
    disk = HeldDisk()
    writing = journal(tmp_path, disk, segment_bytes=1)
    disk.wrong_close = OSError(5, "Input/output error")
    async with asyncio.timeout(5):
        for n in range(3):
            await writing.append(opened(n))
        await writing.close()
    assert kept(tmp_path) == ["ex_0", "ex_1", "ex_2"]


async def test_a_day_whose_key_cannot_be_made_is_a_journal_that_fails_until_it_can(tmp_path: Path):
    days: list[str] = ["2026-11-24"]

    def day_key() -> tuple[str, bytes]:
        if days[-1] == "":
            raise SettingError(name="keys", problem="No space left on device", remedy="-")
        return days[-1], seal.public_of(PRIVATE)

    writing = journal(tmp_path, day_key=day_key)
    days.append("")
    async with asyncio.timeout(5):
        await writing.append(opened(1))  # its own day's segment is still there
        with pytest.raises(JournalUnavailable, match="No space left"):
            await writing.append(opened(2))
        writing.turn_over()
        assert "No space left" in writing.failed
        days.append("2026-11-25")
        await writing.append(opened(3))
        assert not writing.failed
        await writing.close()
    assert [reader.day_of(s.path, CHAIN) for s in reader.segments(tmp_path)] == ["2026-11-24", "2026-11-25"]
    assert kept(tmp_path) == ["ex_1", "ex_3"]


def test_a_loop_that_ends_before_the_journal_lets_its_thread_go(tmp_path: Path):
    disk = HeldDisk()

    async def leaving() -> Journal:
        writing = journal(tmp_path, disk)
        disk.go.clear()
        writing.append(opened(1))
        await asyncio.sleep(0.01)
        return writing

    thread = asyncio.run(leaving())._syncer
    disk.go.set()
    thread.join(5)
    assert not thread.is_alive()


# --- turning over ------------------------------------------------------------------------------------


def sequences(folder: Path) -> list[int]:
    return [segment.sequence for segment in reader.segments(folder)]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the clock is ahead."""
    ahead, real = [0.0], clock.monotonic
    monkeypatch.setattr(clock, "monotonic", lambda: real() + ahead[0])
    return ahead


async def test_an_old_segment_ends_and_the_next_one_begins_with_nobody_asking(tmp_path: Path, later: list[float]):
    writing = journal(tmp_path, segment_seconds=60)
    await writing.append(opened(1))
    writing.turn_over()
    assert sequences(tmp_path) == [1]
    later[0] = 61
    writing.turn_over()
    writing.turn_over()  # the new one is young
    assert sequences(tmp_path) == [1, 2]
    assert reader.header_of(list(reader.segments(tmp_path))[1].path, CHAIN).before.sequence == 1
    await writing.append(opened(2))
    await writing.close()
    assert kept(tmp_path) == ["ex_1", "ex_2"]


async def test_a_segment_without_entries_stays_however_old_it_is(tmp_path: Path, later: list[float]):
    writing = journal(tmp_path, segment_seconds=60)
    later[0] = 1000
    writing.turn_over()
    assert sequences(tmp_path) == [1]
    await writing.close()


async def test_what_its_size_has_ended_is_followed_too(tmp_path: Path):
    """Else the drainer would keep it, contents and all, until somebody asks again."""
    writing = journal(tmp_path, segment_bytes=1)
    await writing.append(opened(1))
    assert sequences(tmp_path) == [1]
    writing.turn_over()
    assert sequences(tmp_path) == [1, 2]
    await writing.close()


async def test_nothing_is_turned_over_under_a_sync_or_after_the_end(tmp_path: Path, later: list[float]):
    disk = HeldDisk()
    writing = journal(tmp_path, disk, segment_seconds=60)
    await writing.append(opened(1))
    later[0] = 61
    disk.go.clear()
    waiting = writing.append(opened(2))
    writing.turn_over()
    await asyncio.sleep(0.01)
    writing.turn_over()
    assert sequences(tmp_path) == [1]
    disk.go.set()
    await waiting
    await writing.close()
    writing.turn_over()
    assert sequences(tmp_path) == [1]
    assert kept(tmp_path) == ["ex_1", "ex_2"]


async def test_what_is_not_durable_yet_lags_and_each_good_sync_tells_its_time(tmp_path: Path):
    disk, told = HeldDisk(), []
    writing = journal(tmp_path, disk)
    writing.on_sync = told.append
    assert writing.lag == 0.0
    disk.go.clear()
    first = writing.append(opened(1))
    await asyncio.sleep(0.01)
    second = writing.append(opened(2))
    before = writing.lag
    assert before > 0.0
    await asyncio.sleep(0.01)
    assert writing.lag > before  # of the first, which is with the disk
    disk.go.set()
    await asyncio.gather(first, second)
    assert writing.lag == 0.0
    assert len(told) == 2
    assert told[0] > 0.0
    disk.wrong = OSError(5, "Input/output error")
    with pytest.raises(JournalUnavailable):
        await writing.append(opened(3))
    assert (writing.lag, len(told)) == (0.0, 2)
    await writing.close()
