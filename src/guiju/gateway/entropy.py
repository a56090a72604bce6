"""Random bytes for ids, samples and commitment keys, asked of the system by the kilobyte.

Of a worker's one thread, in a process that never forks. A call to the system for each would let go of the interpreter
lock each time, which costs more than everything that is done with the bytes.
"""

from __future__ import annotations

import os

_BLOCK = 8192


class Entropy:
    """A worker's supply."""

    def __init__(self) -> None:
        self._bytes, self._at = b"", 0

    def take(self, count: int) -> bytes:
        """`count` bytes (at most 8,192) from the system's generator, given out once."""
        if self._at + count > len(self._bytes):
            self._bytes, self._at = os.urandom(_BLOCK), 0
        self._at += count
        return self._bytes[self._at - count : self._at]
