"""Passport of the People's Republic of China (ordinary E and G, diplomatic D, service S and P, Hong Kong H/K, Macao M):
a letter and eight digits, since 2012 also E, a letter without I and O, and seven digits.

There is no check digit, so the rarer letters count only near a word for passport.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.passport"
_PASSPORT = re.compile(r"(?<![a-z0-9_-])(?:[eg][0-9]{8}|e[a-hj-np-z][0-9]{7}|([dsphkm][0-9]{8}))(?![a-z0-9_-])")
_WORD = re.compile(r"护照|passport|通行证|证件")


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Passport numbers in a run."""
    for hit in _PASSPORT.finditer(run.text):
        near = _WORD.search(run.before + run.text[: hit.start()]) is not None
        if near or not hit.group(1):
            yield Hit(
                CLASS, hit.start(), hit.end(), "form fits" + ("; a word for passport stands near" if near else "")
            )
