"""What `guiju ledger verify` proves on this machine: the ledger's rows, and everything that stands beside them.

The tree and its chain are ledger/verify.py's. Here: that contents are there and are those that were committed to, that
copies for searching say what the entries say, that nothing happened twice, and that the journal lost nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, OuterRef

from guiju.config import Config
from guiju.control.records import actions
from guiju.control.records.models import Checkpoint, Content, DrainOffset, Entry, Exchange, Head, SubjectKey
from guiju.errors import Said
from guiju.journal import reader
from guiju.ledger import copies, entries, seal
from guiju.ledger.verify import Edge, Row, Signed, verify

TOGETHER = 500
"""Rows that are looked up at once."""


class Fault(NamedTuple):
    """Something that isn't as it was written."""

    where: str
    """`ledger`, `copies`, `contents`, `journal`."""
    entry: int
    """The first entry that it concerns (of a journal: record); -1 where it concerns none in particular."""
    kind: str
    sentence: Said


class Proof(NamedTuple):
    """What came of it."""

    entries: int
    root: bytes
    checkpoints: int
    contents: int
    """That could be opened."""
    waiting: int
    """Entries in the journal."""
    torn: list[Said]
    faults: list[Fault]


def prove(elsewhere: str | None = None) -> Proof:
    """Everything that can be proven on this machine."""
    keyring = settings.KEYRING
    faults: list[Fault] = []
    lost: list[Fault] = []
    torn, waiting = _journal(settings.GUIJU, keyring.chain, lost)  # first: what doesn't wait now is in the ledger below
    with _at_one_moment():
        head = Head.objects.filter(pk=1).first()
        signed = (
            Signed(c.size, c.note, c.at_ms, bytes(c.tag)) for c in Checkpoint.objects.order_by("id").iterator(2000)
        )
        ledger = _Ledger(faults)
        edge = head and Edge(
            head.size,
            bytes(head.hashes),
            bytes(head.tag),
            head.checkpoints,
            bytes(head.checkpoint_tag),
            bytes(head.seal),
        )
        proof = verify(ledger.rows(), keyring.chain, signed, keyring.ledger_public, elsewhere, edge)
        found = [Fault("ledger", *problem) for problem in proof.problems]
        ledger.finish()
        opened = _contents(ledger, faults)
        faults += _twice()
    return Proof(proof.size, proof.root, proof.checkpoints, opened, waiting, torn, found + faults + lost)


@contextmanager
def _at_one_moment() -> Iterator[None]:
    """Every read in the block sees the same moment, and nobody waits for it: the service goes on meanwhile."""
    with connection.cursor() as cursor:
        postgres = connection.vendor == "postgresql"
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgres else "BEGIN")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


