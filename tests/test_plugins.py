"""Extension points: one file and one line in a table, or an installed package that names the entry point."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from guiju import plugins
from guiju.review.detector import Detector, Sources
from guiju.review.policy_check import criticise
from guiju.review.policy_file import parse_policy
from guiju.review.sentence import SentenceDetector
from guiju.types import Finding

ROW = {"zh": "工单号", "en": "ticket number", "mask": {"zh": "[工单]", "en": "[ticket]"}}


def judge(sentence: str) -> list[Finding]:
    at = sentence.find("ops-")
    return [Finding(cls="X.ticket", detector="ticket", rule="ticket", start=at, end=at + 9)] if at >= 0 else []


def detector(sources: Sources) -> Detector | None:
    return SentenceDetector("ticket", frozenset({"X.ticket"}), judge)


@pytest.fixture
def ticket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A detector in a file of its own, and its line."""
    module = types.ModuleType("guiju.review.ticket")
    module.detector, module.TAXONOMY = detector, {"X.ticket": ROW}  # type: ignore[attr-defined]
    monkeypatch.setattr(detector, "__module__", "guiju.review.ticket")
    monkeypatch.setitem(sys.modules, "guiju.review.ticket", module)
    monkeypatch.setattr(plugins, "DETECTORS", (*plugins.DETECTORS, "guiju.review.ticket:detector"))
    plugins.taxonomy.cache_clear()
    yield
    plugins.taxonomy.cache_clear()


@pytest.mark.parametrize(("language", "said"), [("zh", "见 [工单]。"), ("en", "见 [ticket]。")])
def test_a_detector_brings_the_names_and_the_placeholder_of_its_classes(ticket: None, language: str, said: str):
    policy = parse_policy("name: p\nrules: [{id: r, class: X.ticket, action: mask}]", plugins.taxonomy())
    reviewer = plugins.reviewer(policy, {}, plugins.taxonomy().placeholder)
    assert reviewer.review("见 OPS-20417。", direction="output", language=language).text == said
    assert plugins.taxonomy().name("X.ticket", language) == ROW[language]


def test_a_policy_check_knows_the_classes_of_detectors_and_of_patterns(ticket: None):
    text = """
name: p
rules:
  - {id: a, class: [X.ticket, X.project, X], action: mask}
  - {id: b, class: X.tickets, action: mask}
  - {id: c, class: X.quite.other, action: mask}
patterns: [{id: q, class: X.project.name, regex: "pr[0-9]{3}", longest: 5}]
"""
    taxonomy = plugins.taxonomy()
    reviewer = plugins.reviewer(parse_policy(text, taxonomy), {}, taxonomy.placeholder)
    remarks = criticise(reviewer.policy, {d.name: d.classes for d in reviewer.detectors})
    vain = {r.line: str(r.hint) for r in remarks if "can never act" in r.problem}
    assert vain.keys() == {5, 6}
    assert vain[5] == "did you mean X.ticket?"


def test_an_installed_package_adds_a_detector_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[guiju.detectors]\nticket = test_plugins:detector\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.detector_factories()[-1].__code__.co_filename == __file__
