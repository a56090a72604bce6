"""What a whole Guiju can't be made to do: failures of its own, upstreams that break HTTP, clients that bend it."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from guiju.errors import KeyRevoked
from guiju.gateway import stream
from guiju.gateway.exchange import Exchange
from guiju.gateway.http import Call, Connection
from guiju.gateway.server import Limits
from guiju.gateway.upstream import Reply
from guiju.review.holdback import Holdback
from guiju.review.sentence import SentenceDetector
from inside import CUT, JSON, KEY, SSE, Inside, body_of, receive, request, status_of
from upstream_text import events

PHONE = "13912345678"
DONE = b"data: [DONE]\n\n"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def chunk(delta: dict, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "model": "m", "choices": [choice], **more}).encode() + b"\n\n"


def whole(content: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return JSON + json.dumps({"choices": [choice]}).encode()


def fails(sentence: str) -> list:
    if "boom" in sentence:
        raise ValueError(sentence)
    return []


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    broken = SentenceDetector("broken", frozenset({"P.attack"}), fails)
    limits = Limits(head=4096, body=20_000)
    with Inside(tmp_path_factory.mktemp("inside"), limits=limits, detectors=[broken]) as running:
        yield running


# --- doors and upstreams --------------------------------------------------------------------------


def test_a_model_that_a_door_cannot_ask_is_refused_with_the_doors_that_can(inside: Inside):
    answer = inside.ask(CHAT, model="anthropic", messages=[{"role": "user", "content": "hi"}])
    assert status_of(answer) == 400
    error = json.loads(body_of(answer))["error"]
    assert (error["code"], error["type"]) == ("wrong_endpoint", "invalid_request_error")
    assert MESSAGES in error["message"]


# --- admission ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (CHAT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        (MESSAGES, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}),
    ],
)
def test_media_that_an_app_does_not_admit_are_refused_by_name(tmp_path: Path, path: str, part: dict):
    with Inside(tmp_path, app={"allow_media": False}) as strict:
        answer = strict.ask(path, messages=[{"role": "user", "content": [part]}], max_tokens=9)
        assert status_of(answer) == 400
        assert json.loads(body_of(answer))["error"]["code"] == "media_not_allowed"
        assert strict.asked == []


def test_a_full_disk_refuses_new_exchanges(tmp_path: Path):
    with Inside(tmp_path) as full:
        full.gateway.disk_free = 1000
        answer = full.ask(CHAT, messages=[{"role": "user", "content": "hi"}])
        assert status_of(answer) == 503
        assert json.loads(body_of(answer))["error"]["code"] == "disk_full"
        assert b"retry-after" in answer


@pytest.mark.parametrize("stream", [True, False])
def test_an_interruption_ends_the_wait_for_the_first_byte(tmp_path: Path, stream: bool):
    with Inside(tmp_path) as running:
        running.says = [10.0, whole("late")]
        body = {"model": "openai", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        asked = request(CHAT, json.dumps(body).encode())
        answers: list[bytes] = []
        began = time.monotonic()
        client = threading.Thread(target=lambda: answers.append(running.send(asked)))
        client.start()
        while not running.asked:
            time.sleep(0.01)
        (exchange,) = running.gateway.running
        running.call(lambda: exchange.interrupt(KeyRevoked()))
        client.join()
        assert time.monotonic() - began < 3
        assert status_of(answers[0]) == 401
        error = json.loads(body_of(answers[0]))["error"]
        assert error["code"] == "key_revoked"
        assert error["guiju"]["objection"].endswith(f"/objections/{exchange.id}/")
        assert running.entries[-1].outcome == "revoked"


# --- failures of our own --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/v1/moderations"])
def test_a_failure_that_nobody_thought_of_is_answered_at_once(inside: Inside, path: str):
    began = time.monotonic()
    answer = inside.ask(path, messages=[{"role": "user", "content": "boom"}], input="boom")
    assert time.monotonic() - began < 2
    assert status_of(answer) == 500
    assert b"x-guiju-exchange: ex_" in answer
    error = json.loads(body_of(answer))["error"]
    assert error["code"] == "internal_error"
    assert error["type"] == ("api_error" if path == MESSAGES else "server_error")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_failure_in_review_of_an_answer_serves_nothing_and_is_recorded(inside: Inside, path: str):
    inside.says = [whole("boom")]
    assert status_of(inside.ask(path)) == 500
    assert (inside.closed().outcome, inside.closed().code) == ("our_error", "internal_error")
    inside.says = [SSE, chunk({"content": "boom。"}), chunk({}, "stop"), DONE]
    answer = body_of(inside.ask(path, stream=True))
    assert b"internal_error" in answer
    assert b"boom" not in answer
    assert (inside.closed().outcome, inside.closed().code) == ("our_error", "internal_error")


# --- upstreams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("end", [CUT, b"", b'data: {"error": {"message": "call 13912345678"}}\n\n'])
def test_an_upstream_that_breaks_off_is_told_and_recorded(inside: Inside, path: str, end):
    inside.says = [SSE, chunk({"content": "好的。"}), 0.05, end]
    answer = body_of(inside.ask(path, stream=True))
    assert b'"upstream_' in answer
    assert PHONE.encode() not in answer
    assert b"end_turn" not in answer
    assert inside.closed().outcome == "upstream_error"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_what_a_model_said_before_it_broke_off_is_labelled(tmp_path: Path, path: str):
    with Inside(tmp_path, app={"notice": "end"}) as running:
        running.says = [SSE, chunk({"content": "好的。"}), 0.05, b'data: {"error": {"message": "m"}}\n\n']
        heard = body_of(running.ask(path, stream=True, messages=[{"role": "user", "content": "你好"}])).decode()
        closed = running.closed()
    assert heard.count("以上内容由人工智能生成") == 1
    assert heard.index("好的。") < heard.index("以上内容由人工智能生成") < heard.index("upstream_refused")
    assert [(i.kind, i.offset) for i in closed.insertions] == [("notice", 3)]


def test_a_stream_without_its_last_event_is_whole_once_its_reason_was_given(inside: Inside):
    inside.says = [SSE, chunk({"content": "好的。"}), chunk({}, "stop")]
    assert body_of(inside.ask(stream=True)).endswith(DONE)
    assert inside.closed().outcome == "served"


@pytest.mark.parametrize(
    "said",
    [
        whole("好的。"),
        SSE.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n") + b"\x1f\x8b",
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"
        + b'{"error": {"message": "m", "code": "call 13912345678"}}',
    ],
)
def test_an_answer_of_another_kind_than_asked_for_is_an_error_before_anything_is_served(inside: Inside, said: bytes):
    inside.says = [said]
    answer = inside.ask(stream=True)
    assert status_of(answer) in (400, 502)
    assert PHONE.encode() not in answer
    assert inside.closed().outcome == "upstream_error"


def test_a_second_answer_of_an_upstream_reaches_nobody(inside: Inside):
    one = json.dumps({"choices": [{"index": 0, "message": {"content": "one"}, "finish_reason": "stop"}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(one)
    inside.says = [head + one + head + one.replace(b"one", b"two"), 0.3]
    assert b"one" in inside.ask()
    inside.says = [head + one.replace(b"one", b"six")]
    assert b"six" in inside.ask()


def test_a_client_that_leaves_ends_its_upstream(inside: Inside):
    before = inside.left
    inside.says = [SSE, *[chunk({"content": "好"}), 0.05] * 100]
    body = json.dumps({"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    inside.send(request(CHAT, body), until=b"data: ")
    deadline = time.monotonic() + 3
    while inside.left == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert inside.closed().outcome == "client_left"


# --- clients --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\nabcde",
        b"GET / HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n",
        b"GET /caf\xe9 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\nhost: x\n\n",
        b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(inside: Inside, head: bytes):
    answer = inside.send(head)
    assert status_of(answer) == 400
    assert b"x-guiju-exchange: ex_" in answer
    assert b"connection: close" in answer


def test_what_cannot_be_read_is_said_after_the_answers_that_are_owed(inside: Inside):
    inside.says = [SSE, chunk({"content": "好"}), 0.2, chunk({}, "stop"), DONE]
    body = json.dumps({"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    asked = request(CHAT, body).replace(b"connection: close\r\n", b"")
    answer = inside.send(asked + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nBLAH\r\n\r\n")
    stream, alive, refused = answer.split(b"HTTP/1.1 ")[1:]
    assert stream.startswith(b"200")
    assert stream.endswith(DONE + b"\r\n0\r\n\r\n")
    assert b'"alive"' in alive
    assert refused.startswith(b"400")


@pytest.mark.parametrize("expect", [b"", b"expect: 100-continue\r\n"])
def test_a_body_that_is_too_large_is_refused_before_it_has_come(inside: Inside, expect: bytes):
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n%bcontent-length: 60000\r\n\r\n" % expect
    with socket.create_connection(("127.0.0.1", inside.port)) as sock:
        sock.sendall(head)
        answer = receive(sock, until=b"}}")
        assert status_of(answer) == 413
        assert b"100 Continue" not in answer
        assert json.loads(body_of(answer) + receive(sock, 0.1))["error"]["type"] == "request_too_large"
        sock.sendall(b"x" * 60_000)  # what is still sent is taken in, so that the answer isn't lost
        assert receive(sock) == b""


def test_a_body_that_may_come_is_asked_for(inside: Inside):
    inside.says = [whole("好的")]
    body = json.dumps({"model": "openai", "messages": [{"role": "user", "content": "hi"}]}).encode()
    asked = request(CHAT, body, "expect: 100-continue")
    with socket.create_connection(("127.0.0.1", inside.port)) as sock:
        sock.sendall(asked[: -len(body)])
        assert receive(sock, until=b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert status_of(receive(sock)) == 200


def test_a_head_that_is_too_large_is_said_so(inside: Inside):
    answer = inside.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\na: " + b"x" * 5000 + b"\r\n\r\n")
    assert status_of(answer) == 431
    assert b"head_too_large" in answer


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nx",
        b"GET / HTTP/1.1\r\nhost: x\r\na: ",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\na: ",
    ],
)
def test_a_line_without_end_is_not_kept(inside: Inside, begun: bytes):
    """The parser tells of a line once it is whole: until then nothing else counts how long it has become."""
    with socket.create_connection(("127.0.0.1", inside.port)) as sock:
        sent = 0
        with suppress(ConnectionError):
            sock.sendall(begun)
            while sent < 50_000_000:
                sock.sendall(b"x" * 65_536)
                sent += 65_536
        assert sent < 50_000_000
        assert status_of(receive(sock)) in (400, 431)


def test_what_breaks_behind_a_refused_body_is_not_answered_again(inside: Inside):
    begun = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = inside.send(begun + b"7530\r\n" + b"x" * 30_000 + b"\r\nzz\r\n")
    assert (status_of(answer), answer.count(b"HTTP/1.1 ")) == (413, 1)


def test_an_offer_of_another_protocol_is_passed_over_and_its_body_read(inside: Inside):
    inside.says = [whole("好的")]
    body = json.dumps({"model": "openai", "messages": [{"role": "user", "content": "hi"}]}).encode()
    asked = request(CHAT, body, "upgrade: h2c", "http2-settings: AAMAAABk")
    answer = inside.send(asked.replace(b"connection: close", b"connection: Upgrade, HTTP2-Settings"))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "好的".encode() in answer


def test_a_target_in_absolute_form_is_taken(inside: Inside):
    assert b'"alive"' in inside.send(request("http://elsewhere:1/healthz", b"", method="GET"))


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/v1/models", "GET", b"", 200),
        ("/v1/models/openai", "GET", b"", 200),
        ("/v1/models/nothing", "GET", b"", 404),
        ("/v1/moderations", "POST", b'{"input": "hello"}', 200),
        ("/v1/moderations", "POST", b"[]", 400),
        ("/v1/nothing", "POST", b"{}", 404),
        (CHAT, "GET", b"", 405),
        (CHAT, "OPTIONS", b"", 405),
        (CHAT, "POST", b"{", 400),
        (MESSAGES, "POST", b"{}", 400),
        ("/_internal/poll", "POST", b"{}", 404),
        ("/api/chat", "POST", b"{}", 400),
        ("/api/tags", "GET", b"", 200),
        ("/api/version", "GET", b"", 200),
        ("/api/version", "POST", b"", 405),
        ("/api/show", "POST", b'{"name": "openai"}', 200),
        ("/api/show", "POST", b"{}", 400),
        ("/api/show", "POST", b'{"model": "nothing"}', 404),
        ("/api/ps", "GET", b"", 404),
    ],
)
def test_every_answer_of_an_api_names_its_exchange(inside: Inside, path: str, method: str, body: bytes, status: int):
    answer = inside.send(request(path, body, method=method))
    assert status_of(answer) == status
    assert b"\r\nx-guiju-exchange: ex_" in answer


def test_what_is_asked_travels_on_as_it_was_said(inside: Inside):
    inside.says = [whole("好的")]
    odd = b'"x":[1e400,1.10,123456789012345678901234567890,-0.0],"seed":6222020200112345678'
    body = b'{"model":"openai",%b,"messages":[{"role":"user","content":"hi","y":{"z":null}}]}' % odd
    inside.send(request(CHAT, body))
    sent = inside.asked[-1].partition(b"\r\n\r\n")[2]
    assert sent.replace(b"1E+400", b"1e400") == body


def test_the_key_never_travels_on(inside: Inside):
    inside.says = [whole("好的")]
    inside.ask()
    assert KEY.encode() not in inside.asked[-1]


@pytest.mark.parametrize("given", [[], ["anthropic-version: 2023-06-01"]])
def test_an_anthropic_upstream_is_told_one_version(inside: Inside, given: list[str]):
    inside.says = [JSON + b'{"type":"message","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn"}']
    body = b'{"model":"anthropic","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    assert status_of(inside.send(request(MESSAGES, body, *given))) == 200
    assert inside.asked[-1].lower().count(b"anthropic-version: 2023-06-01") == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_is_a_reason_to_stop_whatever_the_upstream_calls_it(inside: Inside, streamed: bool):
    calls = [{"index": 0, "id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
    if streamed:
        inside.says = [SSE, chunk({"tool_calls": calls}), chunk({}, "stop"), DONE]
    else:
        choice = {"index": 0, "message": {"content": None, "tool_calls": calls}, "finish_reason": "stop"}
        inside.says = [JSON + json.dumps({"choices": [choice]}).encode()]
    assert b'"stop_reason":"tool_use"' in inside.ask(MESSAGES, stream=streamed)


# --- time -----------------------------------------------------------------------------------------


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Inside]:
    with Inside(tmp_path, limits=Limits(arrival=0.3, idle=0.3)) as running:
        yield running


def told_before_the_end(sock: socket.socket, hasty: Inside) -> bytes:
    """What the server says before it closes the connection, which it does once it has swept often enough."""
    sock.settimeout(0.1)
    told, deadline = b"", time.monotonic() + 10
    while time.monotonic() < deadline:
        hasty.sweep()
        try:
            piece = sock.recv(65536)
        except TimeoutError:
            continue
        except ConnectionResetError:
            return told
        if not piece:
            return told
        told += piece
    raise AssertionError(f"it is still open: {told!r}")


def test_who_keeps_a_connection_and_says_nothing_loses_it(hasty: Inside):
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        assert told_before_the_end(sock, hasty) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
    ],
)
def test_a_request_that_does_not_come_is_told_so_in_the_doors_shape(hasty: Inside, sent: bytes):
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        sock.sendall(sent)
        told = told_before_the_end(sock, hasty)
        assert status_of(told) == 408
        assert json.loads(body_of(told))["type"] == "error"


def test_a_refused_body_that_does_not_come_is_refused_once(hasty: Inside):
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        sock.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99000000\r\n\r\n{")
        assert told_before_the_end(sock, hasty).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("head", [b"x-slow: ", b"content-length: 1000000\r\n\r\n"])
def test_a_request_that_trickles_for_ever_is_cut_off(hasty: Inside, head: bytes):
    """Also in its body: a byte now and then, always in time, would hold the connection for months."""
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nhost: x\r\n" + head)
        with suppress(ConnectionError):
            for _ in range(100):
                time.sleep(0.05)
                hasty.sweep()
                sock.sendall(b"a")
            raise AssertionError("it is still open")


def test_a_body_may_take_its_time_as_long_as_it_comes(hasty: Inside):
    hasty.says = [whole("好")]
    message = request(
        CHAT, json.dumps({"model": "openai", "messages": [{"role": "user", "content": "你好" * 500}]}).encode()
    )
    head = message.index(b"\r\n\r\n") + 4
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        sock.sendall(message[:head])
        for at in range(head, len(message), len(message) // 6):
            time.sleep(0.2)
            hasty.sweep()
            sock.sendall(message[at : at + len(message) // 6])
        assert status_of(receive(sock)) == 200


def test_a_running_answer_is_not_idle(hasty: Inside):
    hasty.says = [SSE, chunk({"content": "一"}), 0.5, chunk({"content": "二"}), chunk({}, "stop"), DONE]
    with socket.create_connection(("127.0.0.1", hasty.port)) as sock:
        body = {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "数"}]}
        sock.sendall(request(CHAT, json.dumps(body).encode()))
        time.sleep(0.4)
        hasty.sweep()
        assert b"[DONE]" in receive(sock, until=b"[DONE]")


def test_a_book_is_judged_beside_the_event_loop(tmp_path: Path):
    threads: list[set[int]] = []

    def note(sentence: str) -> list:
        threads[-1].add(threading.get_ident())
        return []

    detector = SentenceDetector("notes", frozenset({"P.attack"}), note)
    with Inside(tmp_path, detectors=[detector]) as running:
        for prompt, answer in (("你好。", "好。"), ("读。" * 30_000, "好。"), ("你好。", "写。" * 30_000)):
            threads.append(set())
            running.says = [whole(answer)]
            said = running.ask(messages=[{"role": "user", "content": prompt}], wait=30)
            assert status_of(said) == 200
    loop = threads[0].copy().pop()
    assert threads[0] == {loop}
    assert threads[1] - {loop}
    assert threads[2] - {loop}


def test_an_event_of_megabytes_does_not_stop_the_other_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of what comes in bulk the loop's own thread judges nothing, and no gate takes more than a piece at once."""
    fed: list[tuple[int, int]] = []
    feed = Holdback.feed

    def noted(gate: Holdback, piece: str, *rest: object) -> str:
        fed.append((threading.get_ident(), len(piece)))
        return feed(gate, piece, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Holdback, "feed", noted)
    book, ending = "写。" * 300_000 + PHONE, chunk({}, "stop") + DONE
    with Inside(tmp_path) as running:
        running.says = [SSE + chunk({"content": "你好。"}) + ending]
        assert "你好" in json.dumps(events(body_of(running.ask(stream=True))), ensure_ascii=False)
        loop = {thread for thread, _ in fed}
        for last in (ending, b""):  # the event may also be the last thing that is said
            fed.clear()
            large = chunk({"content": book}, "stop")
            running.says = [SSE + chunk({"content": "你好。"}), large + last if last else large.rstrip()]
            said = body_of(running.ask(stream=True, wait=60))
            heard = "".join(c["delta"].get("content", "") for e in events(said) for c in e["choices"])
            assert heard == "你好。" + book.replace(PHONE, "[phone number]")
            assert len(loop) == 1
            assert sum(size for thread, size in fed if thread in loop) < 1000
            assert max(size for _, size in fed) <= stream.PIECE


