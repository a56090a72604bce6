"""guiju.review.outside: which settings of a slow detector break the promise, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from guiju.review.outside import outside
from guiju.review.policy import Asking


@pytest.mark.parametrize(
    ("how", "clauses"),
    [
        ({}, []),
        ({"hedge": 1.0, "group": "g", "quorum": 1}, []),
        ({"fails_open": ("input",)}, ["prompts pass unjudged"]),
        ({"fails_open": ("output", "input")}, ["prompts pass unjudged", "answers pass unjudged"]),
        ({"lead": 20}, ["up to 20 characters ahead"]),
        ({"lead": 20, "fails_open": ("output",)}, ["answers pass unjudged", "up to 20 characters ahead"]),
        ({"directions": ("input",), "fails_open": ("output",), "lead": 20}, []),
        ({"observe": True, "fails_open": ("input", "output"), "lead": 20}, []),
    ],
)
def test_each_is_a_clause_in_both_languages(how: dict[str, Any], clauses: list[str]):
    found = outside(Asking(**how))
    assert len(found) == len(clauses)
    assert all(clause in said for clause, said in zip(clauses, found, strict=True))
    assert all(said.zh != said for said in found)
