"""Term lists -> one matcher. The policy decides what a hit means; lexicon_check.py reads and criticises lists.

Theory of operation. Terms are kept as squeezed canonical text (canon.py, squeeze.py). An Aho-Corasick automaton over
only the *first three* characters of each term (five for Latin ones) finds where a term may begin; two Python sets tell
how far it goes: `ends` (whole terms and allow-phrases) and `begins` (every proper prefix of them). Why not the whole
terms in the automaton: it would take four times as long to build, the scan is no quicker, and the prefixes are needed
anyway to know which suffix of a stream may still become a term. It is built without the interpreter lock, so running
streams go on meanwhile (docs/explanation/how-holdback-works.md).

    canonical ──► squeeze ──► tail + new text ──► automaton: candidates ──► walk: matches, open starts
                                  ▲                                              │
                                  └──────── kept from the first open start ◄─────┘

A match is final once no open start stands at or before it (a longer term or an allow-phrase could still cover it) and,
for a Latin end, once the next character is known. Letters parted one by one (`s-e-x`) go a second way, through
squeeze.Spelled and the same sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick_rs
import msgspec

from guiju.review.canon import plain
from guiju.review.detector import Scan, Scanner, Sources
from guiju.review.squeeze import LATIN, LONGEST_GAP, SEPARATOR, SEPARATORS, Spelled, Squeeze, squeezed
from guiju.types import Direction, Finding, Severity

_LATIN = re.compile(f"[{LATIN}]")
_HALF = re.compile("[\ud800-\udfff]")
_NO_SEPARATOR = {code: None for code in range(128) if SEPARATORS.match(chr(code))}
_WORDS = re.compile(f"[^{SEPARATOR}]+")
_GAP = re.compile(f"[{SEPARATOR}]{{1,{2 * LONGEST_GAP + 1}}}")
"""The widest that a way of spelling may leave between two letters."""
_PARTED = re.compile(f"[{LATIN}](?<![{LATIN}].)(?:[{SEPARATOR}]|$)", re.DOTALL)
"""A letter that stands alone, with a separator after it, or whose neighbour is still to come."""

FIRST_CHINESE, FIRST_LATIN = 3, 5
"""Characters of a term that the automaton knows."""


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One term of a lexicon, as people write it."""

    text: str
    cls: str
    severity: Severity = "high"
    id: str = ""
    """Stable within its lexicon; "" takes the text's place in the list."""
    lang: str = ""
    origin: str = ""
    """Where it comes from, with the licence."""
    allow: tuple[str, ...] = ()
    """Phrases that hold the term and mean no harm (`大麻哈鱼` for `大麻`)."""


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A term in a blob: squeezed already, so that loading 100,000 takes no time."""

    key: str
    cls: str
    severity: Severity
    id: str
    allow: tuple[str, ...]


_packer = msgspec.msgpack.Encoder()
_unpacker: msgspec.msgpack.Decoder[list[_Packed]] = msgspec.msgpack.Decoder(list[_Packed])


def key_of(text: str) -> str:
    """The form in which a term is matched; "" where nothing of it is left."""
    return squeezed(plain(text))


def encode_terms(terms: Iterable[Term]) -> bytes:
    """Terms -> blob. Terms of fewer than two characters are left out (lexicon_check.py says so to the person)."""
    packed = []
    for number, term in enumerate(terms):
        key = key_of(term.text)
        if len(key) >= 2:
            allow = tuple(k for k in map(key_of, term.allow) if key in k and k != key)
            packed.append(_Packed(key, term.cls, term.severity, term.id or str(number), allow))
            if " " in key:  # written together as well
                packed.append(_Packed(key.replace(" ", ""), term.cls, term.severity, term.id or str(number), allow))
    return _packer.encode(packed)


class _Entry(NamedTuple):
    """What a whole term says."""

    cls: str
    severity: Severity
    rule: str
    holds: bool


class Lexicon:
    """Every lexicon of a policy, compiled. See the module."""

    name = "lexicon"

    def __init__(self, blobs: dict[str, bytes], holds: frozenset[tuple[str, Severity]] | None = None) -> None:
        """Args:
        blobs: lexicon name -> blob.
        holds: (class, severity) pairs on which the policy acts: only these terms hold text back. None: all.
        """
        self.ends: dict[str, tuple[_Entry, ...]] = {}
        """Whole terms; an allow-phrase is here with no entry."""
        self.begins: set[str] = set()
        self.allowed: dict[str, frozenset[str]] = {}
        """Term -> the allow-phrases that cover it."""
        held: set[str] = set()
        for name, blob in blobs.items():
            for packed in _unpacker.decode(blob):
                key = packed.key
                acts = holds is None or (packed.cls, packed.severity) in holds
                entry = _Entry(packed.cls, packed.severity, f"{name}:{packed.id}", acts)
                known = self.ends.get(key, ())
                self.ends[key] = (*known, entry)
                words = (key, *packed.allow)
                if packed.allow:
                    self.allowed[key] = frozenset(packed.allow) | self.allowed.get(key, frozenset())
                    for phrase in packed.allow:
                        self.ends.setdefault(phrase, ())
                begins = self.begins if acts else held
                for word in words:
                    for size in range(len(word) - 1, 0, -1):
                        if (prefix := word[:size]) in begins:
                            break  # and so are all shorter ones
                        begins.add(prefix)
        self.walk = self.begins | held if held - self.begins else self.begins
        """Prefixes of all terms, those that are only recorded too; `begins` are those that hold."""
        self.classes = frozenset(e.cls for entries in self.ends.values() for e in entries)
        self.limit = max(map(len, self.ends), default=0) * 4
        self.longest = max(map(len, self.ends), default=0)
        firsts: dict[str, list[str]] = {}
        for key, entries in self.ends.items():
            terms = firsts.setdefault(key[: FIRST_LATIN if _LATIN.match(key) else FIRST_CHINESE], [])
            if entries and " " not in key:
                terms.append(key)
        self._terms = [tuple(terms) for terms in firsts.values()]
        """By number of their beginning in the automaton: whole terms, for `clear`."""
        self._finder = ahocorasick_rs.AhoCorasick(
            firsts, implementation=ahocorasick_rs.Implementation.ContiguousNFA, store_patterns=False
        )

    def clear(self, text: str) -> bool:
        """See `Detector.clear`: no term is there even where every separator is taken out."""
        bare = text.translate(_NO_SEPARATOR) if text.isascii() else "".join(_WORDS.findall(text))
        terms = self._terms
        for number, start, _ in self._find(bare):
            if not bare.startswith(terms[number], start):
                continue
            for term in terms[number]:
                if bare.startswith(term, start) and _written(term, text):
                    return False
        return True

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`. Which terms hold was settled when the lexicon was compiled."""
        return LexiconScanner(self)

    def candidates(self, text: str) -> list[int]:
        """Where a term may begin in squeezed text."""
        return [start for _, start, _ in self._find(text)]

    def _find(self, text: str) -> list[tuple[int, int, int]]:
        try:
            return self._finder.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:  # half of a pair, from an escape in JSON: no term has one
            return self._finder.find_matches_as_indexes(_HALF.sub("\ufffd", text), overlapping=True)


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
        """The character before the tail, for word boundaries, and where it stands in canonical text."""
        self._before_at = -1
        self._canonical = 0
        self._reported: set[tuple[int, str]] = set()
        self._phrases: set[_Match] = set()
        """Allow-phrases seen that reach into the tail."""
        self._spelled: Spelled | None = None
        self._last = ""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        new = self._squeeze.feed(piece)
        self._canonical += len(piece)
        findings: list[Finding] = []
        text = self._tail + new
        safe = self._canonical
        if text:
            open_from, held_from = self._scan(text, findings, closing=False)
            if held_from < len(text):
                safe = self._squeeze.start(self._base + held_from)
            self._keep(text, open_from)
        if self._spelled is not None or _PARTED.search(piece):
            safe = min(safe, self._spell(piece, findings))
        if piece:
            self._last = piece[-1]
        return Scan(findings, safe)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        findings: list[Finding] = []
        if self._tail:
            self._scan(self._tail, findings, closing=True)
        if self._spelled is not None:
            for letters, places in self._spelled.close():
                self._spelled_terms(letters, places, findings)
        return findings

    # --- ordinary text ----------------------------------------------------------------------------

    def _scan(self, text: str, findings: list[Finding], *, closing: bool) -> tuple[int, int]:
        """Find terms in the tail and the new text.

        Returns:
            Offsets in `text` of the first start that is open at all, and of the first that holds; its length where
            there is none.
        """
        lexicon = self._lexicon
        size = open_from = held_from = len(text)
        matches: list[_Match] = []
        starts = set(lexicon.candidates(text))
        if not closing:
            # Shorter than what the automaton knows, and at the very end: asked of the prefixes.
            starts.update(s for s in range(max(0, size - FIRST_LATIN + 1), size) if text[s] in lexicon.walk)
        for start in sorted(starts):
            latin = _LATIN.match(text, start)
            if latin and not self._at_boundary(text, start):
                continue
            reach = self._walk(text, start, matches)
            if reach == size and not closing and (rest := text[start:]) in lexicon.walk:
                open_from = min(open_from, start)
                if rest in lexicon.begins:
                    held_from = min(held_from, start)
        matches.sort()
        self._phrases.update(m for m in matches if not lexicon.ends[m.key])
        for match in matches:
            start = match.start - self._base
            if not closing and (start >= open_from or self._waits(text, match)):
                open_from = min(open_from, start)
                if any(entry.holds for entry in lexicon.ends[match.key]):
                    held_from = min(held_from, start)
            elif lexicon.ends[match.key]:
                self._report(match, findings)
        return open_from, held_from

    def _walk(self, text: str, start: int, matches: list[_Match]) -> int:
        """Every whole term that begins at `start`; where the walk ended."""
        ends, walk = self._lexicon.ends, self._lexicon.walk
        end, size = start + 1, len(text)
        longest: _Match | None = None
        while end <= size:
            piece = text[start:end]
            if piece in ends and self._ends_at_boundary(text, end):
                match = _Match(self._base + start, self._base + end, piece)
                if ends[piece]:
                    longest = match
                else:
                    matches.append(match)
            if piece not in walk:
                break
            end += 1
        if longest is not None:
            matches.append(longest)
        return min(end - 1, size)

    def _waits(self, text: str, match: _Match) -> bool:
        """A Latin term at the very end: the next character may belong to its word."""
        end = match.end - self._base
        return end == len(text) and not self._squeeze.followed and _LATIN.match(text[-1]) is not None

    def _at_boundary(self, text: str, start: int) -> bool:
        before = text[start - 1] if start else self._before
        if not before or not _LATIN.match(before):
            return True
        here = self._squeeze.start(self._base + start)
        there = self._squeeze.start(self._base + start - 1) if start else self._before_at
        return here > there + 1  # something unusual stood between

    def _ends_at_boundary(self, text: str, end: int) -> bool:
        if end == len(text) or not _LATIN.match(text, end) or not _LATIN.match(text, end - 1):
            return True
        return self._squeeze.start(self._base + end) > self._squeeze.start(self._base + end - 1) + 1

    def _report(self, match: _Match, findings: list[Finding]) -> None:
        if (match.start, match.key) in self._reported:
            return
        self._reported.add((match.start, match.key))
        allowed = self._lexicon.allowed.get(match.key, frozenset())
        if any(p.key in allowed and p.start <= match.start and match.end <= p.end for p in self._phrases):
            return
        start, end = self._squeeze.start(match.start), self._squeeze.start(match.end - 1) + 1
        self._add(match.key, start, end, findings)

    def _add(self, key: str, start: int, end: int, findings: list[Finding]) -> None:
        for entry in self._lexicon.ends[key]:
            findings.append(
                Finding(
                    cls=entry.cls, detector="lexicon", rule=entry.rule, start=start, end=end, severity=entry.severity
                )
            )

    def _keep(self, text: str, open_from: int) -> None:
        if open_from:
            self._before = text[open_from - 1]
            self._before_at = self._squeeze.start(self._base + open_from - 1)
            self._tail, self._base = text[open_from:], self._base + open_from
            self._squeeze.forget(self._base)
            if self._reported:
                self._reported = {r for r in self._reported if r[0] >= self._base}
            if self._phrases:
                self._phrases = {p for p in self._phrases if p.end > self._base}
        else:
            self._tail = text

    # --- letters parted one by one ------------------------------------------------------------------

    def _spell(self, piece: str, findings: list[Finding]) -> int:
        """Feed the second way; the first canonical offset that it holds."""
        lexicon, at = self._lexicon, 0
        proved: list[tuple[str, list[int]]] = []
        while True:
            if self._spelled is None:
                single = _PARTED.search(piece, at)
                if single is None:
                    break
                at = single.start()
                # The expression can't see what stood before the piece.
                in_word = at == 0 and _LATIN.match(self._last) is not None
                self._spelled = Spelled(lexicon.longest, self._canonical - len(piece) + at, in_word=in_word)
            at = self._spelled.feed(piece, at, proved)
            if not self._spelled.idle:
                break
            self._spelled = None
        for letters, places in proved:
            self._spelled_terms(letters, places, findings)
        if self._spelled is not None:
            letters = self._spelled.letters
            for begin in range(len(letters)):
                rest = letters[begin:]
                if rest[0] != " " and (rest in lexicon.begins or rest in lexicon.ends):
                    return self._spelled.places[begin]
        return self._canonical

    def _spelled_terms(self, letters: str, places: list[int], findings: list[Finding]) -> None:
        for at in range(len(letters) - 2):
            if letters[at:] in self._lexicon.ends:
                self._add(letters[at:], places[at], places[-1] + 1, findings)


def detector(sources: Sources) -> Lexicon | None:
    """The factory of plugins.DETECTORS: None without lexicons."""
    if not sources.lexicons:
        return None
    classes = {packed.cls for blob in sources.lexicons.values() for packed in _unpacker.decode(blob)}
    holds = {
        (cls, severity)
        for cls in classes
        for direction in ("input", "output")
        for audience in ("general", "minors", "professional")
        for severity in sources.policy.acting_severities(cls, direction, audience)
    }
    return Lexicon(dict(sources.lexicons), frozenset(holds))
