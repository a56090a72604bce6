"""What the journal holds of an exchange and `guiju work` hasn't moved to the ledger yet.

Ask for it before the ledger is asked: what is moved in between is found there, so nothing is missed.
"""

from typing import NamedTuple

from django.conf import settings

from guiju.journal import reader
from guiju.journal.segment import Header, Record
from guiju.ledger import entries, seal


class Waiting(NamedTuple):
    """A record of the journal, with what it takes to open its contents."""

    entry: entries.Entry
    record: Record
    header: Header


def of(exchange: str) -> list[Waiting]:
    """Its records, as they were written; those that the ledger has by now may be among them."""
    found = []
    for segment in reader.segments(settings.GUIJU.journal):
        try:
            read = reader.read(segment.path, settings.KEYRING.chain)
        except FileNotFoundError:  # all of it was moved meanwhile
            continue
        for _, record in read.records:
            if read.header is not None and exchange.encode() in record.entry:
                entry = entries.decode(record.entry)
                if getattr(entry, "exchange", "") == exchange:
                    found.append(Waiting(entry, record, read.header))
    return found


def payload(waiting: Waiting) -> bytes:
    """Its contents with their commitment's key; b"" where it has none. Raises: seal.CannotOpen."""
    if not waiting.record.sealed:
        return b""
    key = settings.KEYRING.segment_key(waiting.header.day, waiting.header.wrapped_key)
    return seal.unseal(key, waiting.record.sealed)
