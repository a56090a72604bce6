"""Canonical text without the separators that people put between characters: `赌 博`, `赌*博`, `s-e-x`.

Pure. lexicon.py matches terms here; `start` leads back to canonical offsets. Rules, by what stands on both sides of a
run of separators (blanks, symbols, emoji, brackets, quotes):

  * more than two of them, or a full stop before a blank: one line break, which ends every match;
  * between two Latin letters or digits: gone if all of them are unusual inside a word (`her*oin`), else one blank
    (`his ex-wife` stays three words, so that it never holds `sex`);
  * otherwise (Chinese on one side at least): gone.

Clause and sentence punctuation and line breaks are no separators: they stay, and end a match by being there.
Letters that are parted one by one (`s-e-x`) are read by `Spelled`.
"""

from __future__ import annotations

import re
from bisect import bisect_right

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
_USUAL = re.compile(r"[\s'\-./&+’]")
"""What stands inside and between Latin words in ordinary text."""
_EACH = re.compile(f"[{LATIN}]+|[{SEPARATOR}]+|.", re.DOTALL)
_FAR = 1 << 62

LONGEST_GAP = 2


class Squeeze:
    """One channel's squeezed text, as it grows."""

    def __init__(self) -> None:
        self.length = 0
        """Squeezed characters so far."""
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
        if len(self._run) > LONGEST_GAP or ". " in self._run:
            self._ended = True
            self._emit("\n", self._canonical - len(self._run), out)
            self._run = ""

    def _text(self, text: str, out: list[str]) -> None:
        run, self._run = self._run, ""
        start = self._canonical
        if run and _IS_LATIN.match(self._last) and _IS_LATIN.match(text) and _USUAL.search(run):
            self._emit(" ", start - len(run), out)
        self._ended = False
        self._emit(text, start, out)
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


def squeezed(text: str) -> str:
    """A whole canonical text, squeezed: how terms are kept."""
    return Squeeze().feed(text).strip(" \n")


class Spelled:
    """Latin letters that are parted one by one: `h-e-r-o-i-n`, `c h i l d   p o r n`.

    A gap of one or two separators stands between letters, three to five between words (the term's own blank with a
    separator on each side).

    Args:
        longest: letters that are kept at most.
        place: canonical offset of the first character that will be fed.
        in_word: a letter stood right before it.
    """

    def __init__(self, longest: int, place: int, *, in_word: bool) -> None:
        self.letters = ""
        """The letters of the open run, words parted by a blank; "" where none is open."""
        self.places: list[int] = []
        """Canonical offset of each."""
        self._longest = longest
        self._place = place
        self._gap = 0
        self._word = 2 if in_word else 0
        """Length of the word that is being read, as far as it matters: 1 is a letter that still stands alone."""

    @property
    def idle(self) -> bool:
        """Whether no run is open: what comes next is read anew."""
        return not self.letters

    def feed(self, piece: str, at: int, proved: list[tuple[str, list[int]]]) -> int:
        """Take canonical characters from `at` on, until the run ends.

        Args:
            proved: gets the run (letters and their places) as it was each time another letter proved to stand alone.

        Returns:
            Where it stopped: the end of the piece, or after what ended the run.
        """
        for part in _EACH.finditer(piece, at):
            text = part.group()
            if _IS_LATIN.match(text):
                self._take(text, self._place + part.start() - at)
            else:
                self._prove(proved)
                self._gap += len(text)
                if self._gap > 2 * LONGEST_GAP + 1 or not SEPARATORS.match(text):
                    self._reset()
            if not self.letters:
                self._place += part.end() - at
                return part.end()
        self._place += len(piece) - at
        return len(piece)

    def close(self) -> list[tuple[str, list[int]]]:
        """The text ended: the last letter stands alone."""
        proved: list[tuple[str, list[int]]] = []
        self._prove(proved)
        return proved

    def _take(self, text: str, place: int) -> None:
        if self._word or len(text) > 1:
            self._reset()
            self._word = 2
            return
        if self.letters and self._gap > LONGEST_GAP:
            self.letters += " "
            self.places.append(place - 1)
        self.letters += text
        self.places.append(place)
        if len(self.letters) > self._longest + 1:
            self.letters, self.places = self.letters[-self._longest :], self.places[-self._longest :]
        self._gap, self._word = 0, 1

    def _prove(self, proved: list[tuple[str, list[int]]]) -> None:
        if self._word == 1:
            proved.append((self.letters, list(self.places)))
        self._word = 0

    def _reset(self) -> None:
        self.letters, self.places, self._gap = "", [], 0
