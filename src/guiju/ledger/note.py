"""Signed checkpoints, so that outside tools can verify them: C2SP signed-note and tlog-checkpoint.

Pure. A checkpoint is a text of three lines (origin, size, root in base64), a blank line, and a signature line
`— <name> <base64 of key id and Ed25519 signature>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from guiju.errors import Said

_ED25519 = b"\x01"


class BadNote(Exception):
    """The note is malformed, or nobody that we know signed it."""


class Checkpoint(NamedTuple):
    """What a checkpoint says of the tree."""

    origin: str
    """Name of the log."""
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def key_id(name: str, public: bytes) -> bytes:
    """First four bytes of SHA-256(name, LF, 0x01, public key): C2SP signed-note."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """The key as others need it: `<name>+<hex of id>+<base64 of 0x01 and key>`."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def sign(checkpoint: Checkpoint, private: bytes) -> str:
    """The signed note; the signer's name is the log's origin."""
    key = Ed25519PrivateKey.from_private_bytes(private)
    text = checkpoint.text()
    signature = key_id(checkpoint.origin, key.public_key().public_bytes_raw()) + key.sign(text.encode())
    return f"{text}\n— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def verify(note: str, public: bytes) -> Checkpoint:
    """The checkpoint of a note that this key signed.

    Raises:
        BadNote: malformed, or signed by nobody known.
    """
    text, blank, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not blank or len(lines) < 3 or not lines[1].isdigit():
        raise BadNote(
            Said("it isn't a checkpoint: origin, size and root are missing", "不是检查点：缺少来源、条目数和根哈希")
        )
    try:
        found = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
    except (binascii.Error, ValueError):
        raise BadNote(Said("its root is not base64", "根哈希不是 base64 编码")) from None
    wanted = key_id(found.origin, public)
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.rpartition(" ")
        if dash != "—" or name != found.origin:
            continue
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
        if signature[:4] != wanted:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], (text + "\n").encode())
        except InvalidSignature:
            raise BadNote(Said("its signature doesn't hold", "签名无效")) from None
        return found
    raise BadNote(Said("it isn't signed by this ledger's key", "不是用本账本的密钥签名的"))
