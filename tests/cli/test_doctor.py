"""`guiju doctor` says what is wrong, what to do, and changes nothing."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import services
from cli.test_verbs import clean_environment, write_exchange
from guiju.journal import reader


class Model(http.server.BaseHTTPRequestHandler):
    """A server of models that takes one key, where OpenAI's reads it or where Azure's does."""

    def do_GET(self) -> None:
        given = self.headers.get("authorization"), self.headers.get("api-key"), self.path
        good = given in (("Bearer sk-right", None, "/v1/models"), (None, "sk-right", "/v1/models?api-version=1"))
        self.send_response(200 if good else 401)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def guiju(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = clean_environment() | {"GUIJU_HOME": str(home), "GUIJU_PORT": "9", "LC_ALL": "C.UTF-8"}

    def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "guiju.cli.main", *words],
            env=environment | more, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return command


def found(done: subprocess.CompletedProcess[str]) -> dict[str, list[tuple[str, str]]]:
    """What -> (state, sentence)."""
    out: dict[str, list[tuple[str, str]]] = {}
    for row in json.loads(done.stdout):
        out.setdefault(row["what"], []).append((row["state"], row["said"] + " " + row["remedy"]))
    return out


def test_where_nothing_is_nothing_is_made(home: Path, guiju):
    home.mkdir()
    done = guiju("doctor", "--json")
    assert done.returncode == 1
    ((state, said),) = found(done)["files"]
    assert state == "bad"
    assert "holds no installation" in said
    assert list(home.iterdir()) == []


def test_of_a_good_installation_nothing_is_bad(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    done = guiju("doctor", "--json")
    assert done.returncode == 0, done.stdout
    told = found(done)
    assert [state for state, _ in told["files"] + told["disk"] + told["database"] + told["journal"]] == ["good"] * 4
    assert told["gateway"][0][0] == "look"  # nobody is asked to run
    assert any("the provider's code isn't set" in said for _, said in told["policy"])
    assert ("good", "service demo: default@1, running ") in told["policy"]
    assert "正常  数据库      sqlite，已是最新" in guiju("doctor", "--offline", LC_ALL="zh_CN.UTF-8").stdout


def test_what_is_wrong_is_bad_and_says_what_to_do(home: Path, guiju, model: str):
    key = home.parent / "key"
    for name, secret in (("right", "sk-right"), ("wrong", "sk-wrong")):
        key.write_text(secret)
        guiju("upstream", "add", name, model, "--key-file", str(key))
    key.write_text("sk-right")
    azure = ("--key-header", "api-key", "--query", "api-version=1")
    guiju("upstream", "add", "azure", model, *azure, "--key-file", str(key))
    guiju("upstream", "add", "away", "http://127.0.0.1:9/v1")
    guiju("service", "suspend", "demo", "--reason", "drill")
    (home / "keys" / "pepper.key").chmod(0o644)
    write_exchange(home, "hello")
    (segment,) = reader.segments(home / "journal")
    os.utime(segment.path, (time.time() - 3600,) * 2)
    done = guiju("doctor", "--json", GUIJU_DISK_STOP_BYTES=str(1 << 60))
    assert done.returncode == 1
    told = found(done)
    assert told["files"] == [
        ("bad", f"1 keys can be read by others, {home}/keys/pepper.key first chmod -R go= {home}/keys")
    ]
    assert told["disk"][0][0] == "bad"
    assert [state for state, _ in told["journal"]] == ["bad"]
    assert "guiju work" in told["journal"][0][1]
    assert ("look", "service demo: default@1, suspended ") in told["policy"]
    upstreams = dict(reversed(item) for item in told["upstream"])
    assert [state for said, state in upstreams.items() if said.startswith("right answers in")] == ["good"]
    assert [state for said, state in upstreams.items() if said.startswith("azure answers in")] == ["good"]
    assert [state for said, state in upstreams.items() if "wrong doesn't take our key (401)" in said] == ["bad"]
    assert [state for said, state in upstreams.items() if "away" in said and "can't be reached" in said] == ["bad"]
    assert "sk-" not in done.stdout


@pytest.mark.redis
def test_redis_that_is_away_is_bad_where_quotas_are_closed_without_it(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    with services.redis() as url:
        (there,) = found(guiju("doctor", "--json", GUIJU_REDIS_URL=url))["counters"]
    assert there[0] == "good"
    for outage, state in (("closed", "bad"), ("local", "look")):
        done = guiju("doctor", "--json", GUIJU_REDIS_URL=url, GUIJU_QUOTA_OUTAGE=outage)
        ((said, sentence),) = found(done)["counters"]
        assert said == state
        assert "Redis doesn't answer" in sentence
        assert outage in sentence


def test_a_changed_journal_is_bad(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    write_exchange(home, "hello")
    (segment,) = reader.segments(home / "journal")
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)
    done = guiju("doctor", "--json", "--offline")
    assert done.returncode == 1
    assert found(done)["journal"][0][0] == "bad"
