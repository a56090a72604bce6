"""Vectors of an answer: taken out of its bytes before the rest is read, checked to be nothing but numbers, put back.

Pure. Millions of numbers are no text that anybody reads one by one, and still nothing may travel in their place: a vector is a
list of finite numbers of modest size, or base64 of such (32 bits each, as OpenAI writes them). Each is read and written anew,
by itself: a large answer is read in a thread (gateway/texts.py), which lets the event loop go on between any two of them.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from math import isfinite
from struct import unpack

import msgspec

from guiju.errors import Said, UpstreamRefused
from guiju.wire.strings import encode

LARGEST = 65_504.0
"""No number of an embedding is larger: it is the most that half precision holds. Text read as numbers nearly always is."""
_KEY = re.compile(rb'(?<!\\)"embedding"\s*:\s*(?=[\["])')
"""In JSON this is always the key: the quotes within a string are escaped."""
_floats = msgspec.json.Decoder(list[float]).decode
_string = msgspec.json.Decoder(str).decode


def lift(body: bytes) -> tuple[bytes, list[msgspec.Raw]]:
    """The body with `[0]`, `[1]`, … where its vectors stood, and the vectors as JSON. Raises: UpstreamRefused."""
    rest: list[bytes] = []
    vectors: list[msgspec.Raw] = []
    at = 0
    while found := _KEY.search(body, at):
        begin = found.end()
        end = body.find(b"]" if body[begin] == ord("[") else b'"', begin + 1) + 1
        if not end:
            break  # broken JSON, as whoever reads the rest will say
        rest += (body[at:begin], b"[%d]" % len(vectors))
        vectors.append(_vector(body[begin:end]))
        at = end
    return b"".join((*rest, body[at:])), vectors


def _vector(source: bytes) -> msgspec.Raw:
    try:
        if source.startswith(b"["):
            numbers = _floats(source)
            if _modest(numbers):
                return msgspec.Raw(encode(numbers))
        else:
            data = b64decode(_string(source), validate=True)
            if len(data) % 4 == 0 and _modest(unpack(f"<{len(data) // 4}f", data)):
                return msgspec.Raw(b'"' + b64encode(data) + b'"')
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
        pass
    raise no_vector()


def _modest(numbers: Sequence[float]) -> bool:
    """Whether there are some, and none is anything but a number of modest size."""
    return bool(numbers) and isfinite(sum(numbers)) and min(numbers) >= -LARGEST and max(numbers) <= LARGEST


def no_vector() -> UpstreamRefused:
    """The upstream's answer is none."""
    problem = Said("its answer holds something that is no vector of numbers", "其回答中有并非数值向量的内容")
    return UpstreamRefused(upstream="", upstream_status=200, problem=problem)
