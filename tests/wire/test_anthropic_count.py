"""Counted tokens: what is asked of which upstream, and the rule of the estimate."""

import json

import pytest

from carried import LABEL
from guiju.errors import BadRequest, UpstreamRefused
from guiju.wire.anthropic_count import DIALECT


def estimated(**body):
    ask = DIALECT.read(json.dumps({"model": "m"} | body).encode(), {})
    sent = DIALECT.upstream_body(ask, model="up", dialect="openai", masked={})
    shown = json.loads(DIALECT.read_answer(sent, ask, dialect="openai", allow_opaque=False).write({}, LABEL))
    assert shown["guiju"] == LABEL | {"estimated": True}
    return shown["input_tokens"]


def user(content):
    return [{"role": "user", "content": content}]


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa" * 1000}}


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": user("a" * 100)}, 4 + 30),
        ({"messages": user("规" * 100)}, 4 + 60),
        ({"messages": user("a" * 100), "system": "规" * 100}, 4 + 30 + 4 + 60),
        ({"messages": user([{"type": "text", "text": "a" * 100}, IMAGE])}, 4 + 30 + 1600),
        ({"messages": user("")}, 4),
    ],
)
def test_the_estimate_follows_its_rule(body, tokens):
    assert estimated(**body) == tokens


def test_tools_and_their_calls_count():
    tool = {"name": "f", "description": "d" * 100, "input_schema": {"type": "object"}}
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": "b" * 100}}]}
    bare = estimated(messages=user("hi"))
    assert estimated(messages=user("hi"), tools=[tool]) > bare + 30
    assert estimated(messages=[*user("hi"), call]) > bare + 4 + 30


def test_neither_a_limit_of_tokens_nor_a_stream_is_asked_for():
    ask = DIALECT.read(b'{"messages": [{"role": "user", "content": "hi"}], "stream": true}', {})
    assert not ask.stream
    sent = json.loads(DIALECT.upstream_body(ask, model="up", dialect="anthropic", masked={}))
    assert sent["model"] == "up"
    assert "max_tokens" not in sent


def test_of_what_cannot_be_sent_nothing_is_counted():
    with pytest.raises(BadRequest):
        estimated(messages=user([{"type": "server_thing"}]))


@pytest.mark.parametrize("body", [b"{}", b'{"input_tokens": "words"}', b'{"input_tokens": true}', b"[]"])
def test_an_answer_without_a_number_is_refused(body):
    ask = DIALECT.read(b'{"messages": [{"role": "user", "content": "hi"}]}', {})
    with pytest.raises(UpstreamRefused):
        DIALECT.read_answer(body, ask, dialect="anthropic", allow_opaque=False)
