"""Embeddings: what is read of a request and of an answer."""

import json

import pytest

from carried import LABEL
from guiju.errors import BadRequest, UpstreamRefused
from guiju.wire.openai_embeddings import DIALECT


def asked(**body):
    return DIALECT.read(json.dumps({"model": "m"} | body).encode(), {})


def answer(**body):
    return DIALECT.read_answer(
        json.dumps(body).encode(), asked(input="a"), dialect="openai_embeddings", allow_opaque=False
    )


def test_every_text_is_a_segment():
    ask = asked(input=["a", "b"], user="amei", encoding_format="base64", dimensions=8, task="c")
    assert [(s.path, s.text) for s in ask.segments if s.form != "name"] == [
        (("input", 0), "a"), (("input", 1), "b"), (("task",), "c"),
    ]  # fmt: skip
    assert ask.claim.user == "amei"
    assert not ask.stream


@pytest.mark.parametrize("tokens", [[1, 13812345678], [[1], [2, 13812345678]]])
def test_token_numbers_are_media_and_no_text(tokens):
    ask = asked(input=tokens)
    assert [(m.path, m.kind) for m in ask.media] == [(("input",), "tokens")]
    assert ask.segments == []


@pytest.mark.parametrize("given", [None, 7, [], [[]], ["a", 1], [{"text": "a"}], [1.5]])
def test_anything_else_is_refused(given):
    with pytest.raises(BadRequest) as wrong:
        asked(input=given)
    assert wrong.value.data["field"] == "input"


def test_a_masked_text_is_embedded_masked_and_the_format_is_the_clients():
    ask = asked(input=["a", "call 138"], encoding_format="base64")
    sent = DIALECT.upstream_body(ask, model="up", dialect="openai_embeddings", masked={("input", 1): "call [..]"})
    assert json.loads(sent) == {"model": "up", "input": ["a", "call [..]"], "encoding_format": "base64"}


def test_vectors_go_back_to_their_places():
    item = {"object": "embedding", "index": 0}
    data = [item | {"embedding": [0.5, 1.0]}, item | {"index": 1, "embedding": "AACAPw=="}]
    read = answer(object="list", data=data, usage={"prompt_tokens": 4, "total_tokens": 4}, note="x")
    assert [s.text for s in read.segments if s.role] == ["note", "x"]
    assert read.usage == (4, 0)
    shown = json.loads(read.write({("note",): "[..]"}, LABEL))
    assert shown["data"] == data
    assert (shown["note"], shown["guiju"]) == ("[..]", LABEL)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": "words"},
        {"data": ["words"]},
        {"data": [{"index": 0}]},
        {"data": [{"embedding": {"a": "words"}}]},
        {"data": [{"embedding": None}]},
        {"data": [{"embedding": [0.5]}], "embedding": [0.5]},
        {"data": [{"x": {"embedding": [0.5]}}]},
    ],
)
def test_an_answer_without_vectors_or_with_one_too_many_is_refused(body):
    with pytest.raises(UpstreamRefused):
        answer(**body)


def test_a_key_in_disguise_brings_no_other_vector_in():
    body = b'{"data": [{"embedd\\u0069ng": [7]}]}'
    with pytest.raises(UpstreamRefused):
        DIALECT.read_answer(body, asked(input="a"), dialect="openai_embeddings", allow_opaque=False)
