"""Times in text: when a chunk was written, in seven hexagrams, so that whoever reads it knows how long it was under way.

Both ends run on one machine and read one clock (CLOCK_MONOTONIC). Hexagrams (U+4DC0 to U+4DFF) are sixty-four, three bytes
each in UTF-8, and mean nothing to a lexicon, a number, an address or a key: no guard has a reason to hold them.
"""

from __future__ import annotations

import re
import time

FIRST, DIGITS = 0x4DC0, 7
"""42 bits of microseconds: fifty days."""
SYMBOL = re.compile(rb"\xe4\xb7([\x80-\xbf])|\\u4d([c-f][0-9a-f])", re.IGNORECASE)
PARTIAL = re.compile(rb"(?:\xe4\xb7?|\\(?:u4?d?[c-f]?)?)\Z", re.IGNORECASE)


def microseconds() -> int:
    return time.monotonic_ns() // 1000


def write(at: int) -> bytes:
    """A time in microseconds as UTF-8."""
    return b"".join(b"\xe4\xb7" + bytes([0x80 + (at >> 6 * place & 63)]) for place in range(DIGITS - 1, -1, -1))


class Reader:
    """Finds times in bytes that come in any pieces, as UTF-8 or in JSON escapes, whole or torn apart by other text."""

    def __init__(self) -> None:
        self._rest, self._value, self._count = b"", 0, 0

    def feed(self, data: bytes) -> list[int]:
        """The times that are complete now, in microseconds."""
        data, times = self._rest + data, []
        partial = PARTIAL.search(data)
        self._rest = data[partial.start() :] if partial else b""
        for found in SYMBOL.finditer(data):
            digit = found[1][0] & 63 if found[1] else int(found[2], 16) - 0xC0
            self._value, self._count = self._value << 6 | digit, self._count + 1
            if self._count == DIGITS:
                times.append(self._value)
                self._value = self._count = 0
        return times
