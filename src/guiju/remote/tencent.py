"""Tencent Cloud text moderation (TMS), TextModeration.

Documentation: https://cloud.tencent.com/document/product/1124/51860 (operation, fields, labels), the official SDK's
tms/v20201229 models (DetailResults, HitInfos, Positions, error codes), signature TC3-HMAC-SHA256:
https://cloud.tencent.com/document/api/362/4208.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.asking import address, hmac_sha256, post, sha256, utf8
from guiju.remote.reading import Kind, class_of, classes_of, decode, fault, finding, off_form, once, place
from guiju.types import Finding, Severity

ALGORITHM = "TC3-HMAC-SHA256"

LABELS = {
    "Porn": "A.1.f.porn",
    "Sexy": "A.1.f.porn",
    "Abuse": "A.4.a.abuse",
    "Ad": "A.3.b",
    "Spam": "A.3.b",
    "Illegal": "A.1.h",
    "Polity": "A.1.b",
    "Terror": "A.1.d",
    "Terrorism": "A.1.d",
    "Religion": "A.2.b",
    "Custom": "X",
}

_SEVERITY: dict[str, Severity] = {"Review": "middle", "Block": "high"}
_ERRORS: tuple[tuple[str, Kind], ...] = (
    ("AuthFailure", "key"),
    ("UnauthorizedOperation", "key"),
    ("RequestLimitExceeded", "limit"),
    ("LimitExceeded", "limit"),
    ("InternalError", "failure"),
    ("ResourceUnavailable", "failure"),
    ("ResourceInsufficient", "failure"),
)
"""How an error's `Code` begins; another is the request's fault."""

Suggestion = Literal["Pass", "Review", "Block"]


class _Position(msgspec.Struct, rename="pascal"):
    start: int
    end: int


class _Hit(msgspec.Struct, rename="pascal"):
    keyword: str | None = None
    positions: list[_Position] | None = None


class _Detail(msgspec.Struct, rename="pascal"):
    suggestion: Suggestion
    label: str | None = None
    sub_label: str | None = None
    score: float | None = None
    hit_infos: list[_Hit] | None = None


class _Error(msgspec.Struct, rename="pascal"):
    code: str


class _Response(msgspec.Struct, rename="pascal"):
    error: _Error | None = None
    suggestion: Suggestion | None = None
    label: str | None = None
    sub_label: str | None = None
    score: float | None = None
    detail_results: list[_Detail] | None = None


class _Body(msgspec.Struct, rename="pascal"):
    response: _Response


def signed(
    path: str, service: str, headers: Mapping[str, str], body: bytes, key_id: str, secret: str, now: datetime
) -> str:
    """The `Authorization` of a POST; all of `headers` are signed, as lower case."""
    now = now.astimezone(UTC)
    date, names = now.strftime("%Y-%m-%d"), sorted(headers)
    canonical = "".join(f"{name}:{headers[name].strip().lower()}\n" for name in names)
    request = "\n".join(["POST", path, "", canonical, ";".join(names), sha256(body)])
    scope = f"{date}/{service}/tc3_request"
    to_sign = f"{ALGORITHM}\n{int(now.timestamp())}\n{scope}\n{sha256(request.encode())}"
    signature = hmac_sha256(f"TC3{secret}".encode(), date, service, "tc3_request", to_sign).hex()
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"


class Tencent:
    """`Block` is high, `Review` is middle. Every detail that isn't `Pass` is a finding, where its keywords are
    placed."""

    name = "tencent"
    about = About(
        title=Said("Tencent Cloud text moderation (TMS)", "腾讯云文本内容安全（TMS）"),
        pages=(
            "https://cloud.tencent.com/document/product/1124/51860",
            "https://cloud.tencent.com/document/api/362/4208",
        ),
        checked=Said(
            "Operation, fields and limits against the page and the official SDK; the signature reproduces the "
            "published example. The SDK names the labels Normal, Porn, Abuse, Ad and others that it doesn't list; "
            "those here are from memory: unchecked.",
            "接口、字段与长度限制均与文档及官方 SDK 核对；签名可复现文档示例。SDK 列出 Normal、Porn、Abuse、Ad "
            "及未列明的其他标签；此处其余标签凭记忆写入，未核对。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Endpoint", "接入地址"), default="https://tms.tencentcloudapi.com"),
        Field(name="region", label=Said("Region", "地域"), default="ap-guangzhou"),
        Field(name="key_id", label=Said("SecretId", "SecretId")),
        Field(name="key_secret", label=Said("SecretKey", "SecretKey"), secret=True),
        Field(
            name="biz_type",
            label=Said("Strategy (BizType); empty for the default one", "策略编号（BizType）；留空为默认策略"),
            default="",
        ),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 10_000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        base, host, path = address(settings["url"])
        fields = {"Content": base64.b64encode(utf8(asked.text)).decode(), "DataId": asked.id[:64]}
        if settings["biz_type"]:
            fields["BizType"] = settings["biz_type"]
        body = msgspec.json.encode(fields)
        signs = {"content-type": "application/json; charset=utf-8", "host": host, "x-tc-action": "TextModeration"}
        headers = {
            **signs,
            "x-tc-region": settings["region"],
            "x-tc-timestamp": str(int(now.timestamp())),
            "x-tc-version": "2020-12-29",
            "authorization": signed(path + "/", "tms", signs, body, settings["key_id"], settings["key_secret"], now),
        }
        return post(f"{base}{path}/", headers, body)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        told = decode(answer, _Body).response
        if told.error is not None:
            code = told.error.code
            raise fault(next((kind for start, kind in _ERRORS if code.startswith(start)), "request"), code)
        if answer.status != 200 or told.suggestion is None:
            raise off_form()
        details = [detail for detail in told.detail_results or () if detail.suggestion != "Pass"]
        if told.suggestion != "Pass" and not details:
            details = [_Detail(told.suggestion, told.label, told.sub_label, told.score)]
        overall = _SEVERITY.get(told.suggestion, "low")
        return once((found for detail in details for found in self._found(detail, asked)), overall)

    def _found(self, detail: _Detail, asked: Asked) -> Iterator[Finding]:
        label = detail.label or ""
        cls = class_of(self, label)
        rule = f"{label}/{detail.sub_label}" if detail.sub_label else label
        score = 1.0 if detail.score is None else detail.score / 100
        places = [
            place(asked.text, hit.keyword or "", position.start, position.end)
            for hit in detail.hit_infos or ()
            for position in hit.positions or (_Position(-1, -1),)
        ]
        for at in places if places and None not in places else [None]:
            yield finding(
                self, rule, cls, asked, _SEVERITY[detail.suggestion], score=score, why=detail.suggestion, at=at
            )


ADAPTER = Tencent()
