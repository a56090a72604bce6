"""A growing segment is read on from where its reader stopped."""

from __future__ import annotations

import os
from pathlib import Path

from guiju import clock
from guiju.journal import reader
from guiju.ledger import entries
from journal.test_writer import CHAIN, journal, opened


async def test_a_cursor_gives_each_record_once(tmp_path: Path):
    writing = journal(tmp_path)
    (segment,) = reader.segments(tmp_path)
    cursor = reader.Cursor(segment.path, CHAIN)
    assert cursor.read().records == []
    for number in range(5):
        await writing.append(opened(number))
        ((_, record),) = cursor.read().records
        assert entries.decode(record.entry) == entries.Opened(at_ms=number, exchange=f"ex_{number}")
    await writing.close()
    assert cursor.read() == cursor.read()
    assert cursor.read().header.day == "2026-11-24"


async def test_a_torn_tail_is_counted_and_read_once_it_is_whole(tmp_path: Path):
    writing = journal(tmp_path)
    await writing.append(opened(1))
    await writing.close()
    (segment,) = reader.segments(tmp_path)
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[:-5])
    cursor = reader.Cursor(segment.path, CHAIN)
    assert cursor.read().torn > 0
    segment.path.write_bytes(data)
    assert len(cursor.read().records) == 1


async def test_the_day_is_read_without_the_rest(tmp_path: Path):
    writing = journal(tmp_path)
    await writing.close()
    (segment,) = reader.segments(tmp_path)
    assert reader.day_of(segment.path, CHAIN) == "2026-11-24"
    segment.path.write_bytes(b"")
    assert reader.day_of(segment.path, CHAIN) == ""


async def test_a_closed_segment_that_nobody_takes_away_tells_how_long_the_ledger_is_behind(tmp_path: Path):
    writing = journal(tmp_path, segment_bytes=1)
    now = clock.epoch_ms()
    assert reader.waiting(tmp_path, now) == 0.0  # the open one is no debt
    await writing.append(opened(1))
    await writing.append(opened(2))
    await writing.close()
    first, *_ = reader.segments(tmp_path)
    os.utime(first.path, (now / 1000 - 60, now / 1000 - 60))
    assert 59 < reader.waiting(tmp_path, now) <= 61
    for segment in list(reader.segments(tmp_path))[:-1]:
        segment.path.unlink()
    assert reader.waiting(tmp_path, now) == 0.0
