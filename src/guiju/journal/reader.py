"""Read journal segments back: for the drainer, for `guiju ledger verify`, for recovery.

I/O. Counterpart: writer.py. A growing segment is read from where its `Cursor` stopped; a torn tail is simply not there
yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from guiju.errors import Said
from guiju.journal.segment import Chain, Header, Mark, Record, Tampered, payloads


class Segment(NamedTuple):
    """A segment file, by its place."""

    node: str
    worker: int
    sequence: int
    path: Path

    @property
    def name(self) -> str:
        """For people: `node/worker/sequence`."""
        return f"{self.node}/{self.worker}/{self.sequence}"


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
    tag: bytes
    """Of the last whole record."""
    identity: bytes
    """Tag of the header, which no other segment has: two of the same place are told apart by it; b"" without one."""


class Cursor:
    """Reads a segment that grows, each record once."""

    def __init__(self, path: Path, chain_key: bytes) -> None:
        self._path = path
        self._chain = Chain(chain_key)
        self._end = self._number = 0
        self._identity = b""
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
                self._header, self._identity = msgspec.msgpack.decode(payload, type=Header), self._chain.tag
                self._tampered = _misplaced(self._header, self._path)
                if self._tampered is not None:
                    break
            else:
                records.append((self._end, msgspec.msgpack.decode(payload, type=Record)))
            self._number += 1
        torn = 0 if self._tampered else len(data[self._end - began :].rstrip(b"\x00"))
        return Read(self._header, records, self._end, torn, self._tampered, self._chain.tag, self._identity)


def _misplaced(header: Header, path: Path) -> Tampered | None:
    found = (path.parent.parent.name, path.parent.name, path.stem.lstrip("0"))
    if found == (header.node, str(header.worker), str(header.sequence)):
        return None
    place = f"{header.node}/{header.worker}/{header.sequence}"
    return Tampered(
        0, 0, Said("it was written as {place}: moved or copied here", "原为 {place}，被移动或复制到此处", place=place)
    )


def segments(folder: Path) -> Iterator[Segment]:
    """Every segment, by node, worker and sequence."""
    for path in sorted(folder.glob("*/*/*.jnl")):
        worker, node = path.parent.name, path.parent.parent.name
        if path.stem.isdigit() and worker.isdigit():
            yield Segment(node, int(worker), int(path.stem), path)


def waiting(folder: Path, now_ms: int) -> float:
    """Seconds since the last write to the oldest segment that a newer one has followed: for so long it has waited to be moved
    into the ledger. 0 where there is none."""
    found = list(segments(folder))
    newest = {(s.node, s.worker): s.sequence for s in found}
    written = []
    for segment in found:
        if segment.sequence < newest[segment.node, segment.worker]:
            with suppress(FileNotFoundError):  # the drainer is quicker
                written.append(segment.path.stat().st_mtime)
    return max(0.0, now_ms / 1000 - min(written)) if written else 0.0


def read(path: Path, chain_key: bytes) -> Read:
    """A whole segment, checked. Raises: OSError."""
    return Cursor(path, chain_key).read()


def header_of(path: Path, chain_key: bytes) -> Header | None:
    """A segment's header without the rest; None where it isn't whole. Raises: OSError."""
    with path.open("rb") as file:
        first = next(payloads(file.read(4096), Chain(chain_key)), None)
    return None if first is None or isinstance(first, Tampered) else msgspec.msgpack.decode(first[1], type=Header)


LAST = "last"
"""File of a worker's folder: the mark of the newest segment that was deleted. Its number stays taken."""


def last(folder: Path, chain_key: bytes) -> Mark | None:
    """Where a worker's journal ends: of its newest segment, or of the newest that was deleted. Raises: OSError."""
    for path in sorted(folder.glob("*.jnl"), reverse=True):
        found = read(path, chain_key)
        if found.header is not None and path.stem.isdigit():
            return Mark(int(path.stem), found.end, found.tag)
    return deleted(folder)


def delete(segment: Segment, read: Read) -> None:
    """A segment goes; where it ended is kept for the next one's header."""
    if read.header is not None:
        draft = segment.path.with_name(f".{LAST}")
        draft.write_bytes(msgspec.msgpack.encode(Mark(segment.sequence, read.end, read.tag)))
        draft.replace(segment.path.with_name(LAST))
    segment.path.unlink()


def deleted(folder: Path) -> Mark | None:
    """The mark of the newest segment that was deleted."""
    try:
        return msgspec.msgpack.decode((folder / LAST).read_bytes(), type=Mark)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def reaches(path: Path, chain_key: bytes, mark: Mark) -> bool:
    """Whether a segment holds at least what was durable when the next one began. Raises: OSError."""
    chain = Chain(chain_key)
    ends = (found[0] for found in payloads(path.read_bytes(), chain) if not isinstance(found, Tampered))
    return any(end == mark.end and chain.tag == mark.tag for end in ends)


def day_of(path: Path, chain_key: bytes) -> str:
    """The day under whose key a segment's contents are sealed; "" where its header isn't whole. Raises: OSError."""
    header = header_of(path, chain_key)
    return header.day if header else ""
