"""Journal -> ledger, exactly once: rows and the offset reached are one transaction.

Then the journal's part is over: a drained segment that its writer has left is deleted, and a past day's key is destroyed
once no segment of that day remains, so that what stands nowhere else can't be read from an old disk.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from django.db import transaction

from guiju import clock
from guiju.control.records import actions
from guiju.control.records.models import DrainOffset, Entry, Exchange
from guiju.journal import claim, reader
from guiju.journal.disk import RealDisk
from guiju.journal.keyring import Keyring
from guiju.journal.segment import Header, Record
from guiju.ledger import entries, seal

_log = logging.getLogger("guiju.work")

BATCH = 500
"""Entries of one transaction."""


class Overtaken(Exception):
    """Two drainers work on one journal: this one looks again later."""


class Drainer:
    """Drains every segment that lies on this machine.

    What isn't as it was written is not taken, stays where it is, and is told once; `guiju ledger verify` names it.
    """

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self._folder, self._keyring = folder, keyring
        self._sizes: dict[Path, int] = {}
        self._cursors: dict[Path, reader.Cursor] = {}
        self._data_keys: dict[Path, bytes] = {}
        self._told: set[Path] = set()
        """Segments with something wrong."""

    def run_once(self) -> int:
        """Take what is new; returns how many entries."""
        taken = 0
        found = list(reader.segments(self._folder))
        following = {a: b for a, b in pairwise(found) if (a.node, a.worker) == (b.node, b.worker)}
        for segment in found:
            size = segment.path.stat().st_size
            if self._sizes.get(segment.path) != size:
                try:
                    taken += self._drain(segment)
                except Overtaken as told:
                    _log.warning("%s", told)
                    continue
                self._sizes[segment.path] = size
            if segment in following:
                self._leave(segment, following[segment])
        return taken

    def _drain(self, segment: reader.Segment) -> int:
        cursor = self._cursors.setdefault(segment.path, reader.Cursor(segment.path, self._keyring.chain))
        read = cursor.read()
        if read.tampered is not None:
            self._tell(segment, f"record={read.tampered.record} problem={read.tampered.problem}")
        try:
            if read.records:
                RealDisk().settle(segment.path)  # what a power cut could still take back has not happened
            return self._append(segment, read)
        except BaseException:
            del self._cursors[segment.path]  # what it has read wasn't taken: next time from the beginning
            raise

    def _tell(self, segment: reader.Segment, problem: str) -> None:
        if segment.path not in self._told:
            self._told.add(segment.path)
            _log.error("journal=tampered segment=%s %s", segment.path, problem)

    def _append(self, segment: reader.Segment, read: reader.Read) -> int:
        row = self._row(segment, read)
        if row is None:
            return 0
        fresh = [(end, record) for end, record in read.records if end > row.offset]
        for start in range(0, len(fresh), BATCH):
            part = fresh[start : start + BATCH]
            items = [item for _, record in part for item in self._items(segment.path, read.header, record)]
            with transaction.atomic():
                locked = DrainOffset.objects.select_for_update().get(pk=row.pk)
                if locked.offset != row.offset:
                    raise Overtaken(f"another drainer takes {segment.path}")
                actions.append(items)
                row.offset = part[-1][0]
                actions.save_offset(row)
        return len(fresh)

    def _row(self, segment: reader.Segment, read: reader.Read) -> DrainOffset | None:
        """How far the segment was taken; None where it mustn't be: a changed row would lose entries, or double them."""
        if read.header is None or (read.tampered is not None and read.tampered.record == 0):
            return None
        row = DrainOffset.objects.filter(segment=read.identity.hex()).first()
        if row is None:
            if any(actions.known(record.entry) for _, record in read.records[:1]):
                self._tell(segment, "problem=it was taken before, but the row that says so is gone")
                return None
            row = DrainOffset(
                segment=read.identity.hex(), node=segment.node, worker=segment.worker, sequence=segment.sequence
            )
            actions.save_offset(row)
        elif bytes(row.seal) != actions.offset_seal(row):
            self._tell(segment, "problem=the row that says how far it was taken was changed")
            return None
        return row

    def _items(self, path: Path, header: Header | None, record: Record) -> list[actions.Item]:
        payload, lost = b"", []
        if record.sealed and header is not None:
            try:
                payload = seal.unseal(self._data_key(path, header), record.sealed)
            except seal.CannotOpen:
                _log.error("journal=unreadable segment=%s: contents of an entry are lost, the entry is kept", path)
                exchange = getattr(entries.decode(record.entry), "exchange", "")
                lost = [_note("contents.lost", f"{header.node}/{header.worker}", exchange=exchange)]
        return [actions.Item(record.entry, payload, record.subject), *lost]

    def _data_key(self, path: Path, header: Header) -> bytes:
        if path not in self._data_keys:
            self._data_keys[path] = self._keyring.segment_key(header.day, header.wrapped_key)
        return self._data_keys[path]

    def _leave(self, segment: reader.Segment, following: reader.Segment) -> None:
        """A segment that its worker has left for the following one: delete it, once all of it is in the ledger."""
        if segment.path in self._told:
            return  # it stays as evidence; `guiju ledger verify` names it
        chain = self._keyring.chain
        read = reader.read(segment.path, chain)
        if read.tampered is not None:
            return
        header = reader.header_of(following.path, chain)
        mark = header.before if header else None
        if mark and mark.sequence == segment.sequence and not reader.reaches(segment.path, chain, mark):
            self._tell(segment, "problem=its tail was cut")
            return
        with transaction.atomic():
            row = DrainOffset.objects.select_for_update().filter(segment=read.identity.hex()).first()
            if read.records and (row is None or read.records[-1][0] > row.offset):
                return
            if read.torn and not (row and row.left):
                actions.append([_note("journal.torn", segment.name, bytes=str(read.torn))])
            if row is not None:
                row.left = True
                actions.save_offset(row)
                older = DrainOffset.objects.filter(node=row.node, worker=row.worker, sequence__lt=row.sequence)
                older.filter(left=True).delete()  # the following segment's header tells of this one alone
        reader.delete(segment, read)
        for known in (self._sizes, self._cursors, self._data_keys):
            known.pop(segment.path, None)

    def keep_names(self, node: str) -> None:
        """Say that the journals here are this machine's, under whatever names they were written; `node` is its name now.

        Raises: SettingError where another machine drains one of that name.
        """
        home = claim.home_of(self._folder)
        for name in sorted({node} | {name for name, _ in workers_of(self._folder)}):
            actions.keep_name(name, home, clock.epoch_ms())

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
                before = None if dead else _last_start(name)
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


