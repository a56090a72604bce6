"""Sealed contents open with their key alone, and are what their entry commits to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.ledger import seal

KEY, OTHER, NONCE = b"k" * 32, b"o" * 32, b"n" * 12


@given(st.binary(max_size=300))
def test_what_is_sealed_opens(contents: bytes):
    sealed = seal.seal(KEY, NONCE, contents, b"purpose")
    assert seal.unseal(KEY, sealed, b"purpose") == contents
    for key, changed, purpose in ((OTHER, sealed, b"purpose"), (KEY, sealed[:-1], b"purpose"), (KEY, sealed, b"x")):
        with pytest.raises(seal.CannotOpen):
            seal.unseal(key, changed, purpose)


def test_contents_are_those_that_were_committed_to():
    committed = seal.commit(b"13812345678", KEY)
    assert seal.open_payload(committed.payload, committed.commitment) == b"13812345678"
    with pytest.raises(seal.CannotOpen):
        seal.open_payload(seal.commit(b"13812345679", KEY).payload, committed.commitment)
    with pytest.raises(seal.CannotOpen):
        seal.open_payload(b"garbage", committed.commitment)


def test_a_commitment_tells_nothing_without_its_key():
    assert seal.commit(b"13812345678", KEY).commitment != seal.commit(b"13812345678", OTHER).commitment


def test_a_segments_key_opens_with_the_days_key_alone():
    wrapped = seal.wrap_for(seal.public_of(b"d" * 32), b"e" * 32, KEY, NONCE)
    assert seal.unwrap(b"d" * 32, wrapped) == KEY
    with pytest.raises(seal.CannotOpen):
        seal.unwrap(b"x" * 32, wrapped)
