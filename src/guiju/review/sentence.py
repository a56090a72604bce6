"""A detector from a plain function that reads a sentence: `judge(sentence) -> findings`.

For whatever can't say anything of half a sentence: a statistical model, a rule over words. Its scanner holds the
open sentence, up to a cap in characters (`limit`); holdback.py's `overdue` sets the cap in time.

A sentence that outgrows `limit` is judged in windows that overlap: what might be the beginning of a finding stays, up
to `longest` characters, and as many that have been decided are read again, so that the function sees what stands
before. A finding of at most `longest` characters is thus found wherever it stands. The time cap can't wait like that:
after it all of the open sentence has left, and a finding that began in it is told from there on.
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
        longest: most canonical characters of a finding, less than `limit`.
    """

    def __init__(
        self,
        name: str,
        classes: frozenset[str],
        judge: Callable[[str], list[Finding]],
        *,
        limit: int = 120,
        longest: int = 40,
    ) -> None:
        assert 0 < longest < limit, "a sentence that is cut must still hold a whole finding"
        self.name, self.classes, self.limit, self.longest = name, classes, limit, longest
        self._judge = judge

    def clear(self, text: str) -> bool:
        """See `Detector.clear`: nobody knows before the sentences were judged."""
        return False

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`."""
        return SentenceScanner(self._judge, self.limit, self.longest)


class SentenceScanner:
    """One channel's open sentence."""

    def __init__(self, judge: Callable[[str], list[Finding]], limit: int, longest: int) -> None:
        self._judge, self._limit, self._longest = judge, limit, longest
        self._open = ""
        """Of the open sentence: what is undecided, and before it up to `longest` characters that aren't any more."""
        self._base = 0
        """Offset at which `_open` begins."""
        self._decided = 0
        """What stands before this offset may have left."""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        findings: list[Finding] = []
        start = 0
        for at, char in enumerate(piece):
            before = piece[at - 1] if at else self._open[-1:]
            ends = char in ENDS or (char == " " and before == ".")
            if ends or self._base + len(self._open) + at + 1 - start - self._decided >= self._limit:
                self._open += piece[start : at + 1]
                start = at + 1
                findings += self._look(undecided=0 if ends else self._longest, again=0 if ends else self._longest)
        self._open += piece[start:]
        return Scan(findings, self._decided)

    def overdue(self) -> list[Finding]:
        """See `Scanner.overdue`."""
        return self._look(undecided=0, again=self._longest)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return self._look(undecided=0, again=0)

    def _look(self, *, undecided: int, again: int) -> list[Finding]:
        """Judge what is open. `undecided` characters at its end stay open, `again` that don't are kept to be read."""
        end = self._base + len(self._open)
        cut = max(self._decided, end - undecided)
        findings = []
        for found in self._judge(self._open) if self._open.strip() else []:
            first, last = max(found.start + self._base, self._decided), found.end + self._base
            if first < min(cut, last):
                findings.append(msgspec.structs.replace(found, start=first, end=last))
        self._decided = max([cut, *(f.end for f in findings)])
        kept = max(self._base, self._decided - again)
        self._open, self._base = self._open[kept - self._base :], kept
        return findings
