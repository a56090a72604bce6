"""No acknowledged entry is lost and none is invented, whatever the disk does."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from guiju.errors import JournalUnavailable
from guiju.journal import reader
from guiju.journal.segment import Mark
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal
from journal.forgetful import ForgetfulDisk

CHAIN = b"c" * 32
PRIVATE = b"d" * 32


def journal(folder: Path, disk=None, **more) -> Journal:
    key = seal.public_of(PRIVATE)
    return Journal(folder, "n", 0, chain_key=CHAIN, day_key=lambda: ("2026-11-24", key), disk=disk, **more)


def opened(number: int) -> entries.Opened:
    return entries.Opened(at_ms=number, exchange=f"ex_{number}")


def kept(folder: Path) -> list[str]:
    """Exchanges in the journal, in order; fails on tampering."""
    found = []
    for segment in reader.segments(folder):
        read = reader.read(segment.path, CHAIN)
        assert read.tampered is None
        found += [reader.entry_of(record).exchange for _, record in read.records]
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