def test_an_event_beyond_all_measure_fails_its_stream(tmp_path: Path):
    with Inside(tmp_path) as running:
        settings = running.gateway.config
        running.gateway.config = settings.with_values(gateway__answer_limit=100_000)
        running.says = [SSE + chunk({"content": "begun. "}) + b"data: ", 0.3, *[b"x" * 50_000] * 20]
        said = running.ask(stream=True, wait=20)
        assert b"begun" in said
        assert "100000" in events(body_of(said))[-1]["error"]["message"]
        assert running.closed().outcome == "upstream_error"


# --- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "sent", "told"),
    [
        (
            "",
            ["x-forwarded-for: 203.0.113.9", "x-forwarded-proto: https"],
            {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
        ),
        ('base_url = "https://g.example"', [], {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}),
        (
            '[gateway]\ntrusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]',
            ["x-forwarded-for: 127.0.0.1", "x-forwarded-for: 203.0.113.9, 10.1.1.1", "x-forwarded-proto: https"],
            {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"},
        ),
        (
            'base_url = "https://g.example"\n[gateway]\ntrusted_proxies = "127.0.0.0/8"',
            ["x-forwarded-proto: http"],
            {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
        ),
    ],
)
def test_control_is_told_the_client_that_a_trusted_proxy_names(tmp_path: Path, file: str, sent: list, told: dict):
    (tmp_path / "guiju.toml").write_text(file)
    with Inside(tmp_path) as running:
        running.says = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]
        assert status_of(running.send(request("/console/", b"", *sent, method="GET"))) == 200
        head = running.asked[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        fields = [tuple(line.split(": ", 1)) for line in head if line.lower().startswith("x-forwarded-")]
        assert (len(fields), dict(fields)) == (len(told), told)


# --- what is left -----------------------------------------------------------------------------------


@pytest.mark.parametrize("leaves", [False, True])
def test_nothing_of_a_stream_waits_for_the_collector_of_cycles(tmp_path: Path, leaves: bool):
    """It comes rarely (cli/gateway.py: COLLECT), and all that was served would wait for it."""
    with Inside(tmp_path) as running:
        body = json.dumps({"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
        running.says = [SSE, *[chunk({"content": "well. "}), 0.02] * (100 if leaves else 3), chunk({}, "stop"), DONE]
        kinds = (Exchange, Call, Connection, Reply, stream.Relay)
        gc.collect()
        known = {id(o): o for o in gc.get_objects() if isinstance(o, kinds)}  # of gateways beside this one
        gc.disable()
        try:
            running.send(request(CHAT, body), until=b"data: " if leaves else b"")
            assert running.closed().outcome == ("client_left" if leaves else "served")
            deadline = time.monotonic() + 5
            while left := [repr(o) for o in gc.get_objects() if isinstance(o, kinds) and id(o) not in known]:
                assert time.monotonic() < deadline, left
                time.sleep(0.05)
        finally:
            gc.enable()
