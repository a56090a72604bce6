"""A journal segment's bytes: a header, then records, each chained to the one before by a keyed tag.

Pure in itself; writer.py and reader.py do the I/O. A record is

    length (4 bytes, big-endian), check (4), payload, tag (16)

The check is a keyed hash (ledger/mac.py) over the tag before and the length, the tag one over the tag before and the
payload. So a changed, dropped, swapped or inserted record is found and named wherever a bit was flipped, in a length
too; and a last record that isn't whole is a torn tail: the machine stopped while writing it. Torn is only what ends
short, or in zeros that a disk leaves where it was given the size but not the bytes.

What a segment can't tell by itself, its neighbours do: a header names the place it was written for, and where the
segment before it ended (`Mark`). So one that was moved, copied, cut or taken away is found as well (reader.py: faults).
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from guiju.errors import Said
from guiju.ledger.mac import mac

MAGIC = b"GUIJUJ2\n"
CHECK, TAG = 4, 16
SECTOR = 512
"""Bytes that a disk writes whole or not at all."""
_LENGTH = struct.Struct(">I")
_HEAD = _LENGTH.size + CHECK


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a segment was durable when its writer went on to the next."""

    sequence: int
    end: int
    """Offset after its last acknowledged record."""
    tag: bytes
    """Of that record."""


class Header(msgspec.Struct, frozen=True, array_like=True):
    """The first record's payload."""

    node: str
    worker: int
    sequence: int
    created_ms: int
    day: str
    """Of the day key that the data key is wrapped for."""
    wrapped_key: bytes
    """AES-256 key of this segment's contents (ledger/seal.py: wrap_for)."""
    before: Mark | None = None
    """The segment that this worker wrote before; None for its first."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """An entry, with its contents sealed under the segment's key."""

    entry: bytes
    sealed: bytes
    subject: str


class Tampered(NamedTuple):
    """Where a segment stops being what was written."""

    offset: int
    record: int
    """Number of the first record that isn't what it was; the header is 0."""
    problem: str


class Chain:
    """Frames payloads, one after the other."""

    def __init__(self, key: bytes, tag: bytes = b"") -> None:
        self._key = key
        self.tag = tag

    def frame(self, payload: bytes) -> bytes:
        """The bytes to append for this payload."""
        length = _LENGTH.pack(len(payload))
        check = self.check(length)
        self.tag = mac(self._key, self.tag + payload)[:TAG]
        return length + check + payload + self.tag

    def check(self, length: bytes) -> bytes:
        """What stands beside the next record's length."""
        return mac(self._key, b"length" + self.tag + length)[:CHECK]


def payloads(data: bytes, chain: Chain, at: int = 0, number: int = 0) -> Iterator[tuple[int, bytes] | Tampered]:
    """Every whole payload with the offset after it. Ends at a torn tail; ends with `Tampered` at anything else.

    A caller tells a torn tail by the last offset being short of the data's end.

    Args:
        data: the segment's bytes from offset `at` on.
        chain: as it stood there; it moves on with what is read.
        number: of the record that begins there.
    """
    written = len(data.rstrip(b"\x00"))  # behind it: space that was given and never filled
    base, at = at, 0
    if base == 0:
        if not data.startswith(MAGIC):
            if not MAGIC.startswith(data[:written]):
                yield Tampered(
                    0, 0, Said("the file doesn't begin as a journal segment does", "文件开头不是日志段的格式")
                )
            return
        chain.tag, at = MAGIC, len(MAGIC)
    while at + _HEAD < len(data):
        length = data[at : at + _LENGTH.size]
        body = at + _HEAD
        end = body + _LENGTH.unpack(length)[0] + TAG
        if not hmac.compare_digest(chain.check(length), data[at + _LENGTH.size : body]):
            if written >= body:
                problem = Said(
                    "the record's length, or the record before it, isn't what was written",
                    "该记录的长度，或其前一条记录，与写入时不符",
                )
                yield Tampered(base + at, number, problem)
            return
        if end > len(data):
            return
        payload = data[body : end - TAG]
        tag = chain.tag
        framed = chain.frame(payload)
        if not hmac.compare_digest(framed[-TAG:], data[end - TAG : end]):
            chain.tag = tag
            if -(-(base + written) // SECTOR) * SECTOR >= base + end:  # no whole sector of it was left out
                problem = Said(
                    "the record or the one before it isn't what was written", "该记录或其前一条记录与写入时不符"
                )
                yield Tampered(base + at, number, problem)
            return
        yield base + end, payload
        at, number = end, number + 1
