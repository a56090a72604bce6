"""What every kind of personal information is looked for in: a run of machine characters, with what stands around it.

Pure. `RUN` says what a run is; __init__.py cuts the stream into runs; each kind's `find` reads one run. A number in it
may be written in groups (`138 0013 8000`): `numbers` lists each way in which neighbouring groups make one number.
Groups of one regular size are one number and are never read in part: a card with a wrong check digit would hold others
that are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

LIMIT = 320
"""Most characters of a run: an e-mail address of RFC 5321 (64 + 1 + 255). A longer one is cut at its last gap."""

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""What a number plate begins with."""

RUN = re.compile(
    rf"(?:[{PROVINCES}] ?(?:[a-hj-np-z][.·-]? (?=[a-z0-9]))?)?[a-z0-9@._%+\-()（）·]+"
    r"(?:(?<=[0-9)）]) [0-9x][a-z0-9@._%+\-()（）·]*)*"
)
"""Of canonical text: machine characters, with the province of a plate before them; one blank joins two groups of digits
(or a closing x), or the parts of a plate."""

BEFORE = 32
"""Characters before a run that are looked at for words (`passport number is`)."""

SHORTEST_NUMBER, LONGEST_NUMBER = 10, 20
_NUMBER = re.compile(r"[0-9]+(?:[ -][0-9]+)*(?:[ -]?x)?")
_MOBILE = re.compile(r"1[3-9][0-9]([ -])[0-9]{4}\1[0-9]{4}(?![0-9x])")
_GROUP = re.compile(r"[0-9]+x?|x")


CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789@._%+-()（）·")


class Run(NamedTuple):
    """A run and its surroundings."""

    text: str
    before: str
    """Up to BEFORE characters that stand before it."""
    after: str = ""
    """The character that ended it; "" at the end of the text."""


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
    """Each way in which the groups of a run make a number of SHORTEST_NUMBER to LONGEST_NUMBER digits.

    A number isn't part of a word (`no138…` is none), nor of a decimal (`3.138…`).
    """
    text = run.text
    for found in _NUMBER.finditer(text):
        groups = [(m.start(), m.end()) for m in _GROUP.finditer(text, found.start(), found.end())]
        units = _units(text, groups)
        for first, unit in enumerate(units):
            if not _free_before(text, unit[0][0]):
                continue
            digits, shape = "", cast(tuple[int, ...], ())
            for following in units[first:]:
                digits += "".join(text[begin:end] for begin, end in following)
                shape += tuple(end - begin for begin, end in following)
                end = following[-1][1]
                if len(digits) > LONGEST_NUMBER:
                    break
                if len(digits) >= SHORTEST_NUMBER and _free_after(text, end):
                    yield Number(digits, unit[0][0], end, shape)


_Groups = list[tuple[int, int]]


def _units(text: str, groups: _Groups) -> list[_Groups]:
    """Groups that can't be read apart: four or more of at most two digits, three or more of four with their shorter rest,
    the three of a mobile number."""
    units: list[_Groups] = []
    at = 0
    while at < len(groups):
        until = _alike(text, groups, at, 1, 2)
        if until - at < 4:
            until = _alike(text, groups, at, 4, 4)
            if until - at < 3:
                mobile = _MOBILE.match(text, groups[at][0])
                until = at + (3 if mobile else 1)
            elif until - at > 4 and (until - at) % 4 == 0:  # several cards, one after the other
                units += [groups[card : card + 4] for card in range(at, until - 4, 4)]
                at = until - 4
            elif until < len(groups) and 1 < groups[until][1] - groups[until][0] < 4:
                until += 1
        units.append(groups[at:until])
        at = until
    return units


def _alike(text: str, groups: _Groups, at: int, least: int, most: int) -> int:
    """The end of the groups from `at` on that have such a length and the same character between them."""
    until = at
    while until < len(groups) and least <= groups[until][1] - groups[until][0] <= most:
        if until > at + 1 and text[groups[until][0] - 1] != text[groups[until - 1][0] - 1]:
            # A hyphen binds closer than a blank: in `8000 2024-01-01` the year belongs to what follows.
            return until - (text[groups[until][0] - 1] == "-")
        until += 1
    return until


def _free_before(text: str, start: int) -> bool:
    if start == 0:
        return True
    before = text[start - 1]
    return not (
        (before.isalnum() and before.isascii())
        or (before == "." and start > 1 and text[start - 2].isdigit())
        or before in "@%"
    )


def _free_after(text: str, end: int) -> bool:
    if end == len(text):
        return True
    after = text[end]
    return not (after.isalnum() or (after == "." and text[end + 1 : end + 2].isdigit()) or after in "@%")


def evenly(shape: tuple[int, ...]) -> bool:
    """Written digit by digit, or pair by pair: nobody writes several things that way."""
    return len(shape) > 3 and max(shape) <= 2
