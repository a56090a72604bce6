"""Mobile number of mainland China: 11 digits that begin with 13 to 19 (MIIT numbering plan), with +86, 0086 or (+86)
before it or not, in groups or not. Which of these prefixes are given out changes every year, so all of them count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run, evenly

CLASS = "I.mobile"
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_DOTTED = re.compile(r"(?<![0-9a-z.])1[3-9][0-9]\.[0-9]{4}\.[0-9]{4}(?![0-9a-z]|\.[0-9])")
_SHAPES = {(11,), (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (3, 3, 5), (5, 6), (4, 3, 4)}
_COUNTRY = re.compile(r"[(（]?(?:\+|00)?86[)）]?[ -]?$")
_COUNTRY_GROUPS = {(2, *s) for s in _SHAPES} | {(4, *s) for s in _SHAPES}


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Mobile numbers in a run."""
    for number in found:
        digits = number.digits
        if len(digits) == 11 and (number.shape in _SHAPES or evenly(number.shape)) and _MOBILE.fullmatch(digits):
            country = _COUNTRY.search(run.text, max(0, number.start - 8), number.start)
            yield Hit(CLASS, country.start() if country else number.start, number.end, "prefix and length fit")
        elif digits[:-11] in ("86", "0086") and _MOBILE.fullmatch(digits[-11:]):
            shape = number.shape
            if shape in _COUNTRY_GROUPS or shape in ((13,), (15,), (5, 4, 4), (7, 4, 4)):
                start = number.start - (run.text[max(0, number.start - 1) : number.start] == "+")
                yield Hit(CLASS, start, number.end, "country code; prefix and length fit")
    for hit in _DOTTED.finditer(run.text):
        yield Hit(CLASS, hit.start(), hit.end(), "prefix and length fit; dots between")
