"""A Merkle tree over the ledger's entries: RFC 6962, section 2.

Pure. The tree is append-only and kept as its frontier (one hash for each complete subtree on the right edge), so that an
entry costs a few hashes. `inclusion` and `consistency` make proofs from all leaf hashes; `verify_…` check them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962: SHA-256 of 0x00 and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962: SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree: `add` leaf hashes, ask for the `root`."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        """Roots of the complete subtrees, largest first: one for each bit of `size`."""

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self.hashes.append(leaf)
        count = self.size
        while count & 1:
            right, left = self.hashes.pop(), self.hashes.pop()
            self.hashes.append(node_hash(left, right))
            count >>= 1
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root hash; that of the empty text for no leaf."""
        if not self.hashes:
            return EMPTY
        *rest, root = self.hashes
        for left in reversed(rest):
            root = node_hash(left, root)
        return root


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 6962, 2.1.1: the audit path of a leaf."""
    if len(leaves) <= 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion(leaves[:split], index), root(leaves[split:])]
    return [*inclusion(leaves[split:], index - split), root(leaves[:split])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the leaf stands at `index` of the tree of `size` with root `expected` (RFC 9162, 2.1.3.2)."""
    if index >= size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and found == expected


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """RFC 6962, 2.1.2: proof that the first `old` leaves are the tree of that size."""

    def part(inner: Sequence[bytes], size: int, whole: bool) -> list[bytes]:
        if size == len(inner):
            return [] if whole else [root(inner)]
        split = _split(len(inner))
        if size <= split:
            return [*part(inner[:split], size, whole), root(inner[split:])]
        return [*part(inner[split:], size - split, False), root(inner[:split])]

    return part(leaves, old, True) if 0 < old < len(leaves) else []


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of size `new` continues that of size `old` (RFC 9162, 2.1.4.2)."""
    if old == 0 or old == new:
        return old <= new and not proof and (old == 0 or old_root == new_root)
    if old > new or not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root
