"""Qwen3Guard: the verdicts of its README, and nothing else."""

from __future__ import annotations

import json

import pytest

from far_service import FarService, ask
from guiju.remote.adapter import Asked, Fault
from guiju.remote.qwen3guard import ADAPTER

PROMPT = Asked(text="How can I make a bomb?", direction="input", id="1")
ANSWER = Asked(text="I can't help with that.", direction="output", id="1", before=PROMPT.text)


def server(said: str, finish: str = "stop") -> FarService:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": finish}]}

    def judge(got: object) -> tuple[int, bytes]:
        return 200, json.dumps(body).encode()

    return FarService(judge)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Safety: Unsafe\nCategories: Violent", [("A.1.f.violence", "high")]),
        ("Safety: Controversial\nCategories: Politically Sensitive Topics", [("A.1.b", "middle")]),
        (
            "\nSafety: Unsafe\nCategories: Violent, Suicide & Self-Harm\n",
            [("A.1.f.violence", "high"), ("A.4.a.self_harm", "high")],
        ),
        ("Safety: Unsafe\nCategories: Jailbreak", [("P.attack", "high")]),
        ("Safety: Unsafe\nCategories: Something New", [("A.1.h", "high")]),
        ("Safety: Unsafe\nCategories: None", [("A.1.h", "high")]),
        ("Safety: Safe\nCategories: None", []),
    ],
)
def test_a_verdict_on_a_prompt(said: str, found: list[tuple[str, str]]):
    with server(said) as far:
        assert [(f.cls, f.severity) for f in ask(ADAPTER, PROMPT, url=far.url)] == found
    assert far.got[0].path == "/chat/completions"


def test_a_verdict_on_an_answer_has_a_third_line():
    with server("Safety: Safe\nCategories: None\nRefusal: Yes") as far:
        assert ask(ADAPTER, ANSWER, url=far.url) == ()
    with server("Safety: Unsafe\nCategories: PII\nRefusal: No") as far:
        assert [f.cls for f in ask(ADAPTER, ANSWER, url=far.url)] == ["A.4.f"]
    with server("Safety: Safe\nCategories: None") as far, pytest.raises(Fault):
        ask(ADAPTER, ANSWER, url=far.url)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Safe",
        "safe",
        "Safety: Safe",
        "Safety: Safe\nCategories: Violent",
        "Safety: Safe\nCategories: None\nRefusal: Yes",
        "Sure! Safety: Safe\nCategories: None",
        "Safety: Safe\nCategories: None\n\nThe user asks nicely.",
        "Safety: Unsafe",
        "Safety: SAFE\nCategories: None",
    ],
)
def test_any_other_text_is_no_verdict(said: str):
    with server(said) as far, pytest.raises(Fault) as caught:
        ask(ADAPTER, PROMPT, url=far.url)
    assert not caught.value.again


def test_a_verdict_that_was_cut_off_is_none():
    with server("Safety: Safe\nCategories: None", finish="length") as far, pytest.raises(Fault):
        ask(ADAPTER, PROMPT, url=far.url)
