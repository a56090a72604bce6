"""The whole proof, in numbered steps, over the ledger's rows.

Pure: rows in, problems out. What proves is the tree with its signed checkpoints; what *names* the first row that isn't
what it was is the keyed chain of tags, which nobody can forge without the chain key.

    1  rows are numbered 0, 1, 2, … without a gap
    2  each row's leaf is the hash of its number and body
    3  each row's tag follows from the tag before and the leaf
    4  every checkpoint of ours is signed by us, and the tree of that size has that root
    5  each checkpoint's tag follows from the one before (a removed one)
    6  the head is the edge of this tree and names its newest checkpoint (a cut tail, with its checkpoints or without)
    7  the same as 4 for a checkpoint that was kept elsewhere (also finds a history that was signed anew)
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from guiju.errors import Said
from guiju.ledger import note as notes
from guiju.ledger.mac import mac
from guiju.ledger.tree import Frontier, leaf_hash


class Row(NamedTuple):
    """A row as it is kept."""

    number: int
    body: bytes
    leaf: bytes
    tag: bytes


class Signed(NamedTuple):
    """A checkpoint as it is kept."""

    size: int
    note: str
    at_ms: int
    tag: bytes


class Edge(NamedTuple):
    """The head as it is kept: where the ledger ends."""

    size: int
    hashes: bytes
    tag: bytes
    checkpoints: int
    checkpoint_tag: bytes
    seal: bytes


class Problem(NamedTuple):
    """Something that isn't as it was written."""

    number: int
    """The first row that it concerns; -1 where it concerns none in particular."""
    kind: str
    """`missing`, `inserted`, `changed`, `checkpoint`, `head`, `cut`, `rewritten`."""
    sentence: Said


def leaf_data(index: int, body: bytes) -> bytes:
    """What a leaf commits to: its place and the entry."""
    return index.to_bytes(8, "big") + body


def next_tag(key: bytes, before: bytes, leaf: bytes) -> bytes:
    """The chain's tag for a leaf."""
    return mac(key, before + leaf)


def row_seal(key: bytes, table: str, *columns: object) -> bytes:
    """The keyed hash of a row that is no entry: a checkpoint, the head, how far a segment was taken."""
    return mac(key, msgspec.msgpack.encode([table, *columns]))


class Proof(NamedTuple):
    """What came of it."""

    size: int
    root: bytes
    checkpoints: int
    """How many of ours there are."""
    problems: list[Problem]


def verify(
    rows: Iterable[Row],
    chain_key: bytes,
    checkpoints: Iterable[Signed],
    public: bytes,
    elsewhere: str | None = None,
    head: Edge | None = None,
) -> Proof:
    """The whole proof.

    Args:
        rows: in order of `index`.
        checkpoints: our own, in the order in which they were signed.
        public: the key that signs them.
        elsewhere: a note that was kept outside.
        head: None where there is none, as in an empty ledger.
    """
    problems: list[Problem] = []
    ours = _Ours(checkpoints, chain_key, public, problems)
    outside = None
    if elsewhere is not None:
        try:
            outside = notes.verify(elsewhere, public)
        except notes.BadNote as problem:
            problems.append(
                Problem(
                    -1,
                    "checkpoint",
                    Said("the checkpoint kept elsewhere: {problem}", "另存的检查点：{problem}", problem=problem),
                )
            )
    frontier, tag, expected = Frontier(), b"", 0
    ours.compare(frontier)
    _compare_outside(outside, frontier, problems)
    for row in rows:
        if row.number != expected:
            kind = "missing" if row.number > expected else "inserted"
            place = Said("entry {n} is missing", "缺少条目 {n}", n=expected)
            if kind == "inserted":
                place = Said("entry {n} stands there twice", "条目 {n} 出现两次", n=row.number)
            problems.append(Problem(expected if kind == "missing" else row.number, kind, place))
            expected = row.number
        leaf = leaf_hash(leaf_data(row.number, row.body))
        follows = hmac.compare_digest(next_tag(chain_key, tag, row.leaf), row.tag)
        if leaf != row.leaf or not follows:
            problems.append(_name(row, leaf, follows))
        frontier.add(leaf)
        tag, expected = row.tag, expected + 1
        ours.compare(frontier)
        _compare_outside(outside, frontier, problems)
    beyond = ours.ahead or (outside if outside is not None and outside.size > frontier.size else None)
    if beyond is not None:
        text = Said(
            "a checkpoint {where}names {named} entries; only {there} are there: the tail was cut",
            "{where}检查点写明 {named} 个条目，实有 {there} 个：末尾被截去",
            where=Said("kept elsewhere ", "另存的") if ours.ahead is None else "",
            named=beyond.size,
            there=frontier.size,
        )
        problems.append(Problem(frontier.size, "cut", text))
    ours.finish()
    problems += _edge(head, frontier, tag, ours, chain_key)
    return Proof(frontier.size, frontier.root, ours.count, problems)


