"""Every string of a JSON value, with its place: what review reads, and the way to put other strings there.

Pure. A dialect lists the places that are no text (`Places`); all others are text, unknown fields too. A listed
identifier that doesn't look like one is text as well, so that nothing can travel in an `id`. Large numbers count as
text (a phone number is eleven digits), and so do the keys of objects that the dialect doesn't know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from guiju.types import Form, Path

IDENTIFIER = re.compile(r"[A-Za-z0-9_.:/@+=\-]{0,200}")
PLAIN_KEY = re.compile(r"(?!.*[0-9]{5})[A-Za-z_$][A-Za-z0-9_.$\-]{0,63}")
"""A key that is a program's word: no text, nothing to hide in."""
LARGE = 9_999_999
"""Numbers beyond this count as text."""
DEEPEST = 200
"""Objects and lists inside each other; no body that is meant to be read goes deeper."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises: it is none, or goes too deep."""

Kind = Literal["text", "json", "name", "listed", "opaque"]


class Places(NamedTuple):
    """What a dialect knows of the places in its bodies. Patterns are dotted paths, `*` for a list's index."""

    listed: frozenset[str]
    """No text: identifiers, enumerations."""
    forms: Mapping[str, Form]
    """Text that is read in another form than as it is."""
    opaque: frozenset[str]
    """Encrypted or binary: can't be followed."""

    def kind(self, pattern: str) -> Kind:
        """How the string at this place is read."""
        if pattern in self.listed:
            return "listed"
        if pattern in self.opaque:
            return "opaque"
        return self.forms.get(pattern, "text")


class Leaf(NamedTuple):
    """One string."""

    path: Path
    pattern: str
    text: str
    kind: Kind


def leaves(value: Any, places: Places) -> list[Leaf]:
    """Every string that may be text, in order of appearance. Raises: RecursionError where it goes too deep."""
    found: list[Leaf] = []
    _walk(value, places, (), "", found)
    return found


def _walk(value: Any, places: Places, path: Path, pattern: str, found: list[Leaf]) -> None:
    if len(path) > DEEPEST:
        raise RecursionError(f"more than {DEEPEST} objects and lists inside each other")
    kind = type(value)
    if kind is str:
        if value and not (pattern in places.listed and IDENTIFIER.fullmatch(value)):
            found.append(Leaf(path, pattern, value, "text" if pattern in places.listed else places.kind(pattern)))
    elif kind is dict:
        for key, inner in value.items():
            below = f"{pattern}.{key}" if pattern else key
            if not _plain(key):
                found.append(Leaf((*path, key), below + "#key", key, "name"))
            if inner is not None:
                _walk(inner, places, (*path, key), below, found)
    elif kind is list:
        below = pattern + ".*"
        for number, inner in enumerate(value):
            _walk(inner, places, (*path, number), below, found)
    elif (kind is int or kind is float) and abs(value) > LARGE and places.kind(pattern) == "text":
        found.append(Leaf(path, pattern, str(value), "text"))


@lru_cache(4096)
def _plain(key: str) -> bool:
    return PLAIN_KEY.fullmatch(key) is not None


def put(value: Any, path: Path, text: str | None) -> None:
    """Set the string at `path` in place; None removes it (the key, or the list's entry becomes "")."""
    for step in path[:-1]:
        value = value[step]
    if text is None and isinstance(value, dict):
        value.pop(path[-1], None)
    else:
        value[path[-1]] = text if text is not None else ""