class _Ledger:
    """One pass over the entries: rows for the tree, and what else must agree with them."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._running: dict[str, tuple[int, copies.Found]] = {}
        """What entries say of exchanges that aren't closed yet, with the place of the first."""
        self._ended: dict[str, tuple[int, copies.Found]] = {}
        """The same of closed ones, until they are compared."""
        self._bare: list[tuple[int, str, str]] = []
        """Entries whose contents aren't there, with their exchange and whose contents they would be."""
        self._lost: set[str] = set()
        """Exchanges whose contents work said that it had lost."""
        self.erased: dict[str, int] = {}
        """Subject -> when the ledger says that it was erased."""

    def rows(self) -> Iterator[Row]:
        """Every entry."""
        destroyed = dict(SubjectKey.objects.exclude(erased_at=None).values_list("id", "subject"))
        names = ("index", "body", "leaf", "tag", "content__key_id", *copies.Columns._fields)
        rows = Entry.objects.order_by("index", "id").values_list(*names)
        for index, body, leaf, tag, key, *columns in rows.iterator(2000):
            yield Row(index, bytes(body), bytes(leaf), bytes(tag))
            try:
                entry = entries.decode(bytes(body))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._say(index, "copies", "unreadable", Said("entry {n} can't be read", "无法读取条目 {n}", n=index))
                continue
            for name, copy, real in zip(copies.Columns._fields, columns, copies.columns(entry), strict=True):
                if copy != real:
                    sentence = Said(
                        "entry {n}: the copy `{name}` isn't what the entry says",
                        "条目 {n}：检索副本 `{name}` 与条目不符",
                        n=index,
                        name=name,
                    )
                    self._say(index, "copies", "changed", sentence)
            owner = self._follow(index, entry)
            if getattr(entry, "commitment", "") and key is None:
                self._bare.append((index, getattr(entry, "exchange", ""), owner))
            if key in destroyed and destroyed[key] != owner:
                sentence = Said(
                    "contents of entry {n}: under the destroyed key of another subject",
                    "条目 {n} 的内容：被归到另一主体已销毁的密钥之下",
                    n=index,
                )
                self._say(index, "contents", "changed", sentence)

    def finish(self) -> None:
        """Once every row was read."""
        self._compare(self._ended)
        self._compare(self._running)
        for index, exchange, owner in self._bare:
            if owner not in self.erased and exchange not in self._lost:
                sentence = Said(
                    "entry {n}: its contents are gone, and nothing says why",
                    "条目 {n}：内容缺失，且没有任何条目说明原因",
                    n=index,
                )
                self._say(index, "contents", "missing", sentence)
        begun = Entry.objects.filter(kind="exchange.opened", exchange=OuterRef("pk"))
        for name in Exchange.objects.filter(~Exists(begun)).values_list("id", flat=True)[:100]:
            sentence = Said(
                "exchange {name} is shown, but no entry tells of it",
                "交互 {name} 可以检索到，但账本中没有相应条目",
                name=name,
            )
            self._say(-1, "copies", "inserted", sentence)

    def _follow(self, index: int, entry: entries.Entry) -> str:
        """Keep what the entry says; returns whose contents it commits to."""
        if isinstance(entry, entries.Opened):
            self._running[entry.exchange] = (index, copies.begin(entry))
            return entry.subject or f"anonymous:{entry.app}"
        if isinstance(entry, entries.Closed) and (began := self._running.pop(entry.exchange, None)):
            found = began[1]
            found.end(entry)
            self._ended[entry.exchange] = began
            if len(self._ended) >= TOGETHER:
                self._compare(self._ended)
            return found.subject or f"anonymous:{found.app}"
        elif isinstance(entry, entries.Act) and entry.verb == "subjects.erase":
            self.erased[entry.target] = entry.at_ms
        elif isinstance(entry, entries.Note) and entry.what == "contents.lost":
            self._lost.add(entry.detail.get("exchange", ""))
        return str(getattr(entry, "subject", ""))

    def _say(self, index: int, where: str, kind: str, sentence: Said) -> None:
        self._faults.append(Fault(where, index, kind, sentence))

    def _compare(self, made: dict[str, tuple[int, copies.Found]]) -> None:
        ids = list(made)
        for start in range(0, len(ids), TOGETHER):
            kept = Exchange.objects.in_bulk(ids[start : start + TOGETHER])
            for name in ids[start : start + TOGETHER]:
                index, real = made[name]
                row = kept.get(name)
                if row is None:
                    sentence = Said(
                        "entry {n}: exchange {name} is missing among those to search",
                        "条目 {n}：检索副本中缺少交互 {name}",
                        n=index,
                        name=name,
                    )
                    self._say(index, "copies", "missing", sentence)
                    continue
                copy = actions.found_of(row)
                for field in [f for f in copies.Found.__struct_fields__ if getattr(copy, f) != getattr(real, f)]:
                    sentence = Said(
                        "entry {n}: exchange {name} is shown with another `{field}` than the entry says",
                        "条目 {n}：交互 {name} 检索副本中的 `{field}` 与条目不符",
                        n=index,
                        name=name,
                        field=field,
                    )
                    self._say(index, "copies", "changed", sentence)
        made.clear()