class _Ours:
    """Our checkpoints, read beside the rows: over the years there are as many of them as of entries."""

    def __init__(self, rows: Iterable[Signed], chain_key: bytes, public: bytes, problems: list[Problem]) -> None:
        self._rows, self._key, self._public, self._problems = iter(rows), chain_key, public, problems
        self.count, self.tag = 0, b""
        """How many were read, and the last one's tag."""
        self.ahead: notes.Checkpoint | None = None
        """The next one to compare."""
        self._read()

    def compare(self, frontier: Frontier) -> None:
        """Those that name the tree of this size."""
        while self.ahead is not None and self.ahead.size <= frontier.size:
            size = self.ahead.size
            if size < frontier.size:
                text = Said(
                    "the checkpoint of {n} entries comes after a later one",
                    "条目数为 {n} 的检查点排在更晚的检查点之后",
                    n=size,
                )
                self._problems.append(Problem(size, "checkpoint", text))
            elif self.ahead.root != frontier.root:
                text = Said(
                    "the first {n} entries don't have the root that we signed",
                    "前 {n} 个条目的根哈希与签名检查点不符",
                    n=size,
                )
                self._problems.append(Problem(-1, "checkpoint", text))
            self._read()

    def finish(self) -> None:
        """Read what names more entries than there are."""
        while self.ahead is not None:
            self._read()

    def _read(self) -> None:
        """The next one that is signed by us."""
        self.ahead = None
        for row in self._rows:
            if row.tag != row_seal(self._key, "checkpoint", self.tag, row.size, row.note, row.at_ms):
                text = Said(
                    "the checkpoint of {n} entries was changed, or the one before it is missing",
                    "条目数为 {n} 的检查点被改动，或缺少它之前的检查点",
                    n=row.size,
                )
                self._problems.append(Problem(row.size, "checkpoint", text))
            self.count, self.tag = self.count + 1, row.tag
            try:
                self.ahead = notes.verify(row.note, self._public)
                return
            except notes.BadNote as problem:
                text = Said(
                    "our checkpoint of {n} entries: {problem}",
                    "条目数为 {n} 的检查点：{problem}",
                    n=row.size,
                    problem=problem,
                )
                self._problems.append(Problem(row.size, "checkpoint", text))


def _edge(head: Edge | None, frontier: Frontier, tag: bytes, ours: _Ours, chain_key: bytes) -> Iterator[Problem]:
    if head is None:
        if frontier.size:
            text = Said("the head, which says where the ledger ends, is missing", "缺少标明账本终点的账本头")
            yield Problem(-1, "head", text)
        return
    if head.size > frontier.size:
        text = Said(
            "the head names {named} entries; only {there} are there: the tail was cut",
            "账本头写明 {named} 个条目，实有 {there} 个：末尾被截去",
            named=head.size,
            there=frontier.size,
        )
        yield Problem(frontier.size, "cut", text)
    elif head.size < frontier.size:
        text = Said(
            "entry {n} stands behind the ledger's end: inserted", "条目 {n} 位于账本终点之后：是插入的", n=head.size
        )
        yield Problem(head.size, "inserted", text)
    elif (head.hashes, head.tag) != (b"".join(frontier.hashes), tag):
        text = Said(
            "the head isn't the edge of these entries: it was changed, or they were",
            "账本头与这些条目不符：账本头或条目被改动",
        )
        yield Problem(-1, "head", text)
    if head.checkpoints != ours.count or head.checkpoint_tag != ours.tag:
        text = Said(
            "{signed} checkpoints were signed, {there} are there, or the newest is another",
            "曾签发 {signed} 个检查点，实有 {there} 个，或最新的一个不是原来的",
            signed=head.checkpoints,
            there=ours.count,
        )
        yield Problem(-1, "checkpoint", text)
    if head.seal != row_seal(chain_key, "head", *head[:-1]):
        text = Said("the head, which says where the ledger ends, was changed", "标明账本终点的账本头被改动")
        yield Problem(-1, "head", text)


def _name(row: Row, leaf: bytes, follows: bool) -> Problem:
    if leaf != row.leaf and follows:
        text = Said(
            "entry {n} was changed: its body isn't what its leaf commits to",
            "条目 {n} 被改动：正文与叶节点的承诺值不符",
            n=row.number,
        )
        return Problem(row.number, "changed", text)
    if leaf != row.leaf:
        text = Said("entry {n} was changed, moved or inserted", "条目 {n} 被改动、移动，或是插入的", n=row.number)
        return Problem(row.number, "changed", text)
    text = Said(
        "entry {n} doesn't follow the one before it: changed, moved or inserted",
        "条目 {n} 与前一条目不衔接：被改动、移动，或是插入的",
        n=row.number,
    )
    return Problem(row.number, "inserted", text)


def _compare_outside(outside: notes.Checkpoint | None, frontier: Frontier, problems: list[Problem]) -> None:
    if outside is None or outside.size != frontier.size or outside.root == frontier.root:
        return
    text = Said(
        "the first {n} entries aren't those of the checkpoint kept elsewhere: history was rewritten",
        "前 {n} 个条目与另存的检查点不符：历史被改写",
        n=frontier.size,
    )
    problems.append(Problem(-1, "rewritten", text))
