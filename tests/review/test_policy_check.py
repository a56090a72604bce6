"""What is said in vain in a policy, and what nobody decides, is told; and of a good policy nothing."""

from __future__ import annotations

import pytest

from guiju import plugins
from guiju.errors import told
from guiju.review import load
from guiju.review.lexicon_blob import encode_terms
from guiju.review.policy_check import Remark, criticise
from guiju.review.policy_file import parse_policy
from guiju.types import Direction

DETECTORS = {"lexicon": ["A.1.h.drugs", "A.1.h.fraud", "A.2.a"], "personal": ["I.mobile", "I.email"]}
REST = "  - {id: rest, class: '*', action: allow}\n"


def remarks(rules: str) -> list[tuple[int, str]]:
    policy = parse_policy(f"name: p\nrules:\n{rules}", plugins.taxonomy())
    return [(r.line, f"{r.problem} ({r.hint})") for r in criticise(policy, DETECTORS)]


def with_a_root(rules: str) -> list[tuple[int, str]]:
    """The same where a webhook may find whatever its service names."""
    policy = parse_policy(f"name: p\nrules:\n{rules}", plugins.taxonomy())
    return [(r.line, str(r.problem)) for r in criticise(policy, DETECTORS | {"far": ["A", "X"]})]


def about(rules: str, line: int) -> str:
    return " ".join(said for at, said in remarks(rules) if at == line)


def test_of_the_shipped_policy_with_the_shipped_lexicons_there_is_nothing_to_say():
    lexicons = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
    reviewer = plugins.reviewer(load.default_policy(), lexicons, plugins.taxonomy().placeholder)
    assert criticise(reviewer.policy, {d.name: d.classes for d in reviewer.detectors}) == []


@pytest.mark.parametrize(
    "late",
    [
        "{id: late, class: A.1.h.drugs, action: block}",
        "{id: late, class: A.1, severity: high, action: block}",
        "{id: late, class: [A.1.h.fraud, A.1.h.drugs], audience: minors, action: block}",
        "{id: late, class: A.1, min_score: 0.5, action: block}",
    ],
)
def test_a_rule_behind_one_that_decides_all_of_it_is_never_asked(late: str):
    first = "  - {id: first, class: A.1, action: refuse}\n"
    assert "rule `late` is never asked: `first` before it" in about(f"{first}  - {late}\n{REST}", 4)
    assert about(f"  - {late}\n{first}{REST}", 3) == ""


def test_rules_that_only_together_take_everything_are_named_together():
    rules = (
        "  - {id: in, class: A.1, direction: input, action: refuse}\n"
        "  - {id: out, class: A.1, direction: output, action: refuse}\n"
        "  - {id: both, class: A.1, action: block}\n"
    )
    assert "`in`, `out` before it" in about(rules + REST, 5)
    narrower = rules.replace("direction: output", "direction: output, severity: high")
    assert about(narrower + REST, 5) == ""


def test_a_rule_about_what_nobody_finds_can_never_act():
    assert "no detector and no lexicon here finds `X.tickets`" in about(
        f"  - {{id: a, class: X.tickets, action: mask}}\n{REST}", 3
    )
    assert "did you mean I.email?" in about(f"  - {{id: a, class: X.email, action: mask}}\n{REST}", 3)


def test_what_a_root_stands_for_may_be_named_and_need_not_be_decided():
    rest = "  - {id: rest, class: [A.1.h.drugs, A.1.h.fraud, A.2.a, I], action: mask}\n"
    assert with_a_root(rest) == []
    assert with_a_root(f"  - {{id: x, class: X.tickets, detector: far, action: mask}}\n{rest}") == []
    assert with_a_root(f"  - {{id: x, class: '*', detector: far, action: refuse}}\n{rest}") == []
    ((line, said),) = with_a_root(f"  - {{id: x, class: X.tickets, detector: lexicon, action: mask}}\n{rest}")
    assert (line, "can never act" in said) == (3, True)
    ((_, said),) = with_a_root(f"  - {{id: w, class: P.attack, action: mask}}\n{rest}")
    assert "finds `P.attack`" in said
    late = with_a_root("  - {id: x, class: X, action: mask}\n  - {id: y, class: X.tickets, action: block}\n" + rest)
    assert late == [(4, "rule `y` is never asked: `x` before it decide all that it is about")]


def test_a_detector_that_is_not_there_is_named_with_the_one_that_was_meant():
    said = about(f"  - {{id: a, class: A.1, detector: lexikon, action: refuse}}\n{REST}", 3)
    assert "there is no detector `lexikon` here (did you mean lexicon?)" in said
    vain = about(f"  - {{id: a, class: I.mobile, detector: lexicon, action: mask}}\n{REST}", 3)
    assert "can never act" in vain


@pytest.mark.parametrize("rule", ["class: X", "class: [X.tickets, A.2.a]", "class: '*', detector: far"])
def test_a_rule_about_a_direction_in_which_nobody_looks_can_never_act(rule: str):
    def vain(direction: str, **one_way: Direction) -> list[Remark]:
        text = f"name: p\nrules:\n  - {{id: a, {rule}, direction: {direction}, action: mask}}\n{REST}"
        detectors = {"personal": ["I.mobile"], "far": ["X.tickets", "A.2.a"]}
        found = criticise(parse_policy(text, plugins.taxonomy()), detectors, one_way)
        return [remark for remark in found if remark.line == 3 and "rule `a`" in remark.problem]

    assert vain("output") == vain("input", far="input") == vain("output", far="output") == []
    (remark,) = vain("output", far="input")
    assert remark.problem.startswith("rule `a` can never act: in answers nobody looks for ")
    assert remark.problem.endswith("`X.tickets`, only in prompts (`far`)")
    assert told(remark.problem, "zh").endswith("`X.tickets`，`far` 只检查提示")
    assert "write `direction: input`, or `guiju detector add far --directions" in remark.hint
    assert vain("input", far="output")[0].problem.endswith("only in answers (`far`)")


def test_what_is_found_in_one_direction_only_has_to_be_decided_in_that_one_only():
    rules = "  - {id: a, class: [A.1, A.2, I], action: mask}\n  - {id: x, class: X, direction: input, action: allow}\n"
    policy = parse_policy(f"name: p\nrules:\n{rules}", plugins.taxonomy())
    detectors = DETECTORS | {"far": ["X.tickets"]}
    assert criticise(policy, detectors, {"far": "input"}) == []
    ((line, problem, _),) = criticise(policy, detectors)
    assert (line, "in answers no rule decides `X.tickets`" in problem) == (3, True)


def test_what_no_rule_decides_and_a_direction_without_any_is_told():
    found = remarks("  - {id: a, class: A.1, direction: input, action: refuse}\n")
    assert any("in prompts no rule decides `A.2.a`, `I.email`, `I.mobile`" in said for _, said in found)
    assert any("nothing is ever hidden or refused in answers" in said for _, said in found)


def test_remarks_are_chinese_too():
    policy = parse_policy(
        "name: p\nrules:\n  - {id: a, class: A.1, direction: input, action: refuse}\n", plugins.taxonomy()
    )
    said = [told(r.problem, "zh") for r in criticise(policy, DETECTORS)]
    assert "回答中的任何内容都不会被遮盖或拒绝" in said
    assert "在提示中，没有规则处置 `A.2.a`、`I.email`、`I.mobile`：将照常提供并记录" in said
