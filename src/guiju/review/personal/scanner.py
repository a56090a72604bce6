"""Personal information and secrets: one kind per file, found in runs of machine characters.

Pure. The stream is cut into runs (run.py); a run is decided when it ends, so that a stream and a whole text can't
differ: nothing that is found reaches beyond its run, except by the character that ends it (`京A1234学`).
While a run is open it is held, since `john` may become an address and `1380` a number; Chinese prose has few runs, so
next to nothing is held there. Keys are longer than what may be held: they are findings that go on. Private keys and
street addresses aren't runs and have machines of their own.
"""

from __future__ import annotations

import re

from guiju.review.detector import Scan, Scanner, Sources
from guiju.review.personal import (
    address,
    api_key,
    bank_card,
    credit_code,
    email,
    ip,
    landline,
    mobile,
    passport,
    plate,
    private_key,
    resident_id,
)
from guiju.review.personal.run import BEFORE, CHARACTERS, LIMIT, PROVINCES, RUN, Hit, Run, numbers
from guiju.types import Direction, Finding

KINDS = (resident_id, credit_code, bank_card, mobile, landline, passport, plate, email, ip, api_key)
"""Those that are found in runs, in order: of two at one place the first is told."""

CLASSES = frozenset(
    {
        resident_id.CLASS,
        credit_code.CLASS,
        bank_card.CLASS,
        mobile.CLASS,
        landline.CLASS,
        passport.CLASS,
        plate.CLASS,
        email.CLASS,
        ip.PUBLIC,
        ip.PRIVATE,
        api_key.CLASS,
        private_key.CLASS,
        address.CLASS,
    }
)

_MAYBE = re.compile(
    f"[0-9a-z@)）_{PROVINCES}-](?:(?<=[0-9])[0-9]{{4}}|(?<=[0-9)）])[ -][0-9]|(?<=[0-9])[.][0-9]+[.]|(?<=@)"
    f"|(?<=[{PROVINCES}]) ?[a-hj-np-z]|(?<=[a-z0-9_-])[a-z0-9_-]{{19}})"
)
"""Without any of these nothing of any kind is here. One set for the first character: alternatives would each be tried
at every character of a Chinese text (15 µs for 500 characters instead of 2)."""
_NUMBERED = re.compile(r"[0-9)](?:[0-9]{4}|[ -][0-9]|[.][0-9]+[.])")
"""Of `_MAYBE`, what plain words can hold."""
_SHORT = 200
"""Characters: an identifier, a name. In so short a text a closer look costs less than the machine."""
_CLOSER = re.compile(
    # digits of a number, with what may part its groups; of a resident identity number also behind a letter
    r"(?<![a-z0-9])[0-9](?:[ .()（）-]{0,2}[0-9]){8}|[0-9]{17}|(?:[0-9]{1,3}\.){3}[0-9]"
    r"|(?<![a-z0-9_-])[a-z][a-z0-9][0-9]{7}"  # a passport
    rf"|@|[{PROVINCES}] ?[a-hj-np-z]|key|secret|token|passw|密钥|令牌|密码|口令"
    rf"|{credit_code.CODE.pattern}|{api_key.KEY.pattern}"
)
"""Of a short text, without any of these nothing of any kind is in its runs."""
_CARES = re.compile(f"[{re.escape(''.join(sorted(CHARACTERS)))}{PROVINCES}{address.TRIGGERS}]")
"""What anything of any kind begins with."""
_PROVINCES = frozenset(PROVINCES)
_PLATE = re.compile(f"[{PROVINCES}] ?[a-hj-np-z][.·-]?")
"""The beginning of a plate, after which a blank may come."""
_JOINS = frozenset("0123456789)）")
"""After these a blank may join the next group of digits."""
_GAPS = re.compile(r".*[._%+\-()（）· ]", re.DOTALL)
"""Up to the last gap in a run."""


