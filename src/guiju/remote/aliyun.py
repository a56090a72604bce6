"""Aliyun content safety, TextModerationPlus (Green 2.0), with its services for large models.

Documentation: https://help.aliyun.com/document_detail/2671445.html (services, limits, labels),
https://help.aliyun.com/document_detail/2669858.html (operation), fields of an answer: the official SDK's
TextModerationPlusResponseBody; signature ACS3-HMAC-SHA256: https://help.aliyun.com/document_detail/2593177.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Fault, Field, Request
from guiju.remote.asking import address, clean, form, hmac_sha256, post, sha256
from guiju.remote.reading import Kind, by_status, class_of, classes_of, fault, finding, maybe, off_form, once
from guiju.types import Finding, Severity

ALGORITHM = "ACS3-HMAC-SHA256"

LABELS = {
    "pornographic_adult": "A.1.f.porn",
    "sexual_terms": "A.1.f.porn",
    "sexual_suggestive": "A.1.f.porn",
    "sexual_prompts": "A.1.f.porn",
    "sexual_orientation": "A.1.f.porn",
    "political_figure": "A.1.b",
    "political_entity": "A.1.b",
    "political_n": "A.1.b",
    "political_p": "A.1.b",
    "political_a": "A.1.b",
    "political_prompts": "A.1.b",
    "regional_cn": "A.1.b",
    "regional_illegal": "A.1.b",
    "regional_controversial": "A.1.b",
    "regional_racism": "A.2.a",
    "violent_extremist": "A.1.d",
    "violent_extremists": "A.1.d",
    "violent_incidents": "A.1.d",
    "violent_weapons": "A.1.h.weapons",
    "violent_prompts": "A.1.d",
    "contraband_drug": "A.1.h.drugs",
    "contraband_gambling": "A.1.h.gambling",
    "contraband_act": "A.1.h",
    "contraband_entity": "A.1.h",
    "inappropriate_discrimination": "A.2",
    "inappropriate_ethics": "A.1",
    "inappropriate_profanity": "A.4.a.abuse",
    "inappropriate_oral": "A.4.a.abuse",
    "inappropriate_superstition": "A.1",
    "inappropriate_nonsense": "A.3.b",
    "privacy_p": "A.4.f",
    "privacy_b": "A.3.c",
    "religion_b": "A.2.b",
    "religion_t": "A.2.b",
    "religion_c": "A.2.b",
    "religion_i": "A.2.b",
    "religion_h": "A.2.b",
    "pt_to_sites": "A.3.b",
    "pt_by_recruitment": "A.3.b",
    "pt_to_contact": "A.3.b",
    "customized": "X",
    "attack": "P.attack",  # Data.AttackResult, under whatever label
    "sensitive": "I",  # Data.SensitiveResult, under whatever label
}

_LEVEL: dict[str, Severity] = {"low": "low", "medium": "middle", "high": "high"}
_SENSITIVE: dict[str, Severity] = {"S1": "low", "S2": "middle", "S3": "high", "S4": "high"}
_CODES: dict[int, Kind] = {401: "key", 403: "key", 408: "key", 500: "failure", 581: "failure", 588: "limit"}
"""Of the body's `Code`: 408 is PERMISSION_DENY here, 581 TIMEOUT, 588 EXCEED_QUOTA."""
_ERRORS: tuple[tuple[str, Kind], ...] = (
    ("Throttling", "limit"),
    ("InvalidAccessKeyId", "key"),
    ("InvalidSecurityToken", "key"),
    ("Signature", "key"),
    ("IncompleteSignature", "key"),
    ("InvalidTimeStamp", "key"),
    ("Forbidden", "key"),
    ("NoPermission", "key"),
    ("ServiceUnavailable", "failure"),
    ("InternalError", "failure"),
)
"""How the gateway's errors, whose `Code` is a word, begin."""

Level = Literal["none", "low", "medium", "high"]


class _Label(msgspec.Struct, rename="pascal"):
    label: str = ""
    confidence: float | None = None
    attack_level: Level = "none"
    sensitive_level: str = "S0"


class _Data(msgspec.Struct, rename="pascal"):
    risk_level: Level | None = None
    result: list[_Label] | None = None
    attack_level: Level = "none"
    attack_result: list[_Label] | None = None
    sensitive_level: str = "S0"
    sensitive_result: list[_Label] | None = None


class _Body(msgspec.Struct, rename="pascal"):
    code: int | str
    data: _Data | None = None


def signed(
    method: str, path: str, query: str, headers: Mapping[str, str], payload: str, key_id: str, secret: str
) -> str:
    """The `Authorization` of a request; all of `headers` are signed.

    Args:
        query: canonical: sorted, percent-encoded.
        payload: SHA-256 of the body in hex.
    """
    names = sorted(headers)
    canonical = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    request = "\n".join([method, path, query, canonical, ";".join(names), payload])
    signature = hmac_sha256(secret.encode(), f"{ALGORITHM}\n{sha256(request.encode())}").hex()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={';'.join(names)},Signature={signature}"


