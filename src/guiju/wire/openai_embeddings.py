"""OpenAI's embeddings: texts in, vectors out. The texts are reviewed like any prompt; vectors.py sees to the vectors.

Pure. Source: the OpenAI API reference (embeddings). Numbers can't say that something was refused: that is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from guiju.errors import GuijuError, Said, UpstreamRefused
from guiju.types import Path, Segment
from guiju.wire import faults, vectors
from guiju.wire.dialect import Ask, Json
from guiju.wire.numbers import Numbers, NumbersAnswer
from guiju.wire.openai_chat import (
    body_of,
    claim_of,
    read_json,
    read_leaves,
    read_upstream,
    text_field,
    usage_of,
)
from guiju.wire.openai_tokens import texts_of
from guiju.wire.strings import Places, encode, form_of

REQUEST = Places(
    listed=frozenset(("model", "user", "safety_identifier", "encoding_format")), forms={}, opaque=frozenset()
)
ANSWER = Places(
    listed=frozenset(
        "id object model created data.*.object usage.prompt_tokens usage.completion_tokens usage.total_tokens".split()
    ),
    forms={},
    opaque=frozenset(),
)


class OpenAiEmbeddings(Numbers):
    """See `Dialect`."""

    name = "openai_embeddings"
    paths = ("/v1/embeddings",)
    upstreams = ("openai_embeddings",)

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        value = read_json(body)
        _, media = texts_of(value, "input")
        leaves = read_leaves({**value, "input": ""} if media else value, REQUEST)
        return Ask(
            body=value,
            model=text_field(value, "model", ""),
            stream=False,
            segments=[
                Segment(
                    path=leaf.path,
                    text=leaf.text,
                    role="user" if leaf.path[0] == "input" else "",
                    form=form_of(leaf.kind),
                )
                for leaf in leaves
            ],
            media=media,
            claim=claim_of(value, headers),
            raw=body,
        )

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/embeddings"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`. The format of the vectors is the client's wish: what comes is passed on as it comes."""
        return encode(body_of(ask, model=model, masked=masked))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> EmbeddingsAnswer:
        """See `Dialect.read_answer`."""
        rest, lifted = vectors.lift(body)
        return EmbeddingsAnswer(read_upstream(rest), lifted)

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.openai(error, exchange=exchange, language=language, details=details)


class EmbeddingsAnswer(NumbersAnswer):
    """See `Answer`."""

    def __init__(self, body: Json, lifted: list[msgspec.Raw]) -> None:
        data = body.get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise UpstreamRefused(
                upstream="", upstream_status=200, problem=Said("its answer has no data", "其回答没有 data")
            )
        self._items: list[Json] = data
        self._lifted = [lifted[_place(item, len(lifted))] for item in data]
        if len(data) != len(lifted):  # one stands where none belongs
            raise vectors.no_vector()
        super().__init__(body, ANSWER, usage_of(body.get("usage")))

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        for item, vector in zip(self._items, self._lifted, strict=True):
            item["embedding"] = vector
        return super().write(replaced, label)


def _place(item: Json, vectors_found: int) -> int:
    """Which of the lifted vectors stood in an item. Raises: UpstreamRefused."""
    place: Any = item.get("embedding")
    if isinstance(place, list) and len(place) == 1 and type(place[0]) is int and 0 <= place[0] < vectors_found:
        return place[0]
    raise vectors.no_vector()


DIALECT = OpenAiEmbeddings()
