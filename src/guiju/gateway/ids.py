"""Ids: `ex_` and 26 characters of Crockford's base 32 (48 bits of milliseconds, 80 random), so that they sort by time."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def exchange_id(ms: int, random: bytes) -> str:
    """An exchange's id from the time and ten random bytes."""
    value = (ms << 80) | int.from_bytes(random, "big")
    return "ex_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def content_id(exchange: str, choice: int) -> str:
    """The content id of one choice: the label's ProduceID."""
    return f"{exchange}-{choice}"
