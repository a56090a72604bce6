"""Baidu content review, text: `text_censor/v2/user_defined`.

Documentation: https://ai.baidu.com/ai-doc/ANTIPORN/Rk3h6xb3i (request),
https://ai.baidu.com/ai-doc/ANTIPORN/Nk3h6xbb2 (answer),
https://ai.baidu.com/ai-doc/REFERENCE/Lkru0zoz4 (three ways to sign in; this is the one with Access Key and Secret
Key, which needs no
second request for a token), https://cloud.baidu.com/doc/Reference/s/njwvz1yfu (bce-auth-v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.asking import address, form, hmac_sha256, post, quoted
from guiju.remote.reading import Kind, by_status, class_of, classes_of, decode, fault, finding, off_form, once, place
from guiju.types import Finding, Severity

VALID_SECONDS = 1800
PATH = "/rest/2.0/solution/v1/text_censor/v2/user_defined"

LABELS = {
    "11": "A.1.h",  # Baidu's own list of forbidden words
    "12.0": "A.3.b",  # spam
    "12.1": "A.1.d",  # violence, terror, contraband
    "12.2": "A.1.f.porn",
    "12.3": "A.1.b",  # politically sensitive
    "12.4": "A.3.b",  # malicious promotion
    "12.5": "A.4.a.abuse",
    "12.6": "A.3.b",  # promotion: contacts
    "12.7": "A.4.f",  # private information
    "12.8": "A.3.e",  # advertising law
    "13": "X",  # the provider's own black list
    "30": "A.1.b",
    "31": "A.1.d",
    "33": "A.1.f.porn",
    "34": "A.4.a.abuse",
    "35": "A.1",  # values
    "36": "A.3.b",
    "37": "A.3.e",
    "38": "A.4.f",
    "39": "A.3.b",
}
"""`type`, or `type.subType` for type 12, whose kinds are its subtypes."""

PASS, BLOCK, REVIEW, FAILED = 1, 2, 3, 4
_SEVERITY: dict[int, Severity] = {BLOCK: "high", REVIEW: "middle"}
WHITE_LIST = 14
_CODES: dict[int, Kind] = {
    **dict.fromkeys((1, 2, 282000), "failure"),
    **dict.fromkeys((4, 17, 18, 19), "limit"),
    **dict.fromkeys((6, 13, 14, 15, 100, 110, 111), "key"),
}


class _Word(msgspec.Struct):
    keyword: str = ""
    positions: list[list[int]] = []


class _Hit(msgspec.Struct, rename="camel"):
    word_hit_positions: list[_Word] | None = None
    model_hit_positions: list[list[float]] | None = None
    words: list[str] | None = None


class _Item(msgspec.Struct, rename="camel"):
    type: int | None = None
    sub_type: int | None = None
    conclusion_type: int | None = None
    hits: list[_Hit] | None = None
    code: int | None = msgspec.field(default=None, name="error_code")


class _Body(msgspec.Struct, rename="camel"):
    conclusion_type: int | None = None
    data: list[_Item] | None = None
    code: int | None = msgspec.field(default=None, name="error_code")


def signed(
    method: str, path: str, query: str, headers: Mapping[str, str], key_id: str, secret: str, now: datetime
) -> str:
    """The `Authorization` of a request, bce-auth-v1; all of `headers` are signed.

    Args:
        query: canonical: sorted, percent-encoded.
    """
    prefix = f"bce-auth-v1/{key_id}/{now.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}/{VALID_SECONDS}"
    names = sorted(headers)
    canonical = "\n".join(f"{quoted(name)}:{quoted(headers[name].strip())}" for name in names)
    uri = quoted(path).replace("%2F", "/")
    key = hmac_sha256(secret.encode(), prefix).hex()
    signature = hmac_sha256(key.encode(), "\n".join([method, uri, query, canonical])).hex()
    return f"{prefix}/{';'.join(names)}/{signature}"


class Baidu:
    """Type 2 (不合规) is high, 3 (疑似) is middle, 4 (审核失败) is no verdict; what only hits the white list is
    clean."""

    name = "baidu"
    about = About(
        title=Said("Baidu content review, text", "百度内容审核·文本"),
        pages=(
            "https://ai.baidu.com/ai-doc/ANTIPORN/Rk3h6xb3i",
            "https://ai.baidu.com/ai-doc/ANTIPORN/Nk3h6xbb2",
            "https://ai.baidu.com/ai-doc/REFERENCE/Lkru0zoz4",
            "https://cloud.baidu.com/doc/Reference/s/njwvz1yfu",
        ),
        checked=Said(
            "Request, answer, types and error codes against the pages; the signature reproduces the example of "
            "Baidu's own SDKs. Type 35 is named for images only.",
            "请求、返回、类型与错误码均与文档核对；签名可复现百度官方 SDK 的示例。类型 35 仅见于图文审核文档。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Endpoint", "接入地址"), default="https://aip.baidubce.com"),
        Field(name="key_id", label=Said("Access Key ID", "Access Key ID")),
        Field(name="key_secret", label=Said("Secret Access Key", "Secret Access Key"), secret=True),
        Field(
            name="strategy",
            label=Said("Strategy (strategyId); empty for the default one", "策略 ID（strategyId）；留空为默认策略"),
            default="",
        ),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 5_000  # 20,000 bytes of UTF-8, four of them for a character at most

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        base, host, path = address(settings["url"])
        fields = {"text": asked.text}
        if settings["strategy"]:
            fields["strategyId"] = settings["strategy"]
        signs = {"host": host, "x-bce-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        authorization = signed("POST", path + PATH, "", signs, settings["key_id"], settings["key_secret"], now)
        headers = {**signs, "content-type": "application/x-www-form-urlencoded", "authorization": authorization}
        return post(f"{base}{path}{PATH}", headers, form(fields))

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        body = decode(answer, _Body)
        for code in (body.code, *(item.code for item in body.data or ())):
            if code is not None:
                raise fault(_CODES.get(code, "request"), code)
        if answer.status != 200:
            raise by_status(answer)
        if body.conclusion_type == FAILED:
            raise fault("failure", "conclusionType 4")
        if body.conclusion_type not in (PASS, BLOCK, REVIEW):
            raise off_form()
        items = [i for i in body.data or () if i.type != WHITE_LIST and i.conclusion_type != PASS]
        if body.conclusion_type == PASS:
            return ()
        overall = _SEVERITY[body.conclusion_type]
        return once((found for item in items or [_Item()] for found in self._found(item, asked, overall)), overall)

    def _found(self, item: _Item, asked: Asked, severity: Severity) -> Iterator[Finding]:
        label = f"{item.type}.{item.sub_type}"
        cls = class_of(self, label, str(item.type))
        severity = _SEVERITY.get(item.conclusion_type or 0, severity)
        places: list[tuple[int, int] | None] = []
        for hit in item.hits or ():
            words = hit.word_hit_positions or ()
            if hit.model_hit_positions or not words:
                places.append(None)
            for word in words:
                places += [
                    place(asked.text, word.keyword, *p[:2]) if len(p) >= 2 else None for p in word.positions or [[]]
                ]
        for at in places if places and None not in places else [None]:
            yield finding(self, label, cls, asked, severity, at=at)


ADAPTER = Baidu()
