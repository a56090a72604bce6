"""A detector behind a webhook: the page's server as printed, and every answer that isn't a verdict."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import re
import threading
import time
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from far_service import NONCE, NOW, FarService, Got, ask, send, settings_of
from guiju.remote.adapter import Asked, Fault
from guiju.remote.webhook import ADAPTER

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/write-a-webhook-detector.md"
SECRET = "the secret of the detector's settings"
ASKED = Asked(text="See 😀 OPS-20417.", direction="output", id="q-1", before="Which ticket?")


@pytest.fixture
def printed() -> Iterator[str]:
    """The server of the page, as printed; its address."""
    module = types.ModuleType("detector")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, module.__dict__)
    module.Detector.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), module.Detector)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/judge"
    server.shutdown()
    server.server_close()


def test_the_server_of_the_page_works_as_printed(printed: str):
    settings = settings_of(ADAPTER, url=printed, secret=SECRET)
    request = ADAPTER.ask(ASKED, settings, now=datetime.fromtimestamp(time.time(), UTC), nonce=NONCE)
    (found,) = ADAPTER.findings(send(request), ASKED, settings)
    assert (found.cls, ASKED.text[found.start : found.end]) == ("X.ticket", "OPS-20417")


@pytest.mark.parametrize(("secret", "late"), [("another", 0), (SECRET, 3600)])
def test_the_server_of_the_page_refuses_others_and_old_requests(printed: str, secret: str, late: int):
    settings = settings_of(ADAPTER, url=printed, secret=secret)
    request = ADAPTER.ask(ASKED, settings, now=datetime.fromtimestamp(time.time() - late, UTC), nonce=NONCE)
    with pytest.raises(Fault) as caught:
        ADAPTER.findings(send(request), ASKED, settings)
    assert not caught.value.again


def server(told: object, status: int = 200) -> FarService:
    def judge(got: Got) -> tuple[int, bytes]:
        at = got.headers["x-guiju-timestamp"]
        assert int(at) == NOW.timestamp()
        right = hmac.digest(SECRET.encode(), f"{at}.".encode() + got.body, hashlib.sha256).hex()
        assert got.headers["x-guiju-signature"] == f"v1={right}"
        asked = {"version": 1, "id": "q-1", "direction": "output", "text": ASKED.text, "before": "Which ticket?"}
        assert json.loads(got.body) == asked
        return status, json.dumps(told).encode()

    return FarService(judge)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (
            {"class": "I.mobile", "start": 4, "end": 5, "score": 0.5, "severity": "low", "why": "w"},
            ("I.mobile", 4, 5, 0.5, "low", "w"),
        ),
        ({"class": "X.ticket"}, ("X.ticket", 0, 16, 1.0, "high", "")),
        ({"class": "X.ticket", "start": 3}, ("X.ticket", 0, 16, 1.0, "high", "")),
        ({"class": "X.ticket", "start": -1, "end": 4}, ("X.ticket", 0, 16, 1.0, "high", "")),
        ({"class": "X.ticket", "start": 4, "end": 99}, ("X.ticket", 0, 16, 1.0, "high", "")),
        ({"class": "porn", "score": 9}, ("A.1.h", 0, 16, 1.0, "high", "")),
        ({"class": ""}, ("A.1.h", 0, 16, 1.0, "high", "")),
        ({"class": "X.a", "why": "<b>" + "y" * 300, "new": 1}, ("X.a", 0, 16, 1.0, "high", "_b_" + "y" * 197)),
    ],
)
def test_a_finding_is_kept_within_the_text(told: dict[str, object], found: tuple[object, ...]):
    with server({"findings": [told]}) as far:
        (f,) = ask(ADAPTER, ASKED, url=far.url + "/hook", secret=SECRET)
    assert (f.cls, f.start, f.end, f.score, f.severity, f.why) == found


def test_clean_must_be_said():
    with server({"findings": []}) as far:
        assert ask(ADAPTER, ASKED, url=far.url, secret=SECRET) == ()
    for told in ({}, [], None, {"findings": None}, {"findings": [{}]}, {"findings": [{"class": "X", "start": "0"}]}):
        with server(told) as far, pytest.raises(Fault) as caught:
            ask(ADAPTER, ASKED, url=far.url, secret=SECRET)
        assert caught.value.again
