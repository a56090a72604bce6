"""Aliyun: a server that checks ACS3-HMAC-SHA256 with an implementation of its own, and answers of the documented shape."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

import pytest

from far_service import NONCE, FarService, Got, ask
from guiju.remote import aliyun
from guiju.remote.adapter import Asked, Fault

KEYS = {"key_id": "LTAI-test", "key_secret": "right"}
PROMPT = Asked(text="怎么制毒 & 卖 + 20%？\ud800", direction="input", id="q-1")
EMPTY = hashlib.sha256(b"").hexdigest()


def authorization(got: Got, secret: bytes) -> str:
    """What `Authorization` must be, written from help.aliyun.com/document_detail/2593177.html."""
    given = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,]+),"
        r"SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
        got.headers["authorization"],
    )
    assert given is not None
    names = given[2].split(";")
    must = {"host", "content-type", *(name for name in got.headers if name.startswith("x-acs-"))}
    assert names == sorted(must)
    body = hashlib.sha256(got.body).hexdigest()
    assert got.headers["x-acs-content-sha256"] == body
    lines = [got.method, got.path, got.query, *(f"{n}:{got.headers[n]}" for n in names), "", given[2], body]
    to_sign = b"ACS3-HMAC-SHA256\n" + hashlib.sha256("\n".join(lines).encode()).hexdigest().encode()
    return hmac.new(secret, to_sign, "sha256").hexdigest() if given[1] == "LTAI-test" else ""


def server(told: dict[str, Any], status: int = 200) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        if not got.headers["authorization"].endswith("Signature=" + authorization(got, b"right")):
            return 400, b'{"Code": "SignatureDoesNotMatch", "Message": "...", "RequestId": "A-1"}'
        assert (got.headers["x-acs-action"], got.headers["x-acs-version"]) == ("TextModerationPlus", "2022-03-02")
        assert (got.headers["x-acs-date"], got.headers["x-acs-signature-nonce"]) == ("2026-11-25T08:00:00Z", NONCE)
        assert got.form["Service"] == "llm_query_moderation"
        assert json.loads(got.form["ServiceParameters"]) == {"content": "怎么制毒 & 卖 + 20%？?", "dataId": "q-1"}
        return status, json.dumps(told).encode()

    return FarService(judge)


def answer(level: str | None = "none", labels: tuple[str, ...] = ("nonLabel",), **more: Any) -> dict[str, Any]:
    """As document_detail/2671445.html shows it."""
    result = [
        {"Label": label, "Description": "…", "Confidence": 87.5, "RiskWords": "词A,词B"}
        if label != "nonLabel"
        else {"Label": label, "Description": "未检测出风险"}
        for label in labels
    ]
    data = {"Advice": [{"Answer": "…"}], "RiskLevel": level, "Result": result} | more
    return {"Code": 200, "Message": "OK", "RequestId": "AAAAAA-BBBB", "Data": data}


def test_the_published_example_is_reproduced():
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    told = aliyun.signed("POST", "/", query, headers, EMPTY, "YourAccessKeyId", "YourAccessKeySecret")
    assert told.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (answer(), []),
        (answer("high", ("contraband_drug", "political_n")), [("A.1.h.drugs", "high"), ("A.1.b", "high")]),
        (answer("medium", ("inappropriate_profanity",)), [("A.4.a.abuse", "middle")]),
        (answer("low", ("pt_to_contact",)), [("A.3.b", "low")]),
        (answer("high", ("brand_new",)), [("A.1.h", "high")]),
        (answer("high", ()), [("A.1.h", "high")]),
        (answer(None, ("contraband_drug",)), [("A.1.h.drugs", "high")]),
        (
            answer(
                AttackLevel="high",
                AttackResult=[{"AttackLevel": "high", "Label": "Indirect Prompt Injection", "Confidence": 100}],
            ),
            [("P.attack", "high"), ("P.attack", "high")],
        ),
        (answer(SensitiveLevel="S2", SensitiveResult=[]), [("I", "middle")]),
    ],
)
def test_levels_and_labels(told: dict[str, Any], found: list[tuple[str, str]]):
    with server(told) as far:
        got = ask(aliyun.ADAPTER, PROMPT, url=far.url, **KEYS)
    assert [(f.cls, f.severity) for f in got] == found
    assert all((f.start, f.end) == (0, len(PROMPT.text)) for f in got)
    assert all("词A" not in f.rule + f.why for f in got)


@pytest.mark.parametrize(
    ("told", "status", "again"),
    [
        ({"Code": 588, "Message": "EXCEED_QUOTA"}, 200, True),
        ({"Code": 408, "Message": "PERMISSION_DENY"}, 200, False),
        ({"Code": 400, "Message": "BAD_REQUEST"}, 200, False),
        ({"Code": "Throttling.User", "Message": "…"}, 400, True),
        ({"Code": "InvalidAccessKeyId.NotFound", "Message": "…"}, 404, False),
        ({"Code": "ServiceUnavailable", "Message": "…"}, 503, True),
        ({"Code": "Odd", "Message": "…"}, 502, True),
        ({"Code": 200, "Message": "OK"}, 200, True),
        (answer("terrible"), 200, True),
    ],
)
def test_an_error_is_a_fault(told: dict[str, Any], status: int, again: bool):
    with server(told, status) as far, pytest.raises(Fault) as caught:
        ask(aliyun.ADAPTER, PROMPT, url=far.url, **KEYS)
    assert caught.value.again is again


def test_a_wrong_secret_is_refused_for_good():
    with server(answer()) as far, pytest.raises(Fault, match="SignatureDoesNotMatch") as caught:
        ask(aliyun.ADAPTER, PROMPT, url=far.url, key_id="LTAI-test", key_secret="wrong")
    assert not caught.value.again
