"""Contents under a key: sealing, wrapping, commitments.

Pure: nonces and new keys are arguments. AES-256-GCM (NIST SP 800-38D) seals; X25519 (RFC 7748) with HKDF (RFC 5869)
hands a journal segment's key to the drainer; a keyed hash (mac.py) under a random key commits a leaf of the tree to contents
without telling anything of them (a plain hash of a phone number could be guessed).
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from guiju.errors import Said
from guiju.ledger.mac import mac

KEY, NONCE = 32, 12
"""Bytes."""


class CannotOpen(Exception):
    """The key is another one, or the sealed bytes were changed."""


def seal(key: bytes, nonce: bytes, contents: bytes, purpose: bytes = b"") -> bytes:
    """Contents -> nonce and ciphertext. A (key, nonce) pair is never used twice."""
    return nonce + AESGCM(key).encrypt(nonce, contents, purpose)


def unseal(key: bytes, sealed: bytes, purpose: bytes = b"") -> bytes:
    """The contents. Raises: CannotOpen."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], purpose)
    except (InvalidTag, ValueError):
        raise CannotOpen(
            Said("the key is another one, or the sealed bytes were changed", "密钥不符，或封存的数据被改动")
        ) from None


class Committed(msgspec.Struct, frozen=True, gc=False):
    """Contents with what proves them later."""

    commitment: str
    """Keyed BLAKE2b-256, hex: stands in the entry."""
    payload: bytes
    """Key and contents together: is sealed."""


def keyed(digest: str, key: bytes) -> str:
    """A digest of something short or well known, so that only whoever may read the contents beside it can compare it.

    Args:
        key: the commitment's, which is sealed with the contents.
    """
    return mac(key, digest.encode()).hex()


class _Payload(msgspec.Struct, array_like=True):
    key: bytes
    contents: bytes


def commit(contents: bytes, key: bytes) -> Committed:
    """Commit to contents under a random key of 32 bytes that is sealed with them."""
    tag = mac(key, contents).hex()
    return Committed(tag, msgspec.msgpack.encode(_Payload(key, contents)))


def open_payload(payload: bytes, commitment: str) -> bytes:
    """The contents of an unsealed payload. Raises: CannotOpen where they aren't those that were committed to."""
    try:
        opened = msgspec.msgpack.decode(payload, type=_Payload)
    except msgspec.DecodeError:
        raise CannotOpen(Said("the payload is malformed", "载荷格式有误")) from None
    if not hmac.compare_digest(mac(opened.key, opened.contents).hex(), commitment):
        raise CannotOpen(Said("the contents aren't those that the entry commits to", "内容与条目中的承诺值不符"))
    return opened.contents


def wrap_for(public: bytes, ephemeral: bytes, data_key: bytes, nonce: bytes) -> bytes:
    """Hand a data key to the holder of an X25519 key. `ephemeral`: a new private key of 32 bytes."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    mine = private.public_key().public_bytes_raw()
    return mine + seal(_derive(shared, mine + public), nonce, data_key, b"segment")


def unwrap(private: bytes, wrapped: bytes) -> bytes:
    """The data key. Raises: CannotOpen."""
    holder = X25519PrivateKey.from_private_bytes(private)
    theirs = wrapped[:32]
    shared = holder.exchange(X25519PublicKey.from_public_bytes(theirs))
    return unseal(_derive(shared, theirs + holder.public_key().public_bytes_raw()), wrapped[32:], b"segment")


def public_of(private: bytes) -> bytes:
    """The public half of an X25519 key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _derive(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY, salt=salt, info=b"guiju journal segment").derive(shared)


def pseudonym(pepper: bytes, namespace: str, subject: str) -> str:
    """How a subject is known here: nobody gets from it to the id that the app gave."""
    return hmac.digest(pepper, f"{namespace}\x00{subject}".encode(), hashlib.sha256).hex()[:32]
