"""Terms as people write them -> a blob, and back as the matcher (lexicon.py) wants them: squeezed already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from guiju.review.canon import plain
from guiju.review.squeeze import squeezed
from guiju.types import Severity


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One term of a lexicon, as people write it."""

    text: str
    cls: str
    severity: Severity = "high"
    id: str = ""
    """Stable within its lexicon; "" takes the text's place in the list."""
    lang: str = ""
    origin: str = ""
    """Where it comes from, with the licence."""
    allow: tuple[str, ...] = ()
    """Phrases that hold the term and mean no harm (`大麻哈鱼` for `大麻`)."""


class Packed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A term in a blob: squeezed already, so that loading 100,000 takes no time."""

    key: str
    cls: str
    severity: Severity
    id: str
    allow: tuple[str, ...]
    parts: tuple[int, ...]


_packer = msgspec.msgpack.Encoder()
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw])
_unpacker: msgspec.msgpack.Decoder[Packed] = msgspec.msgpack.Decoder(Packed)


def key_of(text: str) -> str:
    """The form in which a term is matched; "" where nothing of it is left."""
    return squeezed(plain(text)).text


def encode_terms(terms: Iterable[Term]) -> bytes:
    """Terms -> blob, in order of their keys. Terms of fewer than two characters are left out (lexicon_check.py says so to
    the person)."""
    packed = []
    for number, term in enumerate(terms):
        key, parts = squeezed(plain(term.text))
        if len(key) >= 2:
            allow = tuple(k for k in map(key_of, term.allow) if key in k and k != key)
            packed.append(Packed(key, term.cls, term.severity, term.id or str(number), allow, parts))
    return _packer.encode(sorted(packed, key=lambda p: p.key))


def read_terms(blob: bytes) -> Iterator[Packed]:
    """A blob's terms. One by one: read in one call, 100,000 of them would stop every running stream for 25 ms."""
    for part in _parts.decode(blob):
        yield _unpacker.decode(part)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What a whole term says. Like all of a lexicon it holds no cycle: the collector need not look at 100,000 of them."""

    cls: str
    severity: Severity
    rule: str
    holds: bool
    parts: tuple[int, ...]
    """Where its Latin words are parted; see `Squeezed`."""
