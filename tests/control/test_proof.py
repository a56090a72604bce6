"""Whatever is changed, removed, swapped or inserted in any evidence table, or in any segment, is found and named."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DataError, IntegrityError, connection

from guiju.control.records import actions, proof
from guiju.control.records.models import Content, DrainOffset, Entry, Exchange, Head, SubjectKey
from guiju.journal import reader
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal, tree
from guiju.ledger.verify import leaf_data
from guiju.types import Action, Finding, Judged
from guiju.work import checkpoint, drain

pytestmark = pytest.mark.django_db(transaction=True)
DAY = "2026-11-23"
TABLES = ["entry", "head", "subjectkey", "content", "exchange", "checkpoint", "drainoffset"]


def write(made: list[tuple[entries.Entry, str]], *, worker: int = 0, **more) -> None:
    """Entries with contents where they commit to them, through a real journal."""

    async def writing() -> None:
        key = seal.public_of(settings.KEYRING.day_key(DAY))
        journal = Journal(
            settings.GUIJU.journal, settings.GUIJU["node"], worker,
            chain_key=settings.KEYRING.chain, day_key=lambda: (DAY, key), **more,
        )  # fmt: skip
        for entry, subject in made:
            payload = PAYLOADS.get(getattr(entry, "commitment", ""), b"")
            await journal.append(entry, payload, subject)
        await journal.close()

    asyncio.run(writing())


PAYLOADS: dict[str, bytes] = {}


def committed(text: str) -> str:
    made = seal.commit(text.encode(), os.urandom(32))
    PAYLOADS[made.commitment] = made.payload
    return made.commitment


def exchange(number: int, subject: str, worker: int = 0) -> list[tuple[entries.Entry, str]]:
    finding = Finding(cls="A.1.h.drugs", detector="lexicon", rule="drugs:17", start=1, end=3)
    texts = (entries.Reviewed(path=("messages", 0), length=9, judged=(Judged(finding, Action.ALLOW, "r"),)),)
    name, owner = f"ex_{number}", subject or "anonymous:demo"
    opened = entries.Opened(
        at_ms=1000 + number, exchange=name, node=f"{settings.GUIJU['node']}/{worker}", door="openai_chat", app="demo",
        service="demo", subject=subject, model="m", texts=texts, commitment=committed(f"问 {number}"),
    )  # fmt: skip
    closed = entries.Closed(
        at_ms=2000 + number, exchange=name, outcome="served", total_ms=5, input_tokens=3, output_tokens=4,
        commitment=committed(f"答 {number}"),
    )  # fmt: skip
    return [(opened, owner), (closed, owner)]


@pytest.fixture
def ledger() -> drain.Drainer:
    """A ledger with everything in it: two workers, subjects, one erased, checkpoints, segments taken and to be taken."""
    shutil.rmtree(settings.GUIJU.journal, ignore_errors=True)
    drainer = drain.make()
    for round_ in range(3):
        started = entries.Note(at_ms=round_, what="worker.started", node=f"{settings.GUIJU['node']}/0")
        made = [
            (started, ""),
            *(x for n in range(4) for x in exchange(round_ * 10 + n, f"subject{n % 3}" if n else "")),
        ]
        write(made)
        write(exchange(round_ * 10 + 7, "subject7", worker=1), worker=1)
        drainer.run_once()
        if round_ == 1:
            actions.erase_subject("subject2", by=None, reason="asked for it")
        checkpoint.sign_if_grown()
    running = exchange(99, "subject1")[0]
    write([running])
    drainer.run_once()
    checkpoint.sign_if_grown()
    write([exchange(100, "subject1")[0]])  # not taken yet
    assert proof.prove().faults == []
    assert proof.prove().waiting == 1
    return drainer


def sentences(elsewhere: str | None = None) -> list[str]:
    found = [fault.sentence for fault in proof.prove(elsewhere).faults]
    assert not [sentence.zh for sentence in found if re.search("entry|journal|exchange [a-z]|^[A-Za-z]", sentence.zh)]
    return list(found)


def test_every_column_of_every_row(ledger: drain.Drainer):
    rng, missed, tried = random.Random(7), [], 0
    for table in TABLES:
        model = apps.get_model("records", table)
        rows = list(model.objects.order_by("pk"))
        for row in rng.sample(rows, min(len(rows), 7)):
            noise = table == "content" and row.key.erased_at is not None
            for field in model._meta.concrete_fields:
                if noise and field.name == "sealed":
                    continue  # nobody can read it any more
                old = getattr(row, field.attname)
                if field.primary_key and table != "exchange":
                    continue  # a bare number; where something refers to it, the reference is tried
                for new in others(old, rng):
                    try:
                        put(model, field.column, row.pk, new)
                    except (IntegrityError, DataError):
                        continue  # the table itself doesn't take it
                    tried += 1
                    where = new if field.primary_key else row.pk
                    if not sentences():
                        missed.append((table, row.pk, field.name, old, new))
                    put(model, field.column, where, old)
    assert not sentences()
    assert missed == []
    assert tried > 300


def others(old, rng: random.Random) -> list:
    """Other values for a column: a bit turned, nothing, something else of its kind."""
    if isinstance(old, bool):
        return [not old]
    if isinstance(old, int):
        return [old ^ 1 << rng.randrange(30), old + 1]
    if isinstance(old, str):
        at = rng.randrange(len(old)) if old else 0
        return [old + "x", old[:at] + chr(ord(old[at]) ^ 1) + old[at + 1 :] if old else "y"]
    if isinstance(old, bytes | memoryview):
        data = bytearray(bytes(old) or b"\0")
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return [bytes(data), bytes(old) + b"\0"]
    if old is None:
        return ["2026-01-01 00:00:00+00:00"]
    return [None, old.replace(microsecond=(old.microsecond + 1000) % 1_000_000)]


def put(model, column: str, key, value) -> None:
    """Behind Django's back, as somebody with the database would."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA foreign_keys=OFF")
        else:
            cursor.execute("SET session_replication_role = replica")
        name = model._meta.pk.column
        cursor.execute(f'UPDATE {model._meta.db_table} SET "{column}" = %s WHERE "{name}" = %s', [value, key])


