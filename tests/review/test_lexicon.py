"""Terms are found however the text is cut or dressed up, nothing of them is let go, and next to nothing else is held."""

import re
import string
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guiju.review import load
from guiju.review.canon import canonical
from guiju.review.lexicon import Lexicon, _Sorted
from guiju.review.lexicon_blob import Term, encode_terms, key_of

TERMS = [
    Term(text="毒品", cls="drugs", id="1"),
    Term(text="毒品交易", cls="drugs", id="2"),
    Term(text="大麻", cls="drugs", id="3", allow=("大麻哈鱼",)),
    Term(text="heroin", cls="drugs", id="4"),
    Term(text="child porn", cls="minors", id="5"),
    Term(text="AV", cls="porn", id="6"),
    Term(text="sex", cls="porn", id="7"),
    Term(text="品交", cls="other", id="8"),
    Term(text="ab女", cls="porn", id="9"),
    Term(text="buy illegal guns", cls="weapons", id="10"),
    Term(text="卖92手枪", cls="weapons", id="11"),
    Term(text="ransomware", cls="malware", id="12"),
    Term(text="badshop.com", cls="drugs", id="13"),
    Term(text="sex tape", cls="porn", id="14"),
]
LEXICON = Lexicon({"t": encode_terms(TERMS)})


def found(text, cuts=(), lexicon=LEXICON):
    shape = canonical(text).text
    scanner = lexicon.scanner(frozenset(), "input")
    findings, last = [], 0
    for cut in [*sorted({min(c, len(shape)) for c in cuts}), len(shape)]:
        findings += scanner.feed(shape[last:cut]).findings
        last = cut
    findings += scanner.close()
    return {(f.rule, f.start, f.end) for f in findings}


def rules(text, **more):
    return {rule.removeprefix("t:") for rule, _, _ in found(text, **more)}


DRESSED = st.text("毒品交易大麻哈鱼女 heroinavsexchildporb*-·,。\n。.", max_size=40) | st.lists(
    st.sampled_from(
        [
            *"heroin",
            *"毒品",
            "child",
            "porn",
            " ",
            "  ",
            " - ",
            ". ",
            "-",
            "*",
            "sex",
            "buy",
            "illegal",
            "guns",
            "92",
            "badshop",
            "com",
            ".",
            " . ",
            "🇭",
            "🇪",
        ]
    ),
    max_size=12,
).map("".join)


@given(DRESSED, st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=400)
def test_it_finds_the_same_however_the_text_is_cut(text, cuts):
    whole = found(text)
    assert found(text, cuts) == whole
    assert found(text, range(len(text) * 3)) == whole


@given(DRESSED)
@settings(max_examples=2000)
def test_a_text_that_looks_clear_holds_nothing(text):
    if LEXICON.clear(canonical(text).text):
        assert found(text) == set()


def test_an_ordinary_text_looks_clear():
    assert LEXICON.clear("今天的天气很好，his ex-wife went to java island，“大 家”都说好。")


def test_half_a_pair_is_no_error():
    assert rules("\ud83d毒品\ude00") == {"1"}
    assert LEXICON.clear("\ud83d") is True


@pytest.mark.parametrize("before", ["\ud83d\ude00", "\ude00\ud83d\ude00", "𠀀\ud83d\ude00"])
def test_a_place_is_right_behind_halves_that_stand_side_by_side(before):
    """They are two characters, as their text says, and no pair, as UTF-16 would have it."""
    assert found(f"{before}𠀀毒品，好") == {("t:1", len(before) + 1, len(before) + 3)}


def test_a_term_is_no_other_characters_bytes():
    shifted = ("x" + "毒品交易").encode("utf-16-le")[1:-1].decode("utf-16-le", "surrogatepass")
    assert LEXICON.candidates(shifted) == {}
    assert found(shifted) == set()
    assert LEXICON.clear(shifted)


def calls(text):
    """Calls, Python's and C's, that a first look and the machine make for a whole text."""
    counted = [0]

    def count(frame, event, argument):
        counted[0] += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        LEXICON.clear(text)
        scanner = LEXICON.scanner(frozenset(), "input")
        scanner.feed(text)
        scanner.close()
    finally:
        sys.setprofile(before)
    return counted[0]


@pytest.mark.parametrize(
    "unit", ["essex ", "java ", "大麻哈鱼", "毒品交", "s e x ", "c-h-i-l-d- ", "𠀀毒品", "buy illegal gun "]
)
def test_a_text_that_is_all_beginnings_takes_no_more_than_its_length(unit):
    assert calls(unit * 800) <= 4.2 * calls(unit * 200)


