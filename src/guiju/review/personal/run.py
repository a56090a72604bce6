"""What every kind of personal information is looked for in: a run of machine characters, with what stands around it.

Pure. `RUN` says what a run is; __init__.py cuts the stream into runs; each kind's `find` reads one run. A number in it
may be written in groups (`138 0013 8000`): `numbers` lists each way in which neighbouring groups make one number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

LIMIT = 320
"""Most characters of a run: an e-mail address of RFC 5321 (64 + 1 + 255). A longer one is cut at its last gap."""

RUN = re.compile(r"[a-z0-9@._%+\-()（）·]+(?:(?<=[0-9)）]) [0-9x][a-z0-9@._%+\-()（）·]*)*")
"""Of canonical text: machine characters; one blank joins two groups of digits (or a closing x)."""

LONGEST_NUMBER = 20
_NUMBER = re.compile(r"[0-9]+(?:[ -][0-9]+)*(?:[ -]?x)?")
_GROUP = re.compile(r"[0-9]+x?|x")


CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789@._%+-()（）·")


class Run(NamedTuple):
    """A run and its surroundings."""

    text: str
    before: str
    """Up to 16 characters that stand before it."""


class Hit(NamedTuple):
    """Something found in a run; offsets within it."""

    cls: str
    start: int
    end: int
    why: str


class Number(NamedTuple):
    """Neighbouring groups of digits, taken together."""

    digits: str
    """With a closing `x`, where there is one."""
    start: int
    end: int
    shape: tuple[int, ...]
    """Digits in each group."""


def numbers(run: Run) -> Iterator[Number]:
    """Each way in which the groups of a run make a number of at most LONGEST_NUMBER digits.

    A number isn't part of a word (`no138…` is none), nor of a decimal (`3.138…`).
    """
    text = run.text
    for found in _NUMBER.finditer(text):
        groups = [(m.start(), m.end()) for m in _GROUP.finditer(text, found.start(), found.end())]
        for first, (start, _) in enumerate(groups):
            if not _free_before(text, start):
                continue
            digits, shape = "", cast(tuple[int, ...], ())
            for begin, end in groups[first:]:
                digits += text[begin:end]
                shape = (*shape, end - begin)
                if len(digits) > LONGEST_NUMBER:
                    break
                if _free_after(text, end):
                    yield Number(digits, start, end, shape)


def _free_before(text: str, start: int) -> bool:
    if start == 0:
        return True
    before = text[start - 1]
    return not (before.isalnum() or (before == "." and start > 1 and text[start - 2].isdigit()) or before in "@%")


def _free_after(text: str, end: int) -> bool:
    if end == len(text):
        return True
    after = text[end]
    return not (after.isalnum() or (after == "." and text[end + 1 : end + 2].isdigit()) or after in "@%")


def evenly(shape: tuple[int, ...]) -> bool:
    """Written digit by digit, or pair by pair: nobody writes several things that way."""
    return len(shape) > 3 and max(shape) <= 2
