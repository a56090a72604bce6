"""guiju.review.policy_file: what is right becomes a policy; what is wrong is told where, and what to write."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.errors import InputFileError
from guiju.review import load
from guiju.review.policy import Policy
from guiju.review.policy_file import PolicyErrors, parse_policy
from guiju.types import Action, Finding

HAN = re.compile("[\u4e00-\u9fff]")
GOLDEN = Path(__file__).parent.parent / "golden"


def parsed(text: str) -> Policy:
    return parse_policy(text, load.taxonomy(), file="mine.yaml", version=3)


def mistake(text: str) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        parsed(text)
    return caught.value


def found(cls: str, **fields: object) -> Finding:
    return Finding(**{"cls": cls, "detector": "lexicon", "rule": "x:1", "start": 0, "end": 1, **fields})  # type: ignore[arg-type]


WHOLE = """\
name: mine
title: {zh: 我的, en: Mine}
serve_and_escalate: true
rules:
  - id: contact
    class: [I.mobile, I.email]
    direction: output
    audience: [minors, general]
    detector: personal
    severity: high
    min_score: 0.5
    action: mask
    mask: "[…{last4}]"
  - {class: A.4.a.self_harm, action: refuse, answer: help_lines, queue: 0.25}
patterns:
  - {id: ticket, class: I.address, regex: "ops-[0-9]{5}", longest: 9, severity: middle}
"""


def test_it_reads_everything_a_policy_can_say():
    policy = parsed(WHOLE)
    assert (policy.label, policy.title_zh, policy.title_en, policy.serve_and_escalate) == (
        "mine@3",
        "我的",
        "Mine",
        True,
    )
    contact, self_harm = policy.rules
    assert contact.classes == ("I.mobile", "I.email")
    assert contact.audience == ("minors", "general")
    assert (contact.severity, contact.min_score, contact.detector) == (("high",), 0.5, "personal")
    assert (contact.mask, contact.line) == ("[…{last4}]", 5)
    assert (self_harm.id, self_harm.answer, self_harm.queue) == ("rule2", "help_lines", 0.25)
    assert (policy.patterns[0].longest, policy.patterns[0].severity) == (9, "middle")


def test_a_rule_it_read_decides():
    policy = parsed(WHOLE)
    assert policy.judge(found("I.mobile", detector="personal"), "output").action is Action.MASK
    assert policy.judge(found("I.mobile", detector="personal"), "input").action is Action.ALLOW
    assert policy.judge(found("I.mobile", detector="personal"), "output", "professional").action is Action.ALLOW
    assert policy.judge(found("A.4.a.self_harm"), "input").action is Action.REFUSE


def test_every_mistake_of_a_file_is_told_at_once_and_in_order():
    """After a change that is meant: write `mistake(…).sentence(language)` to the golden files and read the difference."""
    error = mistake((GOLDEN / "policy_with_mistakes.yaml").read_text(encoding="utf-8"))
    assert isinstance(error, PolicyErrors)
    assert f"{error}\n" == (GOLDEN / "policy_with_mistakes.txt").read_text(encoding="utf-8")
    assert f"{error.sentence('zh')}\n" == (GOLDEN / "policy_with_mistakes.zh.txt").read_text(encoding="utf-8")
    assert (error.line, error.column) == (4, 22)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", (1, 1), "the file is empty"),
        ("- a\n", (1, 1), "a mapping belongs here"),
        ("name: a\n", (1, 1), "`rules` is missing"),
        ("name:\nrules: []\n", (1, 6), "`name` is empty"),
        ("name: a\nname: b\nrules: []\n", (2, 1), "`name` is there twice"),
        ("name: a\nrules: 5\n", (2, 8), "a list belongs here"),
        ("name: a\nrules: [\n", (3, 1), "this isn't YAML: expected the node content, but found '<stream end>'"),
        ("name: a\nrules: []\n---\nname: b\n", (3, 1), "this isn't YAML: but found another document"),
        ('name: "\x00"\n', (1, 1), "this isn't YAML: character 0x0 is not allowed"),
        ("[" * 3000, (1, 1), "this is nested too deeply for a policy"),
        (
            "name: !!python/object:os.system x\nrules: []\n",
            (1, 7),
            "the tag `tag:yaml.org,2002:python/object:os.system` is not allowed",
        ),
        ("name: a\nrules: []\nserve_and_escalate: yes\n", (3, 21), "serve_and_escalate `yes` is unknown"),
        ("name: a\nrules: [{class: I.ip, action: mask, min_score: .nan}]\n", (2, 48), "`min_score` must be a number"),
        ("name: a\nrules: [{class: I.ip, action: [mask]}]\n", (2, 31), "a single value belongs here"),
        ("name: a\nrules: [{<<: {class: I.ip}, action: mask}]\n", (2, 10), "`<<` is unknown here"),
        ("name: a\nrules: [{class: I.ip, action: allow, restore: true}]\n", (2, 47), "`restore` says nothing here"),
        ("name: a\nrules: [{class: I.ip, action: mask, restore: 1}]\n", (2, 46), "restore `1` is unknown"),
        (
            "name: a\nrules: [{class: I.ip, action: mask, direction: output, restore: true}]\n",
            (2, 65),
            "an answer's own findings can't be restored",
        ),
        (
            "name: a\nrules: [{class: I.ip, action: mask, mask: x, restore: true}]\n",
            (2, 55),
            "with `restore` the placeholder can't be chosen",
        ),
    ],
)
def test_one_mistake_is_told_at_its_place(text: str, place: tuple[int, int], problem: str):
    error = mistake(text)
    assert (error.line, error.column) == place
    assert error.problem.startswith(problem)
    assert HAN.search(error.problem.zh)
    assert error.file == "mine.yaml"


def test_an_alias_is_read_once_and_never_grows():
    bomb = "name: a\nrules:\n  - {class: &a [I.ip, I.ip], action: allow}\n  - {class: [*a, *a], action: allow}\n"
    assert mistake(bomb).problem == "a single value belongs here"


@given(st.text(max_size=60))
def test_whatever_is_in_the_file_only_an_input_file_error_comes_out(text: str):
    with contextlib.suppress(InputFileError):
        parsed("name: a\nrules:\n" + text)


def test_the_default_policy_is_right_and_every_line_of_it_says_why():
    policy = load.default_policy()
    assert policy.label == "default@1"
    lines = load.default_policy_yaml().splitlines()
    bare = [line for line in lines if line.strip() and "#" not in line]
    assert bare == []