@given(DRESSED)
@settings(max_examples=400)
def test_nothing_of_a_finding_was_safe_before_it_was_reported(text):
    shape = canonical(text).text
    scanner, safe = LEXICON.scanner(frozenset(), "input"), 0
    for char in shape:
        scan = scanner.feed(char)
        for finding in scan.findings:
            assert finding.start >= safe, (finding, safe)
        assert scan.safe_up_to >= safe
        safe = scan.safe_up_to
    for finding in scanner.close():
        assert finding.start >= safe


@given(st.text("毒品交易大麻哈鱼x", max_size=30))
def test_the_matcher_agrees_with_a_naive_twin(text):
    expected = set()
    for term in TERMS:
        key = key_of(term.text)
        for at in range(len(text) - len(key) + 1):
            covered = any(
                text.startswith(phrase, at - phrase.index(key)) and at >= phrase.index(key) for phrase in term.allow
            )
            if text.startswith(key, at) and not covered:
                expected.add((f"t:{term.id}", at, at + len(key)))
    longest = {(s, max(e for _, s2, e in expected if s2 == s)) for _, s, _ in expected}
    assert {(s, e) for _, s, e in found(text)} >= longest
    assert {(s, e) for _, s, e in found(text)} <= {(s, e) for _, s, e in expected}


@pytest.mark.parametrize(
    "text",
    [
        "毒品",
        "毒 品",
        "毒*品",
        "毒**品",
        "毒-品",
        "毒【品】",
        "毒😀品",
        "毒\u200b品",
        "毒_品",
        "毒·品",
        "毒.品",
        "毒~品",
        "毒/品",
    ],
)
def test_it_sees_through_what_stands_between_characters(text):
    assert "1" in rules(f"他卖{text}吗")


@pytest.mark.parametrize(
    "text",
    ["heroin", "HEROIN", "Ｈｅｒｏｉｎ", "h-e-r-o-i-n", "h e r o i n", "h.e.r.o.i.n", "her*oin", "h*e*r*o*i*n", "hеroin",
     "heroi\u0301n", "h_e_r_o_i_n", "h--e--r--o--i--n", "看heroin的", "看h-e-r-o-i-n的"],
)  # fmt: skip
def test_it_sees_through_dressed_up_latin(text):
    assert rules(f"buy {text} now") == {"4"}
    assert rules(text) == {"4"}


@pytest.mark.parametrize("separator", ["-", ".", "'", "/", "--", "..", "_-", "*", "·", "😀"])
def test_it_sees_through_what_stands_inside_a_latin_word(separator):
    assert rules(f"buy her{separator}oin now") == {"4"}
    assert rules(f"child po{separator}rn") == {"5"}


def test_a_blank_inside_a_word_is_seen_through_in_a_longer_term_only():
    assert rules("buy ille gal guns") == {"10"}
    assert rules("write ran somware") == {"12"}
    assert rules("a sext ape") == {"14"}
    assert rules("the hero in this film") == set()


@pytest.mark.parametrize(
    "text",
    ["badshop.com", "badshop .com", "badshop. com", "badshop . com", "badshop*.*com", "badshop[.]com",
     "badshop-.-com", "bad-shop . com",
     "b a d s h o p . c o m", "看badshop . com的", "badshop com"],
)  # fmt: skip
def test_it_sees_through_separators_beside_a_domains_own_full_stop(text):
    assert rules(f"at {text} now") == {"13"}
    assert rules(f"at {text} now", cuts=range(40)) == {"13"}


@pytest.mark.parametrize(
    "text", ["bad shop. Come in", "badshop; com", "badshop.\ncom", "badshop. Compare", "badshop -- . -- com"]
)
def test_it_leaves_alone_what_is_no_domain(text):
    assert rules(text) == set()


def flags(word):
    return "".join(chr(0x1F1E6 + ord(c) - ord("a")) for c in word)


@pytest.mark.parametrize(
    "text", [flags("heroin"), " ".join(flags("heroin")), flags("he") + "roin", "🄷🄴🅁🄾🄸🄽", "🅗🅔🅡🅞🅘🅝", "🅷🅴🆁🅾🅸🅽"]
)
def test_it_sees_through_letters_of_flags_and_letters_in_squares_and_circles(text):
    assert rules(f"buy {text} now") == {"4"}


def test_a_flag_is_no_word():
    assert rules("🇦🇻 🇸🇪 and " + flags("av")) == set()
    assert rules("🇨🇳🇺🇸🇫🇷 in " + flags("de") + " " + flags("se")) == set()


