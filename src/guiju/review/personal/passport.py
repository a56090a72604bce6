"""Passport of the People's Republic of China and the papers that serve as one: ordinary (E and G with eight digits, since
2012 also E, a letter without I and O, and seven digits), diplomatic (D, DE), service (S, P, SE, PE), Hong Kong (H, K),
Macao (M); travel permits to and from Hong Kong, Macao (C, W, H, M) and Taiwan (L, T).

There is no check digit: the rarer letters count only near a word for passport, and the usual ones don't where the number
is called something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.passport"
_PASSPORT = re.compile(
    r"(?<![a-z0-9_-])(?:[eg][0-9]{8}|e[a-hj-np-z][0-9]{7}"
    r"|((?:[dsphkmcwlt][0-9]{8}|[dsp]e[0-9]{7}|[hkmc][a-hj-np-z][0-9]{7}|[hm][0-9]{10})))(?![a-z0-9_-])"
)
_WORD = re.compile(r"护照|passport|通行证|证件|permit|travel document")
_OTHER = re.compile(
    r"(?:[单型批货工学序]号|编号|序列号|流水号?|发票|车次|航班|order|model|serial|batch|ticket|invoice|sku|part)[^,，。;；]{0,9}$"
)
"""What else a letter with eight digits may be."""


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Passport numbers in a run."""
    for hit in _PASSPORT.finditer(run.text):
        before = run.before + run.text[: hit.start()]
        if _WORD.search(before):
            yield Hit(CLASS, hit.start(), hit.end(), "form fits; a word for passport stands near")
        elif not hit.group(1) and not _OTHER.search(before):
            yield Hit(CLASS, hit.start(), hit.end(), "form fits")
