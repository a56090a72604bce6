"""A detector from a plain function that reads a sentence: `judge(sentence) -> findings`.

For whatever can't say anything of half a sentence: a statistical model, a rule over words. Its scanner holds the
open sentence, up to a cap in characters (`limit`); holdback.py's `overdue` sets the cap in time. At either cap the
sentence is judged as it stands, and again as it grows: what was judged and passed may leave, so a class that such a
detector sees only in the second half of an overlong sentence is found there, with the first half already served.
That is the price of the cap, and the how-to page says so.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guiju.review.detector import Scan, Scanner
from guiju.types import Direction, Finding

ENDS = "。！？!?…\n"
"""What ends a sentence. The full stop of Latin text counts only before a blank (numbers, names of hosts)."""


class SentenceDetector:
    """See the module.

    Args:
        name: as findings carry it.
        classes: every class that `judge` may report.
        judge: canonical text of one sentence -> findings, offsets within that sentence.
        limit: most canonical characters that are held.
    """

    def __init__(
        self, name: str, classes: frozenset[str], judge: Callable[[str], list[Finding]], *, limit: int = 120
    ) -> None:
        self.name, self.classes, self.limit = name, classes, limit
        self._judge = judge

    def clear(self, text: str) -> bool:
        """See `Detector.clear`: nobody knows before the sentences were judged."""
        return False

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`."""
        return SentenceScanner(self._judge, self.limit)


class SentenceScanner:
    """One channel's open sentence."""

    def __init__(self, judge: Callable[[str], list[Finding]], limit: int) -> None:
        self._judge, self._limit = judge, limit
        self._open = ""
        self._base = 0

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        findings: list[Finding] = []
        start = 0
        for at, char in enumerate(piece):
            before = piece[at - 1] if at else self._open[-1:]
            if char in ENDS or (char == " " and before == ".") or len(self._open) + at + 1 - start >= self._limit:
                self._open += piece[start : at + 1]
                start = at + 1
                findings += self.decide().findings
        self._open += piece[start:]
        return Scan(findings, self._base)

    def decide(self) -> Scan:
        """Judge the open sentence as it stands; it may leave then."""
        findings = [
            msgspec.structs.replace(f, start=f.start + self._base, end=f.end + self._base)
            for f in (self._judge(self._open) if self._open.strip() else [])
        ]
        self._base += len(self._open)
        self._open = ""
        return Scan(findings, self._base)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return self.decide().findings
