"""What every detector of plugins.DETECTORS keeps, a new one too: the contract of `Scanner`, on texts of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import upstream_text
from cuts import at_random, canonical, every_cut, scanners_of
from guiju import plugins
from guiju.review import load
from guiju.review.detector import Detector, Sources
from guiju.review.lexicon_blob import encode_terms
from guiju.review.policy_file import parse_policy

POLICY = """
name: all
rules: [{id: all, class: '*', action: mask}]
patterns: [{id: project, class: X.project, regex: 'project-[a-z]{2,8}', longest: 16}]
"""


@cache
def detectors() -> dict[str, Detector]:
    """Each that does something under a policy with patterns and the shipped lexicons."""
    lexicons = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
    sources = Sources(parse_policy(POLICY, plugins.taxonomy()), lexicons)
    made = zip(plugins.DETECTORS, plugins.detector_factories(), strict=False)
    return {reference: found for reference, factory in made if (found := factory(sources)) is not None}


@cache
def texts() -> list[str]:
    """Prose, and secrets between prose."""
    rng = random.Random(11)
    benign = load.benign_sample()
    kinds = list(upstream_text.SECRETS)
    return [
        *(canonical("".join(rng.sample(benign, 3))) for _ in range(30)),
        *(canonical(upstream_text.prose(rng, rng.sample(kinds, 2)) + "project-atlas") for _ in range(30)),
        "",
        "a",
        "字" * 700,
        "x" * 700,
        "1" * 700,
    ]


@pytest.fixture(params=plugins.DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    found = detectors().get(request.param)
    if found is None:
        pytest.skip("has nothing to do without sources of its own: its own test shows what it does with them")
    return found


def test_it_says_what_it_is(detector: Detector):
    assert detector.name.isidentifier()
    assert detector.limit > 0
    assert detector.classes


def test_people_can_be_told_what_it_finds(detector: Detector):
    taxonomy = plugins.taxonomy()
    shown = {c: [taxonomy.name(c, language) for language in ("zh", "en")] for c in detector.classes if c[0] != "X"}
    assert all(zh != cls and en != cls for cls, (zh, en) in shown.items())


def test_what_it_finds_does_not_depend_on_the_cuts(detector: Detector):
    rng = random.Random(5)
    for text in texts():
        for _ in range(5):
            at_random(detector, text, rng)


def test_it_keeps_the_contract_at_every_cut(detector: Detector):
    for text in texts()[::6]:
        every_cut(detector, text[:200])


def test_it_reports_only_the_classes_that_it_names(detector: Detector):
    for text in texts():
        scanner = scanners_of(detector)()
        found = scanner.feed(text).findings + scanner.close()
        assert {f.cls for f in found} <= detector.classes


def test_what_it_keeps_of_a_stream_is_bounded(detector: Detector):
    """A tail that grows with the text is work that grows with its square."""
    scanner = scanners_of(detector)()
    prose = canonical("".join(load.benign_sample()))
    sizes = []
    for number in range(30):
        scanner.feed(prose[:1000] if number % 2 else "x" * 500 + "。")
        sizes.append(kept(scanner))
    assert max(sizes[10:]) <= max(sizes[:10]) + detector.limit


def kept(machine: Any) -> int:
    """Characters and items that a machine, and the machines within it, hold."""
    return sum(
        kept(value) if hasattr(value, "feed") else len(value)
        for value in attributes(machine)
        if isinstance(value, (str, list, dict, set)) or hasattr(value, "feed")
    )


def attributes(machine: Any) -> Iterator[Any]:
    """The values of an object, whether it has slots or not."""
    yield from getattr(machine, "__dict__", {}).values()
    for name in getattr(type(machine), "__slots__", ()):
        yield getattr(machine, name, None)
