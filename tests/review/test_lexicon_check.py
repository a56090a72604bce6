"""guiju.review.lexicon_check: lists are read with errors that point into them, and criticised before they act."""

from __future__ import annotations

import time

import pytest

from guiju.errors import InputFileError
from guiju.review import load
from guiju.review.lexicon_blob import Term, key_of
from guiju.review.lexicon_check import Remark, criticise, read_terms

HEAD = "term,class,severity,lang,allow,origin\n"


def remarks(text: str, harmless: list[str] | None = None, **kwargs: str) -> list[Remark]:
    terms, lines = read_terms(text, file="mine.csv", taxonomy=load.taxonomy(), **kwargs)  # type: ignore[arg-type]
    return criticise(terms, lines, harmless or [])


def kinds(found: list[Remark]) -> list[tuple[int, str]]:
    return [(remark.line, remark.kind) for remark in found]


def mistake(text: str, **kwargs: str) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        read_terms(text, file="mine.csv", taxonomy=load.taxonomy(), **kwargs)  # type: ignore[arg-type]
    return caught.value


def test_it_reads_a_table_with_all_columns():
    terms, lines = read_terms(
        "\ufeff" + HEAD + "大麻,A.1.h.drugs,middle,zh,大麻哈鱼|亚麻大麻,own\n# a remark\n\nmeth,A.1.h.drugs,,en,,\n",
        file="x",
    )
    assert terms[0] == Term(
        text="大麻",
        cls="A.1.h.drugs",
        severity="middle",
        id="1",
        lang="zh",
        origin="own",
        allow=("大麻哈鱼", "亚麻大麻"),
    )
    assert (terms[1].text, terms[1].severity) == ("meth", "high")
    assert lines == [2, 5]


def test_it_reads_columns_in_any_order_and_only_those_needed():
    terms, _ = read_terms("class,term\nA.2.e,something\n", file="x")
    assert (terms[0].cls, terms[0].text) == ("A.2.e", "something")


def test_it_reads_one_term_a_line_with_the_class_named_for_all():
    terms, lines = read_terms("甲乙\n丙丁\n", file="x", cls="A.1.a", severity="low")
    assert [(t.text, t.cls, t.severity) for t in terms] == [("甲乙", "A.1.a", "low"), ("丙丁", "A.1.a", "low")]
    assert lines == [1, 2]


