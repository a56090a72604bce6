"""The canonical form is the same however a text is cut, and each of its characters leads back to where it came from."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.review.canon import Canon, canonical, plain

texts = st.text(max_size=40) | st.text("aＡ毒\u200bé㎏①龍，。İß\u0301𝐀é ", max_size=40)


@given(texts, st.lists(st.integers(0, 40), max_size=6))
def test_it_is_the_same_however_the_text_is_cut(text, cuts):
    canon, out, last = Canon(), "", 0
    for cut in [*sorted({min(c, len(text)) for c in cuts}), len(text)]:
        out, last = out + canon.feed(text[last:cut]), cut
    whole = canonical(text)
    assert out == whole.text
    assert canon.length == len(out)
    assert [canon.start(i) for i in range(len(out) + 1)] == [whole.canon.start(i) for i in range(len(out) + 1)]


@given(texts)
def test_every_canonical_character_leads_back(text):
    whole = canonical(text)
    for at, char in enumerate(whole.text):
        start, end = whole.span(at, at + 1)
        assert end == start + 1
        assert char in plain(text[start])
    assert whole.canon.start(len(whole.text)) == len(text)


@given(texts, st.data())
def test_forgetting_changes_nothing_that_is_still_asked_for(text, data):
    canon, whole = Canon(), canonical(text)
    for char in text:
        canon.feed(char)
    before = data.draw(st.integers(0, len(whole.text)))
    canon.forget(before)
    for at in range(before, len(whole.text) + 1):
        assert canon.start(at) == whole.canon.start(at)


@given(texts)
def test_it_is_its_own_canonical_form(text):
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("given_text", "canonical_text"),
    [
        ("ＡＢｃ１２", "abc12"),
        ("毒\u200b品\u2060", "毒品"),
        ("龍門客棧", "龙门客栈"),
        ("hе\u200droіn", "heroin"),  # Cyrillic е and і
        ("𝐇𝐞𝐫𝐨𝐢𝐧", "heroin"),
        ("①②③", " 1  2  3 "),
        ("Ηеʀօıи ꜱᴇx 🅑🅾🅼🅱 ⒝ Ꮯⲟɗɛ", "heroiи sex bomb b code"),
        ("🇨🇳 🄰🅰🅐 he\U000e0072roin", "c-n- aaa heroin"),
        ("毒丨品👍🏽", "毒|品👍"),
        ("1️⃣", "1"),
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("㎏", "kg"),
        ("İ", "i"),
        ("你好，世界！（是）", "你好，世界！（是）"),
        ("\u3000\u00a0", "  "),
        ("한국어", "한국어"),
        ("a\tb\r\nc", "a\tb\r\nc"),
    ],
)
def test_it_changes_what_the_table_says(given_text, canonical_text):
    assert plain(given_text) == canonical_text


def test_ordinary_text_is_only_lowered():
    text = "今天的天气很好，我们去公园吧。Let's GO!"
    assert plain(text) == text.lower()
    assert unicodedata.normalize("NFKC", text) != text


@given(texts)
def test_alone_it_is_the_same_as_with_the_way_back(text):
    assert plain(text) == canonical(text).text
