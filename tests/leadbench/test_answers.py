"""Answers are the same in every run, and the slow detector finds in each its one passage and nothing else."""

from __future__ import annotations

from bench.leadbench import answers


def test_every_run_has_the_same_answers():
    assert answers.made(10) == answers.made(25)[:10]


def test_each_has_one_passage_where_it_says_and_inside_one_sentence():
    said = answers.made(25)
    for one in said:
        assert answers.forbidden(one.text) == [(one.start, one.end)]
        assert not set("。！？") & set(one.text[one.sentence : one.end])
        assert one.sentence == 0 or one.text[one.sentence - 1] in "。！？"
    assert {one.text[one.start : one.end] for one in said} == set(answers.PASSAGES)


def test_passages_stand_at_many_places():
    assert len({one.start for one in answers.made(25)}) > 15


def test_half_a_passage_is_not_found():
    (one,) = answers.made(1)
    assert answers.forbidden(one.text[: one.end - 1] + one.text[one.end :]) == []
