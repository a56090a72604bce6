"""Detectors that read sentences: one that is too long to wait for is read in windows, and nothing is lost between them."""

import random
import re

import pytest

from cuts import every_cut, fed, merged
from guiju.review.sentence import SentenceDetector
from guiju.types import Finding

CODE = re.compile(r"(?<![a-z])code[0-9]{6}(?![0-9])")
"""Depends on what stands before and after."""


def judge(sentence):
    return [
        Finding(cls="X.code", detector="code", rule="code", start=m.start(), end=m.end())
        for m in CODE.finditer(sentence)
    ]


DETECTOR = SentenceDetector("code", frozenset({"X.code"}), judge, limit=40, longest=12)


@pytest.mark.parametrize("before", range(130))
@pytest.mark.parametrize("after", ["", "。", "字" * 50, "7" + "字" * 50])
def test_it_is_found_wherever_it_stands_in_a_long_sentence(before, after):
    found = every_cut(DETECTOR, "字" * before + "code123456" + after)
    assert found == ([] if after.startswith("7") else ["X.code: code123456"])


@pytest.mark.parametrize("before", range(60))
def test_the_words_before_a_window_are_still_seen(before):
    assert every_cut(DETECTOR, "字" * before + "xcode123456" + "字" * 60) == []


def test_no_more_is_held_than_it_says():
    scanner = DETECTOR.scanner(DETECTOR.classes, "output")
    for number in range(1, 500):
        assert number - scanner.feed("字").safe_up_to < DETECTOR.limit
    assert 500 - scanner.feed("。").safe_up_to == 0


def test_the_work_is_linear_in_the_text():
    read = []

    def count(sentence):
        read.append(len(sentence))
        return []

    for size in (1_000, 10_000, 100_000):
        read.clear()
        scanner = SentenceDetector("n", frozenset({"X.n"}), count).scanner(frozenset(), "output")
        for _ in range(size):
            scanner.feed("字")
        scanner.close()
        assert sum(read) < 3 * size


def test_sentences_are_judged_one_by_one():
    seen = []

    def note(sentence):
        seen.append(sentence)
        return []

    scanner = SentenceDetector("n", frozenset({"X.n"}), note).scanner(frozenset(), "output")
    for char in "一。二！ver 1.2 is out. 三\n四":
        scanner.feed(char)
    scanner.close()
    assert seen == ["一。", "二！", "ver 1.2 is out. ", "三\n", "四"]


def test_what_is_overdue_is_decided_as_it_stands_and_what_goes_on_is_told_from_there():
    scanner = DETECTOR.scanner(DETECTOR.classes, "output")
    assert scanner.feed("字字code12").findings == []
    assert scanner.overdue() == []
    assert scanner.feed("").safe_up_to == 8
    assert [(f.start, f.end) for f in scanner.feed("3456。").findings] == [(8, 12)]


def test_random_texts_are_judged_alike_however_they_are_cut():
    rng = random.Random(7)
    for _ in range(300):
        text = "".join(rng.choice(["code123456", "字", "x", "1", "。", ". ", "code12"]) for _ in range(60))
        whole = merged(fed(DETECTOR.scanner(DETECTOR.classes, "output"), text, ()))
        cuts = [rng.randint(0, len(text)) for _ in range(8)]
        assert merged(fed(DETECTOR.scanner(DETECTOR.classes, "output"), text, cuts)) == whole
        held_back = [m.span() for m in CODE.finditer(text)]
        assert [(start, end) for _, start, end in whole] == held_back
