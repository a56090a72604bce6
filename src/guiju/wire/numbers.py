"""Doors whose answers are numbers: they never stream, and have no place for words of ours.

Pure. For openai_embeddings.py and anthropic_count.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from guiju.types import Path
from guiju.wire.dialect import Answer, AnswerStream, Ask, Json, Usage
from guiju.wire.openai_chat import answer_leaves, answer_segment
from guiju.wire.strings import Places, encode, form_of, put


class Numbers:
    """The part of `Dialect` that is the same for all of them."""

    stream_type = ""

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> AnswerStream:
        """See `Dialect.read_stream`: nobody asks for one."""
        raise AssertionError("this door never streams")

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> None:
        """See `Dialect.refusal`."""


class NumbersAnswer(Answer):
    """See `Answer`: the strings beside the numbers are reviewed as everywhere.

    Args:
        body: the upstream's object.
        places: what is no text in it.
        more: what the `guiju` object says besides the label.
    """

    def __init__(self, body: Json, places: Places, usage: Usage | None, more: Json | None = None) -> None:
        self.body, self._more = body, more or {}
        self.segments = [answer_segment(leaf, form_of(leaf.kind)) for leaf in answer_leaves(body, places)]
        self.usage, self.finish = usage, ""
        self.withheld: list[str] = []
        self.content_paths: list[Path] = []

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        for path, text in replaced.items():
            put(self.body, path, text)
        self.body["guiju"] = label | self._more
        return encode(self.body)
