"""What a user of a service can say about an exchange: a thumb, and an objection in words."""

import os

from guiju import clock
from guiju.control.records import actions as records
from guiju.control.records.models import Entry, Exchange
from guiju.ledger import entries, seal

REASONS = ("wrong", "unsafe", "not_helpful", "refused_wrongly", "good", "other")
MOST = 20
"""Entries of feedback on one exchange: whoever knows its number could fill the ledger otherwise."""


class TooMuch(Exception):
    """An exchange has had its share of feedback."""


def keep_feedback(row: Exchange, *, thumb: str, reason: str = "", words: str = "") -> None:
    """A thumb, with one of the page's reasons; free words are contents and are sealed. Raises: TooMuch."""
    if Entry.objects.filter(exchange=row.pk, kind="exchange.feedback").count() >= MOST:
        raise TooMuch
    committed = seal.commit(words.encode(), os.urandom(seal.KEY)) if words else None
    entry = entries.Feedback(
        at_ms=clock.epoch_ms(), exchange=row.pk, subject=row.subject, thumb=thumb,
        reason=reason if reason in REASONS else "", commitment=committed.commitment if committed else "",
    )  # fmt: skip
    subject = row.subject or f"anonymous:{row.app}"
    records.append([records.Item(entries.encode(entry), committed.payload if committed else b"", subject)])
