"""What a row counts, and that a run which leaks without a lead is no result but an error."""

from __future__ import annotations

from typing import Any

import pytest
from bench.leadbench import answers, measure
from bench.leadbench.ends import Question
from bench.leadbench.measure import Heard

SAID = answers.made(2)


def question(number: int, delay_ms: int) -> Question:
    return Question(number, 40, 2, delay_ms)


def length(number: int) -> int:
    return SAID[number].end - SAID[number].start


class Played:
    """Answers a bench would hear: without the detector and at each lead."""

    def __init__(self, leaked: dict[int | None, int], *, known: bool = False) -> None:
        self.leaked, self.known = leaked, known

    def play(self, lead: int | None, asked: list[Question]) -> dict[Question, Heard]:
        stopped = self.known if lead is None else True
        return {q: Heard(self.leaked[lead], stopped, [q.delay_ms / 1000, 0.001]) for q in asked}


def rows(bench: Any, leads: list[int]) -> list[dict[str, Any]]:
    return list(measure.cells(bench, SAID, [(40, 2)], [50, 500], leads))


def test_a_prompt_says_which_stream_is_asked_for():
    assert Question.of(f"请回答：{question(3, 500).prompt}。") == question(3, 500)


def test_a_row_counts_characters_and_answers_and_compares_each_stream_with_itself():
    there = {question(n, 0): Heard(length(n), False, lags) for n, lags in ((0, [0.01, 0.02]), (1, []))}
    here = {question(0, 500): Heard(3, True, [0.51, 0.12]), question(1, 500): Heard(0, True, [])}
    row = measure.cell(SAID, here, there)
    assert (row["streams"], row["stopped"], row["leaking"]) == (2, 2, 1)
    assert (row["leaked"], row["forbidden"]) == (3, length(0) + length(1))
    assert row["added_first_ms"]["p50"] == pytest.approx(500)
    assert row["added_lag_ms"]["mean"] == pytest.approx(300)


def test_every_delay_has_a_row_of_its_own_streams_at_every_lead():
    found = rows(Played({None: 9, 0: 0, 40: 5}), [0, 40])
    assert [(row["lead"], row["delay_ms"], row["leaked"]) for row in found] == [
        (0, 50, 0), (0, 500, 0), (40, 50, 10), (40, 500, 10),
    ]  # fmt: skip
    assert [row["added_first_ms"]["p50"] for row in found] == [50, 500, 50, 500]


def test_a_leak_without_a_lead_is_an_error():
    with pytest.raises(RuntimeError, match="with no lead 2 forbidden characters"):
        rows(Played({None: 9, 0: 1}), [0])


def test_a_passage_that_the_gateway_knows_by_itself_measures_nothing():
    with pytest.raises(RuntimeError, match="own detectors know"):
        rows(Played({None: 0, 0: 0}, known=True), [0])
