"""The form in which text is compared, with the way back to the text as it was given.

Pure. A character becomes none, one or several canonical characters, whatever stands around it: so a stream needs
no look-ahead, and a text cut anywhere has the same canonical form as the whole. What is changed (canon_table.py):
compatibility forms and widths (NFKC), case, combining marks and everything invisible dropped, traditional to
simplified Chinese, look-alikes of Latin letters. Common Chinese punctuation stays as it is.

NFKC of Chinese text costs 66 µs for 500 characters, since full-width punctuation makes every text look abnormal. One
regular expression that asks "is any character of the table here?" costs 3 µs, and mostly the answer is no.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from guiju.review import canon_table

CHANGED = re.compile(f"[{canon_table.CHANGED}]")
_MAP: dict[str, str] = dict(zip(canon_table.FROM, canon_table.TO, strict=True))
_MAP |= dict.fromkeys(canon_table.GONE, "")
_MAP |= {pair[0]: pair[1:] for pair in canon_table.LONGER.split("|")}

_FAR = 1 << 62


class Canon:
    """One channel's canonical form, as it grows."""

    def __init__(self) -> None:
        self.length = 0
        """Canonical characters so far."""
        self.source_length = 0
        """Characters of the source so far."""
        self._runs: list[tuple[int, int, int]] = []
        """(first canonical offset, first source offset, 1 or 0): from there on one to one, or all from one source
        character. Empty while everything so far was one to one (or has been forgotten): then `_shift` leads back."""
        self._shift = 0
        """Source offset minus canonical offset before the first run."""

    def feed(self, piece: str) -> str:
        """The next characters of the source -> their canonical characters."""
        first = CHANGED.search(piece)
        out = piece.lower() if first is None else self._changed(piece, first.start())
        self.length += len(out)
        self.source_length += len(piece)
        return out

    def _changed(self, piece: str, at: int) -> str:
        out = [piece[:at].lower()]
        length, last = self.length + at, at
        while True:
            char = piece[at]
            into = _MAP.get(char)
            if into is None:
                into = char.lower()  # beyond U+FFFF the expression asks about all
            out.append(into)
            if len(into) != 1:
                # From here on the offsets differ by another amount.
                if into:
                    self._runs.append((length, self.source_length + at, 0))
                self._runs.append((length + len(into), self.source_length + at + 1, 1))
            length += len(into)
            last = at + 1
            following = CHANGED.search(piece, last)
            if following is None:
                out.append(piece[last:].lower())
                return "".join(out)
            at = following.start()
            out.append(piece[last:at].lower())
            length += at - last

    def start(self, offset: int) -> int:
        """Source offset of the character that made the canonical one at `offset`; the end of the source for `length`."""
        if offset >= self.length:
            return self.source_length
        if not self._runs or offset < self._runs[0][0]:
            return offset + self._shift
        canonical, source, width = self._runs[bisect_right(self._runs, (offset, _FAR)) - 1]
        return source + (offset - canonical) * width

    def end(self, offset: int) -> int:
        """Source offset after the character that made the canonical one at `offset`."""
        return self.start(offset) + 1

    def forget(self, before: int) -> None:
        """Canonical offsets below `before` are never asked for again: memory stays bounded by what is held."""
        if not self._runs:
            return
        passed = bisect_right(self._runs, (before, _FAR)) - 1
        if passed < 0:
            return
        canonical, source, width = self._runs[passed]
        if width == 1:
            self._shift = source - canonical
            del self._runs[: passed + 1]
        else:
            del self._runs[:passed]


class Canonical(NamedTuple):
    """The canonical form of a whole text."""

    text: str
    canon: Canon

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Canonical range -> range of the text as it was given."""
        return self.canon.start(start), self.canon.end(end - 1)


def canonical(text: str) -> Canonical:
    """The canonical form of a whole text, with the way back."""
    canon = Canon()
    return Canonical(canon.feed(text), canon)


def plain(text: str) -> str:
    """The canonical form alone, without the way back."""
    return CHANGED.sub(_into, text).lower()


def _into(changed: re.Match[str]) -> str:
    char = changed[0]
    return _MAP.get(char, char)