@pytest.mark.parametrize("table", TABLES)
def test_every_removed_row(ledger: drain.Drainer, table: str):
    model = apps.get_model("records", table)
    for row in model.objects.order_by("pk"):
        if table == "content" and row.key.erased_at is not None:
            continue  # noise that nobody can read: its absence says nothing
        with connection.cursor() as cursor:
            cursor.execute(
                "PRAGMA foreign_keys=OFF" if connection.vendor == "sqlite" else "SET session_replication_role = replica"
            )
            cursor.execute(f'DELETE FROM {model._meta.db_table} WHERE "{model._meta.pk.column}" = %s', [row.pk])
        assert sentences(), (table, row.pk)
        row.save(force_insert=True)
    assert not sentences()


def test_a_changed_entry_is_named_by_its_number(ledger: drain.Drainer):
    row = Entry.objects.get(index=5)
    put(Entry, "body", row.pk, bytes(row.body).replace(b"demo", b"dem0"))
    assert sentences()[0].startswith("entry 5 was changed")


def test_a_changed_copy_is_named(ledger: drain.Drainer):
    """People and regulators search the copies, so a changed one must not go unseen."""
    Exchange.objects.filter(id="ex_1").update(outcome="refused")
    Entry.objects.filter(index=3).update(at_ms=1)
    assert any("ex_1" in s and "`outcome`" in s for s in sentences())
    assert any("entry 3" in s and "`at_ms`" in s for s in sentences())


def test_swapped_entries_with_leaves_made_anew_are_named(ledger: drain.Drainer):
    a, b = Entry.objects.get(index=4), Entry.objects.get(index=6)
    for row, other in ((a, b), (b, a)):
        put(Entry, "body", row.pk, bytes(other.body))
        put(Entry, "leaf", row.pk, tree.leaf_hash(leaf_data(row.index, bytes(other.body))))
    assert any("entry 4" in s for s in sentences())


def test_swapped_contents_are_named(ledger: drain.Drainer):
    a, b = Content.objects.all()[:2]
    put(Content, "sealed", a.pk, bytes(b.sealed))
    assert any(f"contents of entry {a.entry.index}" in s for s in sentences())


def test_an_erased_subject_leaves_the_proof_whole_and_nothing_to_read(ledger: drain.Drainer):
    actions.erase_subject("subject1", by=None, reason="asked for it")
    assert sentences() == []
    ledger.run_once()  # what was still in the journal is not kept
    assert sentences() == []
    for content in Content.objects.filter(key__subject="subject1"):
        assert actions.open_content(content, "") == b""
    assert not bytes(SubjectKey.objects.get(subject="subject1").wrapped)
    assert not Content.objects.filter(entry__exchange="ex_100").exists()


def test_an_erasure_that_no_entry_tells_of_is_found(ledger: drain.Drainer):
    key = SubjectKey.objects.get(subject="subject1")
    put(SubjectKey, "wrapped", key.pk, b"")
    put(SubjectKey, "erased_at", key.pk, "2026-01-01 00:00:00+00:00")
    assert any("subject1" in s and "no entry says so" in s for s in sentences())


def test_a_history_signed_anew_with_every_key_is_found_by_a_checkpoint_kept_elsewhere(ledger: drain.Drainer):
    from guiju.control.records.models import Checkpoint

    kept = Checkpoint.objects.order_by("size")[1].note
    bodies = [bytes(row.body) for row in Entry.objects.order_by("index")]
    with connection.cursor() as cursor:
        for table in ("content", "checkpoint", "exchange", "subjectkey", "entry", "head"):
            cursor.execute(f"DELETE FROM records_{table}")
    plain = [body for n, body in enumerate(bodies) if n != 4 and b"commitment" not in body]
    actions.append([actions.Item(body) for body in plain])
    checkpoint.sign_if_grown()
    assert not [s for s in sentences() if "journal" not in s and "second time" not in s]
    assert any("rewritten" in s or "cut" in s for s in sentences(kept))


