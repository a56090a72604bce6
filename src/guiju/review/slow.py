"""Text that a slow detector is asked about: which stretch of it next, and what its findings mean to a gate.

Pure; asking is gateway/panel.py. A slow detector (a service elsewhere, a guard) is asked about readable text: as it was
written, with JSON escapes decoded. Gates work in canonical characters (canon.py), so a finding is led there and told by a
scanner like any other: `Told`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from guiju.review.canon import Canon
from guiju.review.detector import Scan
from guiju.review.json_text import JsonText
from guiju.review.sentence import ENDS
from guiju.types import Finding, Form

CONTEXT = 100
"""Characters before a stretch that are read again with it, so that nothing is split."""
LONGEST = 200
"""Characters that gather before a stretch is asked about although its sentence hasn't ended."""
TAIL = 40
"""Characters at the end of such a stretch that stay undecided: they may be the beginning of something."""


class Stretch(NamedTuple):
    """A question about a growing text."""

    text: str
    start: int
    """Readable offset of its first character."""
    upto: int
    """What stands before this offset is decided by the answer."""


class Growing:
    """One channel's text as it comes, and how far it has been judged. Offsets are readable characters."""

    def __init__(self, form: Form) -> None:
        self.length = 0
        self.decided = 0
        """What stands before has its verdict."""
        self.findings: list[Finding] = []
        """Canonical, in the order in which they were told."""
        self.closed = False
        self._json = JsonText() if form == "json" else None
        self._canon = Canon()
        self._text, self._base, self._canonical = "", 0, 0
        """What is still needed, its readable offset, and the canonical offset that belongs to it."""

    def feed(self, piece: str) -> None:
        """The next characters of the source."""
        self._grow(piece if self._json is None else self._json.feed(piece))

    def close(self) -> None:
        """Nothing more comes."""
        if not self.closed:
            self.closed = True
            if self._json is not None:
                self._grow(self._json.close())

    def _grow(self, readable: str) -> None:
        self._canon.feed(readable)
        self._text += readable
        self.length += len(readable)

    def wanted(self, *, overdue: bool = False) -> Stretch | None:
        """What to ask next: up to the end of a sentence, or where too much has gathered; all of it where it has waited long
        enough (`overdue`) or nothing more comes. None where there is nothing to ask yet."""
        fresh = self._text[self.decided - self._base :]
        if not fresh:
            return None
        if overdue or self.closed:
            size = asked = len(fresh)
        elif size := _sentences(fresh):
            asked = size
        elif len(fresh) >= LONGEST:
            asked, size = len(fresh), len(fresh) - TAIL
        else:
            return None
        start = max(self._base, self.decided - CONTEXT)
        end = self.decided + asked
        return Stretch(self._text[start - self._base : end - self._base], start, self.decided + size)

    def answered(self, stretch: Stretch, findings: Iterable[Finding]) -> None:
        """What was said of a stretch; offsets of findings are within its text."""
        furthest = stretch.upto
        for found in findings:
            first, last = max(found.start + stretch.start, self.decided), found.end + stretch.start
            if first < min(stretch.upto, last):
                self.findings.append(self._located(found, first, last))
                furthest = max(furthest, last)
        self.decided = furthest
        kept = max(self._base, self.decided - CONTEXT)
        self._canonical = self._offset(kept)
        self._text, self._base = self._text[kept - self._base :], kept
        self._canon.forget(self._canonical)

    def _located(self, found: Finding, first: int, last: int) -> Finding:
        start = self._offset(first)
        end = max(self._offset(last), start + 1)
        if start >= self._canon.length:  # nothing but what canonical text leaves out
            start, end = max(0, self._canon.length - 1), self._canon.length
        return msgspec.structs.replace(found, start=start, end=min(end, self._canon.length))

    def _offset(self, readable: int) -> int:
        """The first canonical character that was made at this offset or after it."""
        return bisect_left(range(self._canon.length), readable, lo=self._canonical, key=self._canon.start)


class Told:
    """A scanner (detector.py) that says what slow detectors found, as its own text comes.

    Args:
        findings: canonical; may grow while the text comes.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self._said: set[int] = set()
        self._fed = 0

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`. A finding is said once all of it has come, and held until then."""
        self._fed += len(piece)
        return Scan(self._complete(self._fed), min([self._fed, *(f.start for f in self._open())]))

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return self._complete(1 << 62)

    def _open(self) -> Iterable[Finding]:
        return (f for n, f in enumerate(self._findings) if n not in self._said)

    def _complete(self, upto: int) -> list[Finding]:
        numbers = [n for n, f in enumerate(self._findings) if n not in self._said and f.end <= upto]
        self._said.update(numbers)
        return [self._findings[n] for n in numbers]


class Behind:
    """A scanner that finds nothing and keeps a gate able to lead late findings back, where text may be ahead of its verdict.
    It holds nothing (its gate is told so)."""

    def __init__(self, growing: Growing) -> None:
        self._growing = growing

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        return Scan([], self._growing._canonical)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return []


def readable(text: str, form: Form) -> str:
    """A whole text as slow detectors are asked about it."""
    if form != "json":
        return text
    reader = JsonText()
    return reader.feed(text) + reader.close()


def located(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """Findings in a whole readable text, in canonical offsets."""
    growing = Growing("text")
    growing.feed(text)
    growing.closed = True
    growing.answered(Stretch(text, 0, len(text)), findings)
    return growing.findings


def windows(text: str, limit: int) -> list[Stretch]:
    """A text cut into questions of at most `limit` characters that overlap."""
    step = max(1, limit - min(CONTEXT, limit // 4))
    starts = range(0, max(1, len(text) - (limit - step)), step)
    return [Stretch(text[at : at + limit], at, min(len(text), at + limit)) for at in starts]


def _sentences(text: str) -> int:
    """Characters up to the end of the last whole sentence; 0 where none ends."""
    for at in range(len(text) - 1, -1, -1):
        if text[at] in ENDS or (text[at] == " " and text[at - 1 : at] == "."):
            return at + 1
    return 0
