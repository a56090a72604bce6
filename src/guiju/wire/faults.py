"""Our errors in each dialect's own shape, so that official clients raise their own error classes.

Pure. errors.py defines the errors; `code` is stable and stands in every shape.
"""

from __future__ import annotations

from typing import Any

import msgspec

from guiju.errors import GuijuError, Said

_OPENAI_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "invalid_request_error",
    413: "invalid_request_error", 429: "rate_limit_error",
}  # fmt: skip
_ANTHROPIC_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error",
}  # fmt: skip


def openai(error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None) -> bytes:
    """`{"error": {message, type, param, code, exchange}}`."""
    return msgspec.json.encode({"error": openai_error(error, exchange=exchange, language=language) | (details or {})})


def openai_error(error: GuijuError, *, exchange: str, language: str) -> dict[str, object]:
    """The object in it."""
    return {
        "message": error.sentence(language),
        "type": _OPENAI_TYPES.get(error.status, "server_error" if error.status >= 500 else _OPENAI_TYPES[400]),
        "param": error.data.get("field"),
        "code": error.code,
        "exchange": exchange,
    }


def anthropic(error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None) -> bytes:
    """`{"type": "error", "error": {type, message, code, exchange}}`."""
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {
                "type": _ANTHROPIC_TYPES.get(
                    error.status, "api_error" if error.status >= 500 else _ANTHROPIC_TYPES[400]
                ),
                "message": error.sentence(language),
                "code": error.code,
                "exchange": exchange,
                **(details or {}),
            },
            "request_id": exchange,
        }
    )


def ollama(error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None) -> bytes:
    """`{"error": message, code, exchange}`; Ollama's clients read the message."""
    said = {"error": error.sentence(language), "code": error.code, "exchange": exchange, **(details or {})}
    return msgspec.json.encode(said)


_KINDS = frozenset(
    (
        "api_error", "authentication_error", "billing_error", "content_filter", "context_length_exceeded",
        "insufficient_quota", "internal_server_error", "invalid_api_key", "invalid_image", "invalid_prompt",
        "invalid_request_error", "model_not_found", "not_found_error", "overloaded_error", "permission_error",
        "rate_limit_error", "rate_limit_exceeded", "request_too_large", "server_error", "service_unavailable",
        "timeout_error", "unsupported_parameter", "unsupported_value", "vector_store_timeout",
    )
)  # fmt: skip


def kind_of(body: Any) -> str:
    """What an upstream's error says, as far as it is a word that all know. The rest stays inside: an error's sentence is
    text too, and nobody has reviewed it."""
    error = body.get("error") if isinstance(body, dict) else None
    said = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
    return next(
        (word for word in said if isinstance(word, str) and word in _KINDS),
        Said("it gave no reason known here", "未给出可识别的原因"),
    )
