"""Verdicts in the shape of OpenAI's moderation results, ours beside them. The dialect's door wraps them.

Pure. Which class counts as which category is the `moderation` column of taxonomy.yaml (docs/reference/taxonomy.md).
A category is true where policy acts on a finding of it; its score is told for recorded findings too. The categories
that need an understanding of the text beyond a class (`…/threatening`, `violence/graphic`, `self-harm/…`) stay false.
The caller is told classes, never terms, offsets or rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guiju.review.judge import combine
from guiju.review.taxonomy import Taxonomy
from guiju.types import Action, Judged, Severity, Verdict

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""OpenAI's, of `omni-moderation`."""

_WEIGHT: dict[Severity, float] = {"low": 0.2, "middle": 0.5, "high": 1.0}
"""A detector's score says how sure it is; a moderation score also how grave it would be."""


def moderation_result(
    verdicts: Verdict | Sequence[Verdict], taxonomy: Taxonomy, language: str = "en"
) -> dict[str, Any]:
    """One entry of `results`.

    Args:
        verdicts: on one input; several where it has several texts (a message's parts).
        language: of the classes' names.

    Returns:
        `flagged`, `categories`, `category_scores`, `category_applied_input_types`, and `guiju` with our own action and
        classes. `flagged` is true as well where policy stops a text for a class that OpenAI has no category for.
    """
    verdict = verdicts if isinstance(verdicts, Verdict) else combine(verdicts)
    flagged = dict.fromkeys(CATEGORIES, False)
    scores = dict.fromkeys(CATEGORIES, 0.0)
    for judged in verdict.judged:
        category = taxonomy.moderation(judged.finding.cls)
        if category:
            scores[category] = max(scores[category], _score(judged))
            flagged[category] = flagged[category] or judged.action is not Action.ALLOW
    return {
        "flagged": any(flagged.values()) or not verdict.serves,
        "categories": flagged,
        "category_scores": scores,
        "category_applied_input_types": {category: ["text"] for category in CATEGORIES},
        "guiju": {
            "action": verdict.action.value,
            "policy": verdict.policy,
            "classes": _classes(verdict, taxonomy, language),
        },
    }


def _score(judged: Judged) -> float:
    return round(judged.finding.score * _WEIGHT[judged.finding.severity], 4)


def _classes(verdict: Verdict, taxonomy: Taxonomy, language: str) -> list[dict[str, Any]]:
    """Every class that was found, with its gravest action and highest score."""
    found: dict[str, list[Judged]] = {}
    for judged in verdict.judged:
        found.setdefault(judged.finding.cls, []).append(judged)
    return [
        {
            "class": cls,
            "name": taxonomy.name(cls, language),
            "action": max((j.action for j in these), key=lambda action: action.severity).value,
            "score": max(map(_score, these)),
        }
        for cls, these in sorted(found.items())
    ]
