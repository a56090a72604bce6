"""What holds for every adapter in the table: its settings, its classes, and that no answer whatever is mistaken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from far_service import NONCE, NOW, settings_of
from guiju.remote import ADAPTERS, adapter
from guiju.remote.adapter import CATCH_ALL, Adapter, Answer, Asked, Fault
from guiju.review.load import taxonomy
from guiju.types import Finding

EVERY = [adapter(name) for name in ADAPTERS]
every = pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
TEXT = "加微信 abc，OPS-20417 😀"
ASKED = [
    Asked(text=TEXT, direction="input", id="q-1"),
    Asked(text=TEXT, direction="output", id="q-1", before="?"),
    Asked(text="", direction="input", id="q-1"),
]


def chat(said: str) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}


SHAPES: dict[str, dict[str, Any]] = {
    "openai_moderation": {
        "results": [{"flagged": True, "categories": {"hate": True, "sexual": None}, "category_scores": {"hate": 0.9}}]
    },
    "qwen3guard": chat("Safety: Unsafe\nCategories: Violent"),
    "llama_guard": chat("unsafe\nS1,S2"),
    "aliyun": {
        "Code": 200,
        "Data": {
            "RiskLevel": "high",
            "Result": [{"Label": "contraband_drug", "Confidence": 81.22}],
            "AttackLevel": "low",
            "AttackResult": [{"AttackLevel": "low", "Label": "a"}],
            "SensitiveLevel": "S1",
            "SensitiveResult": [{"Label": "1", "SensitiveLevel": "S1"}],
        },
    },
    "tencent": {
        "Response": {
            "Suggestion": "Block",
            "Label": "Ad",
            "DetailResults": [
                {
                    "Suggestion": "Block",
                    "Label": "Ad",
                    "Score": 72,
                    "HitInfos": [{"Keyword": "微信", "Positions": [{"Start": 1, "End": 3}]}],
                }
            ],
        }
    },
    "baidu": {
        "conclusionType": 2,
        "data": [
            {
                "type": 12,
                "subType": 4,
                "conclusionType": 2,
                "hits": [{"wordHitPositions": [{"keyword": "微信", "positions": [[1, 2]]}], "modelHitPositions": []}],
            }
        ],
    },
    "volcengine": {
        "ResponseMetadata": {"RequestId": "1"},
        "Result": {
            "Decision": {"DecisionType": 2},
            "RiskInfo": {"Risks": [{"Category": "103", "Label": "10302000", "Prob": 0.9}]},
        },
    },
    "yidun": {
        "code": 200,
        "result": {
            "antispam": {
                "suggestion": 2,
                "labels": [
                    {
                        "label": 200,
                        "level": 2,
                        "subLabels": [
                            {
                                "subLabel": "1",
                                "details": {
                                    "hitInfos": [{"value": "微信", "positions": [{"startPos": 1, "endPos": 3}]}]
                                },
                            }
                        ],
                    }
                ],
            }
        },
    },
    "webhook": {"findings": [{"class": "X.a", "start": 0, "end": 1, "score": 0.5, "severity": "low", "why": "w"}]},
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["high", "Pass", 1e308, -1, "nonLabel", 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, shape: Any) -> Any:
    """The shape with something else somewhere in it."""
    if draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    if isinstance(shape, dict) and shape:
        key = draw(st.sampled_from(sorted(shape)))
        rest = {k: v for k, v in shape.items() if k != key}
        return rest if draw(st.integers(0, 9)) == 0 else rest | {key: draw(mutated(shape[key]))}
    if isinstance(shape, list) and shape:
        return [draw(mutated(item)) for item in shape] * draw(st.integers(0, 2))
    return draw(JSON)


def judged(one: Adapter, answer: Answer, asked: Asked) -> tuple[Finding, ...] | Fault:
    try:
        found = one.findings(answer, asked, settings_of(one))
    except Fault as fault:
        return fault
    for f in found:
        assert 0 <= f.start <= f.end <= len(asked.text)
        assert 0.0 <= f.score <= 1.0
        assert any(f.cls == cls or f.cls.startswith(cls + ".") for cls in one.classes)
        assert f.detector == one.name
        assert f.severity in ("low", "middle", "high")
        assert len(f.rule) <= 100
        assert len(f.why) <= 200
    return found


@every
@given(st.integers(0, 999), st.binary(max_size=200), st.sampled_from(ASKED))
def test_no_bytes_make_it_raise_anything_but_a_fault_or_call_a_text_clean(
    one: Adapter, status: int, body: bytes, asked: Asked
):
    assert isinstance(judged(one, Answer(status=status, body=body), asked), Fault)


@every
@given(st.data())
def test_no_answer_of_nearly_its_shape_makes_it_raise_anything_but_a_fault(one: Adapter, data: st.DataObject):
    told = data.draw(mutated(SHAPES[one.name]))
    status, asked = data.draw(st.sampled_from([200, 400, 500])), data.draw(st.sampled_from(ASKED))
    judged(one, Answer(status=status, body=json.dumps(told).encode()), asked)


@every
def test_its_recorded_shape_is_a_finding_and_every_cut_of_it_is_none(one: Adapter):
    body = json.dumps(SHAPES[one.name]).encode()
    assert judged(one, Answer(status=200, body=body), ASKED[0])
    for end in range(len(body)):
        fault = judged(one, Answer(status=200, body=body[:end]), ASKED[0])
        assert isinstance(fault, Fault)
        assert fault.again


@every
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>502 Bad Gateway</title>",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b'"\\ud800"',
        b"{}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_answer_is_a_fault_that_another_try_may_mend(one: Adapter, body: bytes):
    fault = judged(one, Answer(status=200, body=body), ASKED[0])
    assert isinstance(fault, Fault)
    assert fault.again
    assert fault.said.zh != str(fault.said)


@every
@pytest.mark.parametrize(
    ("status", "again"),
    [(400, False), (401, False), (403, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
def test_a_status_says_whether_another_try_can_help(one: Adapter, status: int, again: bool):
    fault = judged(one, Answer(status=status, body=b"<html>no"), ASKED[0])
    assert isinstance(fault, Fault)
    assert fault.again is again


@every
def test_a_verdict_under_an_error_status_is_none(one: Adapter):
    for status in (500, 429, 302):
        assert isinstance(
            judged(one, Answer(status=status, body=json.dumps(SHAPES[one.name]).encode()), ASKED[0]), Fault
        )


@every
def test_its_classes_are_of_the_taxonomy(one: Adapter):
    known = taxonomy()
    assert {cls for cls in (*one.labels.values(), *one.classes) if cls not in known} == set()
    assert CATCH_ALL in one.classes or "A" in one.classes


@every
def test_it_says_who_it_is_in_both_languages(one: Adapter):
    assert ADAPTERS[one.name].partition(":")[0] == type(one).__module__
    assert one.about.title.zh
    assert one.about.checked.zh != str(one.about.checked)
    assert [f.name for f in one.fields if f.secret] in (["key"], ["key_secret"], ["secret"])
    assert all(f.default is None or not f.choices or f.default in f.choices for f in one.fields)
    assert 100 <= one.limit <= 20_000


@every
@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_can_be_asked_about(one: Adapter, text: str, before: str):
    odd = text + "\ud800\x00\r\n"
    for asked in (
        Asked(text=odd, direction="input", id="q"),
        Asked(text=odd, direction="output", id="q", before=before + "\udfff"),
    ):
        settings = settings_of(one, url="https://detector.example/v1")
        request = one.ask(asked, settings, now=NOW, nonce=NONCE)
        assert request.method == "POST"
        assert request.url.startswith("https://detector.example/v1")
        assert all(value.isprintable() and value.isascii() for _, value in request.headers)
        assert request == one.ask(asked, settings, now=NOW, nonce=NONCE)


@every
@pytest.mark.parametrize(
    "url", ["ftp://x/", "example.com", "https://a b/", "https://u:p@x/", "https://x/?a=b", "https://x/\r\n"]
)
def test_an_address_that_is_none_is_said(one: Adapter, url: str):
    with pytest.raises(Fault) as caught:
        one.ask(ASKED[0], settings_of(one, url=url), now=NOW, nonce=NONCE)
    assert not caught.value.again


@every
def test_a_key_with_a_line_break_begins_no_header(one: Adapter):
    names = {f.name for f in one.fields} & {"key", "key_id"}
    if one.name in ("yidun", "webhook"):
        return  # their keys stand in no header
    with pytest.raises(Fault, match="header"):
        one.ask(ASKED[0], settings_of(one, url="https://x", **dict.fromkeys(names, "k\r\nx: y")), now=NOW, nonce=NONCE)
