"""Term lists -> one matcher. The policy decides what a hit means; lexicon_check.py reads and criticises lists.

Theory of operation. Terms are kept as squeezed canonical text (canon.py, squeeze.py). An Aho-Corasick automaton over
only the *first three* characters of each term (twelve for Latin ones) finds where a term may begin; the few terms and
allow-phrases that begin so tell which stand there, and whether the text so far is the beginning of one. Why not the whole
terms in the automaton: it would take longer to build, and the scan is no quicker. It is built without the interpreter lock,
so running streams go on meanwhile. Which library, and why: docs/decisions/0004.

    canonical ──► squeeze ──► tail + new text ──► automaton: candidates ──► look: matches, open starts
                                  ▲                                              │
                                  └──────── kept from the first open start ◄─────┘

A match is final once no open start stands at or before it (a longer term or an allow-phrase could still cover it) and,
for a Latin end, once the next character is known. Whether separators may stand where they do is asked of the gaps then
(`_fits`): anywhere in Chinese; in Latin words as far as `his ex-wife` isn't taken for `sex`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import daachorse

from guiju.review.detector import Scan, Scanner, Sources
from guiju.review.lexicon_blob import Entry, read_terms
from guiju.review.squeeze import LATIN, LONGEST_GAP, LONGEST_SPELLED, SEPARATOR, SEPARATORS, Gap, Squeeze
from guiju.types import Direction, Finding, Severity

_LATIN = re.compile(f"[{LATIN}]")
_NO_SEPARATOR = {code: None for code in range(128) if SEPARATORS.match(chr(code))}
_WORDS = re.compile(f"[^{SEPARATOR}]+")
_GAP = re.compile(f"[{SEPARATOR}]{{1,{LONGEST_SPELLED}}}")
"""The widest that a way of writing may leave between two letters."""

FIRST_CHINESE, FIRST_LATIN = 3, 12
"""Characters of a term that the automaton knows."""

LOOKS = 8
"""Terms that `clear` looks for through the whole text: after so many that stand in it only as parts of words, the machine is
quicker."""

SPELLED, HYPHENED, BROKEN, BROKEN_WORD = 3, 4, 7, 10
"""Shortest Latin terms that are seen letter by letter (`s-e-x`), with a hyphen or full stop in a word (`her.oin`), with a
blank in one of several words (`buy il legal guns`), and in the only one. Shorter ones would be seen in harmless text."""


class Lexicon:
    """Every lexicon of a policy, compiled. See the module."""

    name = "lexicon"

    def __init__(
        self, blobs: dict[str, bytes], holds: Callable[[str, Severity], bool] = lambda cls, severity: True
    ) -> None:
        """Args:
        blobs: lexicon name -> blob.
        holds: (class, severity) -> whether the policy acts on it: only these terms hold text back.
        """
        self.ends: dict[str, tuple[Entry, ...]] = {}
        """Whole terms; an allow-phrase is here with no entry."""
        self.allowed: dict[str, frozenset[str]] = {}
        """Term -> the allow-phrases that cover it."""
        self.domains: set[str] = set()
        """What stands before a full stop of a term's own: further separators may stand there."""
        acting: set[str] = set()
        for name, blob in blobs.items():
            for packed in read_terms(blob):
                key = packed.key
                acts = holds(packed.cls, packed.severity)
                entry = Entry(packed.cls, packed.severity, f"{name}:{packed.id}", acts, packed.parts)
                self.ends[key] = (*self.ends.get(key, ()), entry)
                if packed.parts:
                    self.domains.update([key[:-at] for at in packed.parts if at < 0])
                if acts:
                    acting.update((key, *packed.allow))
                if packed.allow:
                    self.allowed[key] = frozenset(packed.allow) | self.allowed.get(key, frozenset())
                    for phrase in packed.allow:
                        self.ends.setdefault(phrase, ())
        firsts: dict[str, list[str]] = {}
        for key in sorted(self.ends):
            firsts.setdefault(key[: _first(key)], []).append(key)
        self.terms = _Sorted(list(firsts.values()))
        self.acting = self.terms
        """Those that hold text back."""
        if len(acting) < len(self.ends):
            self.acting = _Sorted([[key for key in keys if key in acting] for keys in firsts.values()])
        self.classes = frozenset(e.cls for entries in self.ends.values() for e in entries)
        self.longest = self.terms.longest
        self.limit = self.longest * (1 + LONGEST_GAP)
        self._terms = [tuple([_bytes(key) for key in keys if self.ends[key]]) for keys in firsts.values()]
        """By number of their beginning in the automaton: whole terms, for `clear`."""
        self._finder = daachorse.DoubleArrayAhoCorasick(list(map(_bytes, firsts))) if firsts else None

    def clear(self, text: str) -> bool:
        """See `Detector.clear`: no term is there even where every separator is taken out."""
        bare = text.translate(_NO_SEPARATOR) if text.isascii() else "".join(_WORDS.findall(text))
        data, terms = _bytes(bare), self._terms
        passed: set[bytes] = set()
        for start, number in self._find(data):
            if data.startswith(terms[number], start):
                for term in terms[number]:
                    if term in passed or not data.startswith(term, start):
                        continue
                    if len(passed) == LOOKS or _written(term.decode(_CODE), text):
                        return False
                    passed.add(term)
        return True

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`. Which terms hold was settled when the lexicon was compiled."""
        return LexiconScanner(self)

    def candidates(self, text: str) -> dict[int, int]:
        """Where a term may begin in squeezed text -> the number of the longest beginning that stands there."""
        data = _bytes(text)
        starts = {start >> 1: number for start, number in self._find(data)}  # at one place the longest comes last
        if len(data) == 2 * len(text):
            return starts
        pairs = [found.start() + before for before, found in enumerate(_PAIR.finditer(text))]
        return {start - bisect_left(pairs, start): number for start, number in starts.items()}

    def _find(self, data: bytes) -> list[tuple[int, int]]:
        """Place in bytes and number of every beginning that stands there."""
        if self._finder is None:
            return []
        return [(start, number) for start, _, number in self._finder.find_overlapping(data) if not start & 1]


_PAIR = re.compile("[\U00010000-\U0010ffff]")
"""A character of two units in UTF-16. Halves that stand side by side are none: each is a character of its own here."""
_CODE = "utf-16-le"
"""What the automaton reads: two bytes a character are quicker than the three of UTF-8, and lead straight to its place."""


def _bytes(text: str) -> bytes:
    """Half of a surrogate pair may come from an escape in JSON: no term has one."""
    return text.encode(_CODE, "surrogatepass")


def _written(term: str, text: str) -> bool:
    """Whether a term may be there, with separators, and at word boundaries where it is Latin."""
    first, last = _LATIN.match(term), _LATIN.match(term[-1])
    at = text.find(term[0])
    while at >= 0:
        if not first or not at or not _LATIN.match(text, at - 1):
            end = at + 1
            for char in term[1:]:
                gap = _GAP.match(text, end)
                end = gap.end() if gap else end
                if not text.startswith(char, end):
                    break
                end += 1
            else:
                if not last or not _LATIN.match(text, end):
                    return True
        at = text.find(term[0], at + 1)
    return False


class _Sorted:
    """Words in order, parted by their beginnings: which stand at a place of a text, and whether one begins there that goes
    on. Nearly every beginning has one word: to look for it among all of them would touch memory all over the place."""

    def __init__(self, groups: list[list[str]]) -> None:
        """`groups`: by number of their beginning, in order: so are all of them, one behind the other."""
        self._groups = groups
        self._shorter: dict[str, str] = {}
        """Word -> the longest other one that it begins with."""
        self.longest = max([len(word) for group in groups for word in group], default=0)
        self.short: set[str] = set()
        """Beginnings that are too short for the automaton."""
        begun: list[str] = []
        for group in groups:
            for word in group:
                while begun and not word.startswith(begun[-1]):
                    begun.pop()
                if begun:
                    self._shorter[word] = begun[-1]
                begun.append(word)
                for size in range(min(_first(word), len(word)) - 1, 0, -1):
                    if (beginning := word[:size]) in self.short:
                        break  # and so are all shorter ones
                    self.short.add(beginning)

    def at(self, text: str, start: int, number: int) -> tuple[list[str], bool]:
        """The words at `start`, the longest first, and whether the text from there to its end is the beginning of another.

        Args:
            number: of the longest beginning that stands at `start`; -1 where what stands there is too short for one.
        """
        rest = text[start : start + self.longest]
        found: list[str] = []
        group = self._groups[number] if number >= 0 else None
        if not group:
            return found, rest in self.short
        following = bisect_right(group, rest)
        # Every word that `rest` begins with is the one before it in order, or begins that one too.
        word = group[following - 1] if following else self._shorter.get(group[0])
        while word is not None:
            if rest.startswith(word):
                found.append(word)
            word = self._shorter.get(word)
        opens = following < len(group) and group[following].startswith(rest)
        return found, opens or rest in self.short


def _first(key: str) -> int:
    """Characters of it that the automaton knows."""
    return FIRST_LATIN if _LATIN.match(key) else FIRST_CHINESE


class _Match(NamedTuple):
    """A term in squeezed text; offsets are those of the channel."""

    start: int
    end: int
    key: str


class LexiconScanner:
    """One channel's machine."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._squeeze = Squeeze()
        self._tail = ""
        """Squeezed text from the first start that is still open."""
        self._base = 0
        """Squeezed offset of the tail."""
        self._before = ""
        """The character before the tail, for word boundaries."""
        self._canonical = 0
        self._reported: dict[tuple[int, str], None] = {}  # this and the next are sets: an empty dict takes less memory
        self._phrases: dict[_Match, None] = {}
        """Allow-phrases seen that reach into the tail."""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        text = self._tail + self._squeeze.feed(piece)
        self._canonical += len(piece)
        findings: list[Finding] = []
        safe = self._canonical
        if text:
            open_from, held_from = self._scan(text, findings, closing=False)
            if held_from < len(text):
                safe = self._squeeze.start(self._base + held_from)
            self._keep(text, open_from)
        return Scan(findings, safe)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        findings: list[Finding] = []
        if self._tail:
            self._scan(self._tail, findings, closing=True)
        return findings

    def _scan(self, text: str, findings: list[Finding], *, closing: bool) -> tuple[int, int]:
        """Find terms in the tail and the new text.

        Returns:
            Offsets in `text` of the first start that is open at all, and of the first that holds; its length where
            there is none.
        """
        lexicon = self._lexicon
        size = open_from = held_from = len(text)
        matches: list[_Match] = []
        places = lexicon.candidates(text)
        if not closing:
            # Shorter than what the automaton knows, and at the very end.
            short = max(0, size - FIRST_LATIN + 1)
            if _LATIN.search(text, short) is None:
                short = max(0, size - FIRST_CHINESE + 1)
            known = lexicon.terms.short
            for start in range(short, size):
                if start not in places and text[start:] in known:
                    places[start] = -1
        for start, number in places.items():
            if _LATIN.match(text, start) and not self._at_boundary(text, start):
                continue
            opens = self._look(text, start, number, matches)
            if opens and not closing and self._viable(text, start):
                open_from = min(open_from, start)
                if lexicon.acting is lexicon.terms or lexicon.acting.at(text, start, number)[1]:
                    held_from = min(held_from, start)
        if not matches:
            return open_from, held_from
        matches.sort()
        self._phrases.update([(m, None) for m in matches if not lexicon.ends[m.key]])
        for match in matches:
            start = match.start - self._base
            if not closing and (start >= open_from or self._waits(text, match)):
                open_from = min(open_from, start)
                if any(entry.holds for entry in lexicon.ends[match.key]):
                    held_from = min(held_from, start)
            elif lexicon.ends[match.key]:
                self._report(match, findings)
        return open_from, held_from

    def _look(self, text: str, start: int, number: int, matches: list[_Match]) -> bool:
        """The longest term that stands at `start`, and every allow-phrase; whether another may still become one."""
        ends = self._lexicon.ends
        words, opens = self._lexicon.terms.at(text, start, number)
        longest = False
        for word in words:
            entries, end = ends[word], start + len(word)
            if (longest and entries) or not self._ends_at_boundary(text, end):
                continue
            match = _Match(self._base + start, self._base + end, word)
            if not entries or any(self._fits(match, entry.parts) for entry in entries):
                matches.append(match)
                longest = longest or bool(entries)
        return opens

    def _waits(self, text: str, match: _Match) -> bool:
        """A Latin term at the very end: the next character may belong to its word."""
        end = match.end - self._base
        return end == len(text) and not self._squeeze.followed and _LATIN.match(text[-1]) is not None

    def _at_boundary(self, text: str, start: int) -> bool:
        before = text[start - 1] if start else self._before
        return not before or not _LATIN.match(before) or self._base + start in self._squeeze.gaps

    def _ends_at_boundary(self, text: str, end: int) -> bool:
        if end == len(text) or not _LATIN.match(text, end) or not _LATIN.match(text, end - 1):
            return True
        return self._base + end in self._squeeze.gaps

    def _gaps(self, start: int, end: int) -> list[tuple[int, Gap]]:
        """Those between Latin letters, each with its place from `start` on."""
        gaps = self._squeeze.gaps
        if not gaps:
            return []
        return [(at - start, gap) for at in range(start + 1, end) if (gap := gaps.get(at)) and gap.latin]

    def _viable(self, text: str, start: int) -> bool:
        """Whether an open start may become a term: only letters that are parted one by one, and the parts of a domain, may
        stand far apart."""
        gaps = self._gaps(self._base + start, self._base + len(text))
        if len(gaps) == len(text) - start - 1:
            return True
        return all(text[start : start + at] in self._lexicon.domains for at, gap in gaps if gap.wide)

    def _fits(self, match: _Match, parts: tuple[int, ...]) -> bool:
        """Whether the separators that stand in a match may stand there."""
        gaps = self._gaps(match.start, match.end)
        if not gaps:
            return True
        key = match.key
        pairs = sum(1 for at in range(1, len(key)) if _LATIN.match(key, at - 1) and _LATIN.match(key, at))
        spelled = len(gaps) == pairs and len(key) >= SPELLED
        for at, gap in gaps:
            if -at in parts:
                continue
            inside = at not in parts
            if gap.wide and not (spelled and len(key) >= HYPHENED):
                return False
            if inside and gap.usual and not spelled:
                if gap.blank and len(key) < (BROKEN if parts else BROKEN_WORD):
                    return False
                if len(key) < HYPHENED:
                    return False
        return True

    def _covered(self, match: _Match) -> bool:
        """Whether it is part of an allow-phrase: asked by place, since a long text may hold as many of them as of terms."""
        for phrase in self._lexicon.allowed.get(match.key, ()):
            at = phrase.find(match.key)
            while at >= 0:
                start = match.start - at
                if _Match(start, start + len(phrase), phrase) in self._phrases:
                    return True
                at = phrase.find(match.key, at + 1)
        return False

    def _report(self, match: _Match, findings: list[Finding]) -> None:
        if (match.start, match.key) in self._reported:
            return
        self._reported[match.start, match.key] = None
        if self._covered(match):
            return
        start, end = self._squeeze.start(match.start), self._squeeze.start(match.end - 1) + 1
        for entry in self._lexicon.ends[match.key]:
            if self._fits(match, entry.parts):
                findings.append(
                    Finding(
                        cls=entry.cls,
                        detector="lexicon",
                        rule=entry.rule,
                        start=start,
                        end=end,
                        severity=entry.severity,
                    )
                )

    def _keep(self, text: str, open_from: int) -> None:
        if open_from:
            self._before = text[open_from - 1]
            self._tail, self._base = text[open_from:], self._base + open_from
            self._squeeze.forget(self._base)
            if self._reported:
                self._reported = {r: None for r in self._reported if r[0] >= self._base}
            if self._phrases:
                self._phrases = {p: None for p in self._phrases if p.end > self._base}
        else:
            self._tail = text


def detector(sources: Sources) -> Lexicon | None:
    """The factory of plugins.DETECTORS: None without lexicons."""
    if not sources.lexicons:
        return None

    @cache
    def holds(cls: str, severity: Severity) -> bool:
        return any(
            severity in sources.policy.acting_severities(cls, direction, audience)
            for direction in ("input", "output")
            for audience in ("general", "minors", "professional")
        )

    return Lexicon(dict(sources.lexicons), holds)
