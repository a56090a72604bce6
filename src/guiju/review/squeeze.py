"""Canonical text without the separators that people put between characters: `赌 博`, `赌*博`, `s-e-x`.

Pure. lexicon.py matches terms here; `start` leads back to canonical offsets, `gaps` tells where separators stood (blanks,
symbols, emoji, brackets, quotes), so that it can tell `s-e-x` from `his ex-wife`. A line break, which ends every match,
stands in place of

  * more than LONGEST_GAP separators, or a full stop before a blank;
  * between Latin letters, more than LONGEST_SPELLED (`gaps` tells of shorter ones).

Clause and sentence punctuation and line breaks are no separators: they stay, and end a match by being there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

HARD = "，。！？；：、,!?;:…\n\r\u2028\u2029"
"""Clause and sentence punctuation, line breaks."""


def _separators() -> str:
    """The inside of a character class. Spelt out, since `\\w` asks the Unicode tables character by character (3 x slower)."""
    parts, start = [], -1
    for code in range(0x10001):
        char = chr(code)
        apart = code < 0x10000 and not char.isalnum() and char not in HARD and not 0xD800 <= code < 0xE000
        if apart and start < 0:
            start = code
        elif not apart and start >= 0:
            parts.append(f"{re.escape(chr(start))}-{re.escape(chr(code - 1))}")
            start = -1
    return "".join(parts) + "\U0001f000-\U0001fbff"


SEPARATOR = _separators()
SEPARATORS = re.compile(f"[{SEPARATOR}]+")
LATIN = "a-z0-9\u00c0-\u1fff\u2c00-\u2dff"
"""Of canonical text: letters that make words with blanks between them."""
_IS_LATIN = re.compile(f"[{LATIN}]")
_BLANK = re.compile(r"\s")
_USUAL = re.compile(r"['\-./&+’]")
_FAR = 1 << 62

LONGEST_GAP = 2
LONGEST_SPELLED = 2 * LONGEST_GAP + 1
"""Between words whose letters are parted one by one: the blank, with separators on both sides (`c-h-i-l-d- -p-o-r-n`)."""


class Gap(NamedTuple):
    """Separators that stood between two characters."""

    wide: bool
    """It ends a match, but where letters are parted one by one."""
    latin: bool
    """Between two Latin letters or digits."""
    blank: bool
    """A blank is among them: what parts Latin words."""
    usual: bool
    """Something is among them that stands inside and between Latin words in ordinary text."""
    dot: bool
    """It is a full stop alone: of a domain."""


class Squeeze:
    """One channel's squeezed text, as it grows."""

    def __init__(self) -> None:
        self.length = 0
        """Squeezed characters so far."""
        self.gaps: dict[int, Gap] = {}
        """Squeezed offset -> what stood before the character there."""
        self._canonical = 0
        """Canonical characters taken in."""
        self._run = ""
        """Separators whose other side isn't known yet."""
        self._ended = False
        """The current run has already become a line break."""
        self._last = ""
        """The last character before the run."""
        self._shift = 0
        self._marks: list[tuple[int, int]] = []
        """(squeezed offset, canonical offset) from which on both run alike."""

    @property
    def followed(self) -> bool:
        """Whether a separator stands after the last squeezed character."""
        return bool(self._run) or self._ended

    def feed(self, piece: str) -> str:
        """Canonical characters -> squeezed characters that they settle."""
        found = SEPARATORS.search(piece)
        if found is None and not self._run and not self._ended:
            self._canonical += len(piece)
            self.length += len(piece)
            if piece:
                self._last = piece[-1]
            return piece
        out: list[str] = []
        at = 0
        while found is not None:
            if found.start() > at:
                self._text(piece[at : found.start()], out)
            self._separators(found.group(), out)
            at = found.end()
            found = SEPARATORS.search(piece, at)
        if at < len(piece):
            self._text(piece[at:], out)
        return "".join(out)

    def _separators(self, run: str, out: list[str]) -> None:
        self._canonical += len(run)
        if self._ended:
            return
        self._run += run
        if len(self._run) > LONGEST_SPELLED or (_wide(self._run) and not _IS_LATIN.match(self._last)):
            self._end(self._canonical - len(self._run), out)

    def _end(self, canonical: int, out: list[str]) -> None:
        self._ended, self._run = True, ""
        self._emit("\n", canonical, out)

    def _text(self, text: str, out: list[str]) -> None:
        if run := self._run:
            latin = _IS_LATIN.match(self._last) is not None and _IS_LATIN.match(text) is not None
            wide = _wide(run)
            if wide and not latin:
                self._end(self._canonical - len(run), out)
            else:
                blank = _BLANK.search(run) is not None
                self.gaps[self.length] = Gap(wide, latin, blank, blank or _USUAL.search(run) is not None, run == ".")
            self._run = ""
        self._ended = False
        self._emit(text, self._canonical, out)
        self._last = text[-1]
        self._canonical += len(text)

    def _emit(self, text: str, canonical: int, out: list[str]) -> None:
        shift = canonical - self.length
        known = self._marks[-1][1] - self._marks[-1][0] if self._marks else self._shift
        if shift != known:
            self._marks.append((self.length, canonical))
        self.length += len(text)
        out.append(text)

    def start(self, offset: int) -> int:
        """Canonical offset of a squeezed character; `length` leads to the end, before separators not settled yet."""
        if not self._marks or offset < self._marks[0][0]:
            return offset + self._shift
        squeezed, canonical = self._marks[bisect_right(self._marks, (offset, _FAR)) - 1]
        return canonical + offset - squeezed

    def forget(self, before: int) -> None:
        """Squeezed offsets below `before` are never asked for again."""
        passed = bisect_right(self._marks, (before, _FAR))
        if passed:
            squeezed, canonical = self._marks[passed - 1]
            self._shift = canonical - squeezed
            del self._marks[:passed]
        if self.gaps and next(iter(self.gaps)) < before:
            self.gaps = {at: gap for at, gap in self.gaps.items() if at >= before}


def _wide(run: str) -> bool:
    return len(run) > LONGEST_GAP or ". " in run


class Squeezed(NamedTuple):
    """A whole text, squeezed: how terms are kept."""

    text: str
    parts: tuple[int, ...]
    """Where words of Latin letters are parted, by what stands between such words in ordinary text; less than zero where a
    full stop alone does."""


def squeezed(text: str) -> Squeezed:
    """A whole canonical text, squeezed."""
    squeeze = Squeeze()
    out = squeeze.feed(text)
    bare = out.lstrip("\n")
    cut = len(out) - len(bare)
    usual = [(at - cut, gap) for at, gap in squeeze.gaps.items() if gap.latin and gap.usual]
    return Squeezed(bare.rstrip("\n"), tuple(-at if gap.dot else at for at, gap in usual))
