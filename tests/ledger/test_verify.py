"""A changed, dropped, reordered or inserted entry is found and named; with a checkpoint also a cut and a rewriting."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from guiju.ledger import note, tree
from guiju.ledger.verify import Edge, Row, Signed, leaf_data, next_tag, row_seal, verify

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


def kept(*notes: str) -> list[Signed]:
    """Checkpoints as they are kept, each chained to the one before."""
    before, made = b"", []
    for number, text in enumerate(notes):
        lines = text.split("\n")
        size = int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
        before = row_seal(CHAIN, "checkpoint", before, size, text, number)
        made.append(Signed(size, text, number, before))
    return made


def edge(made: list[Row], checkpoints: list[Signed]) -> Edge:
    frontier = tree.Frontier()
    for row in made:
        frontier.add(row.leaf)
    last = checkpoints[-1].tag if checkpoints else b""
    columns = (
        frontier.size, b"".join(frontier.hashes), made[-1].tag if made else b"", len(checkpoints), last,
    )  # fmt: skip
    return Edge(*columns, row_seal(CHAIN, "head", *columns))


NOTES = [signed(LEDGER[:5]), signed(LEDGER)]
CHECKPOINTS = kept(*NOTES)
HEAD = edge(LEDGER, CHECKPOINTS)


def problems(
    made: list[Row], elsewhere: str | None = None, checkpoints=CHECKPOINTS, head=HEAD
) -> list[tuple[int, str]]:
    return [(p.number, p.kind) for p in verify(made, CHAIN, checkpoints, PUBLIC, elsewhere, head).problems]


def test_what_is_as_it_was_is_good():
    proof = verify(LEDGER, CHAIN, CHECKPOINTS, PUBLIC, NOTES[0], HEAD)
    assert (proof.size, proof.problems) == (SIZE, [])


def test_an_empty_ledger_is_good():
    assert problems([], checkpoints=[], head=None) == []


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


def test_a_cut_tail_is_found_by_the_head_and_where_that_was_turned_back_by_a_checkpoint():
    assert problems(LEDGER[:8]) == [(8, "cut"), (8, "cut")]
    assert problems(LEDGER[:8], checkpoints=CHECKPOINTS[:1]) == [(8, "cut"), (-1, "checkpoint")]
    before = edge(LEDGER[:8], CHECKPOINTS[:1])  # the database as it was then, whole
    assert problems(LEDGER[:8], checkpoints=CHECKPOINTS[:1], head=before) == []
    assert problems(LEDGER[:8], elsewhere=NOTES[1], checkpoints=CHECKPOINTS[:1], head=before) == [(8, "cut")]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_removed_checkpoint_is_found(gone: int):
    notes = kept(signed(LEDGER[:3]), *NOTES)
    left = [row for number, row in enumerate(notes) if number != gone]
    assert any(kind == "checkpoint" for _, kind in problems(LEDGER, checkpoints=left, head=edge(LEDGER, notes)))


def test_checkpoints_are_read_beside_the_rows_and_not_all_at_once():
    """There are as many of them as of entries where one comes every few seconds."""
    notes, read, most = kept(*(signed(LEDGER[:n]) for n in range(1, SIZE + 1))), [0], [0]

    def counted(values, step: int):
        for value in values:
            read[0] += step
            most[0] = max(most[0], read[0])
            yield value

    proof = verify(counted(LEDGER, -1), CHAIN, counted(notes, 1), PUBLIC, None, edge(LEDGER, notes))
    assert (proof.problems, proof.checkpoints) == ([], SIZE)
    assert most[0] <= 1


def test_a_checkpoint_behind_a_later_one_is_told():
    """Only who holds the chain's key could put it there."""
    notes = kept(NOTES[1], NOTES[0])
    assert problems(LEDGER, checkpoints=notes, head=edge(LEDGER, notes)) == [(5, "checkpoint")]


@given(st.sampled_from(["size", "note", "at_ms", "tag"]), st.integers(0, 1), st.integers(0, 500))
def test_a_changed_checkpoint_is_found(column: str, number: int, bit: int):
    row = CHECKPOINTS[number]
    changed = [*CHECKPOINTS]
    changed[number] = row._replace(**{column: flipped(getattr(row, column), bit)})
    assert any(kind == "checkpoint" for _, kind in problems(LEDGER, checkpoints=changed))


@given(st.sampled_from(Edge._fields), st.integers(0, 500))
def test_a_changed_head_is_found(column: str, bit: int):
    assert problems(LEDGER, head=HEAD._replace(**{column: flipped(getattr(HEAD, column), bit)}))


def test_a_head_that_is_gone_or_turned_back_is_found():
    assert problems(LEDGER, head=None) == [(-1, "head")]
    assert (8, "inserted") in problems(LEDGER, head=edge(LEDGER[:8], CHECKPOINTS))


def flipped(value, bit: int):
    """The same with one bit turned."""
    if isinstance(value, int):
        return value ^ 1 << bit % 40
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[bit // 8 % len(data)] ^= 1 << bit % 7
    return data.decode("utf-8", "replace") if isinstance(value, str) else bytes(data)


def test_a_history_that_was_signed_anew_is_found_by_a_checkpoint_kept_elsewhere():
    """Whoever holds every key can write a new history; not what somebody else has kept."""
    other = rows([b"another" if n == 3 else f"entry {n}".encode() for n in range(SIZE)])
    anew = kept(signed(other))
    assert problems(other, checkpoints=anew, head=edge(other, anew)) == []
    assert (-1, "rewritten") in problems(other, elsewhere=NOTES[1], checkpoints=anew, head=edge(other, anew))


@pytest.mark.parametrize("note_text", ["", "no note", signed(LEDGER, b"x" * 32)])
def test_a_bad_checkpoint_is_told(note_text: str):
    assert (-1, "checkpoint") in problems(LEDGER, elsewhere=note_text)
    assert any(kind == "checkpoint" for _, kind in problems(LEDGER, checkpoints=kept(note_text)))
