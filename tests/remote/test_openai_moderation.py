"""OpenAI's moderation endpoint: asked as the official client asks, answers of its recorded shape."""

from __future__ import annotations

import json

import pytest

from far_service import FarService, Got, ask
from guiju.remote.adapter import Asked, Fault
from guiju.remote.openai_moderation import ADAPTER, LABELS

TEXT = Asked(text="I want to kill them.", direction="input", id="q1")


def told(flagged: bool = True, **scores: float) -> bytes:
    """As https://platform.openai.com/docs/api-reference/moderations/object shows it."""
    known = {name.replace("_", "/"): score for name, score in scores.items()}
    result = {
        "flagged": flagged,
        "categories": {name: known.get(name, 0) >= 0.5 for name in LABELS},
        "category_scores": {name: known.get(name, 0.0001) for name in LABELS},
        "category_applied_input_types": {name: ["text"] for name in LABELS},
    }
    return json.dumps({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}).encode()


def server(body: bytes) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        if got.headers.get("authorization") != "Bearer sk-right":
            return 401, b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
        assert got.path == "/v1/moderations"
        assert json.loads(got.body) == {"model": "omni-moderation-latest", "input": TEXT.text}
        return 200, body

    return FarService(judge)


def test_a_flagged_category_is_a_finding_over_the_text():
    with server(told(violence=0.9, violence_graphic=0.1)) as far:
        (found,) = ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right")
    assert (found.cls, found.severity, found.score, found.start, found.end) == ("A.1.f.violence", "high", 0.9, 0, 20)


def test_what_is_clean_has_no_finding():
    with server(told(flagged=False)) as far:
        assert ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right") == ()


def test_a_threshold_decides_instead_of_the_service():
    with server(told(flagged=False, violence=0.3)) as far:
        (found,) = ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right", threshold="0.2")
        assert (found.cls, found.severity) == ("A.1.f.violence", "middle")
        assert ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right", threshold="0.4") == ()


@pytest.mark.parametrize("threshold", ["high", "-1", "1.1", "nan"])
def test_a_threshold_that_is_none_is_said(threshold: str):
    with server(told()) as far, pytest.raises(Fault, match="0 to 1"):
        ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right", threshold=threshold)
    assert far.got == []


def test_a_wrong_key_is_a_fault_that_another_try_does_not_mend():
    with server(told()) as far, pytest.raises(Fault) as caught:
        ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-wrong")
    assert not caught.value.again


def test_flagged_without_a_category_is_the_catch_all():
    body = json.dumps({"results": [{"flagged": True, "categories": {"new": False}}]}).encode()
    with server(body) as far:
        (found,) = ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right")
    assert found.cls == "A.1.h"


@pytest.mark.parametrize("results", [[], [{"flagged": False, "categories": {}}], [{"flagged": False}]])
def test_a_result_without_categories_is_no_verdict(results: list[object]):
    with server(json.dumps({"results": results}).encode()) as far, pytest.raises(Fault):
        ask(ADAPTER, TEXT, url=far.url + "/v1", key="sk-right")
