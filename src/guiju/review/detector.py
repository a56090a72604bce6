"""What a detector is. Counterparts: judge.py asks them, holdback.py keeps what they aren't sure of yet.

A detector is compiled once and shared; `scanner()` makes one small machine per channel, fed with canonical
characters (canon.py). The same machine serves whole texts (one feed, one close), so a stream and a whole text
can't be judged differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from guiju.review.policy import Policy
from guiju.types import Direction, Finding


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a scanner knows after some more characters."""

    findings: list[Finding]
    """Final ones, each reported once. Offsets are canonical characters since the channel began."""
    safe_up_to: int
    """No finding that isn't reported yet starts before this canonical offset: what stands before may leave.
    Includes the look-ahead that word boundaries and allow-phrases need. Never falls."""


class Scanner(Protocol):
    """One channel's machine. Keeps a bounded tail; its whole work is linear in what it is fed.

    One that holds whole sentences also has `overdue() -> list[Finding]`: it has held for as long as it may, so what is
    open is decided now, as it stands, and leaves. sentence.py is such a one.
    """

    def feed(self, piece: str) -> Scan:
        """Take the canonical characters that follow those fed before (a piece may be empty or one character)."""
        ...

    def close(self) -> list[Finding]:
        """The channel ended: everything still open is decided now."""
        ...


class Detector(Protocol):
    """Finds one kind of risk in canonical text. Entry point group: `guiju.detectors`."""

    name: str
    """As findings carry it: `lexicon`, `personal`, `pattern`, …"""
    classes: frozenset[str]
    """Every class it can report; policy checks and the judge use it to leave out what can't act."""
    limit: int
    """Hard maximum of canonical characters that it holds; beyond it the scanner reports a finding (mask) or
    lets go because nothing of its kind is that long — it never releases what could still be a finding."""

    def clear(self, text: str) -> bool:
        """Whether a whole canonical text surely holds nothing of its kind: a cheap first look, which spares most texts
        the machine. False where in doubt."""
        ...

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """A fresh machine for one channel.

        Args:
            acting: those of `classes` on which the policy acts here (any action but allow). Findings of other
                classes are reported too, for the record, but never hold text back.
            direction: which way the text goes.
        """
        ...


class Sources(NamedTuple):
    """What a detector's factory may build from. A factory returns None where it has nothing to do."""

    policy: Policy
    """With the patterns that the policy file declares."""
    lexicons: Mapping[str, bytes]
    """Lexicon name -> blob (lexicon.py knows its format)."""