def test_every_shipped_latin_term_is_seen_in_letters_of_flags_and_a_real_flag_is_none():
    shipped = load.default_lexicons()
    lexicon = Lexicon({name: encode_terms(terms) for name, terms in shipped.items()})
    latin = {t.text.lower() for terms in shipped.values() for t in terms if re.fullmatch("[A-Za-z ]+", t.text)}
    spelled = ["".join(flags(c) if c != " " else c for c in term) for term in latin]
    assert [text for text in spelled if not found(text, lexicon=lexicon)] == []
    two = [flags(a + b) for a in string.ascii_lowercase for b in string.ascii_lowercase]
    assert [text for text in two if found(f"去{text}旅行 in {text}", lexicon=lexicon)] == []


@pytest.mark.parametrize("text", ["卖92手枪", "卖9-2手枪", "卖 9 2 手 枪", "賣92手槍", "卖.9.2.手.枪"])
def test_it_sees_through_separators_in_a_mixed_term(text):
    assert rules(text) == {"11"}


@pytest.mark.parametrize(
    "text",
    ["child porn", "child-porn", "childporn", "c h i l d   p o r n", "c-h-i-l-d- -p-o-r-n", "c.h.i.l.d. .p.o.r.n"],
)
def test_a_blank_of_the_term_may_be_anything(text):
    assert rules(text) == {"5"}


@pytest.mark.parametrize(
    "text",
    ["java", "avatar", "heroine", "his ex-wife", "essex", "sexy", "it's ex", "毒。品", "毒，品", "毒\n品", "毒***品",
     "毒. 品", "s ex", "大麻哈鱼", "大 麻哈鱼", "superheroin", "the ro in", "a v i d",
     "a-v", "s-ex", "child - porn", "child. porn", "her   oin", "buy - illegal guns"],
)  # fmt: skip
def test_it_leaves_alone_what_is_no_term(text):
    assert rules(text) == set()


def test_the_longest_term_from_one_place_wins_and_others_are_reported():
    assert rules("毒品交易") == {"2", "8"}


def test_an_allow_phrase_covers_only_its_own_place():
    assert found("大麻哈鱼和大麻") == {("t:3", 5, 7)}


def test_it_holds_only_an_open_start():
    scanner = LEXICON.scanner(frozenset(), "input")
    assert scanner.feed("今天毒").safe_up_to == 2
    assert scanner.feed(" ").safe_up_to == 2
    assert scanner.feed("天").safe_up_to == 5
    assert scanner.feed("大麻").safe_up_to == 5
    assert scanner.feed("哈").safe_up_to == 5
    assert scanner.feed("鱼").safe_up_to == 9


def test_a_term_that_is_only_recorded_is_found_but_holds_nothing():
    lexicon = Lexicon({"t": encode_terms(TERMS)}, holds=lambda cls, severity: cls == "porn")
    scanner = lexicon.scanner(frozenset(), "input")
    assert scanner.feed("毒").safe_up_to == 1
    scan = scanner.feed("品。")
    assert scan.safe_up_to == 3
    assert [f.rule for f in scan.findings] == ["t:1"]


def test_work_and_memory_stay_bounded():
    scanner = LEXICON.scanner(frozenset(), "input")
    for _ in range(3000):
        scanner.feed("毒s e x 大麻 ")
    assert len(scanner._tail) < 20
    assert len(scanner._reported) < 10
    assert len(scanner._squeeze._marks) < 20


def test_the_sorted_words_agree_with_a_naive_twin():
    words = sorted(
        ["毒品", "毒品交", "毒品交易", "毒品交换会", "大麻", "品", "ab", "abc", "abd", "heroinheroins", "heroinheroint"]
    )
    beginnings: dict[str, list[str]] = {}
    for word in words:
        beginnings.setdefault(word[: 12 if word.isascii() else 3], []).append(word)
    numbers, known = list(beginnings), _Sorted(list(beginnings.values()))
    for text in (
        "毒品交",
        "毒品交易",
        "毒品交换",
        "毒品好",
        "毒",
        "abcd",
        "abe",
        "a",
        "x",
        "品毒品",
        "heroinheroinsx",
        "heroinheroi",
    ):
        for start in range(len(text)):
            rest = text[start:]
            number = max(
                (n for n, b in enumerate(numbers) if rest.startswith(b)), key=lambda n: len(numbers[n]), default=-1
            )
            there = sorted((w for w in words if rest.startswith(w)), key=len, reverse=True)
            opens = any(w.startswith(rest) and w != rest for w in words)
            assert known.at(text, start, number) == (there, opens)


def test_a_blob_without_terms_finds_nothing():
    assert found("毒品", lexicon=Lexicon({"t": encode_terms([Term(text="毒", cls="x")])})) == set()


@given(st.text(max_size=30))
def test_any_text_at_all(text):
    assert found(text, range(40)) == found(text)
