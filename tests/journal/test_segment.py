"""Any change of a segment's bytes is found; a record that isn't whole is a torn tail and no tampering."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guiju.journal.segment import MAGIC, Chain, Tampered, payloads

KEY = b"k" * 32


def segment(*bodies: bytes) -> bytes:
    chain = Chain(KEY, MAGIC)
    return MAGIC + b"".join(chain.frame(body) for body in bodies)


def read(data: bytes) -> list[bytes | Tampered]:
    return [x if isinstance(x, Tampered) else x[1] for x in payloads(data, Chain(KEY))]


BODIES = [b"header", b"one", b"two two", b"three"]
WHOLE = segment(*BODIES)


def test_it_reads_back():
    assert read(WHOLE) == BODIES


@given(st.integers(0, len(WHOLE) - 1))
def test_a_torn_tail_is_no_tampering(cut: int):
    found = read(WHOLE[:cut])
    assert found == BODIES[: len(found)]


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_a_flipped_bit_is_named_wherever_it_is(bit: int):
    """In a length too: it doesn't pass for a record that reaches past the end."""
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    *whole, told = read(bytes(data))
    assert isinstance(told, Tampered)
    assert whole == BODIES[: len(whole)]


LONG = segment(b"header", b"one" * 900, b"two" * 900, b"three" * 900)


@given(st.integers(0, 2), st.integers(0, 900))
def test_a_tail_of_zeros_is_torn_and_zeros_in_between_are_not(record: int, at: int):
    """A disk may know a file's size before its bytes; then whole sectors of zeros end it."""
    start = LONG.rindex(b"three" * 900)
    zeros = LONG[: start + at] + bytes(len(LONG) - start - at)
    assert [x for x in read(zeros) if isinstance(x, Tampered)] == []
    start = LONG.index((b"one" * 900, b"two" * 900, b"one" * 900)[record])
    between = LONG[: start + at] + bytes(600) + LONG[start + at + 600 :]
    assert [x for x in read(between) if isinstance(x, Tampered)]


def test_a_removed_swapped_or_inserted_record_is_named():
    frames = []
    chain = Chain(KEY, MAGIC)
    frames = [chain.frame(body) for body in BODIES]
    for changed in (
        [frames[0], frames[2], frames[3]],
        [frames[0], frames[2], frames[1], frames[3]],
        [frames[0], frames[1], frames[1], frames[2]],
    ):
        (told,) = [x for x in read(MAGIC + b"".join(changed)) if isinstance(x, Tampered)]
        assert told.record in (1, 2)


def test_reserved_zeros_at_the_end_are_nothing():
    assert read(WHOLE + b"\x00" * 100) == BODIES


@given(st.lists(st.integers(0, len(WHOLE)), max_size=5))
def test_read_in_portions_it_says_the_same(cuts: list[int]):
    chain, at, number, found = Chain(KEY), 0, 0, []
    for cut in [*sorted(cuts), len(WHOLE)]:
        for end, body in payloads(WHOLE[at:cut], chain, at, number):
            at, number = end, number + 1
            found.append(body)
    assert found == BODIES
