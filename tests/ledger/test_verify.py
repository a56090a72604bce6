"""A changed, dropped, reordered or inserted entry is found and named; with a checkpoint also a cut and a rewriting."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from guiju.ledger import note, tree
from guiju.ledger.verify import Row, leaf_data, next_tag, verify

CHAIN, PRIVATE = b"c" * 32, b"p" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
SIZE = 12


def rows(bodies: list[bytes], chain: bytes = CHAIN) -> list[Row]:
    tag, made = b"", []
    for number, body in enumerate(bodies):
        leaf = tree.leaf_hash(leaf_data(number, body))
        tag = next_tag(chain, tag, leaf)
        made.append(Row(number, body, leaf, tag))
    return made


def signed(made: list[Row], private: bytes = PRIVATE) -> str:
    frontier = tree.Frontier()
    for row in made:
        frontier.add(row.leaf)
    return note.sign(note.Checkpoint("guiju/ledger", frontier.size, frontier.root), private)


LEDGER = rows([f"entry {n}".encode() for n in range(SIZE)])
CHECKPOINTS = [signed(LEDGER[:5]), signed(LEDGER)]


def problems(made: list[Row], elsewhere: str | None = None, checkpoints=CHECKPOINTS) -> list[tuple[int, str]]:
    return [(p.number, p.kind) for p in verify(made, CHAIN, checkpoints, PUBLIC, elsewhere).problems]


def test_what_is_as_it_was_is_good():
    proof = verify(LEDGER, CHAIN, CHECKPOINTS, PUBLIC, CHECKPOINTS[0])
    assert (proof.size, proof.problems) == (SIZE, [])


def test_an_empty_ledger_is_good():
    assert problems([], checkpoints=[]) == []


@given(st.integers(0, SIZE - 1), st.sampled_from(["body", "leaf", "tag"]), st.integers(0, 55))
def test_a_flipped_bit_is_named(number: int, field: str, bit: int):
    value = bytearray(getattr(LEDGER[number], field))
    value[bit // 8 % len(value)] ^= 1 << bit % 8
    changed = [*LEDGER]
    changed[number] = LEDGER[number]._replace(**{field: bytes(value)})
    assert problems(changed)[0][0] == number


@given(st.integers(0, SIZE - 1))
def test_a_removed_entry_is_named(number: int):
    found = problems(LEDGER[:number] + LEDGER[number + 1 :])
    assert found[0] == ((number, "missing") if number < SIZE - 1 else (SIZE - 1, "cut"))


@given(st.integers(0, SIZE - 2))
def test_swapped_entries_are_named(number: int):
    a, b = LEDGER[number], LEDGER[number + 1]
    changed = [*LEDGER[:number], b._replace(number=a.number), a._replace(number=b.number), *LEDGER[number + 2 :]]
    assert problems(changed)[0][0] == number


@given(st.integers(0, SIZE))
def test_an_inserted_entry_is_named(number: int):
    forged = Row(number, b"forged", tree.leaf_hash(leaf_data(number, b"forged")), b"t" * 32)
    after = [row._replace(number=row.number + 1) for row in LEDGER[number:]]
    assert problems([*LEDGER[:number], forged, *after])[0][0] == number


def test_an_entry_twice_is_named():
    assert (4, "inserted") in problems([*LEDGER[:5], LEDGER[4], *LEDGER[5:]])


def test_a_cut_tail_needs_a_checkpoint_and_is_found_by_it():
    assert problems(LEDGER[:8], checkpoints=CHECKPOINTS[:1]) == []
    assert problems(LEDGER[:8], elsewhere=CHECKPOINTS[1], checkpoints=CHECKPOINTS[:1]) == [(8, "cut")]
    assert problems(LEDGER[:8]) == [(8, "cut")]


def test_a_history_that_was_signed_anew_is_found_by_a_checkpoint_kept_elsewhere():
    """Whoever holds every key can write a new history; not what somebody else has kept."""
    other = rows([b"another" if n == 3 else f"entry {n}".encode() for n in range(SIZE)])
    assert problems(other, checkpoints=[signed(other)]) == []
    assert (-1, "rewritten") in problems(other, elsewhere=CHECKPOINTS[1], checkpoints=[signed(other)])


@pytest.mark.parametrize("note_text", ["", "no note", signed(LEDGER, b"x" * 32)])
def test_a_bad_checkpoint_is_told(note_text: str):
    assert (-1, "checkpoint") in problems(LEDGER, elsewhere=note_text)
    assert (-1, "checkpoint") in problems(LEDGER, checkpoints=[note_text])
