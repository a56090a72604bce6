"""Resident identity number: GB 11643-1999. Six digits of place, eight of birth, three of order, one check character.

ISO 7064 MOD 11-2 checks it; the date must exist and lie between 1900 and 2100; the first two digits are a province.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from guiju.review.personal.run import Hit, Number, Run, evenly

CLASS = "I.resident_id"
LENGTH = 18
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10x98765432"
PROVINCES = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
            83,
        ),
    )
)
_SHAPES = {(6, 8, 4), (6, 4, 4, 4), (6, 12), (14, 4), (3, 3, 4, 4, 4), (6, 4, 2, 2, 4), (4, 4, 4, 4, 2)}
_WHOLE = re.compile(r"(?<![0-9])[1-8][0-9]{16}[0-9x](?![0-9a-z])")
"""A letter may stand before it (`ID1101…`): the check character tells."""
_SHAPED = re.compile(r"[1-8][0-9]{5}(?:18|19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9x]")


def valid(number: str) -> bool:
    """Whether 18 characters (a closing `x` in lower case) are a resident identity number."""
    if len(number) != LENGTH or not number[:17].isdigit() or number[:2] not in PROVINCES:
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(d) * w for d, w in zip(number, _WEIGHTS, strict=False))
    return 1900 <= born.year <= 2100 and _CHECK[total % 11] == number[17]


def shaped(number: str) -> bool:
    """Whether it has the form of one, right or wrong: then it's nothing else, though another check digit may hold."""
    return _SHAPED.fullmatch(number) is not None and number[:2] in PROVINCES


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Resident identity numbers in a run."""
    why = "check character holds; date and province exist"
    for hit in _WHOLE.finditer(run.text):
        if valid(hit.group()):
            yield Hit(CLASS, hit.start(), hit.end(), why)
    for number in found:
        if len(number.digits) == LENGTH and (number.shape in _SHAPES or evenly(number.shape)) and valid(number.digits):
            yield Hit(CLASS, number.start, number.end, why)
