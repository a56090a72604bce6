"""Cases kept with a policy hold or say what came instead."""

from __future__ import annotations

import pytest

from guiju import plugins
from guiju.errors import InputFileError
from guiju.review.lexicon_blob import Term, encode_terms
from guiju.review.policy_cases import CasesFail, broken, failures, hold
from guiju.review.policy_file import parse_policy

POLICY = """
name: p
rules:
  - {id: phones, class: I.mobile, direction: output, action: mask}
  - {id: mails, class: I.email, audience: minors, action: block}
cases:
"""


def failed(*cases: str) -> list[str]:
    taxonomy = plugins.taxonomy()
    policy = parse_policy(POLICY + "".join(f"  - {case}\n" for case in cases), taxonomy)
    return [str(f.problem) for f in failures(plugins.reviewer(policy, {}, taxonomy.placeholder))]


@pytest.mark.parametrize(
    "case",
    [
        "{text: 你好, expect: allow}",
        "{text: 电话13912345678, expect: allow, class: I}",
        "{text: 电话13912345678, expect: mask, direction: output, serves: '电话[手机号]', class: I.mobile}",
        "{text: phone 13912345678, expect: mask, direction: output, serves: 'phone [phone number]', language: en}",
        "{text: a@example.com, expect: block, audience: minors}",
    ],
)
def test_what_holds_says_nothing(case: str):
    assert failed(case) == []


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("{text: 你好, expect: refuse}", "expected refuse, came to allow (no rule)"),
        (
            "{text: 电话13912345678, expect: allow, direction: output}",
            "expected allow, came to mask (rule `phones` on `I.mobile`)",
        ),
        ("{text: 电话13912345678, expect: allow, class: I.email}", "`I.email` wasn't found, but I.mobile"),
        ("{text: 电话13912345678, expect: mask, direction: output, serves: 电话}", "serves “电话[手机号]”"),
    ],
)
def test_what_does_not_hold_says_what_came_instead(case: str, problem: str):
    assert failed("{text: 你好, expect: allow}", case) == [problem]


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("{text: a}", "`expect` is missing"),
        ("{text: a, expect: pass}", "expect `pass` is unknown"),
        ("{text: '', expect: allow}", "`text` is empty"),
        ("{text: a, expect: allow, serves: b}", "`serves` says nothing here"),
        ("{text: a, expect: allow, class: A.9.z}", "class `A.9.z` is unknown"),
    ],
)
def test_a_mistake_in_a_case_is_told_at_its_place(case: str, problem: str):
    with pytest.raises(InputFileError) as wrong:
        parse_policy(f"{POLICY}  - {case}\n", plugins.taxonomy())
    assert (str(wrong.value.problem), wrong.value.line) == (problem, 7)


def test_all_that_do_not_hold_are_pointed_at_in_both_languages():
    taxonomy = plugins.taxonomy()
    yaml = POLICY + "  - {text: 你好, expect: block}\n  - {text: 你好, expect: allow}\n  - {text: 您好, expect: mask}\n"
    with pytest.raises(CasesFail) as told:
        hold(plugins.reviewer(parse_policy(yaml, taxonomy), {}, taxonomy.placeholder), file="p.yaml", yaml=yaml)
    for language, said in (("en", "2 of 3 cases"), ("zh", "3 个用例中有 2 个")):
        sentence = told.value.sentence(language)
        for words in (said, "p.yaml:7:5: ", "p.yaml:9:5: ", "{text: 您好"):
            assert words in sentence


def test_only_what_held_before_is_broken_by_a_change():
    taxonomy = plugins.taxonomy()
    yaml = """
name: p
rules: [{id: all, class: A, action: refuse}]
cases:
  - {text: 玄铁重弩, expect: allow}
  - {text: 玄铁重弩, expect: block}
  - {text: 玄铁重弩, expect: refuse}
"""
    policy = parse_policy(yaml, taxonomy)
    blob = encode_terms([Term(text="玄铁重弩", cls="A.1.h.weapons")])
    without, within = (plugins.reviewer(policy, blobs, taxonomy.placeholder) for blobs in ({}, {"own": blob}))
    assert [f.case.expect for f in broken(without, within)] == ["allow"]
    assert [f.case.expect for f in broken(within, without)] == ["refuse"]
    assert broken(within, within) == []