@pytest.mark.parametrize(
    ("text", "line", "problem", "hint"),
    [
        ("甲乙\n", 1, "the term has no class", "add a `class` column or name one for all"),
        (HEAD + "甲乙,A.1.z\n", 2, "class `A.1.z` is unknown", "did you mean A.1."),
        (HEAD + "甲乙,A.1.a,grave\n", 2, "severity `grave` is unknown", "one of: low, middle, high"),
        ("term,clas\n甲乙,A.1.a\n", 1, "column `clas` is unknown", "one of: term"),
        (HEAD + "a,b,A.1.a,high,en,,own\n", 2, "7 fields, but 6 columns", "quote a term with a comma"),
        (HEAD + '甲乙,A.1.a\n"丙丁,A.1.a\n戊己,A.1.a\n', 3, "this line isn't CSV", "close the quotation mark"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, problem: str, hint: str):
    error = mistake(text)
    assert error.line == line
    assert error.problem.startswith(problem)
    assert error.hint.startswith(hint)
    assert error.problem.zh != error.problem


def test_a_duplicate_is_found_once_both_are_canonical():
    assert kinds(
        remarks(HEAD + "冰毒货源,A.1.h.drugs\n冰 毒 貨源,A.1.h.drugs\nＭＥＴＨ,A.1.h.drugs\nmeth,A.1.h.drugs\n")
    ) == [
        (3, "duplicate"),
        (5, "duplicate"),
    ]


def test_a_term_of_one_character_is_too_short():
    assert kinds(remarks(HEAD + "毒,A.1.h.drugs\n—,A.1.h.drugs\n毒 品,A.1.h.drugs\n")) == [
        (2, "too_short"),
        (3, "too_short"),
    ]


def test_a_longer_term_is_shadowed_by_a_shorter_one_that_says_as_much():
    found = remarks(HEAD + "如何制造炸弹,A.1.h.weapons,high\n制造炸弹,A.1.h.weapons,high\n")
    assert kinds(found) == [(2, "shadowed")]
    assert found[0].detail == "`制造炸弹` in line 3 hits all of its texts"


def test_a_weaker_another_class_s_or_an_excepted_term_shadows_nothing():
    assert remarks(HEAD + "如何制毒,A.1.h.drugs,high\n制毒,A.1.h.drugs,middle\n") == []
    assert remarks(HEAD + "如何制毒,A.1.h.drugs,high\n制毒,A.1.h,high\n") == []
    assert remarks(HEAD + "如何制毒,A.1.h.drugs,high\n制毒,A.1.h.drugs,high,zh,研制毒株\n") == []


def test_a_latin_term_is_shadowed_only_by_whole_words():
    assert remarks(HEAD + "his ex wife,A.1.f.porn\nex wif,A.1.f.porn\nsex,A.1.f.porn\n") == []
    assert kinds(remarks(HEAD + "free porn videos,A.1.f.porn\nporn,A.1.f.porn\n")) == [(2, "shadowed")]


def test_an_over_broad_term_is_measured_on_harmless_texts():
    found = remarks(HEAD + "今天,A.1.h\n冰毒货源,A.1.h.drugs\n", ["今天下雨。", "今天不下雨。", "明天呢？", "后天吧。"])
    assert kinds(found) == [(2, "over_broad")]
    assert found[0].detail == "hits 2 of 4 harmless texts (50.0%)"


def test_what_an_allow_phrase_excuses_is_not_over_broad():
    assert remarks(HEAD + "大麻,A.1.h.drugs,high,zh,大麻哈鱼\n", ["大麻哈鱼很好吃。"]) == []


def test_an_allow_phrase_that_does_not_hold_its_term_is_useless():
    assert kinds(remarks(HEAD + "大麻,A.1.h.drugs,high,zh,哈鱼\n")) == [(2, "allow_useless")]


def test_a_hundred_thousand_terms_are_criticised_while_a_person_waits():
    rows = "".join(f"词{chr(0x4E00 + i % 20000)}{chr(0x5E00 + i % 9973)}{i},A.1.h\n" for i in range(100_000))
    began = time.perf_counter()
    terms, lines = read_terms(HEAD + rows, file="x")
    criticise(terms, lines, load.benign_sample())
    assert time.perf_counter() - began < 30


# --- the shipped lists -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(load.default_lexicon_csvs()))
def test_a_shipped_list_leaves_nothing_to_criticise(name: str):
    terms, lines = read_terms(load.default_lexicon_csvs()[name], file=name, taxonomy=load.taxonomy())
    acting = [(t, line) for t, line in zip(terms, lines, strict=True) if t.severity == "high"]
    remarks = criticise(terms, lines, [])
    remarks += criticise([t for t, _ in acting], [line for _, line in acting], load.benign_sample(), broad=0.0)
    assert remarks == []


def test_every_shipped_term_says_class_severity_language_and_origin():
    for name, terms in load.default_lexicons().items():
        for term in terms:
            assert term.lang in ("zh", "en"), (name, term)
            assert term.origin in ("own", "konsheng/Sensitive-lexicon, MIT"), (name, term)


def test_no_term_is_shipped_twice():
    seen: dict[tuple[str, str], str] = {}
    for name, terms in load.default_lexicons().items():
        for term in terms:
            key = (key_of(term.text), term.cls)
            assert key not in seen, f"{term.text}: {seen[key]} and {name}"
            seen[key] = name


def test_each_promised_class_is_covered_in_both_languages():
    covered = {(t.cls, t.lang) for terms in load.default_lexicons().values() for t in terms if t.severity == "high"}
    promised = [f"A.1.h.{kind}" for kind in ("fraud", "gambling", "drugs", "weapons", "malware")]
    promised += ["A.1.f.porn", "A.1.f.minors", "A.1.f.violence", "A.4.a.self_harm", "A.2.a", "A.2.e", "P.attack"]
    assert {(cls, lang) for cls in promised for lang in ("zh", "en")} <= covered


def test_the_harmless_sample_is_large_and_in_both_languages():
    sample = load.benign_sample()
    assert len(sample) >= 300
    assert len(sample) == len(set(sample))
    chinese = [text for text in sample if any("\u4e00" <= c <= "\u9fff" for c in text)]
    assert 100 <= len(chinese) <= len(sample) - 100
