"""What an upstream can do wrong, at every door: the client gets an ending of its dialect, nothing unreviewed leaves, and the
record says whose fault it was."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import matrix as table
from gateway.test_every_dialect import DOORS, named
from guiju.gateway import breaker
from guiju.ledger import entries
from inside import CUT, JSON, KEY, SSE, Inside, body_of, request, status_of

SECRET = table.BAIT["personal"][table.Action.MASK]
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
STALL = 20.0
"""Seconds: longer than anybody waits here."""
SHORT = {"connect_timeout": 0.3, "first_byte_timeout": 0.3, "idle_timeout": 0.3}
LIMIT = 1_000_000
"""Bytes that an answer may have here."""
FLOOD = [b"x" * 65_536] * 100

BEFORE: dict[str, list[Any]] = {
    "resets": [CUT],
    "closes without a word": [b""],
    "no HTTP": [f"call {SECRET}\r\n\r\n".encode()],
    "half a head": [_OK, CUT],
    "a head without end": [_OK, *[b"x-a: " + b"y" * 4000 + b"\r\n"] * 100],
    "500": [f"HTTP/1.1 500 X\r\ncontent-length: 11\r\n\r\n{SECRET}".encode()],
    "429": [b"HTTP/1.1 429 X\r\ncontent-length: 0\r\nretry-after: 7\r\n\r\n"],
    "a redirect": [
        f"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/{SECRET}\r\ncontent-length: 0\r\n\r\n".encode()
    ],
    "only an interim answer": [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", CUT],
    "compressed": [_OK + b"content-encoding: gzip\r\n\r\n\x1f\x8b"],
    "a page": [b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>" + SECRET.encode()],
    "no JSON": [JSON + SECRET.encode()],
    "shorter than it said": [_OK + b"content-length: 999\r\n\r\n{", CUT],
    "no chunks": [_OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + SECRET.encode()],
    "a chunk that is longer than it said": [_OK + b"transfer-encoding: chunked\r\n\r\n3\r\n{}{}{}" + SECRET.encode()],
    "no last chunk": [_OK + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n", CUT],
    "longer than it said": [_OK + b"content-length: 1\r\n\r\n{" + SECRET.encode() + b"}"],
    "two lengths": [_OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n{}"],
    "chunked and a length": [_OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    "another protocol": [b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + SECRET.encode()],
    "a status that is none": [b"HTTP/1.1 2000 OK\r\n\r\n{}"],
    "stalls once it is asked": [STALL],
    "stalls in its head": [_OK, STALL],
    "a head that trickles": [_OK, *[b"x-a: b\r\n", 0.1] * 100],
    "stalls before its body": [JSON, STALL],
    "stalls in its body": [JSON + b'{"choices": [', STALL],
    "a line without end": [_OK + b"x-a: ", *FLOOD],
    "interim answers without end": [b"HTTP/1.1 103 X\r\nlink: </x>; rel=preload\r\n\r\n" * 1_000] * 100,
    "a chunk's head without end": [_OK + b"transfer-encoding: chunked\r\n\r\n1;", *FLOOD],
    "a trailer without end": [_OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: ", *FLOOD],
    "a body without end": [JSON, *FLOOD],
    "an error without end": [b"HTTP/1.1 500 X\r\ncontent-type: text/html\r\n\r\n", *FLOOD],
    "an error that stalls": [b"HTTP/1.1 500 X\r\ncontent-length: 99\r\n\r\n{", STALL],
}
"""What is wrong before anything of an answer can be served, whether a stream was asked for or not."""
WITHIN: dict[str, list[Any]] = {
    "resets": [0.02, CUT],
    "closes": [0.02],
    "garbage": [b"data: {" + SECRET.encode() + b"\n\n", b"data: \xff\xfe\n\n", 0.02, CUT],
    "stalls": [STALL],
    "an event without end": [b'data: {"a": "' + SECRET.encode(), *FLOOD],
    "its own error": [b'data: {"error": {"message": "call ' + SECRET.encode() + b'"}}\n\n'],
}
"""How a stream breaks off after some of it was served."""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("faults"), upstream=SHORT) as running, swept(running):
        running.gateway.config = running.gateway.config.with_values(gateway__attempts=1, gateway__answer_limit=LIMIT)
        yield running


@contextmanager
def swept(inside: Inside) -> Iterator[None]:
    """As the worker does once a second, more often."""
    over = threading.Event()

    def sweep() -> None:
        while not over.wait(0.05):
            inside.sweep()

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    yield
    over.set()
    sweeping.join()


def ask(inside: Inside, door: Any, way: str, says: list[Any], stream: bool) -> tuple[bytes, entries.Closed]:
    for pool in inside.gateway.current().pools.values():
        pool.breaker.succeeded()
    inside.entries.clear()
    inside.says = says
    body = json.loads(json.dumps(table.REQUESTS[door.name]["user"]).replace(table.AT, "hi"))
    sent = {"model": table.MODELS[way], **body} | ({"stream": stream} if door.stream_type else {})
    raw = inside.send(request(door.paths[0], json.dumps(sent).encode()), wait=10)
    return raw, inside.closed()


@pytest.mark.parametrize("fault", BEFORE)
@pytest.mark.parametrize("pair", named([p for p in DOORS if p[0].upstream_path(p[1])]))
def test_before_anything_was_served_it_is_an_error(inside: Inside, pair: Any, fault: str):
    door, way = pair
    for stream in (False, True) if door.stream_type else (False,):
        raw, closed = ask(inside, door, way, BEFORE[fault], stream)
        assert SECRET.encode() not in raw
        assert closed.outcome == "upstream_error"
        assert closed.code.startswith("upstream_")
        assert closed.code.encode() in raw
        if status_of(raw) == 200:  # a stream had begun when it turned out
            assert stream
            continue
        assert status_of(raw) in (429, 502, 503, 504)
        waited = "stalls" in fault or "trickles" in fault
        if stream and "its body" in fault:  # told by its head: no stream will come
            waited = False
        assert (status_of(raw) == 504) == (waited and fault != "an error that stalls")
        error = json.loads(body_of(raw))
        assert type(error["error"]) is (str if door.name.startswith("ollama") else dict)
        assert fault != "429" or b"\r\nretry-after: 7\r\n" in raw


@pytest.mark.parametrize("fault", WITHIN)
@pytest.mark.parametrize("pair", named([p for p in DOORS if p[0].stream_type]))
def test_a_stream_that_breaks_off_is_ended_with_an_error_of_the_dialect(inside: Inside, pair: Any, fault: str):
    door, way = pair
    path = door.upstream_path(way)
    events = table.ANSWERS[path][table.BENIGN[path]]("先说好的。", True).removeprefix(SSE).split(b"\n\n")
    begun = [event + b"\n\n" for event in events[: len(events) // 2]]
    raw, closed = ask(inside, door, way, [SSE, *begun, *WITHIN[fault]], True)
    assert status_of(raw) == 200
    assert SECRET.encode() not in raw
    assert closed.outcome == "upstream_error"
    assert closed.code.encode() in body_of(raw)  # and the body was ended as HTTP wants


@pytest.mark.parametrize("ends", [b"", b"data: [DONE]\n\n"])
@pytest.mark.parametrize("framing", ["zz\r\n", "5\r\ndata: {}{}{}\r\n"], ids=["no chunk", "a chunk that lies"])
def test_a_stream_whose_chunks_break_is_ended_with_what_was_whole(inside: Inside, framing: str, ends: bytes):
    door = next(p[0] for p in DOORS if p[0].name == "openai_chat")
    said = table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("先说好的。", True).removeprefix(SSE)
    event = said.split(b"\n\n")[0] + b"\n\n"
    head = SSE.replace(b"connection: close", b"transfer-encoding: chunked")
    says = [head + b"%x\r\n%b\r\n" % (len(event), event), 0.02, framing.encode() + SECRET.encode() + ends, 0.02]
    raw, closed = ask(inside, door, "openai", says, True)
    assert SECRET.encode() not in raw
    assert (closed.outcome, closed.code) == ("upstream_error", "upstream_unavailable")
    assert b"upstream_unavailable" in body_of(raw)


def test_what_an_interim_answer_says_is_not_said_of_the_answer(inside: Inside):
    """Its fields were taken for those of the answer: a stream, an encoding, a time to wait."""
    door = next(p[0] for p in DOORS if p[0].name == "openai_chat")
    good = table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("fine", False)
    interim = b"HTTP/1.1 103 Early Hints\r\ncontent-encoding: gzip\r\ncontent-length: 7\r\n\r\n"
    raw, closed = ask(inside, door, "openai", [interim + good], False)
    assert (status_of(raw), closed.outcome) == (200, "served")


def test_a_redirect_is_never_followed(inside: Inside):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        to = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/chat/completions"
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
            raw, closed = ask(inside, DOORS[0][0], DOORS[0][1], [head.encode()], False)
            assert (status_of(raw), closed.code) == (502, "upstream_refused")
        elsewhere.settimeout(0.1)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


# --- another upstream, before the first byte and not after it ---------------------------------------

CHAT = "/v1/chat/completions"
_SPARE = table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("from the spare one", False)
ELSEWHERE: dict[str, bool | None] = {
    "429": True,  # its Retry-After is nothing to another upstream
    "a redirect": False,  # it would be the same a moment later
    "compressed": False,
    "a page": False,
    "no JSON": False,
    "shorter than it said": False,
    "no chunks": None,  # where it shows beside the head, no answer has begun
    "a chunk that is longer than it said": None,
    "no last chunk": False,
    "longer than it said": None,
    "stalls before its body": False,
    "stalls in its body": False,
    "a chunk's head without end": False,
    "a trailer without end": False,
    "a body without end": False,
    "another protocol": True,
}
"""Fault -> whether another upstream is asked, None where either is right; those that aren't here are."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    running = Inside(tmp_path_factory.mktemp("pair"), upstream=SHORT)
    running.spare = [_SPARE]
    with running, swept(running):
        running.gateway.config = running.gateway.config.with_values(gateway__answer_limit=LIMIT)
        yield running


