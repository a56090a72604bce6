"""Stretches of a growing text, and what is told to a gate: nothing is decided unasked, nothing that is found leaves."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from guiju.review.judge import Reviewer
from guiju.review.policy import Policy, Rule
from guiju.review.slow import CONTEXT, LONGEST, Growing, Told, located, readable, windows
from guiju.types import Action, Finding

BAD = "坏词"
REVIEWER = Reviewer(Policy(name="p", rules=(Rule(id="r", classes=("X.bad",), action=Action.MASK),)), [])


def places(text: str) -> list[Finding]:
    found, at = [], text.find(BAD)
    while at >= 0:
        found.append(Finding(cls="X.bad", detector="far", rule="far", start=at, end=at + len(BAD)))
        at = text.find(BAD, at + 1)
    return found


@given(st.lists(st.text("坏词Ａﬁ\u200b。 a", max_size=40), max_size=12), st.booleans())
def test_a_stream_judged_in_stretches_is_masked_as_the_whole_is(pieces: list[str], impatient: bool):
    growing, gate, out = Growing("text"), None, ""
    gate = REVIEWER.holdback(direction="output", more=[(Told(growing.findings), True)])
    waiting: list[tuple[str, int]] = []
    for piece in [*pieces, None]:
        if piece is None:
            growing.close()
        else:
            growing.feed(piece)
            waiting.append((piece, growing.length))
        while (stretch := growing.wanted(overdue=impatient and False)) is not None:
            growing.answered(stretch, places(stretch.text))
        while waiting and waiting[0][1] <= growing.decided:
            out += gate.feed(waiting.pop(0)[0])
    out += gate.close()
    whole = "".join(pieces)
    told = located(whole, places(whole))
    assert growing.decided == growing.length
    assert waiting == []
    assert out == (REVIEWER.review(whole, direction="output", told=told).text or whole)
    assert BAD not in out


@given(st.text(max_size=600), st.integers(10, 200))
def test_windows_cover_the_text_and_overlap(text: str, limit: int):
    cut = windows(text, limit)
    assert all(len(w.text) <= limit and text[w.start : w.upto] == w.text for w in cut)
    assert cut[0].start == 0
    assert cut[-1].upto == len(text)
    assert all(b.start < a.upto for a, b in itertools.pairwise(cut))


def test_what_is_read_again_is_bounded():
    growing = Growing("text")
    for _ in range(50):
        growing.feed("字" * LONGEST)
        stretch = growing.wanted()
        assert stretch is not None
        assert len(stretch.text) <= CONTEXT + LONGEST + LONGEST
        growing.answered(stretch, [])


def test_a_sentence_is_asked_about_when_it_ends_and_an_open_one_when_it_is_overdue():
    growing = Growing("text")
    growing.feed("一句。半")
    assert growing.wanted().text == "一句。"  # type: ignore[union-attr]
    growing.answered(growing.wanted(), [])  # type: ignore[arg-type]
    assert growing.wanted() is None
    assert growing.wanted(overdue=True).text == "一句。半"  # type: ignore[union-attr]


def test_json_is_read_with_its_escapes_decoded():
    assert readable('{"a": "\\u574f\\u8bcd"}', "json").count(BAD) == 1
    text = '{"a": "x \\u574f\\u8bcd y"}'
    shown = readable(text, "json")
    verdict = REVIEWER.review(text, direction="output", form="json", told=located(shown, places(shown)))
    assert verdict.text == '{"a": "x [X.bad] y"}'
