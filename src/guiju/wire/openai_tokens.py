"""What OpenAI's completions and embeddings read: a string, several, or the numbers of tokens.

Pure. Numbers say words to the model and nothing to review, so they count as media: what passes is recorded as unreviewed.
"""

from __future__ import annotations

import hashlib
from typing import Any

from guiju.errors import BadRequest, Said
from guiju.types import Media
from guiju.wire.dialect import Json
from guiju.wire.strings import encode


def texts_of(body: Json, field: str) -> tuple[int, list[Media]]:
    """How many texts stand in a field, and the media where they are token numbers. Raises: BadRequest."""
    value = body.get(field)
    if isinstance(value, str):
        return 1, []
    if isinstance(value, list) and value:
        if all(isinstance(one, str) for one in value):
            return len(value), []
        if _tokens(value):
            return 1, [_medium(field, value)]
        if all(isinstance(one, list) and one and _tokens(one) for one in value):
            return len(value), [_medium(field, value)]
    missing = Said("is missing", "缺少此字段")
    wrong = Said("must be a string or a list of strings", "须为字符串或字符串列表")
    raise BadRequest(field=field, problem=wrong if field in body else missing)


def _tokens(value: list[Any]) -> bool:
    return all(type(one) is int for one in value)


def _medium(field: str, value: list[Any]) -> Media:
    return Media(path=(field,), kind="tokens", digest=hashlib.sha256(encode(value)).hexdigest())
