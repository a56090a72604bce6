"""Terms -> blob -> what the matcher reads: nothing is lost, short terms and idle phrases are left out."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.review.lexicon_blob import Term, encode_terms, key_of, read_terms


@given(st.lists(st.text("毒品博彩abcABC 。·１２", min_size=1, max_size=6), max_size=20))
def test_every_term_of_two_characters_comes_back_once_in_order(texts: list[str]):
    terms = [Term(text=text, cls="A.1.h.drugs") for text in texts]
    keys = [packed.key for packed in read_terms(encode_terms(terms))]
    assert keys == sorted(key_of(text) for text in texts if len(key_of(text)) >= 2)


def test_what_is_said_of_a_term_comes_back():
    term = Term(text="大麻", cls="A.1.h.drugs", severity="middle", id="7", allow=("大麻哈鱼", "大麻", "别的"))
    (packed,) = read_terms(encode_terms([term]))
    assert (packed.key, packed.cls, packed.severity, packed.id) == ("大麻", "A.1.h.drugs", "middle", "7")
    assert packed.allow == ("大麻哈鱼",)  # a phrase that isn't longer than the term, or lacks it, would never cover it


def test_a_term_without_an_id_takes_its_place_in_the_list():
    blob = encode_terms([Term(text="乙乙", cls="x"), Term(text="甲甲", cls="x", id="mine"), Term(text="丙丙", cls="x")])
    assert {packed.key: packed.id for packed in read_terms(blob)} == {"乙乙": "0", "甲甲": "mine", "丙丙": "2"}


def test_terms_are_read_one_by_one():
    """A reader may stop: what follows isn't looked at."""
    good, bad = encode_terms([Term(text="毒品", cls="x")]), msgspec.msgpack.encode(["not", "a", "term"])
    both = b"\x92" + good[1:] + bad
    reading = read_terms(both)
    assert next(reading).key == "毒品"
    with pytest.raises(msgspec.ValidationError):
        next(reading)
