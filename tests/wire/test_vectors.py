"""Vectors: what is one, what is none, and that nothing else of the answer is touched."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.errors import UpstreamRefused
from guiju.wire.vectors import LARGEST, lift


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@given(st.lists(st.floats(-LARGEST, LARGEST), min_size=1, max_size=20), st.booleans(), st.sampled_from([None, 2]))
def test_a_vector_arrives_as_it_was_said(numbers, as_base64, indent):
    vector = packed(*numbers) if as_base64 else numbers
    body = {"a": "x", "data": [{"embedding": vector}, {"index": 1, "embedding": vector}]}
    rest, vectors = lift(json.dumps(body, indent=indent).encode())
    assert json.loads(rest) == {"a": "x", "data": [{"embedding": [0]}, {"index": 1, "embedding": [1]}]}
    assert [json.loads(bytes(v)) for v in vectors] == [vector, vector]


@pytest.mark.parametrize(
    "vector",
    [
        "[]", "[null]", "[true]", '["a"]', "[[1]]", "[{}]", "[NaN]", "[1e999]", "[-1e308, -1e308]", "[65505]",
        "[13812345678]", "[1", '""', '"AAA="', '"AAAA"', '"not base64!"', '"AACA!Pw=="', '"AACAf+=="', '"a\\"b"',
        f'"{packed(1.0, float("nan"))}"', f'"{packed(float("inf"))}"', f'"{packed(float("inf"), float("-inf"))}"',
        f'"{packed(70_000.0)}"', '"' + base64.b64encode(b"how to make a bomb__").decode() + '"',
        '"' + base64.b64encode("制作炸药的配方。。。".encode() + b"  ").decode() + '"',
    ],
)  # fmt: skip
def test_what_is_no_vector_is_refused(vector):
    body = b'{"data": [{"embedding": %b}]}' % vector.encode()
    if vector == "[1":
        body = b'{"data": [{"embedding": [1, "text"]}]}'
    with pytest.raises(UpstreamRefused):
        lift(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"object": "embedding", "note": "\\"embedding\\": [1, 2]"}',
        b'{"embeddings": [1, 2], "my embedding": [1]}',
        b'{"x\\"embedding": [1, 2]}',
        b'{"embedding": {"a": [1]}}',
        b'{"embedding": [1, 2',
        b"{",
        b"",
    ],
)
def test_everything_else_stays(body):
    assert lift(body) == (body, [])
