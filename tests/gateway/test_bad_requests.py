"""What no door can take, at every door: a clear error in its dialect, one record, and nothing reaches an upstream."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import matrix as table
from gateway.test_every_dialect import DOORS
from guiju import plugins
from guiju.errors import BadRequest
from guiju.gateway.state import REJECTIONS
from guiju.ledger import entries
from guiju.wire.strings import MOST_TEXTS, MOST_VALUES
from inside import EXPIRED, KEY, REVOKED, Inside, body_of, request, status_of

DIALECTS = {door.name: door for door in plugins.dialects().values()}
WAYS = {door.name: way for door, way in reversed(DOORS)}


def good(door: Any, **more: Any) -> bytes:
    body = json.dumps(table.REQUESTS[door.name]["user"]).replace(table.AT, "hi")
    return json.dumps({"model": table.MODELS[WAYS[door.name]], **json.loads(body), **more}).encode()


def bare(door: Any, body: bytes, *fields: str) -> bytes:
    """A request with these fields and no others."""
    head = [f"POST {door.paths[0]} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


def many(text: str, count: int) -> dict[str, list[Any]]:
    """So many of what a door takes several of."""
    messages = [{"role": "user", "content": text}] * count
    return {"messages": messages, "input": messages, "prompt": [text] * count}


def picture(door: Any, data: str) -> bytes:
    """A question with an image, as the door has it."""
    url = f"data:image/png;base64,{data}"
    if door.name.startswith("anthropic"):
        part: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    elif door.name == "openai_responses":
        part = {"type": "input_image", "image_url": url}
    else:
        part = {"type": "image_url", "image_url": {"url": url}}
    content = [{"role": "user", "content": [part]}]
    if door.name.startswith("ollama"):
        content = [{"role": "user", "content": "hi", "images": [data]}]
    return good(door, messages=content, input=content, images=[data])


def limited(door: Any, value: Any) -> bytes:
    """A question with so many tokens for its answer."""
    if door.name.startswith("ollama"):
        return good(door, options={"num_predict": value})
    return good(door, max_tokens=value, max_output_tokens=value)


def numbers(door: Any, count: int) -> bytes:
    return good(door)[:-1] + b',"x":[' + b",".join([b"1"] * count) + b"]}"


CASES: dict[str, tuple[int, Any]] = {
    "no JSON": (400, lambda d: request(d.paths[0], b"{'a': 1}")),
    "nothing": (400, lambda d: request(d.paths[0], b"")),
    "a list": (400, lambda d: request(d.paths[0], b"[]")),
    "10,000 deep": (400, lambda d: request(d.paths[0], good(d)[:-1] + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}")),
    "no UTF-8": (400, lambda d: request(d.paths[0], good(d).replace(b"hi", b"\xff\xfe"))),
    "half a character": (400, lambda d: request(d.paths[0], good(d).replace(b"hi", b"\\ud800"))),
    "a wrong type": (400, lambda d: request(d.paths[0], good(d, messages=7, prompt=7, input=7))),
    "no messages": (400, lambda d: request(d.paths[0], good(d, messages=[], prompt=[], input=[]))),
    "100,000 messages": (400, lambda d: request(d.paths[0], good(d, **many("hi", 100_000)))),
    "a million numbers": (400, lambda d: request(d.paths[0], numbers(d, 1_000_000))),
    "a number of a million digits": (400, lambda d: request(d.paths[0], good(d)[:-1] + b',"x":1%b}' % (b"1" * 10**6))),
    "an exponent beyond measure": (400, lambda d: request(d.paths[0], good(d)[:-1] + b',"x":1e%b}' % (b"9" * 30))),
    "fewer tokens than none": (400, lambda d: request(d.paths[0], limited(d, -1))),
    "no tokens": (400, lambda d: request(d.paths[0], limited(d, 0))),
    "tokens that are no number": (400, lambda d: request(d.paths[0], limited(d, "many"))),
    "more tokens than there are": (400, lambda d: request(d.paths[0], limited(d, 2**40))),
    "an image that is no base64": (400, lambda d: request(d.paths[0], picture(d, "call 139-1234-5678!"))),
    "an unknown model": (404, lambda d: request(d.paths[0], good(d, model="nothing"))),
    "no key": (401, lambda d: bare(d, good(d))),
    "a wrong key": (401, lambda d: bare(d, good(d), "authorization: Bearer gj-wrong")),
    "a key that isn't ASCII": (401, lambda d: bare(d, good(d), "x-api-key: \u00e9\u00e9")),
    "an expired key": (401, lambda d: bare(d, good(d), f"authorization: Bearer {EXPIRED}")),
    "a revoked key": (401, lambda d: bare(d, good(d), f"x-api-key: {REVOKED}")),
    "a revoked key, and no JSON": (401, lambda d: bare(d, b"{", f"x-api-key: {REVOKED}")),
    "a wrong key, and a million numbers": (401, lambda d: bare(d, numbers(d, 1_000_000), "x-api-key: gj-wrong")),
    "too large": (
        413,
        lambda d: bare(d, b"", f"authorization: Bearer {KEY}").replace(b"length: 0", b"length: 104857600"),
    ),
    "compressed": (415, lambda d: request(d.paths[0], gzip.compress(b" " * 9_000_000), "content-encoding: gzip")),
    "said to be compressed": (415, lambda d: request(d.paths[0], good(d), "content-encoding: br, gzip")),
    "two lengths": (400, lambda d: request(d.paths[0], good(d), "content-length: 3")),
    "chunked and a length": (400, lambda d: request(d.paths[0], good(d), "transfer-encoding: chunked")),
    "a field that is folded": (400, lambda d: request(d.paths[0], good(d), "x-a: b", " c: d")),
    "a NUL in a field": (400, lambda d: request(d.paths[0], good(d), "x-a: b\0c")),
    "a carriage return in a field": (400, lambda d: request(d.paths[0], good(d), "x-request-id: b\rset-cookie: c")),
    "an address with a line in it": (400, lambda d: request(d.paths[0] + "\rset-cookie:c", good(d))),
}
"""What is wrong -> the status that says so, and door -> the request's bytes."""
NOBODYS = {
    "no key", "a wrong key", "a key that isn't ASCII", "a wrong key, and a million numbers", "an address with a line in it"
}  # fmt: skip
"""Cases of which nobody knows whose they are."""
KEYS = {"an expired key": "old", "a revoked key": "gone", "a revoked key, and no JSON": "gone"}
"""Case -> the key that the record names, where it isn't the good one."""
_NO_LIMIT = {
    (door, case)
    for door in ("openai_embeddings", "anthropic_count")
    for case in CASES
    if "tokens" in case
}  # fmt: skip
_NO_IMAGES = {(door, "an image that is no base64") for door in ("openai_completions", "openai_embeddings")}
NOT_WRONG = {
    ("openai_responses", "no messages"),  # a prompt kept at the upstream may be all
    ("ollama_chat", "no messages"),  # Ollama loads the model then
    ("ollama_generate", "no messages"),
    ("ollama_chat", "fewer tokens than none"),  # as many as it takes
    ("ollama_generate", "fewer tokens than none"),
    ("ollama_chat", "no tokens"),
    ("ollama_generate", "no tokens"),
    ("anthropic_messages", "no tokens"),  # fills the prompt cache
    ("openai_completions", "no tokens"),  # what is told of the prompt
    *_NO_LIMIT,
    *_NO_IMAGES,
}
"""(door, case) that the dialect itself allows, or has no such field."""


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
    inside.do(inside.gateway.write_counted_rejections)  # each case has a minute of its own
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
    named = answer.partition(b"x-guiju-exchange: ")[2].partition(b"\r\n")[0].decode()
    told = json.loads(body_of(answer))
    code = told.get("code") or told["error"]["code"]
    if case in NOBODYS:
        assert inside.entries == []
        inside.do(inside.gateway.write_counted_rejections)
        expected_record = entries.Rejected(at_ms=0, exchange="", code=code, count=1)
    else:
        key = KEYS.get(case, "k")
        expected_record = entries.Rejected(at_ms=0, exchange=named, door=door.name, app="a", key=key, code=code)
    assert [structs.replace(entry, at_ms=0) for entry in inside.entries] == [expected_record]


