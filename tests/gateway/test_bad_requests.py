"""What no door can read, at every door: a clear error in its dialect, at once, and nothing reaches an upstream."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

import matrix as table
from gateway.test_every_dialect import DOORS
from guiju import plugins
from guiju.errors import BadRequest
from inside import KEY, Inside, body_of, request, status_of

DIALECTS = {door.name: door for door in plugins.dialects().values()}
WAYS = {door.name: way for door, way in reversed(DOORS)}


def good(door: Any, **more: Any) -> bytes:
    body = json.dumps(table.REQUESTS[door.name]["user"]).replace(table.AT, "hi")
    return json.dumps({"model": table.MODELS[WAYS[door.name]], **json.loads(body), **more}).encode()


def bare(door: Any, body: bytes, *fields: str) -> bytes:
    """A request with these fields and no others."""
    head = [f"POST {door.paths[0]} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


CASES: dict[str, tuple[int, Any]] = {
    "no JSON": (400, lambda d: request(d.paths[0], b"{'a': 1}")),
    "nothing": (400, lambda d: request(d.paths[0], b"")),
    "a list": (400, lambda d: request(d.paths[0], b"[]")),
    "10,000 deep": (400, lambda d: request(d.paths[0], good(d)[:-1] + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    "no UTF-8": (400, lambda d: request(d.paths[0], good(d).replace(b"hi", b"\xff\xfe"))),
    "compressed": (400, lambda d: request(d.paths[0], gzip.compress(b" " * 9_000_000), "content-encoding: gzip")),
    "a wrong type": (400, lambda d: request(d.paths[0], good(d, messages=7, prompt=7, input=7))),
    "no messages": (400, lambda d: request(d.paths[0], good(d, messages=[], prompt=[], input=[]))),
    "an unknown model": (404, lambda d: request(d.paths[0], good(d, model="nothing"))),
    "no key": (401, lambda d: bare(d, good(d))),
    "a wrong key": (401, lambda d: bare(d, good(d), "authorization: Bearer gj-wrong")),
    "a key that isn't ASCII": (401, lambda d: bare(d, good(d), "x-api-key: \u00e9\u00e9")),
    "too large": (
        413,
        lambda d: bare(d, b"", f"authorization: Bearer {KEY}").replace(b"length: 0", b"length: 104857600"),
    ),
    "two lengths": (400, lambda d: request(d.paths[0], good(d), "content-length: 3")),
    "chunked and a length": (400, lambda d: request(d.paths[0], good(d), "transfer-encoding: chunked")),
    "a field that is folded": (400, lambda d: request(d.paths[0], good(d), "x-a: b", " c: d")),
    "a NUL in a field": (400, lambda d: request(d.paths[0], good(d), "x-a: b\0c")),
}
"""What is wrong -> the status that says so, and door -> the request's bytes."""
NOT_WRONG = {
    ("openai_responses", "no messages"),  # a prompt kept at the upstream may be all
    ("ollama_chat", "no messages"),  # Ollama loads the model then
    ("ollama_generate", "no messages"),
}
"""(door, case) that the dialect itself allows."""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("bad")) as running:
        yield running


@pytest.mark.parametrize(
    ("door", "case"),
    [pytest.param(d, c, id=f"{n}: {c}") for n, d in DIALECTS.items() for c in CASES if (n, c) not in NOT_WRONG],
)
def test_what_is_wrong_is_said_in_the_doors_own_shape(inside: Inside, door: Any, case: str):
    inside.asked.clear()
    inside.entries.clear()
    status, make = CASES[case]
    answer = inside.send(make(door), until=b"}}" if case == "too large" else b"")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert status_of(answer) == status
    assert b"\r\nx-guiju-exchange: ex_" in answer
    said = json.loads(body_of(answer))
    expected = json.loads(door.fault(BadRequest(field="f", problem="p"), exchange="ex", language="en"))
    assert set(expected) <= set(said)
    assert type(said["error"]) is type(expected["error"])
    assert inside.asked == []
    assert len(inside.entries) <= 1


def test_it_serves_on(inside: Inside):
    for door in DIALECTS.values():
        path = door.upstream_path(WAYS[door.name])
        inside.says = [table.ANSWERS[path][table.BENIGN[path]]("fine", False)] if path else []
        stream = {"stream": False} if door.stream_type else {}
        assert status_of(inside.send(request(door.paths[0], good(door, **stream)))) == 200