def test_entries_taken_twice_are_named(ledger: drain.Drainer):
    row = Entry.objects.get(exchange="ex_1", kind="exchange.closed")
    actions.append([actions.Item(bytes(row.body))])
    assert any("ex_1 ends a second time" in s for s in sentences())


def test_a_changed_or_lost_offset_makes_nothing_be_taken_twice_or_never(ledger: drain.Drainer):
    row = DrainOffset.objects.filter(left=False).latest("pk")
    size = Head.objects.get().size
    put(DrainOffset, "offset", row.pk, row.offset - 100)
    drain.make().run_once()
    assert any("how far it was taken was changed" in s for s in sentences())
    DrainOffset.objects.all().delete()
    drain.make().run_once()
    found = Entry.objects.filter(index__gte=size).count()
    assert found == 1  # the one that was to be taken
    assert not any("second time" in s for s in sentences())


class TestJournal:
    def segments(self) -> list[reader.Segment]:
        return list(reader.segments(settings.GUIJU.journal))

    def test_every_bit_of_every_segment(self, ledger: drain.Drainer):
        for segment in self.segments():
            whole, wrong = segment.path.read_bytes(), []
            for at in range(len(whole)):
                data = bytearray(whole)
                data[at] ^= 1 << at % 8
                segment.path.write_bytes(bytes(data))
                read = reader.read(segment.path, settings.KEYRING.chain)
                if read.tampered is None:
                    wrong.append(at)
            segment.path.write_bytes(whole)
            assert wrong == []
        segment.path.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
        assert any(segment.name in s for s in sentences())

    def test_a_segment_that_is_gone_is_named(self, ledger: drain.Drainer):
        for segment in self.segments():
            whole = segment.path.read_bytes()
            segment.path.unlink()
            found = sentences()
            newest = segment.sequence == max(
                s.sequence for s in [segment, *self.segments()] if s.worker == segment.worker
            )
            if not (newest and segment.worker == 0):  # never seen by anybody but its writer: like a cut tail
                assert any(segment.name in s for s in found), segment
            segment.path.write_bytes(whole)

    def test_the_folder_of_a_worker_that_is_gone_is_named(self, ledger: drain.Drainer):
        shutil.rmtree(self.segments()[0].path.parent)
        assert sentences()

    @pytest.mark.parametrize("how", ["swapped", "copied", "renamed"])
    def test_a_moved_segment_is_named(self, ledger: drain.Drainer, how: str):
        first, second = [s for s in self.segments() if s.worker == 0][:2]
        a, b = first.path.read_bytes(), second.path.read_bytes()
        if how == "swapped":
            first.path.write_bytes(b)
            second.path.write_bytes(a)
        elif how == "copied":
            (first.path.parent.parent / "1" / "0000000077.jnl").write_bytes(a)
        else:
            second.path.rename(second.path.with_name("0000000077.jnl"))
        assert any("moved or copied here" in s for s in sentences())
        before = Head.objects.get().size
        drain.make().run_once()
        assert Head.objects.get().size <= before + 1

    def test_a_cut_or_zeroed_segment_is_named_wherever_something_tells_of_its_end(self, ledger: drain.Drainer):
        first = next(s for s in self.segments() if s.worker == 0)  # taken, and a newer one stands behind it
        whole = first.path.read_bytes()
        for cut in (0, 4, 8, 100, len(whole) // 2, len(whole) - 17, len(whole) - 1):
            for tail in (b"", b"\0" * (len(whole) - cut)):
                first.path.write_bytes(whole[:cut] + tail)
                assert any(first.name in s for s in sentences()), (cut, bool(tail))
        first.path.write_bytes(whole[:50] + whole[90:])
        assert any(first.name in s for s in sentences())

    def test_an_old_segment_that_nobody_has_taken_and_that_was_cut_is_named(self, ledger: drain.Drainer):
        write([exchange(101, "subject1")[0]])
        write([exchange(102, "subject1")[0]])
        old = [s for s in self.segments() if s.worker == 0][-2]
        old.path.write_bytes(old.path.read_bytes()[:-20])
        assert any(old.name in s and "durable" in s for s in sentences())
        drain.make().run_once()
        assert old.path.exists()  # as evidence

    def test_a_torn_last_record_is_told_apart(self, ledger: drain.Drainer):
        last = [s for s in self.segments() if s.worker == 0][-1]
        whole = last.path.read_bytes()
        for cut in range(1, 60):
            last.path.write_bytes(whole[:-cut])
            told = proof.prove()
            assert told.faults == []
            assert len(told.torn) == 1
            assert "torn" in told.torn[0]