def test_it_serves_on(inside: Inside):
    for door in DIALECTS.values():
        path = door.upstream_path(WAYS[door.name])
        inside.says = [table.ANSWERS[path][table.BENIGN[path]]("fine", False)] if path else []
        stream = {"stream": False} if door.stream_type else {}
        assert status_of(inside.send(request(door.paths[0], good(door, **stream)))) == 200


def test_what_is_beyond_a_keys_share_of_entries_is_counted(inside: Inside):
    """Whoever has a key, or a stolen one that was revoked, doesn't fill the disk."""
    door = DIALECTS["openai_chat"]
    inside.do(inside.gateway.write_counted_rejections)
    inside.entries.clear()
    for _ in range(REJECTIONS + 5):
        inside.send(bare(door, b"{", f"x-api-key: {REVOKED}"))
    assert len(inside.entries) == REJECTIONS
    inside.send(request(door.paths[0], b"{"))  # another key has a share of its own
    assert inside.entries[-1].key == "k"
    inside.do(inside.gateway.write_counted_rejections)
    last = inside.entries[-1]
    assert (last.exchange, last.app, last.key, last.code, last.count) == ("", "a", "gone", "key_revoked", 5)


@pytest.mark.parametrize("path", ["/v1/moderations", "/v1/nothing", "/v1/models/nothing", "/api/show"])
def test_doors_without_a_dialect_record_what_they_turn_away_too(inside: Inside, path: str):
    inside.do(inside.gateway.write_counted_rejections)
    inside.entries.clear()
    method = "GET" if "models" in path else "POST"
    answer = inside.send(request(path, b"{", method=method))
    (entry,) = inside.entries
    assert (entry.app, entry.key, entry.door) == ("a", "k", "moderations" if "moderations" in path else "")
    assert entry.exchange.encode() in answer


