"""Unified social credit code: GB 32100-2015. 18 characters without I, O, S, V, Z; modulus 31 check character."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal import resident_id
from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.credit_code"
ALPHABET = "0123456789abcdefghjklmnpqrtuwxy"
CODE: re.Pattern[str] = re.compile(r"(?<![a-z0-9])[1-9any][1-9a-gy][1-8][0-9]{5}[0-9a-hj-npqrtuwxy]{10}(?![a-z0-9])")


def valid(code: str) -> bool:
    """Whether the check character of 18 (in lower case) holds."""
    total = sum(ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return ALPHABET[(31 - total % 31) % 31] == code[17]


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """Credit codes in a run."""
    for hit in CODE.finditer(run.text):
        code = hit.group()
        if code[2:4] in resident_id.PROVINCES and valid(code) and not resident_id.shaped(code):
            yield Hit(CLASS, hit.start(), hit.end(), "check character holds; province exists")
