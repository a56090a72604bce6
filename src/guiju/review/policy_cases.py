"""The cases that are kept with a policy: texts, and what must become of them.

Pure. They stand in the policy's own file under `cases`, so they travel with it and are asked again whenever somebody changes
a rule, a lexicon or a detector.
"""

from __future__ import annotations

from typing import NamedTuple

from guiju.errors import BadRequest, InputFileError, Said
from guiju.review.judge import Reviewer
from guiju.review.policy import Case
from guiju.types import Verdict


class Failure(NamedTuple):
    """A case that doesn't hold."""

    case: Case
    verdict: Verdict
    problem: Said


class CasesFail(BadRequest):
    text_en = "{n} of {cases} cases don't hold, so the policy isn't activated:\n{report}"
    text_zh = "{cases} 个用例中有 {n} 个不成立，策略未启用：\n{report}"


class CasesBreak(BadRequest):
    text_en = "Cases that policies keep would hold no longer ({n}), so the lexicon isn't put in force:\n{report}"
    text_zh = "启用后，策略中的 {n} 个用例将不再成立，因此词库未启用：\n{report}"


def hold(reviewer: Reviewer, *, file: str, yaml: str) -> None:
    """Raises: CasesFail, which points at each case of the policy's text that doesn't hold."""
    if failed := failures(reviewer):
        told = report(pointed(failed, file=file, yaml=yaml))
        raise CasesFail(n=len(failed), cases=len(reviewer.policy.cases), report=told)


def pointed(failed: list[Failure], *, file: str, yaml: str) -> list[InputFileError]:
    """Each with its place in the policy's text."""
    return [InputFileError.at_line(file, yaml, case.line, problem) for case, _, problem in failed]


def report(found: list[InputFileError]) -> Said:
    """All of them, in both languages."""
    return Said(*("\n".join(each.sentence(language) for each in found) for language in ("en", "zh")))


def broken(before: Reviewer, after: Reviewer) -> list[Failure]:
    """The cases of a policy that hold before something else changes, and don't after it."""
    failed = failures(after)
    known = [failure.case for failure in failures(before)] if failed else []
    return [failure for failure in failed if failure.case not in known]


def failures(reviewer: Reviewer) -> list[Failure]:
    """The cases of the reviewer's policy that don't hold, in order."""
    found = []
    for case in reviewer.policy.cases:
        verdict = reviewer.review(case.text, direction=case.direction, audience=case.audience, language=case.language)
        if (problem := _problem(case, verdict)) is not None:
            found.append(Failure(case, verdict, problem))
    return found


def _problem(case: Case, verdict: Verdict) -> Said | None:
    if verdict.action is not case.expect:
        decided = verdict.decisive
        why = (
            Said(
                "rule `{rule}` on `{cls}`",
                "规则 `{rule}`，类别 `{cls}`",
                rule=decided.policy_rule,
                cls=decided.finding.cls,
            )
            if decided and decided.policy_rule
            else Said("no rule", "没有规则")
        )
        return Said(
            "expected {expect}, came to {action} ({why})",
            "应为 {expect}，实为 {action}（{why}）",
            expect=case.expect,
            action=verdict.action,
            why=why,
        )
    if case.cls and not any(_covers(case.cls, judged.finding.cls) for judged in verdict.judged):
        found = ", ".join(sorted({judged.finding.cls for judged in verdict.judged})) or "-"
        return Said("`{cls}` wasn't found, but {found}", "未发现 `{cls}`，实为 {found}", cls=case.cls, found=found)
    if case.serves and verdict.text != case.serves:
        return Said("serves “{text}”", "实际提供的是“{text}”", text=case.text if verdict.text is None else verdict.text)
    return None


def _covers(wanted: str, found: str) -> bool:
    return found == wanted or found.startswith(f"{wanted}.")
