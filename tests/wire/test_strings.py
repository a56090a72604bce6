"""No string of a body is overlooked, and each can be put back where it stood."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.wire.strings import (
    DEEPEST,
    MOST_VALUES,
    UNREADABLE,
    Places,
    crowded,
    decode,
    decode_answer,
    encode,
    leaves,
    put,
)

PLACES = Places(
    listed=frozenset(("id", "calls.*.id", "created")),
    forms={"calls.*.arguments": "json", "calls.*.name": "name"},
    opaque=frozenset(("image.url",)),
)
ANYTHING = Places(listed=frozenset(), forms={}, opaque=frozenset())

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


OUR_KEYS = frozenset(("a", "calls", "empty", "image", "note", "nothing", "seven", "tel", "x", "y", "yes"))


def told(value, places=PLACES):
    """What is found, but for the keys that these tests are built with."""
    found = [leaf for leaf in leaves(value, places) if not (leaf.pattern.endswith("#key") and leaf.text in OUR_KEYS)]
    return [(".".join(map(str, leaf.path)), leaf.text, leaf.kind) for leaf in found]


def test_strings_come_in_their_order_with_place_and_kind():
    body = {
        "id": "chatcmpl-1",
        "calls": [{"id": "call_1", "name": "find", "arguments": '{"a": 1}'}, {"note": "unknown"}],
        "image": {"url": "data:image/png;base64,AAAA"},
        "empty": "",
        "nothing": None,
        "yes": True,
        "seven": 7,
    }
    assert told(body) == [
        ("id", "chatcmpl-1", "listed"),
        ("calls.0.id", "call_1", "listed"),
        ("calls.0.name", "find", "name"),
        ("calls.0.arguments", '{"a": 1}', "json"),
        ("calls.1.note", "unknown", "text"),
        ("image.url", "data:image/png;base64,AAAA", "opaque"),
    ]


@pytest.mark.parametrize(
    "identifier",
    ["call_YlvnnrHxOh7Ky1p2EZcVE1sf", "toolu_01A09q90qw90lq917835lq9", "qwen/qwen3-32b:free", "fp_44709d6fcb", ""],
)
def test_an_identifier_is_told_as_one(identifier):
    assert {text for _, text, _ in told({"id": identifier, "calls": [{"id": identifier}]})} <= {identifier}
    assert {kind for *_, kind in told({"id": identifier, "calls": [{"id": identifier}]})} <= {"listed"}


@pytest.mark.parametrize("word", ["assistant", "chat.completion.chunk", "tool_calls", "end_turn"])
def test_a_word_of_the_dialects_is_no_text_where_one_may_stand(word):
    assert told({"id": word, "calls": [{"id": word}]}) == []
    assert told({"note": word}) == [("note", word, "text")]


@pytest.mark.parametrize("text", ["13812345678", "138-1234-5678", "call_13812345678", "li.lei@example.com"])
def test_a_number_or_an_address_is_text_in_place_of_an_identifier_too(text):
    assert told({"id": text}) == [("id", text, "text")]


@pytest.mark.parametrize("text", ["制作", "two words", "a\n", "x" * 201, "a,b", "<b>"])
def test_nothing_else_travels_in_place_of_an_identifier(text):
    assert told({"id": text}) == [("id", text, "text")]


@pytest.mark.parametrize("inside", [["two words"], {"x": "two words"}, [{"y": ["two words"]}]])
def test_nothing_travels_below_a_place_that_holds_an_identifier(inside):
    assert [text for _, text, _ in told({"id": inside})] == ["two words"]


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        (13812345678, ["13812345678"]),
        (-13812345678, ["-13812345678"]),
        (13812345678.0, ["13812345678"]),
        (13812345678.5, ["13812345678.5"]),
        (110105194912310021, ["110105194912310021"]),
        (9_999_999, []),
        (0.5, []),
        (True, []),
        (None, []),
    ],
)
def test_large_numbers_are_text(number, texts):
    assert [text for _, text, _ in told({"tel": number})] == texts
    assert told({"created": number}) == [("created", text, "number") for text in texts]


def test_a_time_or_a_seed_is_no_text():
    assert told({"created": 1741569952}) == []
    seeds = Places(listed=frozenset(), forms={}, opaque=frozenset(), seeds=frozenset(("a",)))
    assert told({"a": 6222020200112345678}, seeds) == []


@pytest.mark.parametrize("key", ["type", "$ref", "max_tokens", "additionalProperties"])
def test_a_word_of_the_dialects_is_no_text(key):
    assert told({key: 1}) == []


@pytest.mark.parametrize(
    "key",
    [
        "制作",
        "two words",
        "how_to_make_a_bomb",
        "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z",
        "tel13812345678",
        "13812345678",
        "1",
        "",
        "a" * 65,
        "a\n",
    ],
)
def test_any_other_key_is_a_name(key):
    assert told({"a": [{key: {}}]}) == [(f"a.0.{key}", key, "name")]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@given(values)
def test_no_string_is_overlooked(value):
    read = [leaf.text for leaf in leaves(value, ANYTHING) if not leaf.pattern.endswith("#key")]
    for text in strings(value):
        assert not text or text in read


@given(values.filter(lambda value: isinstance(value, (dict, list))))
def test_every_string_can_be_replaced_where_it_stood(value):
    value = json.loads(json.dumps(value))
    inside = [leaf for leaf in leaves(value, ANYTHING) if not leaf.pattern.endswith("#key")]
    for number, leaf in enumerate(inside):
        put(value, leaf.path, f"new {number}")
    again = [leaf for leaf in leaves(value, ANYTHING) if not leaf.pattern.endswith("#key")]
    assert [(leaf.path, leaf.text) for leaf in again] == [(leaf.path, f"new {n}") for n, leaf in enumerate(inside)]


def test_a_string_can_be_taken_out():
    body = {"a": {"b": "x", "c": "y"}, "d": ["x", "y"]}
    put(body, ("a", "b"), None)
    put(body, ("d", 0), None)
    assert body == {"a": {"c": "y"}, "d": ["", "y"]}


def nested(depth):
    return json.loads("[" * depth + '"bottom"' + "]" * depth)


def test_it_reads_deep_and_refuses_what_is_deeper():
    assert [leaf.text for leaf in leaves(nested(DEEPEST), ANYTHING)] == ["bottom"]
    with pytest.raises(RecursionError, match="200 objects and lists"):
        leaves(nested(DEEPEST + 1), ANYTHING)


@pytest.mark.parametrize(
    "number", ["1e400", "-0.0", "1.10", "0.1000000000000000055511151231257827", "123456789012345678901234567890"]
)
def test_a_number_travels_as_it_was_said(number):
    said = encode(decode(f"[{number}]".encode()))[1:-1].decode()
    assert (said.lower().replace("+", ""), type(decode(number.encode()))) == (number, type(decode(said.encode())))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r'"a\ud83d b"', "a\ufffd b"),
        (r'"\ude00"', "\ufffd"),
        (r'"\ud83d\ude00 \ud83d\ud83d\ude00"', "😀 \ufffd😀"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_what_cannot_be_read(source, text):
    assert decode_answer(source.encode()) == text


def test_a_crowd_of_values_is_told_before_it_is_read():
    full = MOST_VALUES
    for one in (b"1", b"[]", b"{}", b'"a"', b'{"a":1}'):
        crowd = b"[" + b",".join([one] * (full + 2)) + b"]"
        assert crowded(crowd)
    assert not crowded(b"[" + b",".join([b"1"] * (full - 2)) + b"]")


def test_what_stands_in_strings_is_no_crowd():
    book = '一, [二], {三} \\" \\\\ ' * 100_000
    assert not crowded(encode([book, book]))
    assert crowded(encode([book, book])[:-1] + b"," + b",".join([b"1"] * MOST_VALUES) + b"]")


@pytest.mark.parametrize("odd", [b'"' + b'\\"' * 4_000_000, b'"' * 7_999_999, b"\\" * 4_000_000 + b'",' * 2_000_000])
def test_strings_without_an_end_are_looked_at_once(odd: bytes):
    crowded(odd)  # a pattern that goes back over it would take days


@pytest.mark.parametrize("number", ["1e999999999999", "-1e999999999999", "1e-999999999999", "123456789e-2"])
def test_a_number_with_any_exponent_has_its_digits(number: str):
    nothing_known = Places(listed=frozenset(), forms={}, opaque=frozenset())
    found = leaves(decode(b'{"x":%b}' % number.encode()), nothing_known)
    assert all(leaf.kind in ("name", "number") for leaf in found)


def test_an_exponent_beyond_measure_can_not_be_read():
    with pytest.raises(UNREADABLE):
        decode(b"1e" + b"9" * 30)
