"""guiju.review.hints: the same words for the same mistake, whichever file it stands in."""

from __future__ import annotations

from guiju.review.hints import did_you_mean, one_of, unknown_class


def test_each_names_the_word_in_both_languages():
    for said, word in ((unknown_class("A.9"), "`A.9`"), (did_you_mean("mask"), "mask"), (one_of(("a", "b")), "a, b")):
        assert word in said
        assert word in said.zh
        assert said != said.zh
