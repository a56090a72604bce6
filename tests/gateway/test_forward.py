"""Another try before the first byte of an answer: where, when, and never after it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guiju import clock
from guiju.gateway.breaker import FAILURES, retry_after
from guiju.gateway.forward import listed, unfit
from inside import CUT, JSON, SSE, Inside, body_of, status_of

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]


def whole(content: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return JSON + json.dumps({"choices": [choice]}).encode()


def refused(status: int, *fields: str) -> bytes:
    body = b'{"error": {"message": "no", "type": "server_error"}}'
    head = "\r\n".join(
        (f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}", *fields)
    )
    return head.encode() + b"\r\n\r\n" + body


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Inside]:
    """Two upstreams of one model, the second where the first can't."""
    running = Inside(tmp_path)
    running.spare = [whole("from the spare one")]
    with running:
        yield running


def said(answer: bytes) -> str:
    return json.loads(body_of(answer))["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "first",
    [
        [CUT],
        [refused(500)],
        [refused(503)],
        [refused(429)],
        [refused(529)],
        [b"garbage\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n", CUT],
    ],
    ids=["cut", "500", "503", "429", "529", "garbage", "half a head"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_another_upstream_answers_where_the_first_cannot(pair: Inside, first: list, stream: bool):
    pair.says = first
    if stream:
        piece = {"choices": [{"index": 0, "delta": {"content": "from the spare one"}, "finish_reason": "stop"}]}
        pair.spare = [
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
            b"data: " + json.dumps(piece).encode() + b"\n\n",
            b"data: [DONE]\n\n",
        ]
    answer = pair.ask(CHAT, model="openai", messages=MESSAGES, stream=stream)
    assert status_of(answer) == 200
    assert b"from the spare one" in answer
    assert (len(pair.asked), len(pair.spare_asked)) == (1, 1)
    assert json.loads(body_of(pair.spare_asked[0]))["model"] == "other"
    opened, closed = pair.entries[-2:]
    assert (opened.upstream, closed.upstream, closed.attempts, closed.outcome) == ("openai", "spare", 2, "served")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_is_wrong_with_the_request_is_not_asked_elsewhere(pair: Inside, status: int):
    pair.says = [refused(status)]
    assert status_of(pair.ask(CHAT, model="openai", messages=MESSAGES)) in (status, 502)
    assert pair.spare_asked == []


def test_after_the_first_byte_nothing_is_tried_again(pair: Inside):
    pair.says = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{", CUT]
    answer = pair.ask(CHAT, model="openai", messages=MESSAGES)
    assert status_of(answer) == 502
    assert pair.spare_asked == []


def test_alone_it_is_asked_again_as_often_as_the_setting_says(tmp_path: Path):
    with Inside(tmp_path) as running:
        running.says = [CUT]
        assert status_of(running.ask(CHAT, model="openai", messages=MESSAGES)) == 502
        assert len(running.asked) == running.gateway.config["gateway.attempts"] == 3
        assert (running.entries[-1].attempts, running.entries[-1].outcome) == (3, "upstream_error")


def test_retry_after_is_waited_for_or_told(tmp_path: Path):
    with Inside(tmp_path) as running:
        running.says = [refused(429, "retry-after: 1")]
        began = time.monotonic()
        answer = running.ask(CHAT, model="openai", messages=MESSAGES)
        assert time.monotonic() - began >= 2  # twice asked to wait a second
        assert (status_of(answer), len(running.asked)) == (429, 3)
        running.asked.clear()
        running.says = [refused(429, "retry-after: 120")]
        answer = running.ask(CHAT, model="openai", messages=MESSAGES)
        assert (status_of(answer), len(running.asked)) == (429, 1)
        assert b"\r\nretry-after: 120\r\n" in answer


def test_one_that_keeps_failing_is_left_alone_until_it_is_back(pair: Inside):
    pair.says = [CUT]
    for _ in range(FAILURES):
        pair.ask(CHAT, model="openai", messages=MESSAGES)
    assert len(pair.asked) == FAILURES
    breaker = pair.gateway.current().pools["openai"].breaker
    assert breaker.state(time.monotonic()) == "open"
    assert said(pair.ask(CHAT, model="openai", messages=MESSAGES)) == "from the spare one"
    assert len(pair.asked) == FAILURES
    assert pair.entries[-2].upstream == "spare"
    breaker._until = 0.001  # its pause is over
    pair.says = [whole("well again")]
    assert said(pair.ask(CHAT, model="openai", messages=MESSAGES)) == "well again"
    assert breaker.state(time.monotonic()) == "closed"


def test_the_only_one_that_keeps_failing_is_left_alone_too(tmp_path: Path):
    with Inside(tmp_path) as running:
        running.says = [CUT]
        breaker = running.gateway.current().pools["openai"].breaker
        for _ in range(FAILURES):
            breaker.failed(time.monotonic())
        began = time.monotonic()
        answer = running.ask(CHAT, model="openai", messages=MESSAGES)
        assert time.monotonic() - began < 2
        assert (status_of(answer), running.asked) == (503, [])
        assert b"\r\nretry-after: 5\r\n" in answer
        assert json.loads(body_of(answer))["error"]["code"] == "upstream_unavailable"
        assert running.entries[-1].outcome == "upstream_error"
        breaker._until = 0.001  # its pause is over
        running.says = [whole("well again")]
        assert said(running.ask(CHAT, model="openai", messages=MESSAGES)) == "well again"


def test_one_that_asked_to_be_left_alone_is_asked_once_that_is_over(tmp_path: Path):
    with Inside(tmp_path) as running:
        running.says = [whole("now")]
        running.gateway.current().pools["openai"].breaker.rest(time.monotonic(), 1.0)
        began = time.monotonic()
        assert said(running.ask(CHAT, model="openai", messages=MESSAGES)) == "now"
        assert time.monotonic() - began >= 0.9


def test_retry_after_is_read_in_both_forms():
    assert retry_after({"retry-after": "7"}, clock.now()) == 7
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, clock.now()) == 0
    assert retry_after({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, clock.now()) > 1e9
    for none in ("", "-3", "soon", "٣"):
        assert retry_after({"retry-after": none}, clock.now()) == 0


def test_an_answer_in_another_form_than_asked_is_named():
    assert unfit({"content-encoding": "gzip"}, stream=False)
    assert unfit({"content-type": "application/json; charset=utf-8"}, stream=True)
    assert not unfit({"content-type": "text/event-stream", "content-encoding": "identity"}, stream=True)


def head_of(asked: bytes) -> tuple[str, dict[str, str]]:
    """The path and the fields of a request."""
    first, *lines = asked.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return first.split()[1], dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize(
    ("fields", "path", "header", "value"),
    [
        ({}, "/v1/chat/completions", "authorization", "Bearer k-1"),
        ({"key_header": "authorization"}, "/v1/chat/completions", "authorization", "Bearer k-1"),
        ({"key_header": "api-key"}, "/v1/chat/completions", "api-key", "k-1"),
        (
            {"key_header": "api-key", "query": "api-version=2024-10-21"},
            "/v1/chat/completions?api-version=2024-10-21",
            "api-key",
            "k-1",
        ),
    ],
)
def test_the_key_and_the_query_go_where_the_vendor_reads_them(
    tmp_path: Path, fields: dict[str, str], path: str, header: str, value: str
):
    with Inside(tmp_path, upstream={"secret": "k-1", "dialect": "openai", **fields}) as running:
        running.says = [whole("hello")]
        assert said(running.ask(CHAT, model="openai", messages=MESSAGES)) == "hello"
        asked, found = head_of(running.asked[0])
    assert (asked, found[header]) == (path, value)
    assert [name for name, given in found.items() if "k-1" in given] == [header]


@pytest.mark.parametrize(
    ("key_header", "header", "value"), [("", "x-api-key", "k-1"), ("authorization",) * 2 + ("Bearer k-1",)]
)
def test_a_server_that_speaks_anthropics_messages_reads_its_key_elsewhere(
    tmp_path: Path, key_header: str, header: str, value: str
):
    with Inside(tmp_path, upstream={"secret": "k-1", "dialect": "anthropic", "key_header": key_header}) as running:
        running.ask("/v1/messages", model="anthropic", messages=MESSAGES)
        asked, found = head_of(running.asked[0])
    assert (asked, found[header], found["anthropic-version"]) == ("/v1/messages", value, "2023-06-01")
    assert [name for name, given in found.items() if "k-1" in given] == [header]


def test_a_server_of_both_dialects_is_told_the_version_where_it_is_asked_for_messages(tmp_path: Path):
    """vLLM offers both below one address, and reads its key as OpenAI does."""
    with Inside(tmp_path, upstream={"dialect": "openai", "offers": ("openai", "anthropic")}) as running:
        running.ask("/v1/messages", model="openai", messages=MESSAGES)
        running.ask(CHAT, model="openai", messages=MESSAGES)
        (messages, said_there), (chat, said_here) = map(head_of, (running.asked[0], running.asked[-1]))
    assert (messages, said_there["anthropic-version"]) == ("/v1/messages", "2023-06-01")
    assert chat == "/v1/chat/completions"
    assert "anthropic-version" not in said_here


UNKNOWN = {"model": "openai", "messages": MESSAGES, "thinking": {"type": "enabled"}, "top_k": 3}


def test_what_a_strict_upstream_would_refuse_is_left_out_and_named(tmp_path: Path):
    with Inside(tmp_path, upstream={"unknown_fields": "drop"}) as running:
        running.says = [whole("hello")]
        answer = running.ask("/v1/messages", **UNKNOWN)
        assert head_of(answer)[1]["x-guiju-dropped"] == "thinking, top_k"
        assert json.loads(body_of(running.asked[0])).keys() == {"model", "messages", "max_tokens"}
        answer = running.ask(CHAT, **UNKNOWN)  # its own words
        assert "x-guiju-dropped" not in head_of(answer)[1]
        assert json.loads(body_of(running.asked[1])) == UNKNOWN
        running.says = [refused(400)]
        assert head_of(running.ask("/v1/messages", **UNKNOWN))[1]["x-guiju-dropped"] == "thinking, top_k"
        piece = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
        running.says = [SSE, b"data: " + json.dumps(piece).encode() + b"\n\n", b"data: [DONE]\n\n"]
        answer = running.ask("/v1/messages", stream=True, **UNKNOWN)
        assert b"hello" in answer
        assert head_of(answer)[1]["x-guiju-dropped"] == "thinking, top_k"


def test_the_upstream_that_answers_says_what_it_was_not_sent(tmp_path: Path):
    running = Inside(tmp_path, upstream={"unknown_fields": "drop"})
    running.spare = [whole("hello")]  # which takes everything
    with running:
        running.says = [CUT]
        answer = running.ask("/v1/messages", **UNKNOWN)
        assert (status_of(answer), "x-guiju-dropped" in head_of(answer)[1]) == (200, False)
        assert json.loads(body_of(running.spare_asked[0]))["top_k"] == 3


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["top_k", "thinking"], "thinking, top_k"),
        (["a\r\nset-cookie: b", "值", "a, b"], "a%0D%0Aset-cookie%3A%20b, a%2C%20b, %E5%80%BC"),
        ([f"n{at:02}" for at in range(99)], ", ".join(f"n{at:02}" for at in range(16)) + ", +83"),
        (["x" * 1_000], "x" * 64),
    ],
)
def test_names_that_somebody_chose_are_told_as_a_header_can_carry_them(names: list[str], told: str):
    assert listed(names) == told
