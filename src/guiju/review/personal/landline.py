"""Landline number of mainland China: area code (010, 02x, 03xx to 09xx) and 7 or 8 digits that begin with 2 to 8.

Service numbers (400, 800, 95xxx) belong to companies and are no personal information.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.landline"
_LANDLINE = re.compile(r"(?:010|02[0-57-9])[2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7}")
_BRACKETED = re.compile(r"(?<![0-9a-z])[(（](0[0-9]{2,3})[)）][ -]?([2-8][0-9]{2,3}[ -]?[0-9]{4})(?![0-9a-z])")


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Landline numbers in a run."""
    for number in found:
        if number.digits[0] == "0" and _LANDLINE.fullmatch(number.digits):
            shape = number.shape
            if len(shape) == 1 or (shape[0] in (3, 4) and len(shape) <= 3):
                yield Hit(CLASS, number.start, number.end, "area code and length fit")
    for hit in _BRACKETED.finditer(run.text):
        if _LANDLINE.fullmatch(re.sub("[ -]", "", hit.group(1) + hit.group(2))):
            yield Hit(CLASS, hit.start(), hit.end(), "area code in brackets; length fits")
