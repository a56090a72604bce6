"""Journal -> ledger, exactly once: rows and the offset reached are one transaction.

Then the journal's part is over: a drained segment that its writer has left is deleted, and a past day's key is destroyed
once no segment of that day remains, so that what stands nowhere else can't be read from an old disk.
"""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction

from guiju import clock
from guiju.control.records import actions
from guiju.control.records.models import DrainOffset, Entry
from guiju.journal import claim, reader
from guiju.journal.keyring import Keyring
from guiju.journal.segment import Header, Record
from guiju.ledger import entries, seal

_log = logging.getLogger("guiju.work")

BATCH = 500
"""Entries of one transaction."""


class Overtaken(Exception):
    """Two drainers work on one journal: this one looks again later."""


class Drainer:
    """Drains every segment that lies on this machine."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self._folder, self._keyring = folder, keyring
        self._sizes: dict[Path, int] = {}
        self._cursors: dict[Path, reader.Cursor] = {}
        self._data_keys: dict[Path, bytes] = {}
        self._told: set[Path] = set()

    def run_once(self) -> int:
        """Take what is new; returns how many entries."""
        taken = 0
        found = list(reader.segments(self._folder))
        newest = {(s.node, s.worker): s.sequence for s in found}  # sorted: the last one wins
        for segment in found:
            size = segment.path.stat().st_size
            if self._sizes.get(segment.path) != size:
                try:
                    taken += self._drain(segment)
                except Overtaken as told:
                    _log.warning("%s", told)
                    continue
                self._sizes[segment.path] = size
            if segment.sequence < newest[segment.node, segment.worker]:
                taken += self._leave(segment)
        return taken

    def _drain(self, segment: reader.Segment) -> int:
        cursor = self._cursors.setdefault(segment.path, reader.Cursor(segment.path, self._keyring.chain))
        read = cursor.read()
        if read.tampered is not None and segment.path not in self._told:
            self._told.add(segment.path)
            _log.error(
                "journal=tampered segment=%s record=%s problem=%s",
                segment.path,
                read.tampered.record,
                read.tampered.problem,
            )
        try:
            return self._append(segment, read)
        except BaseException:
            del self._cursors[segment.path]  # what it has read wasn't taken: next time from the beginning
            raise

    def _append(self, segment: reader.Segment, read: reader.Read) -> int:
        row, _ = DrainOffset.objects.get_or_create(node=segment.node, worker=segment.worker, sequence=segment.sequence)
        fresh = [(end, record) for end, record in read.records if end > row.offset]
        for start in range(0, len(fresh), BATCH):
            part = fresh[start : start + BATCH]
            items = [self._item(segment.path, read.header, record) for _, record in part]
            with transaction.atomic():
                locked = DrainOffset.objects.select_for_update().get(pk=row.pk)
                if locked.offset != row.offset:
                    raise Overtaken(f"another drainer takes {segment.path}")
                actions.append(items)
                locked.offset = row.offset = part[-1][0]
                locked.save(update_fields=["offset"])
        return len(fresh)

    def _item(self, path: Path, header: Header | None, record: Record) -> actions.Item:
        payload = b""
        if record.sealed and header is not None:
            try:
                payload = seal.unseal(self._data_key(path, header), record.sealed)
            except seal.CannotOpen:
                _log.error("journal=unreadable segment=%s: contents of an entry are lost, the entry is kept", path)
        return actions.Item(record.entry, payload, record.subject)

    def _data_key(self, path: Path, header: Header) -> bytes:
        if path not in self._data_keys:
            private = self._keyring.day_key_if_kept(header.day)
            if private is None:
                raise seal.CannotOpen("that day's key was destroyed")
            self._data_keys[path] = seal.unwrap(private, header.wrapped_key)
        return self._data_keys[path]

    def _leave(self, segment: reader.Segment) -> int:
        """A segment that its worker has left: close what it left open, then delete it."""
        read = reader.read(segment.path, self._keyring.chain)
        if read.tampered is not None:
            return 0  # it stays as evidence; `guiju ledger verify` names it
        row = DrainOffset.objects.get(node=segment.node, worker=segment.worker, sequence=segment.sequence)
        if read.records and read.records[-1][0] > row.offset:
            return 0
        if read.torn:
            name = f"{segment.node}/{segment.worker}/{segment.sequence}"
            note = entries.Note(
                at_ms=clock.epoch_ms(), what="journal.torn", node=name, detail={"bytes": str(read.torn)}
            )
            actions.append([actions.Item(entries.encode(note))])
        mark = segment.path.parent / "last"
        mark.write_text(str(max(segment.sequence, int(mark.read_text() or 0) if mark.exists() else 0)))
        segment.path.unlink()
        for known in (self._sizes, self._cursors, self._data_keys):
            known.pop(segment.path, None)
        return 0

    def recover(self) -> int:
        """Exchanges that a worker left open when it died are closed as `interrupted`, once. Returns how many.

        A worker is dead where nobody holds its folder: then nothing of it is still to come. One that lives closes its
        own, but for those of its predecessors: they were opened before it started.
        """
        closed = 0
        for node, worker in workers_of(self._folder):
            with claim.unclaimed(self._folder, node, worker) as dead:
                self.run_once()
                name = f"{node}/{worker}"
                before = clock.epoch_ms() + 1 if dead else _last_start(name)
                found = [
                    entries.Closed(at_ms=clock.epoch_ms(), exchange=exchange, outcome="interrupted")
                    for exchange in open_exchanges(name, before)
                ]
                with transaction.atomic():
                    actions.append([actions.Item(entries.encode(entry)) for entry in found])
                closed += len(found)
        return closed

    def destroy_days(self, today: str) -> None:
        """Keys of past days without segments."""
        kept = {reader.day_of(segment.path, self._keyring.chain) for segment in reader.segments(self._folder)}
        for day in self._keyring.days():
            if day < today and day not in kept:
                self._keyring.destroy_day(day)


def _last_start(worker: str) -> int:
    """Epoch milliseconds at which a worker said last that it had started."""
    for row in Entry.objects.filter(kind="note", target=worker).order_by("-index").iterator(20):
        note = entries.decode(bytes(row.body))
        if isinstance(note, entries.Note) and note.what == "worker.started":
            return note.at_ms
    return 0


def open_exchanges(worker: str, before_ms: int) -> list[str]:
    """Exchanges that this worker opened before that moment and nobody has closed."""
    from guiju.control.records.models import Exchange

    found = []
    for row in Exchange.objects.filter(outcome="", at_ms__lt=before_ms):
        opened = Entry.objects.filter(exchange=row.pk, kind="exchange.opened").first()
        entry = entries.decode(bytes(opened.body)) if opened else None
        if isinstance(entry, entries.Opened) and entry.node == worker:
            found.append(row.pk)
    return found


def workers_of(folder: Path) -> list[tuple[str, int]]:
    """Every (node, worker) that has written here."""
    return sorted({(p.parent.name, int(p.name)) for p in folder.glob("*/*") if p.is_dir() and p.name.isdigit()})


def make() -> Drainer:
    """The drainer of this installation."""
    return Drainer(settings.GUIJU.journal, settings.KEYRING)
