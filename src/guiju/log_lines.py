"""How the log lines of every process look: logfmt or JSON, one line each, times in UTC (ISO 8601).

Fields beside the sentence come as `extra=fields(exchange=…)`; none of them holds contents of an exchange.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec


def fields(**named: Any) -> dict[str, dict[str, Any]]:
    """For `extra` of a logging call: name -> value, told in this order."""
    return {"fields": named}


class Lines(logging.Formatter):
    """One record, one line."""

    def __init__(self, form: str) -> None:
        """`form`: `logfmt` or `json`."""
        super().__init__()
        self._write = _json if form == "json" else _logfmt

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        more = dict(getattr(record, "fields", {}))
        if record.exc_info:
            more["traceback"] = self.formatException(record.exc_info)
        return self._write(head, record.getMessage(), more)


def _json(head: dict[str, str], message: str, more: dict[str, Any]) -> str:
    return msgspec.json.encode({**head, "message": message, **more}).decode()


def _logfmt(head: dict[str, str], message: str, more: dict[str, Any]) -> str:
    """The sentence stands as it is, since most are key=value themselves."""
    start, end = (" ".join(f"{k}={_value(v)}" for k, v in part.items()) for part in (head, more))
    return " ".join(filter(None, (start, message.replace("\n", "\\n"), end)))


def _value(value: Any) -> str:
    text = str(value)
    if text and not any(c in ' ="\\' or not c.isprintable() for c in text):
        return text
    return msgspec.json.encode(text).decode()
