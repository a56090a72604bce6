"""Private keys in PEM (RFC 7468, RFC 4880 armor). A finding from the header on, before its end is known."""

from __future__ import annotations

import re

from guiju.review.detector import Scan
from guiju.types import Finding

CLASS = "I.private_key"
_BEGIN = re.compile(r"-----begin (?:[a-z0-9]+ ){0,3}private key(?: block)?-----")
_END = re.compile(r"-----end (?:[a-z0-9]+ ){0,3}private key(?: block)?-----")
_LONGEST = 64
"""Characters of a header or footer."""


def clear(text: str) -> bool:
    """Whether a whole text holds none."""
    return "-----begin" not in text


class PrivateKeyScanner:
    """One channel's machine; see `Scanner`."""

    def __init__(self) -> None:
        self._tail = ""
        self._base = 0
        self._inside = False

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        if self.idle and "-" not in piece:
            self.skip(len(piece))
            return Scan([], self._base)
        self._tail += piece
        findings: list[Finding] = []
        while True:
            found = (_END if self._inside else _BEGIN).search(self._tail)
            if found is None:
                break
            start = 0 if self._inside else found.start()
            findings.append(self._finding(start, found.end(), going_on=not self._inside))
            self._inside = not self._inside
            self._drop(found.end())
        opened = self._open()
        if self._inside and opened:
            findings.append(self._finding(0, opened, going_on=True))
        self._drop(opened)
        return Scan(findings, self._base)

    @property
    def idle(self) -> bool:
        """Whether only a hyphen could begin something."""
        return not self._tail and not self._inside

    def skip(self, count: int) -> None:
        """So many characters follow among which no hyphen is, while it is idle."""
        self._base += count

    def _open(self) -> int:
        """Where a header or footer may have begun in the tail; its length where none has."""
        word = "-----end " if self._inside else "-----begin "
        at = self._tail.find("-", max(0, len(self._tail) - _LONGEST))
        while at >= 0:
            rest = self._tail[at : at + len(word)]
            if word.startswith(rest):
                return at
            at = self._tail.find("-", at + 1)
        return len(self._tail)

    def _finding(self, start: int, end: int, *, going_on: bool) -> Finding:
        return Finding(
            cls=CLASS,
            detector="personal",
            rule="private_key",
            start=self._base + start,
            end=self._base + end,
            going_on=going_on,
            why="PEM header of a private key",
        )

    def _drop(self, count: int) -> None:
        self._tail, self._base = self._tail[count:], self._base + count

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        if self._inside and self._tail:
            return [self._finding(0, len(self._tail), going_on=False)]
        return []
