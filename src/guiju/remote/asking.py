"""What the adapters share to ask: addresses, percent-encoding, hashes. reading.py is the other way. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

from guiju.errors import Said
from guiju.remote.adapter import Fault, Request

_URL = re.compile(r"(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)((?:/[A-Za-z0-9._~%/-]*)?)")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def post(url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A POST of these headers.

    Raises:
        Fault: a value can't stand in a header (RFC 9110, 5.5): a line break in a key would begin another header.
    """
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            raise Fault(
                Said(
                    "{name}: a setting holds characters that no header may hold",
                    "{name}：设置含有请求头不允许的字符",
                    name=name,
                ),
                again=False,
            )
    return Request(method="POST", url=url, headers=tuple(headers.items()), body=body)


def address(url: str) -> tuple[str, str, str]:
    """Base, host with port, path of an address without a query; the path has no `/` at its end.

    Raises:
        Fault: it isn't one.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise Fault(Said("the address is no http or https URL", "地址不是 http 或 https URL"), again=False)
    return parts[1], parts[2] + (parts[3] or ""), parts[4].rstrip("/")


def utf8(text: str) -> bytes:
    """As UTF-8; half a surrogate pair, which JSON can smuggle in, becomes `?`: one character stays one."""
    return text.encode("utf-8", "replace")


def clean(text: str) -> str:
    """The same, as text."""
    return utf8(text).decode()


def quoted(text: str) -> str:
    """Percent-encoded as RFC 3986 says: all but the unreserved characters."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in utf8(text))


def form(fields: Mapping[str, str]) -> bytes:
    """As `application/x-www-form-urlencoded`; a space is `%20`."""
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in fields.items()).encode()


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def hmac_sha256(key: bytes, *texts: str) -> bytes:
    """HMAC-SHA256 of a text; of several, each under the one before, as keys are derived for a day and a service."""
    for text in texts:
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return key
