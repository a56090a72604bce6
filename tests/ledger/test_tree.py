"""RFC 6962 (RFC 9162): the known roots, and proofs that hold for what is there and for nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.ledger import tree

LEAVES = [bytes.fromhex(x) for x in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Of Certificate Transparency's own tests."""


def frontier(leaves: list[bytes]) -> tree.Frontier:
    growing = tree.Frontier()
    for leaf in leaves:
        growing.add(tree.leaf_hash(leaf))
    return growing


@pytest.mark.parametrize("size", ROOTS)
def test_the_known_roots(size: int):
    assert frontier(LEAVES[:size]).root.hex() == ROOTS[size]


def test_the_empty_tree():
    assert tree.Frontier().root == hashlib.sha256().digest()


def plain_root(hashes: list[bytes]) -> bytes:
    """The definition, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(hashes[:k]) + plain_root(hashes[k:])).digest()


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70))
def test_it_grows_to_the_root_of_the_definition(leaves: list[bytes]):
    assert frontier(leaves).root == plain_root([tree.leaf_hash(leaf) for leaf in leaves])


def test_a_frontier_that_was_kept_goes_on():
    first = frontier(LEAVES[:5])
    again = tree.Frontier(first.size, list(first.hashes))
    for leaf in LEAVES[5:]:
        again.add(tree.leaf_hash(leaf))
    assert again.root.hex() == ROOTS[8]


@given(st.integers(1, 40), st.data())
def test_inclusion_is_proven_for_what_is_there_and_nothing_else(size: int, data):
    leaves = [tree.leaf_hash(bytes([n])) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof, root = tree.inclusion(leaves, index), plain_root(leaves)
    assert tree.verify_inclusion(leaves[index], index, size, proof, root)
    assert not tree.verify_inclusion(tree.leaf_hash(b"other"), index, size, proof, root)
    assert not tree.verify_inclusion(leaves[index], index, size, [*proof, b"x" * 32], root)
    if size > 1:
        assert not tree.verify_inclusion(leaves[index], (index + 1) % size, size, proof, root)


@given(st.integers(1, 40), st.integers(0, 30))
def test_consistency_is_proven_for_what_only_grew(old: int, more: int):
    leaves = [tree.leaf_hash(bytes([n])) for n in range(old + more)]
    proof = tree.consistency(leaves, old)
    before, after = plain_root(leaves[:old]), plain_root(leaves)
    assert tree.verify_consistency(old, old + more, proof, before, after)
    if more:
        changed = plain_root([tree.leaf_hash(b"changed"), *leaves[1:]])
        assert not tree.verify_consistency(old, old + more, proof, before, changed)
