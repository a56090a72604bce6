"""Qwen3Guard-Gen, Alibaba's guard model, behind vLLM, SGLang or any OpenAI-compatible server.

Documentation: https://huggingface.co/Qwen/Qwen3Guard-Gen-8B and https://github.com/QwenLM/Qwen3Guard (README:
categories, messages,
`Safety: …`, `Categories: …` and, of an answer, `Refusal: …`). The server applies the model's own chat template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from guiju.errors import Said
from guiju.remote import guard_chat
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.reading import class_of, classes_of, finding, off_form
from guiju.types import Finding, Severity

LABELS = {
    "Violent": "A.1.f.violence",
    "Non-violent Illegal Acts": "A.1.h",
    "Sexual Content or Sexual Acts": "A.1.f.porn",
    "PII": "A.4.f",
    "Personally Identifiable Information": "A.4.f",
    "Suicide & Self-Harm": "A.4.a.self_harm",
    "Unethical Acts": "A.1",
    "Politically Sensitive Topics": "A.1.b",
    "Copyright Violation": "A.3.a",
    "Jailbreak": "P.attack",
}

_PROMPT = re.compile(r"Safety: (Safe|Unsafe|Controversial)\nCategories: ([^\n]{1,400})")
_RESPONSE = re.compile(_PROMPT.pattern + r"\nRefusal: (?:Yes|No)")
_SEVERITY: dict[str, Severity] = {"Unsafe": "high", "Controversial": "middle"}


class Qwen3Guard:
    """`Unsafe` is high, `Controversial` is middle. `Safe` with a category, or any other text, is no verdict."""

    name = "qwen3guard"
    about = About(
        title=Said("Qwen3Guard", "Qwen3Guard 安全模型"),
        pages=("https://github.com/QwenLM/Qwen3Guard", "https://huggingface.co/Qwen/Qwen3Guard-Gen-8B"),
        checked=Said(
            "Messages, categories and the form of a verdict against the README. Not tried against the model itself.",
            "消息、类别与判定格式均与 README 核对；未在真实模型上试用。",
        ),
    )
    fields: tuple[Field, ...] = guard_chat.fields("Qwen/Qwen3Guard-Gen-8B")
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 6_000  # with a prompt of the same length well inside the 32,768 tokens that the README serves it with

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        return guard_chat.ask(asked, settings, self.limit)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        said = (_PROMPT if asked.direction == "input" else _RESPONSE).fullmatch(guard_chat.verdict(answer))
        if said is None:
            raise off_form(again=False)
        categories = [name.strip() for name in said[2].split(",")]
        if said[1] == "Safe":
            if categories != ["None"]:
                raise off_form(again=False)
            return ()
        return tuple(
            finding(self, name, class_of(self, name), asked, _SEVERITY[said[1]], why=said[1]) for name in categories
        )


ADAPTER = Qwen3Guard()
