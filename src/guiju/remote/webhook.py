"""A detector of anybody's own behind a webhook: Guiju asks, the server answers. docs/how-to/write-a-webhook-detector.md.

    POST <url>
    content-type: application/json
    x-guiju-timestamp: 1767225600                     seconds since 1970
    x-guiju-signature: v1=<hex>                       HMAC-SHA256(secret, timestamp + "." + body)
    {"version": 1, "id": "…", "direction": "input", "text": "…", "before": ""}

    200
    {"findings": [{"class": "X.ticket", "start": 6, "end": 15, "score": 0.9, "severity": "high", "why": "a ticket number"}]}

`findings` must be there; empty is clean. Of a finding, only `class` must be there. `start` and `end` are characters
(Unicode code points) of
`text`; without them, or where they don't fit, the finding is over all of it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import CATCH_ALL, About, Answer, Asked, Field, Request
from guiju.remote.asking import address, clean, post, utf8
from guiju.remote.reading import by_status, decode, finding, plain
from guiju.types import Finding, Severity

VERSION = 1
CLASS = re.compile(r"[APWIX](?:\.[a-z0-9_]{1,40}){0,4}")
"""The form of a class. One that the taxonomy doesn't have is covered by a policy on the class above it."""
WHY_LENGTH = 200


class _Finding(msgspec.Struct):
    cls: str = msgspec.field(name="class")
    start: int | None = None
    end: int | None = None
    score: float = 1.0
    severity: Severity = "high"
    why: str = ""


class _Body(msgspec.Struct):
    findings: list[_Finding]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`x-guiju-signature`: over the time too, so that a copied request grows old."""
    digest = hmac.new(utf8(secret), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


class Webhook:
    """What the server says, kept within the text: a class of no known form becomes the catch-all, not nothing."""

    name = "webhook"
    about = About(
        title=Said("Webhook", "Webhook"),
        pages=(),
        checked=Said("Guiju's own interface.", "规矩自有接口。"),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Address", "地址")),
        Field(name="secret", label=Said("Secret that signs the requests", "请求签名密钥"), secret=True),
    )
    labels: Mapping[str, str] = {}
    classes = frozenset("APWIX")
    limit = 10_000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        address(settings["url"])
        body = msgspec.json.encode(
            {
                "version": VERSION,
                "id": asked.id,
                "direction": asked.direction,
                "text": clean(asked.text),
                "before": clean(asked.before),
            }
        )
        timestamp = str(int(now.timestamp()))
        headers = {
            "content-type": "application/json",
            "x-guiju-timestamp": timestamp,
            "x-guiju-signature": signature(settings["secret"], timestamp, body),
        }
        return post(settings["url"], headers, body)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        if answer.status != 200:
            raise by_status(answer)
        return tuple(self._found(told, asked) for told in decode(answer, _Body).findings)

    def _found(self, told: _Finding, asked: Asked) -> Finding:
        at = None
        if told.start is not None and told.end is not None and 0 <= told.start < told.end <= len(asked.text):
            at = (told.start, told.end)
        cls = told.cls if CLASS.fullmatch(told.cls) else CATCH_ALL
        why = plain(told.why, WHY_LENGTH)
        return finding(self, told.cls, cls, asked, told.severity, score=told.score, why=why, at=at)


ADAPTER = Webhook()
