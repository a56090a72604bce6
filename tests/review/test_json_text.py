"""JSON source is read decoded, however it is cut, and every readable character leads back to its source."""

import json

from hypothesis import given
from hypothesis import strategies as st

from guiju.review.json_text import BARE_LIMIT, JsonText

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def read(source: str, cuts: list[int]) -> tuple[str, JsonText]:
    machine, out, last = JsonText(), "", 0
    for cut in sorted({min(c, len(source)) for c in cuts}):
        out, last = out + machine.feed(source[last:cut]), cut
    return out + machine.feed(source[last:]) + machine.close(), machine


@given(values, st.booleans(), st.lists(st.integers(0, 200), max_size=8))
def test_it_reads_the_same_however_it_is_cut(value, ascii_only, cuts):
    source = json.dumps(value, ensure_ascii=ascii_only)
    whole, _ = read(source, [])
    assert read(source, cuts)[0] == whole
    assert read(source, list(range(len(source))))[0] == whole


@given(values, st.booleans())
def test_every_readable_character_leads_back_to_its_source(value, ascii_only):
    source = json.dumps(value, ensure_ascii=ascii_only)
    readable, machine = read(source, [])
    position = 0
    for at, char in enumerate(readable):
        start, end = machine.source_start(at), machine.source_end(at)
        assert start == position
        position = end
        piece = source[start:end]
        assert piece == char or char == "\n" or char == "\ufffd" or json.loads(f'"{piece}"') == char
    assert position == len(source)


def test_it_decodes_escapes_and_pairs():
    assert read(r'"\u5927\u9ebb \ud83d\ude00 \n\" \/"', [])[0] == '"大麻 😀 \n" /"'


def test_it_keeps_what_is_no_escape():
    assert read(r'"\u59zz"', [])[0] == '"\\u59zz"'
    assert read('"\\', [])[0] == '"\\'
    assert read('"\\ud83d x"', [])[0] == '"\ufffd x"'


def test_it_holds_a_number_until_it_is_complete():
    machine = JsonText()
    assert machine.feed('{"a": 138001') == '\n"a"\n '
    assert machine.waiting == 6
    assert machine.feed("38000}") == "13800138000\n"
    assert machine.portions(6, 17) == [(6, 17)]
    assert machine.is_bare(6)


def test_it_does_not_hold_what_is_too_long_for_a_number():
    machine = JsonText()
    machine.feed("1" * (BARE_LIMIT + 1))
    assert machine.waiting == 0


def test_what_is_no_json_is_read_as_prose():
    for prose in ('how to make "it": see below, or not', "请拨打 138 0013 8000，谢谢", "```json"):
        assert read(prose, [])[0] == prose
        assert read(prose, range(len(prose)))[0] == prose
    assert read('Here: {"a": 1, "b": true}. Fine', [])[0] == 'Here: \n"a"\n 1\n "b"\n true\n. Fine'


def test_it_knows_keys_from_values():
    source = '{"key": ["value", {"inner": "key"}], "last": 1}'
    _, machine = read(source, [])
    for word, is_key in (("key", True), ("value", False), ("inner", True), ("last", True)):
        at = source.index(word)
        assert machine.touches_key(at, at + 1) is is_key, word
    at = source.rindex('"key"') + 1
    assert not machine.touches_key(at, at + 1)


def test_it_parts_a_range_at_the_structure():
    source = '["abc","def"]'
    _, machine = read(source, [])
    assert machine.portions(2, 11) == [(2, 5), (8, 11)]
