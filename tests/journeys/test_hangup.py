"""SIGHUP to `guiju up`: its gateway takes the guards that are there now, and what runs runs on."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
from pathlib import Path

import pytest

from fake_upstream import DONE, Upstream, chunk
from gateway.test_exchange import command, user
from whole import Whole

pytestmark = pytest.mark.slow
POLICY = """\
name: default
guards: [{name: brand, timeout: 10}]
rules: [{id: brand, class: X.brand, action: refuse}]
"""


def write_guard(home: Path, word: str) -> None:
    code = f"@guard('X.brand')\ndef brand(text, context): return {word!r} in text\n"
    (home / "guards").mkdir(exist_ok=True)
    (home / "guards/brand.py").write_text("from guiju.guard import guard\n" + code)


def asked(guiju: Whole, text: str, *, stream: bool = False) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", guiju.port, timeout=60)
    body = json.dumps({"model": "m", "stream": stream, "messages": user(text)})
    headers = {"authorization": f"Bearer {guiju.key}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    return connection.getresponse()


def refused(guiju: Whole, text: str) -> bool:
    with asked(guiju, text) as answer:
        assert answer.status == 200
        return bool(json.load(answer)["choices"][0]["finish_reason"] == "content_filter")


def test_a_new_guard_acts_after_it_and_an_open_stream_goes_on_to_its_end(tmp_path: Path):
    home = tmp_path / "home"
    (tmp_path / "policy.yaml").write_text(POLICY)
    rest = threading.Event()
    with (
        Upstream() as upstream,
        Whole(home, "--upstream", upstream.url, "--model", "m", GUIJU_GATEWAY_DRAIN_SECONDS="60") as guiju,
    ):
        upstream.says["go on"] = [
            chunk({"content": "A first sentence. "}), rest, chunk({"content": "bolt is the last."}), chunk({}, "stop"), DONE,
        ]  # fmt: skip
        write_guard(home, "acme")
        done = command(guiju, "policy", "activate", str(tmp_path / "policy.yaml"))
        assert done.returncode == 0, done.stderr
        assert [refused(guiju, text) for text in ("buy acme", "buy bolt")] == [True, False]
        with asked(guiju, "go on", stream=True) as stream:
            heard = b""
            while b"first sentence" not in heard:
                heard += stream.readline()
            write_guard(home, "bolt")
            guiju.process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 60
            while not refused(guiju, "buy bolt"):
                assert time.monotonic() < until, guiju.logs()
            assert not refused(guiju, "buy acme")
            rest.set()
            heard += stream.read()
        assert b"bolt is the last." in heard  # by the guard under which it began
        assert heard.endswith(DONE)
        assert guiju.process.poll() is None
        assert guiju.stop(signal.SIGTERM, 60) == 0
