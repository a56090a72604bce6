"""A journal segment's bytes: a header, then records, each chained to the one before by a keyed tag.

Pure in itself; writer.py and reader.py do the I/O. A record is `length (4 bytes, big-endian), payload, tag (16)`; the
tag is a keyed hash (ledger/mac.py) over the tag before it and the payload, cut to 16 bytes. So a changed, dropped,
swapped or inserted record is found and named, while a last record that isn't whole is a torn tail: the machine stopped
while writing it.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from guiju.ledger.mac import mac

MAGIC = b"GUIJUJ1\n"
TAG = 16
_LENGTH = struct.Struct(">I")
LONGEST = 1 << 30


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
        self.tag = mac(self._key, self.tag + payload)[:TAG]
        return _LENGTH.pack(len(payload)) + payload + self.tag


def payloads(data: bytes, chain: Chain, at: int = 0, number: int = 0) -> Iterator[tuple[int, bytes] | Tampered]:
    """Every whole payload with the offset after it. Ends at a torn tail; ends with `Tampered` at anything else.

    A caller tells a torn tail by the last offset being short of the data's end.

    Args:
        data: the segment's bytes from offset `at` on.
        chain: as it stood there; it moves on with what is read.
        number: of the record that begins there.
    """
    base, at = at, 0
    if base == 0:
        if not data.startswith(MAGIC):
            if data and not MAGIC.startswith(data):
                yield Tampered(0, 0, "the file doesn't begin as a journal segment does")
            return
        chain.tag, at = MAGIC, len(MAGIC)
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        end = at + _LENGTH.size + length + TAG
        if length > LONGEST or (length == 0):
            if any(data[at:]):
                yield Tampered(base + at, number, "a record's length is impossible")
            return  # zeros: space that was reserved and never written
        if end > len(data):
            return
        payload = data[at + _LENGTH.size : end - TAG]
        framed = chain.frame(payload)
        if not hmac.compare_digest(framed[-TAG:], data[end - TAG : end]):
            yield Tampered(base + at, number, "the record or the one before it isn't what was written")
            return
        yield base + end, payload
        at, number = end, number + 1
