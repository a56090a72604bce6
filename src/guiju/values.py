"""What a setting's text means: each takes the text and gives the value, or says what to write.

Pure. The settings themselves are settings.py's table.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from guiju.errors import Said


def boolean(text: str) -> bool:
    """`true`/`1`/`yes`/`on` or `false`/`0`/`no`/`off`. Raises: ValueError."""
    word = text.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", ""):
        return False
    raise ValueError(Said("write true or false", "请填写 true 或 false"))


def at_least_one(text: str) -> int:
    """A whole number from 1 on. Raises: ValueError."""
    if (number := int(text)) < 1:
        raise ValueError(Said("write 1 or more", "请填写不小于 1 的整数"))
    return number


def share(text: str) -> float:
    """A number from 0 to 1. Raises: ValueError."""
    if not 0.0 <= (number := float(text)) <= 1.0:
        raise ValueError(Said("write a number from 0 to 1", "请填写 0 到 1 之间的数字"))
    return number


def header_fields(text: str) -> dict[str, str]:
    """`name=value` between commas, values percent-encoded: as OTEL_EXPORTER_OTLP_HEADERS has them. Raises: ValueError."""
    found = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        name, equals, value = pair.partition("=")
        if not (equals and name.strip()):
            raise ValueError(Said("write name=value, other=value", "请填写 名称=值, 名称=值"))
        found[name.strip().lower()] = unquote(value.strip())
    return found


def log_format(text: str) -> str:
    """`logfmt` or `json`. Raises: ValueError."""
    if text not in ("logfmt", "json"):
        raise ValueError(Said("write logfmt or json", "请填写 logfmt 或 json"))
    return text


def outage(text: str) -> str:
    """`local` or `closed`. Raises: ValueError."""
    if text not in ("local", "closed"):
        raise ValueError(Said("write local or closed", "请填写 local 或 closed"))
    return text


def https(text: str) -> str:
    """`https://host:port`, or nothing. Raises: ValueError."""
    if text and not text.startswith("https://"):
        raise ValueError(Said("write https://host:port", "请填写 https://主机:端口"))
    return text.rstrip("/")


Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def networks(text: str) -> Networks:
    """Networks and single addresses, between commas: `10.0.0.0/8, ::1`. Raises: ValueError."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            Said("write networks like 10.0.0.0/8, ::1", "请填写网段，例如 10.0.0.0/8, ::1（主机位须为 0）")
        ) from None


WRITE: dict[Callable[[str], Any], Said] = {
    int: Said("write a whole number", "请填写整数"),
    float: Said("write a number", "请填写数字"),
}
"""What to write, for types whose own complaint is Python's."""
