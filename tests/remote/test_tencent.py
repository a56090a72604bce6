"""Tencent Cloud: a server that checks TC3-HMAC-SHA256 with an implementation of its own; answers of the documented shape."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from far_service import FarService, Got, ask
from guiju.remote import tencent
from guiju.remote.adapter import Asked, Fault

KEYS = {"key_id": "AKID-test", "key_secret": "right"}
PROMPT = Asked(text="加我微信：abc，看黄色图片", direction="input", id="q-1")


def signature(got: Got, secret: str) -> str:
    """What the signature must be, written from cloud.tencent.com/document/api/362/4208."""
    given = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=AKID-test/([0-9-]+)/tms/tc3_request, "
        r"SignedHeaders=([a-z;-]+), Signature=[0-9a-f]{64}",
        got.headers["authorization"],
    )
    assert given is not None
    assert {"content-type", "host"} <= set(given[2].split(";"))
    at = int(got.headers["x-tc-timestamp"])
    assert given[1] == datetime.fromtimestamp(at, UTC).date().isoformat()
    canonical = f"{got.method}\n{got.path}\n{got.query}\n"
    for name in given[2].split(";"):
        canonical += f"{name}:{got.headers[name].lower()}\n"
    canonical += f"\n{given[2]}\n{hashlib.sha256(got.body).hexdigest()}"
    to_sign = f"TC3-HMAC-SHA256\n{at}\n{given[1]}/tms/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("TC3" + secret).encode()
    for part in (given[1], "tms", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def server(told: dict[str, Any]) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        if not got.headers["authorization"].endswith("Signature=" + signature(got, "right")):
            error = {"Code": "AuthFailure.SignatureFailure", "Message": "The provided credentials …"}
            return 200, json.dumps({"Response": {"Error": error, "RequestId": "r"}}).encode()
        asked = json.loads(got.body)
        assert base64.b64decode(asked["Content"]).decode() == PROMPT.text
        assert (asked["DataId"], asked["BizType"]) == ("q-1", "strict")
        assert got.headers["x-tc-action"] == "TextModeration"
        assert (got.headers["x-tc-version"], got.headers["x-tc-region"]) == ("2020-12-29", "ap-guangzhou")
        return 200, json.dumps({"Response": {"RequestId": "r"} | told}).encode()

    return FarService(judge)


def detail(label: str, suggestion: str, *hits: dict[str, Any], score: int = 72) -> dict[str, Any]:
    """As the command-line client's example shows it."""
    return {
        "LibName": "",
        "LibId": "",
        "LibType": 0,
        "Score": score,
        "Label": label,
        "SubLabel": "Sub",
        "Suggestion": suggestion,
        "Keywords": ["微信"],
        "HitInfos": list(hits),
        "Tags": None,
    }


def hit(word: str, *at: tuple[int, int]) -> dict[str, Any]:
    return {"Type": "Keyword", "Keyword": word, "LibName": "", "Positions": [{"Start": s, "End": e} for s, e in at]}


def test_the_published_example_is_reproduced():
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    headers = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    keys = ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******")
    told = tencent.signed("/", "cvm", headers, body, *keys, datetime.fromtimestamp(1551113065, UTC))
    assert told.endswith("Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"Suggestion": "Pass", "Label": "Normal", "Score": 0, "DetailResults": []}, []),
        ({"Suggestion": "Pass", "Label": "Normal", "DetailResults": None}, []),
        (
            {"Suggestion": "Block", "Label": "Porn", "DetailResults": [detail("Porn", "Block")]},
            [("A.1.f.porn", "high", 0, 14)],
        ),
        (
            {"Suggestion": "Review", "Label": "Ad", "DetailResults": [detail("Ad", "Review", hit("微信", (2, 4)))]},
            [("A.3.b", "middle", 2, 4)],
        ),
        (
            {"Suggestion": "Review", "Label": "Ad", "DetailResults": [detail("Ad", "Review", hit("微信", (2, 3)))]},
            [("A.3.b", "middle", 2, 4)],
        ),
        (
            {"Suggestion": "Review", "Label": "Ad", "DetailResults": [detail("Ad", "Review", hit("微信", (7, 9)))]},
            [("A.3.b", "middle", 0, 14)],
        ),
        (
            {
                "Suggestion": "Block",
                "Label": "Brandnew",
                "DetailResults": [detail("Brandnew", "Block"), detail("Ad", "Pass")],
            },
            [("A.1.h", "high", 0, 14)],
        ),
        ({"Suggestion": "Block", "Label": "Abuse", "Score": 99}, [("A.4.a.abuse", "high", 0, 14)]),
        ({"Suggestion": "Block", "Label": "Ad", "DetailResults": [detail("Ad", "Review")]}, [("A.3.b", "high", 0, 14)]),
    ],
)
def test_suggestions_labels_and_places(told: dict[str, Any], found: list[tuple[str, str, int, int]]):
    with server(told) as far:
        got = ask(tencent.ADAPTER, PROMPT, url=far.url, biz_type="strict", **KEYS)
    assert [(f.cls, f.severity, f.start, f.end) for f in got] == found


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("RequestLimitExceeded", True),
        ("InternalError.ErrTextTimeOut", True),
        ("UnauthorizedOperation.Unauthorized", False),
        ("InvalidParameterValue.ErrTextContentLen", False),
        ("AuthFailure.SecretIdNotFound", False),
    ],
)
def test_an_error_is_a_fault(code: str, again: bool):
    with server({"Error": {"Code": code, "Message": "…"}}) as far, pytest.raises(Fault, match=code) as caught:
        ask(tencent.ADAPTER, PROMPT, url=far.url, biz_type="strict", **KEYS)
    assert caught.value.again is again


def test_a_wrong_secret_is_refused_for_good():
    with server({}) as far, pytest.raises(Fault, match="SignatureFailure") as caught:
        ask(tencent.ADAPTER, PROMPT, url=far.url, key_id="AKID-test", key_secret="wrong")
    assert not caught.value.again


@pytest.mark.parametrize("told", [{}, {"Suggestion": "Maybe"}, {"Suggestion": None}])
def test_no_suggestion_is_no_verdict(told: dict[str, Any]):
    with server(told) as far, pytest.raises(Fault):
        ask(tencent.ADAPTER, PROMPT, url=far.url, biz_type="strict", **KEYS)
