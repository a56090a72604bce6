"""What is copied out of entries into columns, so that people can search.

Pure. A copy is never proof; but a reader of pages reads copies, so `guiju ledger verify` makes them again from the
entries, with the same functions, and names those that differ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from guiju.ledger import entries
from guiju.types import Action


class Columns(NamedTuple):
    """Beside an entry's body."""

    kind: str
    at_ms: int
    exchange: str
    target: str
    """Of administrative acts; the worker of notes."""


def columns(entry: entries.Entry) -> Columns:
    """The copies of one entry."""
    target = entry.node if isinstance(entry, entries.Note) else getattr(entry, "target", "")
    kind = str(type(entry).__struct_config__.tag)
    return Columns(kind, entry.at_ms, _short(getattr(entry, "exchange", ""), 40), _short(target, 200))


class Found(msgspec.Struct, kw_only=True):
    """An exchange as people search for it: what its entries say, together."""

    id: str
    at_ms: int
    door: str
    app: str
    service: str
    subject: str
    model: str
    action: str
    """The gravest of input and output."""
    outcome: str = ""
    """Empty while it runs."""
    observe: bool = False
    queue: bool = False
    classes: str = ""
    """` A.1.h.drugs I.mobile `: blanks on both sides, so that a class is found whole."""
    total_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def end(self, entry: entries.Closed) -> None:
        """What the closing entry adds."""
        self.action = max(Action(self.action), entry.action, key=lambda action: action.severity).value
        self.outcome, self.queue, self.total_ms = entry.outcome, entry.queue, entry.total_ms
        self.input_tokens, self.output_tokens = entry.input_tokens, entry.output_tokens
        self.classes = _classes(entry.texts, self.classes)

    def plain(self) -> dict[str, Any]:
        """Column -> value."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def begin(entry: entries.Opened) -> Found:
    """What the opening entry says."""
    return Found(
        id=_short(entry.exchange, 40),
        at_ms=entry.at_ms,
        door=_short(entry.door, 40),
        app=_short(entry.app, 80),
        service=_short(entry.service, 80),
        subject=_short(entry.subject, 64),
        model=_short(entry.model, 200),
        action=entry.action.value,
        observe=entry.observe,
        classes=_classes(entry.texts, ""),
    )


def _classes(texts: tuple[entries.Reviewed, ...], known: str) -> str:
    found = {j.finding.cls for t in texts for j in t.judged} | set(known.split())
    return f" {' '.join(sorted(found))} "[:500] if found else ""


def _short(text: str, most: int) -> str:
    """As a column can hold it: PostgreSQL takes no NUL."""
    return text.replace("\x00", "")[:most]
