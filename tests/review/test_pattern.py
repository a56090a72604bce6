"""Patterns of a policy: only bounded ones are admitted, and a stream finds what the whole text finds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.review.pattern import Patterns, check
from guiju.review.policy import Pattern


def pattern(regex, longest=6, id="p"):
    return Pattern(id=id, cls="X", regex=regex, longest=longest)


PATTERNS = (pattern("ab{1,3}c?"), pattern("[0-9]{2}", 2, "q"), pattern("(?:xa|b)y", 3, "r"))


def scan(text, cuts=()):
    scanner, findings, safe, last = Patterns(PATTERNS).scanner(frozenset("X"), "output"), [], 0, 0
    for cut in [*sorted({min(c, len(text)) for c in cuts}), len(text)]:
        step = scanner.feed(text[last:cut])
        assert all(f.start >= safe for f in step.findings)
        assert step.safe_up_to >= safe
        findings, safe, last = findings + step.findings, step.safe_up_to, cut
    return sorted((f.rule, f.start, f.end) for f in findings + scanner.close())


@given(st.text("abcxy12 ", max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_a_stream_finds_what_the_expressions_find(text, cuts):
    expected = sorted((f"pattern:{p.id}", m.start(), m.end()) for p in PATTERNS for m in re.finditer(p.regex, text))
    assert scan(text) == expected
    assert scan(text, cuts) == expected
    assert scan(text, range(30)) == expected


def test_it_holds_no_more_than_a_match_may_span():
    scanner = Patterns(PATTERNS).scanner(frozenset("X"), "output")
    assert scanner.feed("z" * 100).safe_up_to >= 94
    assert Patterns(PATTERNS).scanner(frozenset(), "output").feed("ab").safe_up_to == 2


@pytest.mark.parametrize(
    ("regex", "part"),
    [
        ("a*", "empty"),
        ("a+", "longer"),
        ("a{1,7}", "longer"),
        ("(a", "no regular expression"),
        ("(?:a{1,2}b){1,2}", "inside a repetition"),
        (r"(a)\1", "back"),
        (r"(?<=x)a", "look-around"),
        (r"\ba", "look-around"),
        ("^a", "look-around"),
    ],
)
def test_it_says_what_is_wrong(regex, part):
    assert part in check(pattern(regex))


def test_it_admits_what_is_bounded():
    assert all(check(p) is None for p in PATTERNS)
    assert "between" in check(pattern("a", 0))
    assert "between" in check(pattern("a", 100_000))
