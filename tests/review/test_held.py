"""How much text waits: received minus delivered characters after each character, counted on ordinary prose.

The lexicon is the hard case: a hundred thousand terms made of the very characters that the prose is made of, as often as
they stand there, so that nearly every place in it begins some term.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from guiju import plugins
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.lexicon_blob import Term, encode_terms
from guiju.review.policy_file import parse_policy

PROSE = (Path(__file__).parent.parent / "data" / "prose_zh.txt").read_text(encoding="utf-8")
REFUSE_ALL = """
name: held
title: {zh: 计量, en: Held}
rules:
  - {id: all, class: [A.1, A.2, A.3, A.4], action: refuse}
"""


@cache
def many_terms() -> bytes:
    rng, letters, terms = random.Random(1), [c for c in PROSE if c.isalnum()], set()
    bare = "".join(letters)
    while len(terms) < 100_000:
        term = "".join(rng.choices(letters, k=rng.randint(2, 6)))
        if term not in bare:
            terms.add(term)
    return encode_terms(Term(text=t, cls="A.1.h.gambling") for t in sorted(terms))


@cache
def lexicons_alone() -> Reviewer:
    taxonomy = load.taxonomy()
    policy = parse_policy(REFUSE_ALL, taxonomy, file="held.yaml")
    return plugins.reviewer(policy, {"many": many_terms()}, taxonomy.placeholder)


@cache
def everything() -> Reviewer:
    blobs = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
    return plugins.reviewer(load.default_policy(), blobs | {"many": many_terms()}, load.taxonomy().placeholder)


def held(reviewer: Reviewer, text: str) -> Iterator[int]:
    gate = reviewer.holdback(direction="output")
    for char in text:
        gate.feed(char)
        assert gate.stopped is None, gate.stopped
        yield gate.held


def mean_and_p99(counts: list[int]) -> tuple[float, int]:
    return sum(counts) / len(counts), sorted(counts)[len(counts) * 99 // 100]


def test_a_hundred_thousand_terms_hold_next_to_nothing():
    mean, p99 = mean_and_p99(list(held(lexicons_alone(), PROSE)))
    assert mean <= 1.5
    assert p99 <= 12


def test_nor_do_all_detectors_together():
    mean, p99 = mean_and_p99(list(held(everything(), PROSE)))
    assert mean <= 2.0
    assert p99 <= 12


@pytest.mark.parametrize("reviewer", [lexicons_alone, everything])
def test_no_sentence_waits_for_the_next_one(reviewer):
    """After a line's end nothing of it waits, but for the line break that its notes may still reach across."""
    gate = reviewer().holdback(direction="output")
    for line in PROSE.splitlines(keepends=True):
        gate.feed(line)
        assert gate.held <= 1


def work(reviewer: Reviewer, text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Calls, Python's and C's, and characters looked at by the automaton, for a text in pieces of that size."""
    counted = [0, 0]
    lexicon = next(d for d in reviewer.detectors if d.name == "lexicon")
    find = lexicon._find

    def looked(piece: str) -> list[tuple[int, int]]:
        counted[1] += len(piece)
        return find(piece)

    def count(frame: object, event: str, argument: object) -> None:
        counted[0] += event in ("call", "c_call")

    monkeypatch.setattr(lexicon, "_find", looked)
    gate = reviewer.holdback(direction="output")
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for at in range(0, len(text), size):
            gate.feed(text[at : at + size])
        gate.close()
    finally:
        sys.setprofile(before)
    monkeypatch.undo()
    return counted[0], counted[1]


@pytest.mark.parametrize("size", [1, 7, 300])
def test_the_whole_work_grows_as_the_text_does(size: int, monkeypatch: pytest.MonkeyPatch):
    once = work(everything(), PROSE, size, monkeypatch)
    four_times = work(everything(), PROSE * 4, size, monkeypatch)
    assert four_times[0] <= 4.2 * once[0]
    assert four_times[1] <= 4.2 * once[1]
