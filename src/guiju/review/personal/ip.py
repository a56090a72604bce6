"""IP address, version 4 (RFC 791). Private (RFC 1918), documentation (RFC 5737) and other special ranges (RFC 6890) are
a class of their own; so are the public resolvers that everybody writes in examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from guiju.review.personal.run import Hit, Number, Run

PUBLIC: str = "I.ip.public"
PRIVATE: str = "I.ip.private"
_IP = re.compile(r"(?<![0-9a-z._-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9a-z_-]|\.[0-9])")
_EXAMPLES = frozenset(
    ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "114.114.114.114", "223.5.5.5", "223.6.6.6", "9.9.9.9")
)
_VERSION = re.compile(r"(?:版本|version|ver|v)[ :：号为是]{0,3}$")


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """IP addresses in a run."""
    if run.text.count(".") < 3:
        return
    for hit in _IP.finditer(run.text):
        if _VERSION.search(run.before + run.text[: hit.start()]):
            continue
        parts = [int(p) for p in hit.group().split(".")]
        if max(parts) <= 255:
            address = IPv4Address(bytes(parts))
            special = not address.is_global or str(address) in _EXAMPLES
            yield Hit(PRIVATE if special else PUBLIC, hit.start(), hit.end(), "four parts up to 255")