class Personal:
    """The detector; see `Detector`."""

    name = "personal"
    classes = CLASSES
    limit = LIMIT

    def clear(self, text: str) -> bool:
        """See `Detector.clear`. Plain English has no run of twenty, which is quicker seen by its blanks."""
        if text.isascii() and max(map(len, text.split()), default=0) < 20:
            clear = _NUMBERED.search(text) is None and "@" not in text
        else:
            clear = _MAYBE.search(text) is None and address.clear(text)
        if not clear and len(text) <= _SHORT:
            clear = _CLOSER.search(text) is None and address.clear(text)
        return clear and private_key.clear(text)

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`."""
        return PersonalScanner(acting)


class PersonalScanner:
    """One channel's machine."""

    def __init__(self, acting: frozenset[str]) -> None:
        self._holds = bool(acting - {address.CLASS, private_key.CLASS})
        self._plates = plate.CLASS in acting
        self._address = address.AddressScanner()
        self._address_holds = address.CLASS in acting
        self._private = private_key.PrivateKeyScanner()
        self._length = 0
        self._run = ""
        """The open run's text; it begins at `_length - len(_run)`."""
        self._before = ""
        """Up to BEFORE characters before the open run, or before what comes next."""
        self._key = False
        """The open run is a key that goes on: all of it has been told."""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        if (
            not self._run
            and not self._key
            and self._private.idle
            and self._address.idle
            and _CARES.search(piece) is None
        ):
            self._length += len(piece)
            self._before = (self._before + piece)[-BEFORE:]
            self._private.skip(len(piece))
            safe = self._address.skip(piece)
            return Scan([], safe if self._address_holds else self._length)
        private, address_scan = self._private.feed(piece), self._address.feed(piece)
        findings = private.findings + address_scan.findings
        self._length += len(piece)
        text = self._run + piece
        if self._key or _MAYBE.search(text):
            self._cut(text, findings)
        else:
            self._skip(text)
        safe = min(private.safe_up_to, self._safe())
        return Scan(findings, min(safe, address_scan.safe_up_to) if self._address_holds else safe)

    def _skip(self, text: str) -> None:
        """Nothing of any kind is here; only the run at the end may become something."""
        at = len(text)
        if at > 1 and text[-1] == " " and text[-2] in _JOINS:
            at -= 1
        while at and text[at - 1] in CHARACTERS:
            at -= 1
        at = _with_province(text, at)
        if len(text) - at > LIMIT:
            self._cut(text, [])
            return
        self._run = text[at:]
        if at:
            self._before = (self._before + text[:at])[-BEFORE:]

    def _safe(self) -> int:
        if not self._holds:
            return self._length
        run = self._run
        return self._length - (len(run) if self._plates or run[-1:].strip() not in _PROVINCES else 0)

    def _cut(self, text: str, findings: list[Finding]) -> None:
        """Cut the open run and the new text into runs; decide those that ended."""
        base = self._length - len(text)
        at, before = 0, self._before
        if self._key:
            at = api_key.rest(text, 0)
            if at:
                findings.append(self._key_finding(base, base + at, going_on=True))
            before = self._before = (before + text[:at])[-BEFORE:]
            self._key = at == len(text)
        self._run = ""
        for run in RUN.finditer(text, at):
            start, end = run.span()
            before = (before + text[at:start])[-BEFORE:]
            at = end
            while end - start > LIMIT:
                gap = _GAPS.match(text, start, start + LIMIT)
                cut = gap.end() if gap else start + LIMIT
                self._decide(Run(text[start:cut], before, text[cut]), base + start, findings)
                before, start = (before + text[start:cut])[-BEFORE:], cut
            joined = (
                end == len(text) - 1
                and text[end] == " "
                and (text[end - 1] in _JOINS or _PLATE.fullmatch(text, start, end))
            )
            if end == len(text) or joined:
                at = self._leave_open(text, start, before, base, findings)
                before = self._before
                break
            self._decide(Run(text[start:end], before, text[end]), base + start, findings)
            before = (before + text[start:end])[-BEFORE:]
        if not self._run and not self._key:
            lead = _with_province(text, len(text)) if at < len(text) else at
            self._run, self._before = text[lead:], (before + text[at:lead])[-BEFORE:]

    def _leave_open(self, text: str, start: int, before: str, base: int, findings: list[Finding]) -> int:
        """The last run may go on. A key in it is told now, as far as it goes; returns where reading ended."""
        key = api_key.begins(text[start:])
        if key is None:
            self._run, self._before = text[start:], before
            return len(text)
        begin = start + key.start()
        if begin > start:
            self._decide(Run(text[start:begin], before, text[begin]), base + start, findings)
        end = api_key.rest(text, start + key.end())
        findings.append(self._key_finding(base + begin, base + end, going_on=True))
        self._before = (before + text[start:end])[-BEFORE:]
        if end == len(text):
            self._key = True
            return end
        self._run = text[end:]
        return len(text)

    def _key_finding(self, start: int, end: int, *, going_on: bool) -> Finding:
        return Finding(
            cls=api_key.CLASS,
            detector="personal",
            rule="api_key",
            start=start,
            end=end,
            going_on=going_on,
            why="prefix and length of a vendor's key",
        )

    def _decide(self, run: Run, start: int, findings: list[Finding]) -> None:
        if not _MAYBE.search(run.text):
            return
        if key := api_key.begins(run.text):  # a stream would have told it already: what follows is a run of its own
            begin, end = key.start(), api_key.rest(run.text, key.end())
            self._decide(Run(run.text[:begin], run.before, run.text[begin]), start, findings)
            findings.append(self._key_finding(start + begin, start + end, going_on=False))
            self._decide(Run(run.text[end:], (run.before + run.text[:end])[-BEFORE:], run.after), start + end, findings)
            return
        found = sorted(numbers(run), key=lambda n: (n.start, -n.end))
        taken: list[Hit] = []
        for kind in KINDS:
            for hit in kind.find(run, found):
                if not any(hit.start < other.end and other.start < hit.end for other in taken):
                    taken.append(hit)
        for hit in sorted(taken, key=lambda h: h.start):
            findings.append(
                Finding(
                    cls=hit.cls,
                    detector="personal",
                    rule=hit.cls.removeprefix("I."),
                    start=start + hit.start,
                    end=start + hit.end,
                    why=hit.why,
                )
            )

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        findings = self._private.close() + self._address.close()
        if self._run:
            self._decide(Run(self._run.rstrip(" "), self._before), self._length - len(self._run), findings)
        return findings


def _with_province(text: str, at: int) -> int:
    """Where a run begins that would begin at `at`: at the province's character before it, if there is one."""
    if at and text[at - 1] in _PROVINCES:
        return at - 1
    if at > 1 and text[at - 1] == " " and text[at - 2] in _PROVINCES:
        return at - 2
    return at


def detector(sources: Sources) -> Personal:
    """The factory of plugins.DETECTORS."""
    return Personal()