@pytest.mark.parametrize("door", [pytest.param(d, id=n) for n, d in DIALECTS.items()])
def test_nothing_that_is_asked_becomes_a_field_of_a_head(inside: Inside, door: Any):
    """Whatever is repeated stands in the body, as JSON: in no head of an answer, and in none that an upstream reads."""
    line = "x\r\nset-cookie: a=b\r\n\r\n"
    inside.asked.clear()
    path = door.upstream_path(WAYS[door.name])
    inside.says = [table.ANSWERS[path][table.BENIGN[path]]("fine", False)] if path else []
    more: dict[str, Any] = {"user": line, "metadata": {"user_id": line}} | (
        {"stream": False} if door.stream_type else {}
    )
    fields = (
        "x-request-id: a%0d%0aset-cookie: a=b",
        "accept-language: %0d%0aset-cookie:a",
        "anthropic-beta: %0aset-cookie",
    )
    answers = [
        inside.send(request(door.paths[0], good(door, **more), *fields)),
        inside.send(request(door.paths[0], good(door, model=line), *fields)),
        inside.send(request(door.paths[0], good(door), *fields, "x-guiju-subject: %0d%0aset-cookie: a=b")),
    ]
    assert [status_of(answer) for answer in answers] == [200, 404, 400]
    for head in [a.partition(b"\r\n\r\n")[0] for a in (*answers, *inside.asked)]:
        assert not [line for line in head.split(b"\r\n") if line.lower().startswith(b"set-cookie")]


@pytest.mark.parametrize("door", [pytest.param(d, id=n) for n, d in DIALECTS.items()])
def test_a_request_that_comes_byte_by_byte_is_one_request(inside: Inside, door: Any):
    path = door.upstream_path(WAYS[door.name])
    inside.says = [table.ANSWERS[path][table.BENIGN[path]]("fine", False)] if path else []
    stream = {"stream": False} if door.stream_type else {}
    assert status_of(inside.trickle(request(door.paths[0], good(door, **stream)))) == 200


def test_base64_may_be_broken_into_lines_as_mail_does(inside: Inside):
    data = base64.encodebytes(bytes(range(256))).decode()
    door = DIALECTS["openai_chat"]
    inside.says = [table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("fine", False)]
    assert status_of(inside.send(request(door.paths[0], picture(door, data)))) == 200


def test_as_much_as_may_be_asked_at_once_is_asked_and_stops_nobody(inside: Inside):
    """A large request is read and judged beside the event loop, which answers others meanwhile."""
    door = DIALECTS["openai_chat"]
    inside.says = [table.ANSWERS["/chat/completions"][table.BENIGN["/chat/completions"]]("fine", False)]
    answers: list[bytes] = []
    large = request(door.paths[0], good(door, messages=[{"role": "user", "content": "hi"}] * (MOST_TEXTS - 2)))
    client = threading.Thread(target=lambda: answers.append(inside.send(large, wait=60)))
    client.start()
    others = 0
    while client.is_alive():
        assert status_of(inside.send(request("/healthz", b"", method="GET"))) == 200
        others += 1
    assert status_of(answers[0]) == 200
    assert others > 10


def test_an_embedding_of_many_tokens_is_not_too_much(inside: Inside):
    door = DIALECTS["openai_embeddings"]
    path = door.upstream_path(WAYS[door.name])
    inside.says = [table.ANSWERS[path][table.BENIGN[path]]("fine", False)]
    tokens = [[7] * 3_000] * 99
    assert MOST_VALUES > 3_000 * 99
    body = json.dumps({"model": table.MODELS[WAYS[door.name]], "input": tokens}).encode()
    assert json.loads(body_of(inside.send(request(door.paths[0], body))))["error"]["code"] == "media_not_allowed"


def objection(answer: bytes) -> str:
    """Where an error says that one may object; "" where it doesn't."""
    told = json.loads(body_of(answer))
    inner = told["error"] if isinstance(told["error"], dict) else told
    return str(inner.get("guiju", {}).get("objection", ""))


def test_who_is_turned_away_by_a_suspension_is_told_where_to_object(tmp_path: Path):
    """At every door, by the number that the answer bears, and as long as its record is there to be found."""
    with Inside(tmp_path, app={"paused": True}) as inside:
        for path in (*(door.paths[0] for door in DIALECTS.values()), "/v1/moderations"):
            answer = inside.send(request(path, b"{}"))
            named = answer.partition(b"x-guiju-exchange: ")[2].partition(b"\r\n")[0].decode()
            assert status_of(answer) == 403
            assert objection(answer) == f"http://localhost:8787/objections/{named}/"
            assert inside.entries[-1].exchange == named
        assert objection(inside.send(request("/v1/nothing", b"{}"))) == ""
        inside.do(lambda: inside.gateway._rejections.update({"k": REJECTIONS}))
        assert objection(inside.send(request("/v1/moderations", b"{}"))) == ""
