"""The whole proof, in numbered steps, over the ledger's rows.

Pure: rows in, problems out. What proves is the tree with its signed checkpoints; what *names* the first row that isn't
what it was is the keyed chain of tags, which nobody can forge without the chain key.

    1  rows are numbered 0, 1, 2, … without a gap
    2  each row's leaf is the hash of its number and body
    3  each row's tag follows from the tag before and the leaf
    4  every checkpoint of ours is signed by us, and the tree of that size has that root
    5  the newest checkpoint isn't larger than the tree (a cut tail)
    6  the same for a checkpoint that was kept elsewhere (also finds a history that was signed anew)
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guiju.ledger import note as notes
from guiju.ledger.mac import mac
from guiju.ledger.tree import Frontier, leaf_hash


class Row(NamedTuple):
    """A row as it is kept."""

    number: int
    body: bytes
    leaf: bytes
    tag: bytes


class Problem(NamedTuple):
    """Something that isn't as it was written."""

    number: int
    """The first row that it concerns; -1 where it concerns none in particular."""
    kind: str
    """`missing`, `inserted`, `changed`, `reordered`, `checkpoint`, `cut`, `rewritten`."""
    sentence: str


def leaf_data(index: int, body: bytes) -> bytes:
    """What a leaf commits to: its place and the entry."""
    return index.to_bytes(8, "big") + body


def next_tag(key: bytes, before: bytes, leaf: bytes) -> bytes:
    """The chain's tag for a leaf."""
    return mac(key, before + leaf)


class Proof(NamedTuple):
    """What came of it."""

    size: int
    root: bytes
    problems: list[Problem]


def verify(
    rows: Iterable[Row], chain_key: bytes, checkpoints: Sequence[str], public: bytes, elsewhere: str | None = None
) -> Proof:
    """The whole proof.

    Args:
        rows: in order of `index`.
        checkpoints: our own signed notes, any order.
        public: the key that signs them.
        elsewhere: a note that was kept outside.
    """
    problems: list[Problem] = []
    signed = list(_signed(checkpoints, public, problems))
    if elsewhere is not None:
        try:
            signed.append(("elsewhere", notes.verify(elsewhere, public)))
        except notes.BadNote as problem:
            problems.append(Problem(-1, "checkpoint", f"the checkpoint kept elsewhere: {problem}"))
    wanted: dict[int, list[tuple[str, notes.Checkpoint]]] = {}
    for origin, checkpoint in signed:
        wanted.setdefault(checkpoint.size, []).append((origin, checkpoint))
    frontier, tag, expected = Frontier(), b"", 0
    _compare(frontier, wanted, problems)
    for row in rows:
        if row.number != expected:
            kind = "missing" if row.number > expected else "inserted"
            place = f"entry {expected} is missing" if kind == "missing" else f"entry {row.number} stands there twice"
            problems.append(Problem(expected if kind == "missing" else row.number, kind, place))
            expected = row.number
        leaf = leaf_hash(leaf_data(row.number, row.body))
        follows = hmac.compare_digest(next_tag(chain_key, tag, row.leaf), row.tag)
        if leaf != row.leaf or not follows:
            problems.append(_name(row, leaf, follows))
        frontier.add(leaf)
        tag, expected = row.tag, expected + 1
        _compare(frontier, wanted, problems)
    for origin, checkpoint in signed:
        if checkpoint.size > frontier.size:
            where = "kept elsewhere " if origin == "elsewhere" else ""
            text = (
                f"a checkpoint {where}names {checkpoint.size} entries; only {frontier.size} are there: the tail was cut"
            )
            problems.append(Problem(frontier.size, "cut", text))
            break
    return Proof(frontier.size, frontier.root, problems)


def _signed(
    checkpoints: Sequence[str], public: bytes, problems: list[Problem]
) -> Iterator[tuple[str, notes.Checkpoint]]:
    for text in checkpoints:
        try:
            yield "ours", notes.verify(text, public)
        except notes.BadNote as problem:
            problems.append(Problem(-1, "checkpoint", f"a checkpoint of ours: {problem}"))


def _name(row: Row, leaf: bytes, follows: bool) -> Problem:
    if leaf != row.leaf and follows:
        return Problem(
            row.number, "changed", f"entry {row.number} was changed: its body isn't what its leaf commits to"
        )
    if leaf != row.leaf:
        return Problem(row.number, "changed", f"entry {row.number} was changed, moved or inserted")
    return Problem(
        row.number, "inserted", f"entry {row.number} doesn't follow the one before it: changed, moved or inserted"
    )


def _compare(
    frontier: Frontier, wanted: dict[int, list[tuple[str, notes.Checkpoint]]], problems: list[Problem]
) -> None:
    for origin, checkpoint in wanted.get(frontier.size, ()):
        if checkpoint.root == frontier.root:
            continue
        if origin == "elsewhere":
            text = f"the first {frontier.size} entries aren't those of the checkpoint kept elsewhere: history was rewritten"
            problems.append(Problem(-1, "rewritten", text))
        else:
            text = f"the first {frontier.size} entries don't have the root that we signed"
            problems.append(Problem(-1, "checkpoint", text))
