"""What an upstream can do wrong, at every door: the client gets an ending of its dialect, nothing unreviewed leaves, and the
record says whose fault it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import matrix as table
from gateway.test_every_dialect import DOORS, named
from guiju.ledger import entries
from inside import CUT, JSON, SSE, Inside, body_of, request, status_of

SECRET = table.BAIT["personal"][table.Action.MASK]
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

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
}
"""What is wrong before anything of an answer can be served, whether a stream was asked for or not."""
WITHIN: dict[str, list[Any]] = {
    "resets": [0.02, CUT],
    "closes": [0.02],
    "garbage": [b"data: {" + SECRET.encode() + b"\n\n", b"data: \xff\xfe\n\n", 0.02, CUT],
    "its own error": [b'data: {"error": {"message": "call ' + SECRET.encode() + b'"}}\n\n'],
}
"""How a stream breaks off after some of it was served."""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("faults")) as running:
        running.gateway.config = running.gateway.config.with_values(gateway__attempts=1)
        yield running


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
        assert status_of(raw) in (429, 502, 503)
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