@pytest.mark.parametrize("fault", BEFORE)
def test_another_upstream_is_asked_before_the_first_byte_and_never_after_it(pair: Inside, fault: str):
    for pool in pair.gateway.current().pools.values():
        pool.breaker.succeeded()
    pair.says = BEFORE[fault]
    pair.spare_asked.clear()
    answer = pair.ask(CHAT, wait=10)
    elsewhere = ELSEWHERE.get(fault, True)
    if elsewhere is None:
        elsewhere = bool(pair.spare_asked)
    assert (b"from the spare one" in answer) == elsewhere
    assert len(pair.spare_asked) == elsewhere
    assert status_of(answer) == 200 if elsewhere else status_of(answer) in (502, 504)


@pytest.mark.parametrize("fault", WITHIN)
def test_no_other_upstream_is_asked_once_a_stream_has_begun(pair: Inside, fault: str):
    said = table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("先说好的。", True).removeprefix(SSE)
    pair.says = [SSE, said.split(b"\n\n")[0] + b"\n\n", *WITHIN[fault]]
    pair.spare_asked.clear()
    assert b"upstream_" in body_of(pair.ask(CHAT, stream=True, wait=10))
    assert pair.spare_asked == []


@contextmanager
def nobody_takes() -> Iterator[str]:
    """An address at which connections are neither taken nor refused: its queue is full."""
    with socket.socket() as listening, socket.socket() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting.connect(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def test_one_that_takes_no_connection_is_left_for_another(tmp_path: Path):
    with nobody_takes() as url:
        running = Inside(tmp_path, upstream=SHORT | {"url": url})
        running.spare = [_SPARE]
        with running:
            assert b"from the spare one" in running.ask(CHAT, wait=10)
            answer = running.ask("/v1/responses", wait=10)
            assert (status_of(answer), json.loads(body_of(answer))["error"]["code"]) == (504, "upstream_timeout")


# --- the breaker, by real faults ------------------------------------------------------------------------


def test_it_opens_tries_again_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """closed -> open -> half open -> open, for twice as long -> half open -> closed."""
    monkeypatch.setattr(breaker, "PAUSE", 0.4)
    with Inside(tmp_path, upstream=SHORT) as running, swept(running):
        running.gateway.config = running.gateway.config.with_values(gateway__attempts=1, gateway__retry_seconds=0.1)
        pool = running.gateway.current().pools["openai"]

        def state() -> str:
            return str(pool.stats()["state"])

        def until(wanted: str) -> None:
            deadline = time.monotonic() + 10
            while state() != wanted:
                assert time.monotonic() < deadline, state()
                time.sleep(0.01)

        for number, fault in enumerate(["resets", "500", "stalls once it is asked", "no HTTP", "half a head"]):
            assert (state(), number < breaker.FAILURES) == ("closed", True)
            running.says = BEFORE[fault]
            assert status_of(running.ask(CHAT)) in (502, 504)
        assert state() == "open"
        asked = len(running.asked)
        assert status_of(running.ask(CHAT)) == 503
        assert len(running.asked) == asked  # nobody was
        until("half_open")
        running.says = BEFORE["resets"]
        assert status_of(running.ask(CHAT)) == 502
        assert (state(), len(running.asked)) == ("open", asked + 1)
        until("half_open")
        running.says = [_SPARE]
        assert status_of(running.ask(CHAT)) == 200
        assert state() == "closed"


# --- what the official clients make of it -----------------------------------------------------------

CLASSES: dict[str, tuple[type[Exception], type[Exception]]] = {
    "resets": (openai.InternalServerError, anthropic.InternalServerError),
    "500": (openai.InternalServerError, anthropic.InternalServerError),
    "429": (openai.RateLimitError, anthropic.RateLimitError),
    "a redirect": (openai.InternalServerError, anthropic.InternalServerError),
    "no JSON": (openai.InternalServerError, anthropic.InternalServerError),
    "shorter than it said": (openai.InternalServerError, anthropic.InternalServerError),
    "a line without end": (openai.InternalServerError, anthropic.InternalServerError),
    "stalls once it is asked": (openai.InternalServerError, anthropic.InternalServerError),
}
"""Fault -> the class that OpenAI's and Anthropic's client raise."""


def sdk(inside: Inside, theirs: int, stream: bool) -> str:
    """What the client hears: OpenAI's (0) or Anthropic's (1)."""
    asked = [{"role": "user", "content": "hi"}]
    if theirs == 0:
        client = openai.OpenAI(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0, timeout=10)
        made: Any = client.chat.completions.create(model="openai", messages=asked, stream=stream)
        return "".join(c.choices[0].delta.content or "" for c in made if c.choices) if stream else str(made)
    other = anthropic.Anthropic(base_url=inside.url, auth_token=KEY, api_key=None, max_retries=0, timeout=10)
    if not stream:
        return str(other.messages.create(model="openai", max_tokens=9, messages=asked))
    with other.messages.stream(model="openai", max_tokens=9, messages=asked) as heard:
        return "".join(heard.text_stream)


@pytest.mark.parametrize("theirs", [0, 1], ids=["openai", "anthropic"])
@pytest.mark.parametrize("fault", CLASSES)
def test_the_official_clients_raise_their_own_class(inside: Inside, fault: str, theirs: int):
    for pool in inside.gateway.current().pools.values():
        pool.breaker.succeeded()
    inside.says = BEFORE[fault]
    with pytest.raises(CLASSES[fault][theirs]) as raised:
        sdk(inside, theirs, False)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("theirs", [0, 1], ids=["openai", "anthropic"])
@pytest.mark.parametrize("fault", WITHIN)
def test_in_a_stream_they_raise_it_too(inside: Inside, fault: str, theirs: int):
    for pool in inside.gateway.current().pools.values():
        pool.breaker.succeeded()
    said = table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("先说好的。", True).removeprefix(SSE)
    inside.says = [SSE, said.split(b"\n\n")[0] + b"\n\n", *WITHIN[fault]]
    with pytest.raises((openai.APIError, anthropic.APIStatusError)[theirs]) as raised:
        sdk(inside, theirs, True)
    assert SECRET not in str(raised.value)
