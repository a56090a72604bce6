"""Volcengine: a server that checks the signature with an implementation of its own; answers of the documented shape."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from far_service import NONCE, NOW, FarService, Got, ask, settings_of
from guiju.remote import volcengine
from guiju.remote.adapter import Asked, Fault

KEYS = {"key_id": "AKLT-test", "key_secret": "right", "app_id": "app-1"}
ANSWER = Asked(text="卡号是 6222…", direction="output", id="q-1", before="说个卡号")
EMPTY = hashlib.sha256(b"").hexdigest()


def signature(got: Got, secret: str) -> str:
    """What the signature must be, written from www.volcengine.com/docs/6369/67270."""
    given = re.fullmatch(
        r"HMAC-SHA256 Credential=AKLT-test/(\d{8})/(cn-beijing)/(llmshield)/request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}",
        got.headers["authorization"],
    )
    assert given is not None
    date, region, service, names = given.groups()
    assert {"host", "x-date", "x-content-sha256", "content-type"} == set(names.split(";"))
    body = hashlib.sha256(got.body).hexdigest()
    assert got.headers["x-content-sha256"] == body
    assert got.headers["x-date"].startswith(date)
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(parse_qsl(got.query)))
    headers = "".join(f"{name}:{got.headers[name].strip()}\n" for name in sorted(names.split(";")))
    canonical = "\n".join([got.method, got.path, query, headers, names, body])
    to_sign = (
        f"HMAC-SHA256\n{got.headers['x-date']}\n{date}/{region}/{service}/request\n"
        + hashlib.sha256(canonical.encode()).hexdigest()
    )
    key = secret.encode()
    for part in (date, region, service, "request", to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def server(told: dict[str, Any], status: int = 200) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        metadata = {"RequestId": "2024", "Action": "Moderate", "Version": "2025-08-31", "Region": "cn-beijing"}
        if not got.headers["authorization"].endswith("Signature=" + signature(got, "right")):
            error = {"Error": {"CodeN": 10002, "Code": "AuthCheckFailed", "Message": "Auth Check Failed."}}
            return 400, json.dumps({"ResponseMetadata": metadata | error}).encode()
        assert (got.path, got.query) == ("/v2/moderate", "Action=Moderate&Version=2025-08-31")
        assert json.loads(got.body) == {
            "Message": {"Role": "assistant", "Content": ANSWER.text, "ContentType": 1},
            "Scene": "app-1",
            "History": [{"Role": "user", "Content": "说个卡号", "ContentType": 1}],
        }
        error = told.get("ResponseMetadata", {})
        return status, json.dumps(told | {"ResponseMetadata": metadata | error}).encode()

    return FarService(judge)


def result(decision: int, *labels: str, **more: Any) -> dict[str, Any]:
    """As docs/84990's page on results shows it."""
    risks = [
        {"Category": label[:3], "Label": label, "Prob": 0.98, "Matches": [{"Word": "6222", "Source": 1}]}
        for label in labels
    ]
    told = {
        "MsgID": "4b09",
        "RiskInfo": {"Risks": risks or None},
        "Decision": {"DecisionType": decision, "DecisionDetail": {}},
        "PermitInfo": {"Permits": None},
    }
    return {"Result": told | more}


def test_the_published_example_is_reproduced():
    headers = {"host": "iam.volcengineapi.com", "x-date": "20240619T071306Z"}
    query = "Action=ListUsers&Limit=10&Offset=0&Version=2018-01-01"
    secret = "WkRZeE1EQmxPVGhsWWpWak5HVmtNbUUxTXpZeU9UVXlOMlE1TmpZeVlqTQ=="
    told = volcengine.signed("GET", "/", query, headers, EMPTY, ("cn-beijing", "iam"), "AKLT", secret)
    assert told.endswith("Signature=e31c4558bcfe08a286001f59cedbf0791ffd0b2362f10e55ee2627467bcdde93")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (result(1), []),
        (result(2, "10302000"), [("I.bank_card", "high")]),
        (result(3, "10104000", "10113003"), [("A.1.f.porn", "middle"), ("A.1.h.gambling", "middle")]),
        (result(4, "10310000"), [("I.email", "middle")]),
        (result(5, "10401001"), [("P.attack", "high")]),
        (result(2, "10699999"), [("X", "high")]),
        (result(2, "99900000"), [("A.1.h", "high")]),
        (result(2), [("A.1.h", "high")]),
    ],
)
def test_decisions_and_labels(told: dict[str, Any], found: list[tuple[str, str]]):
    with server(told) as far:
        got = ask(volcengine.ADAPTER, ANSWER, url=far.url, **KEYS)
    assert [(f.cls, f.severity) for f in got] == found
    assert all("6222" not in f.rule + f.why for f in got)


@pytest.mark.parametrize(
    ("told", "status", "again"),
    [
        ({"ResponseMetadata": {"Error": {"Code": "InvalidParameter"}}}, 400, False),
        ({"ResponseMetadata": {"Error": {"Code": "Resource.NotExist"}}}, 400, False),
        ({"ResponseMetadata": {"Error": {"Code": "Whatever"}}}, 503, True),
        ({"ResponseMetadata": {"Error": {"Code": "Whatever"}}}, 429, True),
        (result(1, Degraded=True, DegradeReason="overload"), 200, True),
        (result(9), 200, True),
        (result(1), 500, True),
        ({}, 200, True),
    ],
)
def test_an_error_is_a_fault(told: dict[str, Any], status: int, again: bool):
    with server(told, status) as far, pytest.raises(Fault) as caught:
        ask(volcengine.ADAPTER, ANSWER, url=far.url, **KEYS)
    assert caught.value.again is again


def test_a_wrong_secret_is_refused_for_good():
    with server(result(1)) as far, pytest.raises(Fault, match="AuthCheckFailed") as caught:
        ask(volcengine.ADAPTER, ANSWER, url=far.url, **KEYS | {"key_secret": "wrong"})
    assert not caught.value.again


def test_the_region_gives_the_address():
    settings = settings_of(volcengine.ADAPTER, region="cn-shanghai")
    request = volcengine.ADAPTER.ask(ANSWER, settings, now=NOW, nonce=NONCE)
    assert request.url.startswith("https://cn-shanghai.sdk.access.llm-shield.omini-shield.com/v2/moderate?")
    assert "/cn-shanghai/llmshield/request" in dict(request.headers)["authorization"]
