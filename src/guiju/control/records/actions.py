"""Append to the ledger, seal contents, read them with a reason, erase a subject.

Everything that becomes an entry goes through `append`, in the transaction of what it records.
"""

import os
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from guiju.control.people.roles import require
from guiju.control.records import waiting
from guiju.control.records.models import Content, DrainOffset, Entry, Exchange, Head, Node, SubjectKey
from guiju.control.usage.actions import tally
from guiju.errors import Said, SettingError
from guiju.ledger import copies, entries, seal, tree
from guiju.ledger.verify import leaf_data, next_tag, row_seal


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
    head = lock_head()
    frontier = frontier_of(head)
    tag, rows, taken = bytes(head.tag), [], []
    for item in items:
        leaf = tree.leaf_hash(leaf_data(frontier.size, item.body))
        tag = next_tag(settings.KEYRING.chain, tag, leaf)
        entry = entries.decode(item.body)
        rows.append(
            Entry(
                index=frontier.size,
                body=item.body,
                leaf=leaf,
                tag=tag,
                **copies.columns(entry)._asdict(),
            )
        )
        frontier.add(leaf)
        _project(entry)
        taken.append(entry)
    rows = Entry.objects.bulk_create(rows)
    _seal_contents(rows, items)
    tally(taken)
    head.size, head.hashes, head.tag = frontier.size, b"".join(frontier.hashes), tag
    save_head(head)


def lock_head() -> Head:
    """The tree's right edge, ours until the transaction ends."""
    Head.objects.get_or_create(pk=1)
    return Head.objects.select_for_update().get(pk=1)


def frontier_of(head: Head) -> tree.Frontier:
    """The tree that it is the edge of."""
    stored = bytes(head.hashes)
    return tree.Frontier(head.size, [stored[i : i + 32] for i in range(0, len(stored), 32)])


def save_head(head: Head) -> None:
    """Seal and write."""
    head.seal = row_seal(
        settings.KEYRING.chain, "head", head.size, head.hashes, head.tag, head.checkpoints, head.checkpoint_tag
    )
    head.save()


NODE_KEPT_MS = 60_000
"""How long a machine's name stays its own when nothing is heard of it: one that was lost is made anew under its name."""


@transaction.atomic
def keep_name(node: str, home: str, now_ms: int) -> None:
    """Say that this home drains the journals of that name. Raises: SettingError where another one does."""
    Node.objects.get_or_create(name=node, defaults={"home": home, "seen_ms": now_ms})
    row = Node.objects.select_for_update().get(name=node)
    if row.home != home and now_ms - row.seen_ms < NODE_KEPT_MS:
        raise SettingError(
            name="node",
            problem=Said("'{node}' is the name of another machine", "“{node}”是另一台机器的名称", node=node),
            remedy=Said(
                "Give each machine a name of its own (GUIJU_NODE); that of a machine that is gone is free after a minute",
                "请为每台机器设定各自的名称（GUIJU_NODE）；已停用机器的名称一分钟后可以再用",
            ),
        )
    row.home, row.seen_ms = home, now_ms
    row.save()


def known(body: bytes) -> bool:
    """Whether the ledger has this very entry."""
    return Entry.objects.filter(at_ms=entries.decode(body).at_ms, body=body).exists()


def save_offset(row: DrainOffset) -> None:
    """Seal and write how far a segment was taken."""
    row.seal = offset_seal(row)
    row.save()


def offset_seal(row: DrainOffset) -> bytes:
    """What a row's seal must be."""
    columns = (row.segment, row.node, row.worker, row.sequence, row.offset, row.left)
    return row_seal(settings.KEYRING.chain, "offset", *columns)


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
    if record is None:
        key = os.urandom(seal.KEY)
        wrapped = seal.seal(settings.KEYRING.master, os.urandom(seal.NONCE), key, f"subject:{subject}".encode())
        return SubjectKey.objects.create(subject=subject, wrapped=wrapped), key
    if record.erased_at is not None:
        return record, b""
    return record, unwrap(record)


def unwrap(record: SubjectKey) -> bytes:
    """The key itself. Raises: seal.CannotOpen where the row was changed."""
    return seal.unseal(settings.KEYRING.master, bytes(record.wrapped), f"subject:{record.subject}".encode())


def _project(entry: entries.Entry) -> None:
    """The row that people search."""
    if isinstance(entry, entries.Opened):
        found = copies.begin(entry).plain()
        Exchange.objects.update_or_create(id=found.pop("id"), defaults=found)
    elif isinstance(entry, entries.Closed):
        row = Exchange.objects.filter(pk=entry.exchange).first()
        if row is None:
            return
        found = found_of(row)
        found.end(entry)
        Exchange(**found.plain()).save(force_update=True)


def found_of(row: Exchange) -> copies.Found:
    """A row as the ledger's rooms know it."""
    return copies.Found(**{name: getattr(row, name) for name in copies.Found.__struct_fields__})


@transaction.atomic
def read_contents(exchange: str, *, by, reason: str) -> dict[str, bytes]:
    """What was asked (`input`), answered (`output`) and said of it (`words`), in the ledger or still in the journal only.

    Needs a role and a reason, and is an entry. Raises: PermissionDenied, ValueError without a reason, seal.CannotOpen.
    """
    from guiju.control import audit

    require(by, "contents.read")
    if len(reason.strip()) < 4:
        raise ValueError(Said("say why the contents are read", "请写明查阅内容的理由"))
    held = waiting.of(exchange)
    audit.record("contents.read", by=by, target=exchange, reason=reason.strip())
    held = [w for w in held if w.record.sealed and not known(w.record.entry)]
    found: dict[str, bytes] = {}
    opened = []
    for content in (
        Content.objects.filter(entry__exchange=exchange).select_related("entry", "key").order_by("entry__index")
    ):
        entry = entries.decode(bytes(content.entry.body))
        opened.append((entry, open_content(content, entry.commitment)))
    for one in held:
        if not SubjectKey.objects.filter(subject=one.record.subject, erased_at__isnull=False).exists():
            opened.append((one.entry, seal.open_payload(waiting.payload(one), one.entry.commitment)))
    for entry, data in opened:
        if isinstance(entry, entries.Feedback):
            found["words"] = b"\n\n".join(filter(None, (found.get("words"), data)))
        else:
            found["input" if isinstance(entry, entries.Opened) else "output"] = data
    return found


def open_content(content: Content, commitment: str) -> bytes:
    """A content's bytes; b"" once its subject was erased. Raises: seal.CannotOpen where it was changed."""
    if content.key.erased_at is not None:
        return b""
    return seal.open_payload(seal.unseal(unwrap(content.key), bytes(content.sealed)), commitment)


@transaction.atomic
def erase_subject(subject: str, *, by, reason: str) -> None:
    """Destroy a subject's key: no contents of theirs can be read again, and the ledger still verifies."""
    from guiju.control import audit

    require(by, "people.change")
    record, _ = subject_key(subject)
    at_ms = audit.record("subjects.erase", by=by, target=subject, reason=reason)
    record.wrapped, record.erased_at = b"", datetime.fromtimestamp(at_ms / 1000, UTC)
    record.save()
