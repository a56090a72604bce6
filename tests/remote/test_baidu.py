"""Baidu: a server that checks bce-auth-v1 with an implementation of its own; answers of the documented shape."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from far_service import FarService, Got, ask
from guiju.remote import baidu
from guiju.remote.adapter import Asked, Fault

KEYS = {"key_id": "ak", "key_secret": "right"}
PROMPT = Asked(text="约炮友吗？100% 真的 & 便宜", direction="input", id="q-1")
ALL = (0, len(PROMPT.text))


def authorization(got: Got, secret: bytes) -> str:
    """What `Authorization` must be, written from cloud.baidu.com/doc/Reference/s/njwvz1yfu."""
    version, key_id, at, seconds, names, _ = got.headers["authorization"].split("/")
    assert (version, key_id, at, seconds) == ("bce-auth-v1", "ak", "2026-11-25T08:00:00Z", "1800")
    assert "host" in names.split(";")
    headers = "\n".join(f"{name}:{quote(got.headers[name], safe='')}" for name in names.split(";"))
    request = f"{got.method}\n{quote(got.path)}\n{got.query}\n{headers}"
    prefix = f"{version}/{key_id}/{at}/{seconds}"
    signing = hmac.digest(secret, prefix.encode(), "sha256").hex()
    return f"{prefix}/{names}/{hmac.digest(signing.encode(), request.encode(), 'sha256').hex()}"


def server(told: dict[str, Any], **form: str) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        if got.headers["authorization"] != authorization(got, b"right"):
            return 200, b'{"error_code": 14, "error_msg": "IAM Certification failed"}'
        assert got.path == "/rest/2.0/solution/v1/text_censor/v2/user_defined"
        assert got.form == {"text": PROMPT.text} | form
        return 200, json.dumps({"log_id": 16347205708410412} | told, ensure_ascii=False).encode()

    return FarService(judge)


def item(kind: int, sub: int, conclusion: int, *hits: dict[str, Any]) -> dict[str, Any]:
    return {
        "msg": "存在…",
        "conclusion": "不合规",
        "hits": list(hits),
        "subType": sub,
        "conclusionType": conclusion,
        "type": kind,
    }


def words(word: str, *at: int, model: list[list[float]] | None = None) -> dict[str, Any]:
    """A hit as it was recorded: ends of places are in."""
    place = {"positions": [list(at)], "label": "200700", "keyword": word}
    return {
        "wordHitPositions": [place],
        "probability": 1.0,
        "datasetName": "百度默认文本反作弊库",
        "words": [word],
        "modelHitPositions": model or [],
    }


def test_the_example_of_the_official_sdks_is_reproduced():
    headers = {"host": "bce.baidu.com", "x-bce-meta-key1": "ABC"}
    at = datetime.fromtimestamp(1402639056, UTC)
    told = baidu.signed("PUT", "/v1/bucket/object1", "A=&C=d&b=", headers, "my_ak", "my_sk", at)
    want = "80c9672aca2ea9af4bb40b9a8ff458d72df94e97d550840727f3a929af271d25"
    assert told == f"bce-auth-v1/my_ak/2014-06-13T05:57:36Z/1800/host;x-bce-meta-key1/{want}"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"conclusion": "合规", "conclusionType": 1}, []),
        ({"conclusionType": 1, "data": [item(14, 0, 1)]}, []),
        ({"conclusionType": 2, "data": [item(12, 2, 2, words("炮友", 1, 2))]}, [("A.1.f.porn", "high", 1, 3)]),
        (
            {"conclusionType": 2, "data": [item(33, 330000, 2, words("炮友", 1, 2, model=[[0, 11, 0.96]]))]},
            [("A.1.f.porn", "high", *ALL)],
        ),
        ({"conclusionType": 2, "data": [item(12, 2, 2, words("炮友", 4, 5))]}, [("A.1.f.porn", "high", *ALL)]),
        ({"conclusionType": 3, "data": [item(12, 5, 3)]}, [("A.4.a.abuse", "middle", *ALL)]),
        (
            {"conclusionType": 2, "data": [item(13, 0, 2, {"datasetName": "d", "words": ["炮友"]})]},
            [("X", "high", *ALL)],
        ),
        ({"conclusionType": 2, "data": [item(77, 1, 2)]}, [("A.1.h", "high", *ALL)]),
        ({"conclusionType": 2}, [("A.1.h", "high", *ALL)]),
        ({"conclusionType": 2, "data": [item(12, 5, 3)]}, [("A.4.a.abuse", "high", *ALL)]),
    ],
)
def test_conclusions_types_and_places(told: dict[str, Any], found: list[tuple[str, str, int, int]]):
    with server(told, strategyId="7") as far:
        got = ask(baidu.ADAPTER, PROMPT, url=far.url, strategy="7", **KEYS)
    assert [(f.cls, f.severity, f.start, f.end) for f in got] == found
    assert all("炮" not in f.rule + f.why for f in got)


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ({"error_code": 18, "error_msg": "Open api qps request limit reached"}, True),
        ({"error_code": 282000, "error_msg": "internal error"}, True),
        ({"error_code": 110, "error_msg": "Access token invalid or no longer valid"}, False),
        ({"error_code": 216100, "error_msg": "invalid param"}, False),
        ({"conclusion": "审核失败", "conclusionType": 4}, True),
        ({"conclusionType": 1, "data": [{"error_code": 282000, "error_msg": "internal error"}]}, True),
        ({"conclusionType": 5}, True),
        ({}, True),
    ],
)
def test_an_error_is_a_fault(told: dict[str, Any], again: bool):
    with server(told) as far, pytest.raises(Fault) as caught:
        ask(baidu.ADAPTER, PROMPT, url=far.url, **KEYS)
    assert caught.value.again is again


def test_a_wrong_secret_is_refused_for_good():
    with server({"conclusionType": 1}) as far, pytest.raises(Fault) as caught:
        ask(baidu.ADAPTER, PROMPT, url=far.url, key_id="ak", key_secret="wrong")
    assert not caught.value.again
