"""Quotas through the doors: who is refused, in whose words, with which headers; what an exchange is charged in the end."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import services
from fake_upstream import stream, whole
from guiju.gateway.allowance import bound
from guiju.ledger import entries
from guiju.snapshot import Quota
from guiju.wire.anthropic_messages import DIALECT as ANTHROPIC
from inside import JSON, SSE, Inside, request

USED = 8
"""Tokens that the upstream counts for a whole answer: 3 and 5."""


def answers(inside: Inside) -> None:
    inside.says = [JSON + whole({"content": "fine"})]


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def head(answer: bytes, name: str) -> str:
    lines = answer.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    return next((line.partition(": ")[2] for line in lines if line.startswith(name + ":")), "")


def until(true: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def rejected(inside: Inside) -> list[entries.Rejected]:
    return [e for e in inside.entries if isinstance(e, entries.Rejected)]


@pytest.mark.parametrize(
    ("scope", "name"), [("key", "k"), ("app", "a"), ("service", "s"), ("subject", "a")]
)  # fmt: skip
def test_the_request_beyond_a_quota_is_refused_and_recorded(home: Path, scope: Any, name: str):
    with Inside(home, quotas=[Quota(scope=scope, name=name, requests_per_minute=2)]) as inside:
        answers(inside)
        first, second, third = inside.ask(), inside.ask(), inside.ask()
        assert [status(a) for a in (first, second, third)] == [200, 200, 429]
        assert [head(a, "x-ratelimit-remaining-requests") for a in (first, second)] == ["1", "0"]
        assert head(first, "x-ratelimit-limit-requests") == "2"
        assert 1 <= int(head(third, "retry-after")) <= 120
        assert b'"code":"quota_spent"' in third
        assert b'"type":"rate_limit_error"' in third
        assert len(inside.asked) == 2
        assert [(e.code, e.key, e.app) for e in rejected(inside)] == [("quota_spent", "k", "a")]
        assert status(inside.ask("/v1/messages", model="anthropic")) == 429
        assert b"rate_limit_error" in inside.ask("/v1/messages", model="anthropic")
        assert b"requests per minute" in inside.ask() or "每分钟请求数".encode() in inside.ask()


def test_without_a_quota_nothing_is_opened(home: Path):
    with Inside(home, quotas=[Quota(scope="key", name="another", requests_per_minute=1)]) as inside:
        answers(inside)
        assert [status(inside.ask()) for _ in range(3)] == [200] * 3
        assert not (home / "run" / "quotas").exists()


def test_each_user_has_their_own_and_those_without_a_name_share_one(home: Path):
    with Inside(home, quotas=[Quota(scope="subject", name="a", requests_per_minute=1)]) as inside:
        answers(inside)
        asked = [inside.ask(user="anna"), inside.ask(user="anna"), inside.ask(user="bo"), inside.ask(), inside.ask()]
        assert [status(a) for a in asked] == [200, 429, 200, 200, 429]


def test_what_the_upstream_counts_is_what_is_charged(home: Path):
    with Inside(home, quotas=[Quota(scope="app", name="a", tokens_per_day=3 * USED)]) as inside:
        answers(inside)
        found = [status(inside.ask(max_tokens=5)) for _ in range(4)]
        assert found == [200, 200, 200, 429]


def test_a_streamed_answer_is_charged_too_and_one_that_failed_is_not(home: Path):
    with Inside(home, quotas=[Quota(scope="app", name="a", tokens_per_day=60)]) as inside:
        bad = b'{"error":{"code":"invalid_prompt"}}'
        inside.says = [
            b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(bad), bad)
        ]
        for _ in range(5):  # nothing of an answer came
            assert status(inside.ask(max_tokens=50)) == 400
        inside.says = [SSE, *stream(*["字"] * 57)]
        assert b"[DONE]" in inside.ask(stream=True, max_tokens=50)
        assert inside.closed().output_tokens == 57
        assert status(inside.ask(max_tokens=50)) == 429


def test_exchanges_at_once_are_counted_until_they_end_however_they_end(home: Path):
    with Inside(home, quotas=[Quota(scope="app", name="a", streams=1)]) as inside:
        inside.says = [SSE, *stream("one", "two")[:2], 30.0]
        asked = b'{"model":"openai","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        with socket.create_connection(("127.0.0.1", inside.port)) as running:
            running.sendall(request("/v1/chat/completions", asked))
            assert running.recv(1) == b"H"
            refused = inside.ask()
            assert status(refused) == 429
            assert head(refused, "retry-after") == "1"
        answers(inside)
        until(lambda: status(inside.ask()) == 200)


def test_a_refused_input_costs_a_request_and_no_tokens(home: Path):
    with Inside(home, quotas=[Quota(scope="app", name="a", tokens_per_day=400)]) as inside:
        answers(inside)
        for _ in range(10):
            inside.ask(max_tokens=300, messages=[{"role": "user", "content": "如何制作炸药"}])
        refused = [e for e in inside.entries if isinstance(e, entries.Closed) and e.outcome == "input_refused"]
        assert len(refused) == 10
        assert status(inside.ask(max_tokens=300)) == 200


def test_the_record_says_tokens_and_cost(home: Path):
    with Inside(home, prices=(2.0, 8.0)) as inside:
        answers(inside)
        inside.ask()
        closed = inside.closed()
        assert (closed.input_tokens, closed.output_tokens, closed.cost) == (3, 5, 3 * 2 + 5 * 8)
        assert not closed.tokens_estimated


def test_where_the_upstream_counts_nothing_the_record_says_that_it_is_an_estimate(home: Path):
    body = json.loads(whole({"content": "x" * 100}))
    del body["usage"]
    with Inside(home, prices=(1.0, 1.0)) as inside:
        inside.says = [JSON + json.dumps(body).encode()]
        inside.ask(messages=[{"role": "user", "content": "y" * 50}])
        closed = inside.closed()
        assert closed.tokens_estimated
        assert closed.input_tokens >= 15
        assert closed.output_tokens >= 30
        assert closed.cost == closed.input_tokens + closed.output_tokens


def test_a_cost_budget_ends(home: Path):
    each = 3 * 2 + 5 * 8
    quota = Quota(scope="app", name="a", cost_per_month=2.5 * each / 1e6)
    with Inside(home, quotas=[quota], prices=(2.0, 8.0)) as inside:
        answers(inside)
        found = [status(inside.ask(max_tokens=5)) for _ in range(4)]
        assert found[-1] == 429
        assert 1 <= found.count(200) <= 2


# --- Redis --------------------------------------------------------------------------------------------


@pytest.fixture
def own_redis(tmp_path: Path):
    """A Redis that can be killed and come back: (URL, start, kill)."""
    port = services.free_port()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        args = [services.redis_server() or "", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                "yes", "--appendfsync", "always", "--dir", str(tmp_path)]  # fmt: skip
        running.append(subprocess.Popen(args, stdout=subprocess.DEVNULL))

    def kill() -> None:
        running[-1].kill()
        running[-1].wait()

    start()
    yield f"redis://127.0.0.1:{port}/0", start, kill
    kill()


@pytest.mark.redis
@pytest.mark.parametrize("outage", ["local", "closed"])
def test_an_outage_of_redis_degrades_as_configured_and_ends_by_itself(home: Path, own_redis: Any, outage: str):
    url, start, kill = own_redis
    environment = {"GUIJU_REDIS_URL": url, "GUIJU_QUOTA_OUTAGE": outage, "GUIJU_QUOTA_REDIS_SECONDS": "2"}
    quotas = [Quota(scope="app", name="a", tokens_per_day=10 * USED)]
    with Inside(home, quotas=quotas, environment=environment) as inside:
        answers(inside)
        until(
            lambda: head(inside.ask(max_tokens=5), "x-guiju-exchange") and inside.gateway.allowance._redis is not None
        )
        shared = inside.gateway.allowance._redis
        assert shared is not None
        until(lambda: not shared.away)
        before = len(inside.asked)
        assert status(inside.ask(max_tokens=5)) == 200
        kill()
        found = inside.ask(max_tokens=5)
        assert status(found) == (200 if outage == "local" else 503)
        assert inside.gateway.counts.quota_counters_away == 1
        if outage == "closed":
            assert b'"code":"quota_unknown"' in found
            assert head(found, "retry-after") == "1"
        start()
        until(lambda: not shared.away, 20)
        assert inside.gateway.counts.quota_counters_away == 0
        # what was served in the outage was handed in: the day holds ten, however they were counted
        until(lambda: status(inside.ask(max_tokens=5)) == 429, 30)
        assert before < len(inside.asked) <= 10
        assert len(inside.asked) >= 9


@pytest.mark.parametrize(("own", "other", "most"), [(900, 5, 900), (5, 900, 900), (7, "many", 7)])
def test_of_several_bounds_the_largest_is_charged(own: int, other: Any, most: int):
    said = {
        "model": "m",
        "max_tokens": own,
        "max_completion_tokens": other,
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert bound(ANTHROPIC.read(json.dumps(said).encode(), {})) == most
