"""Volcengine's firewall for large-model applications (大模型应用防火墙, LLM Shield), Moderate.

Documentation: https://www.volcengine.com/docs/84990/1827500 (operation),
https://www.volcengine.com/docs/84990/1827498 (errors),
https://www.volcengine.com/docs/84990/1520729 (what is signed), https://www.volcengine.com/docs/6369/67270 (signature,
with an example);
fields of an answer: the official SDK's volcenginesdkllmshield.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.asking import address, clean, hmac_sha256, post, sha256
from guiju.remote.reading import Kind, by_status, class_of, classes_of, decode, fault, finding, off_form, once
from guiju.types import Finding, Severity

ALGORITHM = "HMAC-SHA256"
ACTION = "Action=Moderate&Version=2025-08-31"
PATH = "/v2/moderate"

LABELS = {
    "101": "A.1.h",  # misuse of the model, a kind that isn't below
    "10102000": "A.1.b",
    "10103005": "A.4.a.abuse",
    "10104000": "A.1.f.porn",
    "10107000": "A.1.b",
    "10109000": "A.3",
    "10112000": "A.2",
    "10113002": "A.1.h.drugs",
    "10113003": "A.1.h.gambling",
    "10113004": "A.1.h.fraud",
    "10116000": "A.1.h",
    "103": "I",  # sensitive data, a kind that isn't below
    "10302000": "I.bank_card",
    "10304000": "I.resident_id",
    "10310000": "I.email",
    "10313000": "I.mobile",
    "104": "P.attack",  # prompt attacks
    "106": "X",  # topics that the provider ruled out
    "107": "P.attack",  # attacks on computing power
}
"""The whole label, or its first three digits, which are the category."""

PASS = 1
_SEVERITY: dict[int, Severity] = {2: "high", 3: "middle", 4: "middle", 5: "high"}
"""DecisionType: block, mark, replace, optimise (answer otherwise)."""
_ERRORS: dict[str, Kind] = {
    "AuthCheckFailed": "key",
    "Resource.NotExist": "key",
    "InvalidParameter": "request",
    "FlowLimitExceeded": "limit",
    "InternalError": "failure",
}


class _Risk(msgspec.Struct, rename="pascal"):
    category: str | int | None = None
    label: str | int | None = None
    prob: float | None = None


class _RiskInfo(msgspec.Struct, rename="pascal"):
    risks: list[_Risk] | None = None


class _Decision(msgspec.Struct, rename="pascal"):
    decision_type: int


class _Result(msgspec.Struct, rename="pascal"):
    decision: _Decision
    risk_info: _RiskInfo | None = None
    degraded: bool = False


class _Error(msgspec.Struct, rename="pascal"):
    code: str = ""


class _Metadata(msgspec.Struct, rename="pascal"):
    error: _Error | None = None


class _Body(msgspec.Struct, rename="pascal"):
    response_metadata: _Metadata
    result: _Result | None = None


def signed(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload: str,
    scope: tuple[str, str],
    key_id: str,
    secret: str,
) -> str:
    """The `Authorization` of a request; all of `headers` are signed, `x-date` is one of them.

    Args:
        query: canonical: sorted, percent-encoded.
        payload: SHA-256 of the body in hex.
        scope: region, service.
    """
    date, names = headers["x-date"], sorted(headers)
    canonical = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    request = "\n".join([method, path, query, canonical, ";".join(names), payload])
    credential = "/".join([date[:8], *scope, "request"])
    to_sign = f"{ALGORITHM}\n{date}\n{credential}\n{sha256(request.encode())}"
    signature = hmac_sha256(secret.encode(), date[:8], *scope, "request", to_sign).hex()
    return f"{ALGORITHM} Credential={key_id}/{credential}, SignedHeaders={';'.join(names)}, Signature={signature}"


class Volcengine:
    """Block and optimise are high, mark and replace are middle. A degraded answer (`Degraded`) is no verdict."""

    name = "volcengine"
    about = About(
        title=Said("Volcengine LLM Shield", "火山引擎大模型应用防火墙"),
        pages=(
            "https://www.volcengine.com/docs/84990/1827500",
            "https://www.volcengine.com/docs/84990/1827498",
            "https://www.volcengine.com/docs/84990/1520729",
            "https://www.volcengine.com/docs/6369/67270",
        ),
        checked=Said(
            "Request, decision types, error codes and limits against the pages and the official SDK; the signature "
            "reproduces the published "
            "example. The public pages don't list the numbers of labels: the table is from public code that uses "
            "the service, unchecked; so are "
            "FlowLimitExceeded and InternalError.",
            "请求、决策类型、错误码与长度限制均与文档及官方 SDK 核对；签名可复现文档示例。公开文档未列出标签编号，"
            "此处取自使用该服务的公开代码，未核对；FlowLimitExceeded 与 InternalError 亦然。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="region", label=Said("Region", "地域"), default="cn-beijing", choices=("cn-beijing", "cn-shanghai")),
        Field(
            name="url", label=Said("Endpoint; empty for the region's own", "接入地址；留空为所选地域的地址"), default=""
        ),
        Field(name="key_id", label=Said("Access Key ID", "Access Key ID")),
        Field(name="key_secret", label=Said("Secret Access Key", "Secret Access Key"), secret=True),
        Field(name="app_id", label=Said("Asset (AppID)", "资产 ID（AppID）")),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 10_000  # with the prompt 80 KB of the 240 KB, beyond which the service doesn't look

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        region = settings["region"]
        base, host, path = address(settings["url"] or f"https://{region}.sdk.access.llm-shield.omini-shield.com")
        role = "user" if asked.direction == "input" else "assistant"
        fields: dict[str, object] = {
            "Message": {"Role": role, "Content": clean(asked.text), "ContentType": 1},
            "Scene": settings["app_id"],
        }
        if asked.before:
            fields["History"] = [{"Role": "user", "Content": clean(asked.before[-self.limit :]), "ContentType": 1}]
        body = msgspec.json.encode(fields)
        signs = {
            "content-type": "application/json",
            "host": host,
            "x-content-sha256": sha256(body),
            "x-date": now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        keys = (settings["key_id"], settings["key_secret"])
        authorization = signed("POST", path + PATH, ACTION, signs, sha256(body), (region, "llmshield"), *keys)
        return post(f"{base}{path}{PATH}?{ACTION}", signs | {"authorization": authorization}, body)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        body = decode(answer, _Body)
        error = body.response_metadata.error
        if error is not None and error.code:
            if error.code not in _ERRORS and answer.status != 200:
                raise by_status(answer)
            raise fault(_ERRORS.get(error.code, "request"), error.code)
        if answer.status != 200:
            raise by_status(answer)
        if body.result is None:
            raise off_form()
        if body.result.degraded:
            raise fault("failure", "Degraded")
        decision = body.result.decision.decision_type
        if decision == PASS:
            return ()
        if decision not in _SEVERITY:
            raise off_form()
        risks = (body.result.risk_info and body.result.risk_info.risks) or [_Risk()]
        return once(self._found(risk, asked, decision) for risk in risks)

    def _found(self, risk: _Risk, asked: Asked, decision: int) -> Finding:
        label, category = str(risk.label or ""), str(risk.category or "")
        return finding(
            self,
            label or category or f"DecisionType {decision}",
            class_of(self, label, label[:3], category),
            asked,
            _SEVERITY[decision],
            score=1.0 if risk.prob is None else risk.prob,
            why=f"DecisionType {decision}",
        )


ADAPTER = Volcengine()