def _contents(ledger: _Ledger, faults: list[Fault]) -> int:
    """Every subject's key opens, or the ledger says that it was destroyed; every content is what its entry commits to."""
    count, bad = 0, set()
    for key in SubjectKey.objects.order_by("id").iterator(2000):
        if (problem := _key_fault(key, ledger.erased)) is not None:
            bad.add(key.pk)
            sentence = Said(
                "the key of subject {subject}: {problem}",
                "主体 {subject} 的密钥：{problem}",
                subject=key.subject,
                problem=problem,
            )
            faults.append(Fault("contents", -1, "changed", sentence))
    chunk: list[Content] = []
    for content in Content.objects.order_by("id").iterator(2000):
        chunk.append(content)
        if len(chunk) == TOGETHER:
            count += _open(chunk, bad, faults)
            chunk = []
    return count + _open(chunk, bad, faults)


def _key_fault(key: SubjectKey, erased: dict[str, int]) -> Said | None:
    told = erased.get(key.subject)
    if key.erased_at is not None:
        if told is None:
            return Said("marked as erased, but no entry says so", "标为已删除，但账本中没有相应条目")
        if round(key.erased_at.timestamp() * 1000) != told or bytes(key.wrapped):
            return Said("its erasure was changed", "删除标记被改动")
        return None
    if told is not None:
        return Said("the ledger says that it was erased, and it is there again", "账本写明已删除，却又出现")
    try:
        actions.unwrap(key)
    except seal.CannotOpen:
        return Said("changed, or of another subject", "被改动，或属于另一主体")
    return None


def _open(chunk: list[Content], bad: set[int], faults: list[Fault]) -> int:
    """Contents that open as they were committed to. Looked up by hand: a join would pass over what leads nowhere."""
    rows = Entry.objects.in_bulk([content.entry_id for content in chunk])
    keys = SubjectKey.objects.in_bulk([content.key_id for content in chunk])
    count = 0
    for content in chunk:
        row, key = rows.get(content.entry_id), keys.get(content.key_id)
        if row is None:
            sentence = Said("contents {id} belong to no entry", "内容 {id} 不属于任何条目", id=content.pk)
            faults.append(Fault("contents", -1, "inserted", sentence))
        elif key is None:
            sentence = Said("contents of entry {n}: their key is gone", "条目 {n} 的内容：密钥缺失", n=row.index)
            faults.append(Fault("contents", row.index, "missing", sentence))
        elif key.erased_at is None:
            try:
                content.key = key
                actions.open_content(content, getattr(entries.decode(bytes(row.body)), "commitment", ""))
                count += 1
            except (seal.CannotOpen, ValueError) as problem:
                what = Said("their key was changed", "密钥被改动") if key.pk in bad else problem
                sentence = Said("contents of entry {n}: {what}", "条目 {n} 的内容：{what}", n=row.index, what=what)
                faults.append(Fault("contents", row.index, "changed", sentence))
    return count


def _twice() -> list[Fault]:
    """An exchange begins once and ends once."""
    kinds = {"exchange.opened": Said("begins", "开始"), "exchange.closed": Said("ends", "结束")}
    rows = Entry.objects.filter(kind__in=kinds).values_list("kind", "exchange").annotate(n=Count("id")).filter(n__gt=1)
    faults = []
    for kind, exchange, _ in rows.order_by("kind", "exchange"):
        first, second = (
            Entry.objects.filter(kind=kind, exchange=exchange).order_by("index").values_list("index", flat=True)[:2]
        )
        sentence = Said(
            "entry {second}: exchange {exchange} {what} a second time (first in entry {first})",
            "条目 {second}：交互 {exchange} 再次{what}（首次在条目 {first}）",
            first=first,
            second=second,
            exchange=exchange,
            what=kinds[kind],
        )
        faults.append(Fault("ledger", second, "inserted", sentence))
    return faults


