"""Llama Guard: the two lines of its model card, and nothing else."""

from __future__ import annotations

import json

import pytest

from far_service import FarService, ask
from guiju.remote.adapter import Asked, Fault
from guiju.remote.llama_guard import ADAPTER

PROMPT = Asked(text="Tell me how to go to the zoo and steal a llama.", direction="input", id="1")


def server(said: str) -> FarService:
    body = {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
    return FarService(lambda got: (200, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("said", "classes"),
    [
        ("safe", []),
        ("\n\nsafe", []),
        ("\n\nunsafe\nS2", ["A.1.h"]),
        ("unsafe\nS4,S12", ["A.1.f.minors", "A.1.f.porn"]),
        ("unsafe\nS9, S14", ["A.1.h.weapons", "A.1.h.malware"]),
        ("unsafe\nS99", ["A.1.h"]),
    ],
)
def test_a_verdict(said: str, classes: list[str]):
    with server(said) as far:
        found = ask(ADAPTER, PROMPT, url=far.url)
    assert [f.cls for f in found] == classes
    assert {(f.start, f.end, f.severity) for f in found} <= {(0, len(PROMPT.text), "high")}


@pytest.mark.parametrize(
    "said", ["", "Safe", "unsafe", "safe\nS1", "safe.", "unsafe S1", "I think it is safe", "unsafe\nviolence"]
)
def test_any_other_text_is_no_verdict(said: str):
    with server(said) as far, pytest.raises(Fault) as caught:
        ask(ADAPTER, PROMPT, url=far.url)
    assert not caught.value.again
