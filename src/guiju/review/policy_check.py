"""What a policy says in vain, and what it says nothing about. policy_file.py finds what is wrong, this what is doubtful.

Pure. Nothing is guessed: every kind of finding that this installation's detectors can make is put to the rules, for each
direction, audience, severity and score that makes a difference, and what decided it is counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import NamedTuple, get_args

from guiju.errors import Said
from guiju.review.hints import did_you_mean, one_of
from guiju.review.policy import Audience, Policy, Rule
from guiju.types import Action, Direction, Finding, Severity

_ASKED: dict[Direction, Said] = {"input": Said("prompts", "提示"), "output": Said("answers", "回答")}
_SHOWN = 3
"""Rules or classes that a sentence names; the others are counted."""


class Remark(NamedTuple):
    """Something doubtful."""

    line: int
    """Of the rule; of the first rule where it is about the whole policy."""
    problem: Said
    hint: Said


class _Kind(NamedTuple):
    """Findings that no rule can tell apart."""

    finding: Finding
    direction: Direction
    audience: Audience


def criticise(
    policy: Policy,
    detectors: Mapping[str, Iterable[str]],
    one_way: Mapping[str, Direction] = MappingProxyType({}),
) -> list[Remark]:
    """Everything doubtful, in the order of the file.

    Args:
        detectors: name -> the classes that it reports, of this installation. A root (`X`) stands for whatever is below it:
            rules may name it, and none has to decide it.
        one_way: those that look in this direction only.
    """
    kinds = list(_kinds(policy, detectors, one_way))
    named = {cls for classes in detectors.values() for cls in classes if "." in cls}
    decided: dict[str, int] = {}
    takers: dict[str, dict[str, int]] = {}
    """Rule that fits -> the rules that decide instead."""
    undecided: dict[Direction, set[str]] = {"input": set(), "output": set()}
    acting: set[Direction] = set()
    for kind in kinds:
        fitting = [r for r in policy.rules if r.fits(kind.finding, kind.direction, kind.audience)]
        if not fitting:
            if kind.finding.cls in named:
                undecided[kind.direction].add(kind.finding.cls)
            continue
        first = fitting[0]
        decided[first.id] = decided.get(first.id, 0) + 1
        if first.action is not Action.ALLOW:
            acting.add(kind.direction)
        for late in fitting[1:]:
            of = takers.setdefault(late.id, {})
            of[first.id] = of.get(first.id, 0) + 1
    remarks = [
        _vain(policy, rule, takers.get(rule.id), detectors, one_way) for rule in policy.rules if rule.id not in decided
    ]
    head = policy.rules[0].line if policy.rules else 1
    remarks += [_unguarded(head, direction) for direction in _ASKED if direction not in acting]
    remarks += [
        _undecided(head, direction, classes)
        for direction, classes in undecided.items()
        if classes and direction in acting
    ]
    return sorted(remarks)


def _kinds(policy: Policy, detectors: Mapping[str, Iterable[str]], one_way: Mapping[str, Direction]) -> Iterator[_Kind]:
    scores = sorted({1.0, *(r.min_score for r in policy.rules)})
    ruled = {cls for rule in policy.rules for cls in rule.classes}
    places = [(name, cls) for name, classes in detectors.items() for cls in sorted(_all_of(classes, ruled))]
    for (name, cls), severity, score in product(places, get_args(Severity), scores):
        finding = Finding(cls=cls, detector=name, rule="", start=0, end=0, severity=severity, score=score)
        for direction, audience in product(_ASKED, get_args(Audience)):
            if one_way.get(name, direction) == direction:
                yield _Kind(finding, direction, audience)


def _all_of(classes: Iterable[str], ruled: Iterable[str]) -> set[str]:
    """These classes, and of what their roots stand for that which rules name."""
    there = set(classes)
    roots = tuple(f"{cls}." for cls in there if "." not in cls)
    return there | {cls for cls in ruled if cls.startswith(roots)} if roots else there


def _vain(
    policy: Policy,
    rule: Rule,
    takers: Mapping[str, int] | None,
    detectors: Mapping[str, Iterable[str]],
    one_way: Mapping[str, Direction],
) -> Remark:
    """Why a rule never decides anything."""
    if takers:
        most = sorted(takers, key=lambda name: -takers[name])
        return Remark(
            rule.line,
            Said(
                "rule `{id}` is never asked: {others} before it decide all that it is about",
                "规则 `{id}` 永远不会生效：其全部情形已由前面的 {others} 决定",
                id=rule.id,
                others=_named(most),
            ),
            Said("move it before them, narrow them, or take it out", "请将它移到前面、收窄前面的规则，或删除它"),
        )
    if rule.detector and rule.detector not in detectors:
        near = next(iter(difflib.get_close_matches(rule.detector, detectors, n=1)), "")
        problem = Said("there is no detector `{name}` here", "此处没有检测器 `{name}`", name=rule.detector)
        return Remark(rule.line, problem, did_you_mean(near) if near else one_of(detectors))
    blind = {
        name: found
        for name in one_way
        if rule.detector in ("", name) and (found := set(filter(rule.covers, _all_of(detectors[name], rule.classes))))
    }
    if blind:
        return _other_way(policy, rule, blind, one_way)
    classes = {cls for found in detectors.values() for cls in found if "." in cls}
    near = next(
        (n for cls in rule.classes for n in difflib.get_close_matches(cls, classes, n=1, cutoff=0.75) if n != cls), ""
    )
    problem = Said(
        "rule `{id}` can never act: no detector and no lexicon here finds {classes}",
        "规则 `{id}` 永远不会生效：此处没有检测器或词库会报告 {classes}",
        id=rule.id,
        classes=_named(list(rule.classes)),
    )
    own = Said(
        "import a lexicon or name a guard that does, or take the rule out",
        "请导入含该类别的词库、指定能报告它的守卫，或删除该规则",
    )
    return Remark(rule.line, problem, did_you_mean(near) if near else own)


def _other_way(
    policy: Policy, rule: Rule, blind: Mapping[str, Iterable[str]], one_way: Mapping[str, Direction]
) -> Remark:
    """A rule about a direction in which whoever finds its classes doesn't look."""
    name = next(iter(blind))
    there = one_way[name]
    problem = Said(
        "rule `{id}` can never act: in {here} nobody looks for {classes}, only in {there} ({names})",
        "规则 `{id}` 永远不会生效：{here}中无人检查 {classes}，{names} 只检查{there}",
        id=rule.id,
        here=next(said for direction, said in _ASKED.items() if direction != there),
        classes=_named(sorted({cls for found in blind.values() for cls in found})),
        there=_ASKED[there],
        names=_named(list(blind)),
    )
    hint = Said(
        "write `direction: {there}`, or `guiju detector add {name} --directions 'input output'`",
        "请写 `direction: {there}`，或运行 `guiju detector add {name} --directions 'input output'`",
        there=there,
        name=name,
    )
    if guard := next((guard for guard in policy.guards if guard.name == name), None):
        hint = Said(
            "write `direction: {there}`, or take `direction` out of guard `{name}` in line {line}",
            "请写 `direction: {there}`，或在第 {line} 行去掉守卫 `{name}` 的 direction",
            there=there,
            name=name,
            line=guard.line,
        )
    return Remark(rule.line, problem, hint)


def _unguarded(line: int, direction: Direction) -> Remark:
    problem = Said(
        "nothing is ever hidden or refused in {what}", "{what}中的任何内容都不会被遮盖或拒绝", what=_ASKED[direction]
    )
    return Remark(line, problem, Said("a rule for this direction is missing", "缺少针对该方向的规则"))


def _undecided(line: int, direction: Direction, classes: set[str]) -> Remark:
    problem = Said(
        "in {what} no rule decides {classes}: served and recorded",
        "在{what}中，没有规则处置 {classes}：将照常提供并记录",
        what=_ASKED[direction],
        classes=_named(sorted(cls for cls in classes if cls.rpartition(".")[0] not in classes)),
    )
    return Remark(
        line, problem, Said("where that is meant, say so: `action: allow`", "若确为此意，请写明 `action: allow`")
    )


def _named(words: list[str]) -> Said:
    shown = ", ".join(f"`{word}`" for word in words[:_SHOWN])
    if len(words) <= _SHOWN:
        return Said(shown, shown.replace(", ", "、"))
    more = len(words) - _SHOWN
    return Said(f"{shown} and {more} more", f"{shown.replace(', ', '、')} 等 {len(words)} 项")
