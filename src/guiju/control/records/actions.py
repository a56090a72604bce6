"""Append to the ledger, seal contents, read them with a reason, erase a subject.

Everything that becomes an entry goes through `append`, in the transaction of what it records.
"""

import os
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from guiju import clock
from guiju.control.people.roles import require
from guiju.control.records.models import Content, Entry, Exchange, Head, SubjectKey
from guiju.ledger import entries, seal, tree
from guiju.ledger.verify import leaf_data, next_tag
from guiju.types import Action


class Item(NamedTuple):
    """An entry to append, with the contents that it commits to."""

    body: bytes
    payload: bytes = b""
    """Contents with their commitment's key (seal.commit), not sealed."""
    subject: str = ""


@transaction.atomic
def append(items: list[Item]) -> None:
    """Append entries, one database lock: a place in the ledger is given once."""
    if not items:
        return
    Head.objects.get_or_create(pk=1)
    head = Head.objects.select_for_update().get(pk=1)
    stored = bytes(head.hashes)
    frontier = tree.Frontier(head.size, [stored[i : i + 32] for i in range(0, len(stored), 32)])
    tag, rows = bytes(head.tag), []
    for item in items:
        leaf = tree.leaf_hash(leaf_data(frontier.size, item.body))
        tag = next_tag(settings.KEYRING.chain, tag, leaf)
        entry = entries.decode(item.body)
        rows.append(
            Entry(
                index=frontier.size,
                kind=type(entry).__struct_config__.tag,
                at_ms=entry.at_ms,
                exchange=getattr(entry, "exchange", ""),
                target=entry.node if isinstance(entry, entries.Note) else getattr(entry, "target", ""),
                body=item.body,
                leaf=leaf,
                tag=tag,
            )
        )
        frontier.add(leaf)
        _project(entry)
    rows = Entry.objects.bulk_create(rows)
    _seal_contents(rows, items)
    Head.objects.filter(pk=1).update(size=frontier.size, hashes=b"".join(frontier.hashes), tag=tag)


def _seal_contents(rows: list[Entry], items: list[Item]) -> None:
    keys: dict[str, tuple[SubjectKey, bytes]] = {}
    sealed = []
    for row, item in zip(rows, items, strict=True):
        if item.payload:
            if item.subject not in keys:
                keys[item.subject] = subject_key(item.subject)
            record, key = keys[item.subject]
            if key:  # an erased subject's late contents are not kept
                sealed.append(
                    Content(entry=row, key=record, sealed=seal.seal(key, os.urandom(seal.NONCE), item.payload))
                )
    Content.objects.bulk_create(sealed)


def subject_key(subject: str) -> tuple[SubjectKey, bytes]:
    """A subject's key, made at first sight; b"" once it was erased."""
    record = SubjectKey.objects.filter(subject=subject).first()
    purpose = f"subject:{subject}".encode()
    if record is None:
        key = os.urandom(seal.KEY)
        wrapped = seal.seal(settings.KEYRING.master, os.urandom(seal.NONCE), key, purpose)
        return SubjectKey.objects.create(subject=subject, wrapped=wrapped), key
    if record.erased_at is not None:
        return record, b""
    return record, seal.unseal(settings.KEYRING.master, bytes(record.wrapped), purpose)


def _project(entry: entries.Entry) -> None:
    """The row that people search."""
    if isinstance(entry, entries.Opened):
        Exchange.objects.update_or_create(
            id=entry.exchange,
            defaults={
                "at_ms": entry.at_ms,
                "door": entry.door,
                "app": entry.app,
                "service": entry.service,
                "subject": entry.subject,
                "model": entry.model[:200],
                "action": entry.action.value,
                "observe": entry.observe,
                "classes": _classes(entry.texts, ""),
            },
        )
    elif isinstance(entry, entries.Closed):
        row = Exchange.objects.filter(pk=entry.exchange).first()
        if row is None:
            return
        row.action = max(Action(row.action), entry.action, key=lambda a: a.severity).value
        row.outcome, row.total_ms = entry.outcome, entry.total_ms
        row.input_tokens, row.output_tokens = entry.input_tokens, entry.output_tokens
        row.classes = _classes(entry.texts, row.classes)
        row.queue = entry.queue
        row.save()


def _classes(texts: tuple[entries.Reviewed, ...], known: str) -> str:
    found = {j.finding.cls for t in texts for j in t.judged} | set(known.split())
    return f" {' '.join(sorted(found))} "[:500] if found else ""


@transaction.atomic
def read_contents(exchange: str, *, by, reason: str) -> dict[str, bytes]:
    """What was asked (`input`), answered (`output`) and said of it (`words`); needs a role and a reason, and is an entry.

    Raises: PermissionDenied, ValueError without a reason.
    """
    from guiju.control import audit

    require(by, "contents.read")
    if len(reason.strip()) < 4:
        raise ValueError("say why the contents are read")
    audit.record("contents.read", by=by, target=exchange, reason=reason.strip())
    found: dict[str, bytes] = {}
    for content in (
        Content.objects.filter(entry__exchange=exchange).select_related("entry", "key").order_by("entry__index")
    ):
        entry = entries.decode(bytes(content.entry.body))
        data = open_content(content, entry.commitment)
        if isinstance(entry, entries.Feedback):
            found["words"] = b"\n\n".join(filter(None, (found.get("words"), data)))
        else:
            found["input" if isinstance(entry, entries.Opened) else "output"] = data
    return found


def open_content(content: Content, commitment: str) -> bytes:
    """A content's bytes; b"" once its subject was erased. Raises: seal.CannotOpen where it was changed."""
    if content.key.erased_at is not None:
        return b""
    purpose = f"subject:{content.key.subject}".encode()
    key = seal.unseal(settings.KEYRING.master, bytes(content.key.wrapped), purpose)
    return seal.open_payload(seal.unseal(key, bytes(content.sealed)), commitment)


@transaction.atomic
def erase_subject(subject: str, *, by, reason: str) -> None:
    """Destroy a subject's key: no contents of theirs can be read again, and the ledger still verifies."""
    from guiju.control import audit

    require(by, "people.change")
    record, _ = subject_key(subject)
    record.wrapped, record.erased_at = os.urandom(len(record.wrapped)), clock.now()
    record.save()
    audit.record("subjects.erase", by=by, target=subject, reason=reason)
