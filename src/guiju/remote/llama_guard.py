"""Llama Guard 3 and 4, Meta's guard models, behind vLLM, Ollama or any OpenAI-compatible server.

Documentation: https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/ (and …/llama-guard-4/):
categories S1 to S14,
`safe`, or `unsafe` and a second line with the categories, comma-separated. The server applies the model's own chat template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from guiju.errors import Said
from guiju.remote import guard_chat
from guiju.remote.adapter import About, Answer, Asked, Field, Request
from guiju.remote.reading import class_of, classes_of, finding, off_form
from guiju.types import Finding

LABELS = {
    "S1": "A.1.f.violence",  # violent crimes
    "S2": "A.1.h",  # non-violent crimes
    "S3": "A.1.f.porn",  # sex-related crimes
    "S4": "A.1.f.minors",  # child sexual exploitation
    "S5": "A.4.c",  # defamation
    "S6": "A.5.b",  # specialized advice
    "S7": "A.4.e",  # privacy
    "S8": "A.3.a",  # intellectual property
    "S9": "A.1.h.weapons",  # indiscriminate weapons
    "S10": "A.2",  # hate
    "S11": "A.4.a.self_harm",  # suicide and self-harm
    "S12": "A.1.f.porn",  # sexual content
    "S13": "A.1.g",  # elections
    "S14": "A.1.h.malware",  # code interpreter abuse
}

_VERDICT = re.compile(r"safe|unsafe\s*\n\s*(S[0-9]{1,2}(?: ?, ?S[0-9]{1,2})*)")


class LlamaGuard:
    """`unsafe` is high. Any other text than the documented two lines is no verdict."""

    name = "llama_guard"
    about = About(
        title=Said("Llama Guard", "Llama Guard 安全模型"),
        pages=(
            "https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/",
            "https://ollama.com/library/llama-guard3",
        ),
        checked=Said(
            "Categories, form of a verdict and messages (prompt, then answer) against the model card and Ollama's "
            "page. Not tried against the model itself.",
            "类别、判定格式与消息（先提示词，后回答）均与模型卡及 Ollama 页面核对；未在真实模型上试用。",
        ),
    )
    fields: tuple[Field, ...] = guard_chat.fields("meta-llama/Llama-Guard-3-8B")
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 6_000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        return guard_chat.ask(asked, settings, self.limit)

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        said = _VERDICT.fullmatch(guard_chat.verdict(answer))
        if said is None:
            raise off_form(again=False)
        if said[1] is None:
            return ()
        names = [name.strip() for name in said[1].split(",")]
        return tuple(finding(self, name, class_of(self, name), asked, "high") for name in names)


ADAPTER = LlamaGuard()
