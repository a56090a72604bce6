"""Street address of mainland China, as people write it: place names, a road with its number, building, unit, room.

Only for the record by default (GB/T 35273 counts it as personal information; few conversations can do without places).
"""

from __future__ import annotations

import re

from guiju.review.detector import Scan
from guiju.types import Finding

CLASS = "I.address"
LIMIT = 80
"""Characters of one clause that are looked at."""

_ENDS = re.compile(r"[，。！？；：\n,;:!?]")
_ADDRESS = re.compile(
    r"(?:[一-鿿]{2,7}(?:省|自治区|市|州|盟)[一-鿿]{0,7}?(?:市|区|县|旗|镇|乡)?)?"
    r"[一-鿿0-9a-z]{0,12}?[一-鿿]{1,6}(?:大道|路|街|巷|弄|胡同|道)[0-9一二三四五六七八九十百]{1,6}(?:号|弄)"
    r"(?:院|内)?(?:[0-9a-z一二三四五六七八九十]{1,4}(?:号楼|栋|幢|座|楼))?(?:[0-9一二三四五六七八九十]{1,3}单元)?"
    r"(?:[0-9a-z]{1,5}(?:室|房|号|户|层))?"
)

_LEAD = re.compile(r"[^省市区县州盟]{0,20}(?:[寄送搬发递][到往至]|住[在址]?|位于|地址|[在到是为])(?=[一-鿿]{4})")
"""What a sentence says before a place: `请把快递寄到`."""

TRIGGERS = "号弄"
_TRIGGER = re.compile(f"[{TRIGGERS}]")


_NUMBERED = re.compile("[道路街巷弄同][0-9一二三四五六七八九十百]{1,6}[号弄]")
"""Every address holds it."""


def clear(text: str) -> bool:
    """Whether a whole text holds none."""
    return ("号" not in text and "弄" not in text) or _NUMBERED.search(text) is None


class AddressScanner:
    """One channel's machine: what stands around a house number, from the last punctuation to the next."""

    def __init__(self) -> None:
        self._tail = ""
        """Up to LIMIT characters before what comes next."""
        self._length = 0
        self._clause = ""
        """From the clause's beginning, once it holds a house number."""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        if self.idle and _TRIGGER.search(piece) is None:
            return Scan([], self.skip(piece))
        findings: list[Finding] = []
        at = 0
        while at < len(piece):
            at = self._more(piece, at, findings) if self._clause else self._begin(piece, at)
        return Scan(findings, self._length - len(self._clause) - len(self._tail))

    @property
    def idle(self) -> bool:
        """Whether only a trigger could begin something."""
        return not self._clause

    def skip(self, piece: str) -> int:
        """Characters follow among which no trigger is, while it is idle; returns up to where all is safe."""
        self._tail = (self._tail + piece)[-LIMIT:]
        self._length += len(piece)
        return self._length - len(self._tail)

    def _begin(self, piece: str, at: int) -> int:
        trigger = _TRIGGER.search(piece, at)
        end = trigger.end() if trigger else len(piece)
        self._length += end - at
        self._tail = (self._tail + piece[at:end])[-LIMIT:]
        if trigger:
            before = max((m.end() for m in _ENDS.finditer(self._tail)), default=0)
            self._clause, self._tail = self._tail[before:], ""
        return end

    def _more(self, piece: str, at: int, findings: list[Finding]) -> int:
        ends = _ENDS.search(piece, at)
        end = min(ends.end() if ends else len(piece), at + 2 * LIMIT - len(self._clause))
        self._length += end - at
        self._clause += piece[at:end]
        if (ends and end == ends.end()) or len(self._clause) >= 2 * LIMIT:
            findings += self._decide()
        return end

    def _decide(self) -> list[Finding]:
        clause, self._clause = self._clause, ""
        start = self._length - len(clause)
        return [
            Finding(
                cls=CLASS,
                detector="personal",
                rule="address",
                start=start + (lead.end() if (lead := _LEAD.match(clause, hit.start(), hit.end())) else hit.start()),
                end=start + hit.end(),
                severity="low",
                why="road and number",
            )
            for hit in _ADDRESS.finditer(clause)
        ]

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return self._decide()
