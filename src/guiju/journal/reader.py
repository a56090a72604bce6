"""Read journal segments back: for the drainer, for `guiju ledger verify`, for recovery.

I/O. Counterpart: writer.py. A growing segment is read from where its `Cursor` stopped; a torn tail is simply not there
yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from guiju.journal.segment import Chain, Header, Record, Tampered, payloads
from guiju.ledger import entries


class Segment(NamedTuple):
    """A segment file, by its place."""

    node: str
    worker: int
    sequence: int
    path: Path


class Read(NamedTuple):
    """What is new in a segment."""

    header: Header | None
    records: list[tuple[int, Record]]
    """With the offset after each."""
    end: int
    """Offset after the last whole record."""
    torn: int
    """Bytes of a last record that isn't whole."""
    tampered: Tampered | None


class Cursor:
    """Reads a segment that grows, each record once."""

    def __init__(self, path: Path, chain_key: bytes) -> None:
        self._path = path
        self._chain = Chain(chain_key)
        self._end = self._number = 0
        self._header: Header | None = None
        self._tampered: Tampered | None = None

    def read(self) -> Read:
        """What was written since the last time; after tampering nothing more. Raises: OSError."""
        records: list[tuple[int, Record]] = []
        data = b""
        if self._tampered is None:
            with self._path.open("rb") as file:
                file.seek(self._end)
                data = file.read()
        began = self._end
        for found in payloads(data, self._chain, self._end, self._number):
            if isinstance(found, Tampered):
                self._tampered = found
                break
            self._end, payload = found
            if self._number == 0:
                self._header = msgspec.msgpack.decode(payload, type=Header)
            else:
                records.append((self._end, msgspec.msgpack.decode(payload, type=Record)))
            self._number += 1
        torn = 0 if self._tampered else len(data[self._end - began :].rstrip(b"\x00"))
        return Read(self._header, records, self._end, torn, self._tampered)


def segments(folder: Path) -> Iterator[Segment]:
    """Every segment, by node, worker and sequence."""
    for path in sorted(folder.glob("*/*/*.jnl")):
        worker, node = path.parent.name, path.parent.parent.name
        if path.stem.isdigit() and worker.isdigit():
            yield Segment(node, int(worker), int(path.stem), path)


def read(path: Path, chain_key: bytes) -> Read:
    """A whole segment, checked. Raises: OSError."""
    return Cursor(path, chain_key).read()


def day_of(path: Path, chain_key: bytes) -> str:
    """The day under whose key a segment's contents are sealed; "" where its header isn't whole. Raises: OSError."""
    with path.open("rb") as file:
        first = next(payloads(file.read(4096), Chain(chain_key)), None)
    return "" if first is None or isinstance(first, Tampered) else msgspec.msgpack.decode(first[1], type=Header).day


def entry_of(record: Record) -> entries.Entry:
    """The entry of a record."""
    return entries.decode(record.entry)
