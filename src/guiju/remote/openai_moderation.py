"""OpenAI's moderation endpoint, and whoever speaks it: `POST /v1/moderations`.

Documentation: https://platform.openai.com/docs/api-reference/moderations (shape: the official client's
src/resources/moderations.ts), https://platform.openai.com/docs/guides/moderation (categories).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import About, Answer, Asked, Fault, Field, Request
from guiju.remote.asking import address, clean, post
from guiju.remote.reading import by_status, class_of, classes_of, decode, finding, off_form
from guiju.types import Finding

LABELS = {
    "harassment": "A.4.a.abuse",
    "harassment/threatening": "A.4.a.abuse",
    "hate": "A.2",
    "hate/threatening": "A.2",
    "illicit": "A.1.h",
    "illicit/violent": "A.1.h.weapons",
    "self-harm": "A.4.a.self_harm",
    "self-harm/intent": "A.4.a.self_harm",
    "self-harm/instructions": "A.4.a.self_harm",
    "sexual": "A.1.f.porn",
    "sexual/minors": "A.1.f.minors",
    "violence": "A.1.f.violence",
    "violence/graphic": "A.1.f.violence",
}


class _Result(msgspec.Struct):
    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, float | None] = {}


class _Body(msgspec.Struct):
    results: list[_Result]


class OpenAIModeration:
    """A category counts where `categories` says so, or, with a threshold, where its score reaches that."""

    name = "openai_moderation"
    about = About(
        title=Said("OpenAI-compatible moderation", "OpenAI 兼容审核接口"),
        pages=(
            "https://platform.openai.com/docs/api-reference/moderations",
            "https://platform.openai.com/docs/guides/moderation",
        ),
        checked=Said(
            "Request, answer and categories against the official client's types. The length of a text isn't "
            "documented; 2,000 characters are an "
            "older advice of the guide.",
            "请求、返回与类别均与官方客户端的类型定义核对。文本长度未见文档说明；2,000 字符为旧版指南的建议。",
        ),
    )
    fields: tuple[Field, ...] = (
        Field(name="url", label=Said("Base URL", "基础地址"), default="https://api.openai.com/v1"),
        Field(
            name="key",
            label=Said("API key; empty where the server wants none", "API 密钥；服务不需要时留空"),
            secret=True,
            default="",
        ),
        Field(name="model", label=Said("Model", "模型"), default="omni-moderation-latest"),
        Field(
            name="threshold",
            label=Said(
                "Score from which a category counts, 0 to 1; empty: as the service says",
                "类别生效的分数，0 到 1；留空则以服务判定为准",
            ),
            default="",
        ),
    )
    labels: Mapping[str, str] = LABELS
    classes = classes_of(LABELS.values())
    limit = 2_000

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        base, _, path = address(settings["url"])
        _threshold(settings)
        headers = {"content-type": "application/json"}
        if settings["key"]:
            headers["authorization"] = f"Bearer {settings['key']}"
        body = {"model": settings["model"], "input": clean(asked.text)}
        return post(f"{base}{path}/moderations", headers, msgspec.json.encode(body))

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        if answer.status != 200:
            raise by_status(answer)
        results = decode(answer, _Body).results
        if len(results) != 1 or not results[0].categories:
            raise off_form()
        result, threshold = results[0], _threshold(settings)
        scores = {name: score for name, score in result.category_scores.items() if score is not None}
        if threshold is None:
            hits = [name for name, hit in result.categories.items() if hit]
            if result.flagged and not hits:
                hits = ["flagged"]
        elif any(name not in scores for name, hit in result.categories.items() if hit is not None):
            raise off_form()
        else:
            hits = [name for name, score in scores.items() if score >= threshold]
        return tuple(
            finding(
                self,
                name,
                class_of(self, name),
                asked,
                "high" if name == "flagged" or result.categories.get(name) else "middle",
                score=scores.get(name, 1.0),
            )
            for name in hits
        )


def _threshold(settings: Mapping[str, str]) -> float | None:
    said = settings["threshold"].strip()
    if not said:
        return None
    try:
        threshold = float(said)
    except ValueError:
        threshold = -1.0
    if not 0.0 <= threshold <= 1.0:
        raise Fault(Said("the threshold must be a number from 0 to 1", "阈值须为 0 到 1 之间的数字"), again=False)
    return threshold


ADAPTER = OpenAIModeration()