def _journal(config: Config, chain: bytes, faults: list[Fault]) -> tuple[list[Said], int]:
    """Segments that lie on this machine: torn tails apart, tampering and losses named, entries not drained yet."""
    torn, waiting = [], 0
    rows = {row.segment: row for row in DrainOffset.objects.all()}
    for row in rows.values():
        if bytes(row.seal) != actions.offset_seal(row):
            name = f"{row.node}/{row.worker}/{row.sequence}"
            sentence = Said(
                "journal {name}: how far it was taken was changed", "日志 {name}：移入进度被改动", name=name
            )
            faults.append(Fault("journal", -1, "changed", sentence))
    there = set()
    for segment in reader.segments(config.journal):
        try:
            read = reader.read(segment.path, chain)
        except FileNotFoundError:
            continue  # taken and deleted just now
        there.add(read.identity.hex())
        row = rows.get(read.identity.hex())
        reached = row.offset if row else 0
        waiting += sum(1 for end, _ in read.records if end > reached)
        if read.tampered is not None:
            sentence = Said(
                "journal {name}, record {n}: {problem}",
                "日志 {name} 的记录 {n}：{problem}",
                name=segment.name,
                n=read.tampered.record,
                problem=read.tampered.problem,
            )
            faults.append(Fault("journal", read.tampered.record, "changed", sentence))
        elif row is None and any(actions.known(record.entry) for _, record in read.records[:1]):
            sentence = Said(
                "journal {name}: it was taken into the ledger, but the row that says how far is gone",
                "日志 {name}：已移入账本，但登记移入进度的数据行缺失",
                name=segment.name,
            )
            faults.append(Fault("journal", -1, "missing", sentence))
        elif read.end < reached:
            sentence = Said(
                "journal {name}: {n} bytes that were drained are gone",
                "日志 {name}：已移入账本的 {n} 字节缺失",
                name=segment.name,
                n=reached - read.end,
            )
            faults.append(Fault("journal", len(read.records), "cut", sentence))
        elif read.torn:
            sentence = Said(
                "journal {name}: the last record is torn ({n} bytes): the machine stopped while writing it",
                "日志 {name}：最后一条记录不完整（{n} 字节）：写入时机器停止运行",
                name=segment.name,
                n=read.torn,
            )
            torn.append(sentence)
        faults += _before(segment, read, chain)
    faults += _gone(config, there)
    return torn, waiting


def _before(segment: reader.Segment, read: reader.Read, chain: bytes) -> Iterator[Fault]:
    """What a segment's header says of the one before it."""
    mark = read.header.before if read.header and not (read.tampered and read.tampered.record == 0) else None
    if mark is None:
        return
    name = f"{segment.node}/{segment.worker}/{mark.sequence}"
    path = segment.path.with_name(f"{mark.sequence:010}.jnl")
    try:
        if not reader.reaches(path, chain, mark):
            sentence = Said(
                "journal {name}: records that were durable before {next} began are gone",
                "日志 {name}：在 {next} 开始之前已落盘的记录缺失",
                name=name,
                next=segment.name,
            )
            yield Fault("journal", -1, "cut", sentence)
    except FileNotFoundError:
        taken = DrainOffset.objects.filter(
            node=segment.node, worker=segment.worker, sequence=mark.sequence, left=True, offset__gte=mark.end
        )
        if not taken.exists():
            sentence = Said(
                "journal {name} is gone, and was never taken whole into the ledger",
                "日志 {name} 缺失，且从未完整移入账本",
                name=name,
            )
            yield Fault("journal", -1, "missing", sentence)


def _gone(config: Config, there: set[str]) -> Iterator[Fault]:
    """Segments that were begun to be taken and aren't there any more."""
    for row in DrainOffset.objects.filter(left=False).exclude(segment__in=there).order_by("id"):
        path = config.journal / row.node / str(row.worker) / f"{row.sequence:010}.jnl"
        if row.node != config["node"] and not path.parent.exists():
            continue  # another machine's
        begun_since = path.exists() and reader.read(path, settings.KEYRING.chain).identity.hex() == row.segment
        taken_since = DrainOffset.objects.filter(pk=row.pk, left=True).exists()
        if not (begun_since or taken_since):
            name = f"{row.node}/{row.worker}/{row.sequence}"
            sentence = Said(
                "journal {name} is gone, and was not taken whole into the ledger",
                "日志 {name} 缺失，且未完整移入账本",
                name=name,
            )
            yield Fault("journal", -1, "missing", sentence)
