"""Anthropic's count_tokens: how many tokens a message would be. Asked of an Anthropic upstream; estimated before any other.

Pure. An OpenAI-compatible server has no such question, and a tokenizer of every model is not here. So the answer is a rule of
thumb over what that server would be sent, and says that it is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guiju.errors import GuijuError, Said, UpstreamRefused
from guiju.types import Path
from guiju.wire import faults
from guiju.wire.anthropic_messages import ask_of, body_of
from guiju.wire.dialect import Ask, Json
from guiju.wire.numbers import Numbers, NumbersAnswer
from guiju.wire.openai_chat import read_upstream
from guiju.wire.strings import Places, encode
from guiju.wire.translate import plain_text

ANSWER = Places(
    listed=frozenset(("input_tokens", "context_management.original_input_tokens")), forms={}, opaque=frozenset()
)
ASCII, OTHER = 0.3, 0.6
"""Tokens of a character: what DeepSeek's documentation says of English and of Chinese text."""
MESSAGE = 4
"""Tokens around each message: its role, its beginning and its end."""
MEDIUM = 1_600
"""Tokens of an image or a file: about what a large image takes. Its bytes are no text."""


class AnthropicCount(Numbers):
    """See `Dialect`."""

    name = "anthropic_count"
    paths = ("/v1/messages/count_tokens",)
    upstreams = ("anthropic", "openai")

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        return ask_of(body, headers)

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/messages/count_tokens" if dialect == "anthropic" else ""

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`: of a message that can't be sent to the upstream there is nothing to count."""
        return encode(body_of(ask, model=model, dialect=dialect, masked=masked))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> NumbersAnswer:
        """See `Dialect.read_answer`."""
        value = read_upstream(body)
        if dialect != "anthropic":
            return NumbersAnswer({"input_tokens": estimate(value)}, ANSWER, None, {"estimated": True})
        if type(value.get("input_tokens")) is not int:
            problem = Said("its answer has no number of tokens", "其回答没有词元数")
            raise UpstreamRefused(upstream="", upstream_status=200, problem=problem)
        return NumbersAnswer(value, ANSWER, None)

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.anthropic(error, exchange=exchange, language=language, details=details)


def estimate(chat: Json) -> int:
    """Tokens of a chat request as translate.py writes it, by the rule above; docs/reference/http.md tells it."""
    messages: list[Json] = chat.get("messages") or []
    tokens = float(MESSAGE * len(messages))
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            tokens += MEDIUM * sum(part.get("type") != "text" for part in content)
        tokens += _said(plain_text(content)) + _said(message.get("tool_calls"))
    return round(tokens + _said(chat.get("tools")))


def _said(value: Any) -> float:
    return tokens_of(value if isinstance(value, str) else encode(value).decode() if value else "")


def tokens_of(text: str) -> float:
    """About how many tokens a text is."""
    ascii_only = len(text.encode("ascii", "ignore"))
    return ascii_only * ASCII + (len(text) - ascii_only) * OTHER


DIALECT = AnthropicCount()
