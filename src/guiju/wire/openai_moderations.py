"""OpenAI's moderations: which texts a request holds, and the envelope of the answer.

Pure. The results themselves are review/moderation.py's.
"""

from __future__ import annotations

from typing import Any

from guiju.errors import BadRequest, Said
from guiju.wire.dialect import Json
from guiju.wire.strings import MOST_TEXTS

MODEL = "guiju-moderation"


def inputs(body: Json) -> list[str]:
    """The texts of `input`: one result each; the parts of one message are one text. Raises: BadRequest."""
    value: Any = body.get("input")
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and len(value) > MOST_TEXTS:
        many = Said("holds more than {n} texts; send less at once", "所含的文本超过 {n} 段；请分批发送", n=MOST_TEXTS)
        raise BadRequest(field="input", problem=many)
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return list(value)
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return ["\n".join(str(v.get("text") or "") for v in value if v.get("type") == "text")]
    problem = Said("must be a string, a list of strings or a list of parts", "须为字符串、字符串列表或内容块列表")
    raise BadRequest(field="input", problem=problem)


def answer(exchange: str, results: list[Json]) -> Json:
    """The whole answer."""
    return {"id": f"modr-{exchange}", "model": MODEL, "results": results}
