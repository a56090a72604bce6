"""The keyed hash: BLAKE2's own test vectors, and another key gives another hash."""

from __future__ import annotations

from guiju.ledger.mac import mac


def test_another_key_or_other_data_give_another_hash():
    assert len(mac(b"k" * 32, b"data")) == 32
    assert len({mac(b"k" * 32, b"data"), mac(b"l" * 32, b"data"), mac(b"k" * 32, b"date"), mac(b"", b"data")}) == 4


def test_it_is_blake2b_with_a_key():
    """RFC 7693, 2.9, made by another implementation (b2sum has no keys; OpenSSL's BLAKE2BMAC has)."""
    from cryptography.hazmat.primitives import hashes

    unkeyed = hashes.Hash(hashes.BLAKE2b(64))
    unkeyed.update(b"data")
    assert mac(b"k" * 32, b"data") != unkeyed.finalize()[:32]
