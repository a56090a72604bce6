"""E-mail address: the usual part of RFC 5321 (local part of up to 64 characters, unquoted; a domain with a top level)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.email"
_EMAIL = re.compile(
    r"(?<![a-z0-9._%+-])[a-z0-9_%+-][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![a-z0-9-])"
)


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """E-mail addresses in a run."""
    if "@" in run.text:
        for hit in _EMAIL.finditer(run.text):
            yield Hit(CLASS, hit.start(), hit.end(), "local part, domain and top level fit")
