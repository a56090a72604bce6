"""E-mail address: the usual part of RFC 5321 (local part of up to 64 characters, unquoted; a domain with a top level)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.email"
_EMAIL = re.compile(
    r"(?<![a-z0-9_])(?!git@)[a-z0-9_][a-z0-9._%+-]{0,63}@"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(xn--[a-z0-9-]{2,59}|[a-z]{2,24})(?![a-z0-9]|-[a-z0-9])"
)
"""`git@` is how every host of repositories is addressed."""
_NO_TOP_LEVEL = frozenset("png jpg jpeg gif svg webp js jsx ts tsx css json html service socket timer mount".split())
"""`icon@2x.png`, `vue@next.js`, `getty@tty1.service`."""


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """E-mail addresses in a run."""
    if "@" in run.text:
        for hit in _EMAIL.finditer(run.text):
            if hit.group(1) not in _NO_TOP_LEVEL:
                yield Hit(CLASS, hit.start(), hit.end(), "local part, domain and top level fit")
