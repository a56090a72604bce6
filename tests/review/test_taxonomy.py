"""guiju.review.taxonomy: the 31 risks and our own roots, complete in both languages."""

from __future__ import annotations

import pytest

from guiju.review import load
from guiju.review.taxonomy import Taxonomy

RISKS = [
    f"A.{group}.{letter}"
    for group, letters in ((1, "abcdefgh"), (2, "abcdefghi"), (3, "abcde"), (4, "abcdefg"), (5, "ab"))
    for letter in letters
]
KINDS = (
    "resident_id mobile landline bank_card passport plate credit_code email address "
    "ip.public ip.private api_key private_key"
).split()


def test_it_has_the_31_risks_and_no_other_class_at_their_level():
    classes = load.taxonomy().classes
    assert len(RISKS) == 31
    assert [c for c in classes if c.startswith("A.") and c.count(".") == 2] == RISKS


@pytest.mark.parametrize("cls", load.taxonomy().classes)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_class_has_a_name_of_its_own_in_both_languages(cls: str, language: str):
    name = load.taxonomy().name(cls, language)
    assert name
    assert name != cls
    assert any("\u4e00" <= c <= "\u9fff" for c in name) or cls == "I.ip" if language == "zh" else name.isascii()


@pytest.mark.parametrize("cls", [*load.taxonomy().classes, "X.tickets"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_class_that_a_finding_may_have_rests_on_a_rule(cls: str, language: str):
    assert load.taxonomy().basis(cls, language)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_personal_information_has_its_placeholder(kind: str):
    chinese, english = (load.taxonomy().placeholder(f"I.{kind}", language) for language in ("zh", "en"))
    assert chinese.startswith("[")
    assert english.startswith("[")
    assert not any(c.isdigit() for c in chinese + english)


def test_the_placeholder_of_a_mobile_number_is_the_documented_one():
    assert load.taxonomy().placeholder("I.mobile", "zh") == "[手机号]"
    assert load.taxonomy().placeholder("I.mobile", "en") == "[phone number]"


def test_a_subclass_takes_what_it_does_not_say_from_the_class_above():
    table = Taxonomy("A: {zh: 甲, en: a, moderation: illicit}\nA.1: {zh: 乙, en: b}\n")
    assert table.moderation("A.1") == "illicit"
    assert table.placeholder("A.1", "en") == "[removed]"


def test_a_class_of_another_version_is_named_by_its_id():
    assert load.taxonomy().name("Z.9", "en") == "Z.9"
    assert load.taxonomy().basis("Z.9", "en") == ""


def test_a_class_without_its_parent_is_no_taxonomy():
    with pytest.raises(AssertionError):
        Taxonomy("A.1.h: {zh: 甲, en: a}\n")


def test_the_nearest_class_is_offered_for_a_mistyped_one():
    assert load.taxonomy().nearest("A.1.h.drgs") == "A.1.h.drugs"
    assert load.taxonomy().nearest("zzzzzz") == ""


def test_a_detector_says_what_its_own_classes_are_called():
    row = {"zh": "工单号", "en": "ticket number", "mask": {"zh": "[工单]", "en": "[ticket]"}}
    taxonomy = Taxonomy(load.taxonomy_yaml(), {"X.ticket": row})
    assert [taxonomy.name("X.ticket", language) for language in ("zh", "en")] == ["工单号", "ticket number"]
    assert taxonomy.placeholder("X.ticket", "zh") == "[工单]"
    assert taxonomy.name("X.ticket.old", "en") == "ticket number"
    assert "X.ticket" in taxonomy.classes


def test_a_detector_does_not_rename_the_shipped_classes():
    assert Taxonomy(load.taxonomy_yaml(), {"I.mobile": {"zh": "别的", "en": "other"}}).name("I.mobile", "zh") == (
        load.taxonomy().name("I.mobile", "zh")
    )
    with pytest.raises(AssertionError, match="below X"):
        Taxonomy(load.taxonomy_yaml(), {"A.9": {"zh": "新", "en": "new"}})
