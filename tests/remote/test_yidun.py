"""NetEase Yidun: a server that checks the signature with an implementation of its own; answers as the examples read them."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest

from far_service import FarService, Got, ask
from guiju.remote import yidun
from guiju.remote.adapter import Asked, Fault

KEYS = {"key_id": "sid", "key_secret": "right", "business_id": "bid"}
PROMPT = Asked(text="加微信 abc & 100% 赚钱", direction="input", id="q-1")
ALL = (0, len(PROMPT.text))


def sm3(data: bytes) -> str:
    """GB/T 32905-2016, written from the standard."""

    def turn(x: int, n: int) -> int:
        return ((x << n % 32) | (x & 0xFFFFFFFF) >> (32 - n % 32)) & 0xFFFFFFFF if n % 32 else x

    v = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    padded = data + b"\x80" + b"\x00" * ((55 - len(data)) % 64) + struct.pack(">Q", len(data) * 8)
    for at in range(0, len(padded), 64):
        w = list(struct.unpack(">16I", padded[at : at + 64]))
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ turn(w[j - 3], 15)
            w.append(x ^ turn(x, 15) ^ turn(x, 23) ^ turn(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = v
        for j in range(64):
            s1 = turn((turn(a, 12) + e + turn(0x79CC4519 if j < 16 else 0x7A879D8A, j)) & 0xFFFFFFFF, 7)
            s2 = s1 ^ turn(a, 12)
            ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
            gg = e ^ f ^ g if j < 16 else (e & f) | (~e & 0xFFFFFFFF & g)
            t1, t2 = (ff + d + s2 + (w[j] ^ w[j + 4])) & 0xFFFFFFFF, (gg + h + s1 + w[j]) & 0xFFFFFFFF
            a, b, c, d, e, f, g, h = t1, a, turn(b, 9), c, t2 ^ turn(t2, 9) ^ turn(t2, 17), e, turn(f, 19), g
        v = [x ^ y for x, y in zip(v, (a, b, c, d, e, f, g, h), strict=True)]
    return "".join(f"{x:08x}" for x in v)


def server(told: dict[str, Any]) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        form = got.form
        given = form.pop("signature")
        joined = "".join(k + form[k] for k in sorted(form)) + "right"
        digest = sm3 if form["signatureMethod"] == "SM3" else lambda data: hashlib.md5(data).hexdigest()
        if given != digest(joined.encode()):
            return 200, b'{"code": 410, "msg": "signature failure"}'
        assert got.path == "/v5/text/check"
        assert (form["secretId"], form["businessId"], form["dataId"]) == ("sid", "bid", "q-1")
        assert (form["content"], form["timestamp"], form["version"]) == (PROMPT.text, "1795593600000", "v5.2")
        assert form["nonce"].isdigit()
        return 200, json.dumps(told).encode()

    return FarService(judge)


def antispam(suggestion: int, *labels: dict[str, Any]) -> dict[str, Any]:
    told = {
        "taskId": "fx6sxdcd89",
        "dataId": "q-1",
        "suggestion": suggestion,
        "suggestionLevel": 1,
        "resultType": 1,
        "censorType": 0,
        "isRelatedHit": False,
        "labels": list(labels),
    }
    return {"code": 200, "msg": "ok", "result": {"antispam": told}}


def label(number: int, level: int | None, *hits: tuple[str, int, int]) -> dict[str, Any]:
    infos = [{"value": w, "positions": [{"fieldName": "content", "startPos": s, "endPos": e}]} for w, s, e in hits]
    return {
        "label": number,
        "level": level,
        "rate": 0.9,
        "subLabels": [{"subLabel": "200009", "rate": 0.9, "details": {"hitInfos": infos}}],
    }


def test_the_sm3_of_this_test_is_the_standards():
    assert sm3(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@pytest.mark.parametrize("method", ["SM3", "MD5"])
@pytest.mark.parametrize(
    ("told", "found"),
    [
        (antispam(0), []),
        (antispam(2, label(100, 2)), [("A.1.f.porn", "high", *ALL)]),
        (antispam(1, label(200, 1, ("微信", 1, 2))), [("A.3.b", "middle", 1, 3)]),
        (antispam(1, label(200, None, ("微信", 1, 3))), [("A.3.b", "middle", 1, 3)]),
        (antispam(2, label(200, 1, ("微信", 0, 2))), [("A.3.b", "high", *ALL)]),
        (antispam(2, label(200, 1), label(100, 2)), [("A.3.b", "middle", *ALL), ("A.1.f.porn", "high", *ALL)]),
        (antispam(2, label(4321, 2)), [("A.1.h", "high", *ALL)]),
        (antispam(1), [("A.1.h", "middle", *ALL)]),
    ],
)
def test_suggestions_labels_and_places(method: str, told: dict[str, Any], found: list[tuple[str, str, int, int]]):
    with server(told) as far:
        got = ask(yidun.ADAPTER, PROMPT, url=far.url, method=method, **KEYS)
    assert [(f.cls, f.severity, f.start, f.end) for f in got] == found
    assert all("微信" not in f.rule + f.why for f in got)


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ({"code": 411, "msg": "high frequency"}, True),
        ({"code": 503, "msg": "…"}, True),
        ({"code": 401, "msg": "forbidden"}, False),
        ({"code": 405, "msg": "param error"}, False),
        ({"code": 200, "msg": "ok"}, True),
        ({"code": 200, "result": {"antispam": None}}, True),
        (antispam(3), True),
    ],
)
def test_an_error_is_a_fault(told: dict[str, Any], again: bool):
    with server(told) as far, pytest.raises(Fault) as caught:
        ask(yidun.ADAPTER, PROMPT, url=far.url, **KEYS)
    assert caught.value.again is again


def test_a_wrong_secret_is_refused_for_good():
    with server(antispam(0)) as far, pytest.raises(Fault, match="410") as caught:
        ask(yidun.ADAPTER, PROMPT, url=far.url, **KEYS | {"key_secret": "wrong"})
    assert not caught.value.again
