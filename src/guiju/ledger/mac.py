"""The keyed hash behind tags and commitments: BLAKE2b with a key (RFC 7693, 2.9), 32 bytes.

Pure. Not HMAC-SHA256: that is as strong, but Python's lets go of the interpreter lock at every call, which costs a worker
whose journal thread waits for it ten times what the hash does.
"""

from __future__ import annotations

import hashlib


def mac(key: bytes, data: bytes) -> bytes:
    """32 bytes that nobody without the key (at most 64 bytes) can make or guess back to the data."""
    return hashlib.blake2b(data, digest_size=32, key=key).digest()