class Aliyun:
    """RiskLevel, AttackLevel: high, medium, low are high, middle, low. SensitiveLevel: S3 and S4, S2, S1 likewise."""

    name = "aliyun"
    about = About(
        title=Said("Aliyun content safety (TextModerationPlus)", "阿里云内容安全（TextModerationPlus）"),
        pages=(
            "https://help.aliyun.com/document_detail/2671445.html",
            "https://help.aliyun.com/document_detail/2669858.html",
            "https://help.aliyun.com/document_detail/2593177.html",
        ),
        checked=Said(
            "Operation, services and limits against the pages; fields of an answer against the official SDK; the "
            "signature reproduces the published example. Labels against the pages, as far as their stored copies go; "
            "privacy_*, customized, political_prompts and violent_prompts from public code. The numbers of error codes in "
            "the body (408, 581, 588) are from memory: unchecked.",
            "接口、服务与长度限制均与文档核对；返回字段与官方 SDK 核对；签名可复现文档示例。标签与所存文档核对；"
            "privacy_*、customized、political_prompts、violent_prompts 取自公开代码。返回体内错误码（408、581、588）"
            "的数值凭记忆写入，未核对。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Endpoint", "接入地址"), default="https://green-cip.cn-shanghai.aliyuncs.com"),
        Field(name="key_id", label=Said("AccessKey ID", "AccessKey ID")),
        Field(name="key_secret", label=Said("AccessKey secret", "AccessKey Secret"), secret=True),
        Field(
            name="input_service", label=Said("Service for prompts", "提示词审核服务"), default="llm_query_moderation"
        ),
        Field(
            name="output_service", label=Said("Service for answers", "回答审核服务"), default="llm_response_moderation"
        ),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 2_000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        base, host, path = address(settings["url"])
        parameters = msgspec.json.encode({"content": clean(asked.text), "dataId": asked.id}).decode()
        body = form({"Service": settings[f"{asked.direction}_service"], "ServiceParameters": parameters})
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "host": host,
            "x-acs-action": "TextModerationPlus",
            "x-acs-content-sha256": sha256(body),
            "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": nonce,
            "x-acs-version": "2022-03-02",
        }
        authorization = signed(
            "POST", path + "/", "", headers, headers["x-acs-content-sha256"], settings["key_id"], settings["key_secret"]
        )
        return post(f"{base}{path}/", headers | {"authorization": authorization}, body)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        body = maybe(answer, _Body)
        if body is None:
            raise off_form() if answer.status == 200 else by_status(answer)
        if answer.status != 200 or body.code not in (200, "200"):
            raise _error(answer, body.code)
        data = body.data
        if data is None or (data.risk_level is None and data.result is None):
            raise off_form()
        return once([*self._risks(data, asked), *self._attacks(data, asked), *self._sensitive(data, asked)])

    def _risks(self, data: _Data, asked: Asked) -> Iterator[Finding]:
        level = data.risk_level
        labels = [label for label in data.result or () if label.label != "nonLabel"]
        if not labels and level in ("medium", "high"):
            labels = [_Label("RiskLevel")]
        severity = "high" if level is None else _LEVEL.get(level, "low")
        for label in labels:
            cls = class_of(self, label.label)
            score = 1.0 if label.confidence is None else label.confidence / 100
            yield finding(self, label.label, cls, asked, severity, score=score, why=f"RiskLevel {level}")

    def _attacks(self, data: _Data, asked: Asked) -> Iterator[Finding]:
        for label in [_Label("attack", attack_level=data.attack_level), *(data.attack_result or ())]:
            if label.attack_level != "none":
                level = label.attack_level
                yield finding(self, label.label, LABELS["attack"], asked, _LEVEL[level], why=f"AttackLevel {level}")

    def _sensitive(self, data: _Data, asked: Asked) -> Iterator[Finding]:
        for label in [_Label("sensitive", sensitive_level=data.sensitive_level), *(data.sensitive_result or ())]:
            if label.sensitive_level != "S0":
                severity = _SENSITIVE.get(label.sensitive_level, "high")
                yield finding(self, label.label, LABELS["sensitive"], asked, severity, why="SensitiveLevel")


def _error(answer: Answer, code: int | str) -> Fault:
    if isinstance(code, int):
        return fault(_CODES.get(code, "request"), code)
    kind = next((kind for start, kind in _ERRORS if code.startswith(start)), None)
    return by_status(answer) if kind is None and answer.status != 200 else fault(kind or "request", code)


ADAPTER = Aliyun()
