"""NetEase Yidun (网易易盾), text check v5.

Documentation: the official examples, https://github.com/yidun/antispam-python-demo and
https://github.com/yidun/antispam-nodejs-demo (request, signature, suggestion, labels), and
https://support.dun.163.com/documents/2018041901?docId=150425947576913920 (version 3 of the page: length). The page of
version 5 could not be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives import hashes

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.asking import address, clean, form, post
from guiju.remote.reading import Kind, by_status, class_of, classes_of, decode, fault, finding, off_form, once, place
from guiju.types import Finding, Severity

LABELS = {
    "100": "A.1.f.porn",
    "200": "A.3.b",  # advertising
    "260": "A.3.e",  # advertising law
    "300": "A.1.d",  # violence and terror
    "400": "A.1.h",  # contraband
    "500": "A.1.b",  # political
    "600": "A.4.a.abuse",
    "700": "A.3.b",  # flooding
    "900": "A.1.h",  # other
    "1100": "A.1",  # values
}

PASS, SUSPECT, BLOCK = 0, 1, 2
_SEVERITY: dict[int, Severity] = {SUSPECT: "middle", BLOCK: "high"}
_CODES: dict[int, Kind] = {401: "key", 410: "key", 411: "limit", 420: "key", 430: "failure", 503: "failure"}
"""401 no right to it, 410 signature, 411 too often, 420 timestamp too old, 430 a nonce again, 503 a failure of theirs."""


class _Position(msgspec.Struct, rename="camel"):
    field_name: str = "content"
    start_pos: int = -1
    end_pos: int = -1


class _Hit(msgspec.Struct):
    value: str = ""
    positions: list[_Position] | None = None


class _Details(msgspec.Struct, rename="camel"):
    hit_infos: list[_Hit] | None = None


class _SubLabel(msgspec.Struct, rename="camel"):
    sub_label: str | int | None = None
    details: _Details | None = None


class _Label(msgspec.Struct, rename="camel"):
    label: int
    level: int | None = None
    rate: float | None = None
    sub_labels: list[_SubLabel] | None = None


class _Antispam(msgspec.Struct):
    suggestion: int
    labels: list[_Label] | None = None


class _Result(msgspec.Struct):
    antispam: _Antispam | None = None


class _Body(msgspec.Struct):
    code: int
    result: _Result | None = None


def signature(fields: Mapping[str, str], secret: str, method: str) -> str:
    """Names and values joined in order of the names, the secret after them, hashed.

    Args:
        method: `MD5` or `SM3` (GB/T 32905).
    """
    text = "".join(name + fields[name] for name in sorted(fields)) + secret
    if method == "MD5":
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    digest = hashes.Hash(hashes.SM3())
    digest.update(text.encode())
    return digest.finalize().hex()


class Yidun:
    """A label of level 2 is high, of level 1 middle; suggestion 2 (不通过) is high, 1 (嫌疑) middle. The whole isn't
    milder than the suggestion."""

    name = "yidun"
    about = About(
        title=Said("NetEase Yidun text check", "网易易盾文本检测"),
        pages=(
            "https://github.com/yidun/antispam-python-demo",
            "https://github.com/yidun/antispam-nodejs-demo",
            "https://support.dun.163.com/documents/2018041901?docId=150425947576913920",
        ),
        checked=Said(
            "Request, signature, suggestion and the shape of labels against the official examples; no published value of "
            "a signature exists. Numbers of labels are from public code that uses the service, error codes from memory: "
            "unchecked. Length from version 3 of the page.",
            "请求、签名、处置建议与标签结构均与官方示例核对；文档未给出签名示例值。标签编号取自使用该服务的公开代码，"
            "错误码凭记忆写入，均未核对；长度限制取自第 3 版文档。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Endpoint", "接入地址"), default="https://as.dun.163.com"),
        Field(name="key_id", label=Said("secretId", "secretId")),
        Field(name="key_secret", label=Said("secretKey", "secretKey"), secret=True),
        Field(name="business_id", label=Said("businessId", "businessId")),
        Field(name="method", label=Said("Signature", "签名方法"), default="SM3", choices=("SM3", "MD5")),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 2_400  # below 5,000, beyond which the service doesn't look, however it counts

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        base, _, path = address(settings["url"])
        fields = {
            "secretId": settings["key_id"],
            "businessId": settings["business_id"],
            "version": "v5.2",
            "timestamp": str(int(now.timestamp() * 1000)),
            "nonce": str(int(nonce, 16) % 10**11),
            "signatureMethod": settings["method"],
            "dataId": asked.id,
            "content": clean(asked.text),
        }
        fields["signature"] = signature(fields, settings["key_secret"], settings["method"])
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return post(f"{base}{path}/v5/text/check", headers, form(fields))

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        if answer.status != 200:
            raise by_status(answer)
        body = decode(answer, _Body)
        if body.code != 200:
            raise fault(_CODES.get(body.code, "request"), body.code)
        antispam = body.result.antispam if body.result else None
        if antispam is None or antispam.suggestion not in (PASS, SUSPECT, BLOCK):
            raise off_form()
        if antispam.suggestion == PASS:
            return ()
        labels = antispam.labels or [_Label(0)]
        suggestion = antispam.suggestion
        found = (one for label in labels for one in self._found(label, asked, suggestion))
        return once(found, _SEVERITY[suggestion])

    def _found(self, label: _Label, asked: Asked, suggestion: int) -> Iterator[Finding]:
        number = str(label.label)
        severity = _SEVERITY.get(label.level or 0, _SEVERITY[suggestion])
        score = 1.0 if label.rate is None else label.rate
        for sub in label.sub_labels or [_SubLabel()]:
            rule = f"{number}/{sub.sub_label}" if sub.sub_label else number
            places = [
                place(asked.text, hit.value, position.start_pos, position.end_pos)
                for hit in (sub.details and sub.details.hit_infos) or ()
                for position in hit.positions or (_Position(),)
            ]
            for at in places if places and None not in places else [None]:
                cls = class_of(self, number)
                yield finding(self, rule, cls, asked, severity, score=score, why=f"suggestion {suggestion}", at=at)


ADAPTER = Yidun()