def _note(what: str, node: str, **detail: str) -> actions.Item:
    return actions.Item(entries.encode(entries.Note(at_ms=clock.epoch_ms(), what=what, node=node, detail=detail)))


def _last_start(worker: str) -> int:
    """Place in the ledger at which a worker said last that it had started; 0 where it never did."""
    for row in Entry.objects.filter(kind="note", target=worker).order_by("-index").iterator(20):
        note = entries.decode(bytes(row.body))
        if isinstance(note, entries.Note) and note.what == "worker.started":
            return int(row.index)
    return 0


def open_exchanges(worker: str, before: int | None) -> list[str]:
    """Exchanges that this worker opened before that place in the ledger and nobody has closed.

    By place and not by time: within a journal entries stand as they were written, and clocks go backwards.
    """
    running = Exchange.objects.filter(outcome="").values("id")
    rows = Entry.objects.filter(kind="exchange.opened", exchange__in=running)
    if before is not None:
        rows = rows.filter(index__lt=before)
    found = [entries.decode(bytes(body)) for body in rows.order_by("index").values_list("body", flat=True)]
    return [e.exchange for e in found if isinstance(e, entries.Opened) and e.node == worker]


def workers_of(folder: Path) -> list[tuple[str, int]]:
    """Every (node, worker) that has written here."""
    return sorted({(p.parent.name, int(p.name)) for p in folder.glob("*/*") if p.is_dir() and p.name.isdigit()})


def make() -> Drainer:
    """The drainer of this installation."""
    return Drainer(settings.GUIJU.journal, settings.KEYRING)
