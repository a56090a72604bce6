"""guiju.control.internal: a worker is waited for as long as it lives, heard yet or not, and no longer."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from django.test import RequestFactory

from guiju import clock
from guiju.control import health, internal, publish


@pytest.fixture
def poll(settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(publish, "version", lambda: 7)
    monkeypatch.setattr(internal, "workers", {})
    body = json.dumps({"worker": "node1/0", "have": 7, "wait": 20})
    token = f"Bearer {settings.KEYRING.node_token}"
    request = RequestFactory().post("/", body, content_type="application/json", headers={"authorization": token})
    return lambda: internal.poll(request)


def test_a_worker_that_hangs_up_in_its_poll_is_waited_for_no_more(poll):
    async def story() -> None:
        waiting = asyncio.ensure_future(poll())
        await asyncio.sleep(0.3)
        assert list(internal.live()) == ["node1/0"]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert internal.live() == {}

    asyncio.run(story())


def test_what_a_worker_says_of_its_upstreams_becomes_their_history(settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(publish, "version", lambda: 7)
    monkeypatch.setattr(internal, "workers", {})
    monkeypatch.setattr(internal, "history", health.History())
    said = {"state": "closed", "wait_ms": 0, "ok": 1, "failed": 0, "errors": 0, "last_error": {}, "latency_ms": 2.0}

    def poll(**more: int) -> None:
        told = {"worker": "node1/0", "have": 7, "wait": 0, "stats": {"upstreams": {"u": said | more}}}
        token = f"Bearer {settings.KEYRING.node_token}"
        request = RequestFactory().post(
            "/", json.dumps(told), content_type="application/json", headers={"authorization": token}
        )
        assert asyncio.run(internal.poll(request)).status_code == 204

    poll()
    poll(ok=4, failed=2)
    minutes = internal.history.minutes("u", clock.epoch_ms())
    assert (sum(m.answers for m in minutes), sum(m.failures for m in minutes)) == (3, 2)
    assert internal.upstreams()["u"].worst.state == "healthy"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "workers", {})


def say(worker: str, have: int) -> None:
    internal.workers[worker] = {"have": have, "seen_ms": clock.epoch_ms(), "late": 0, "stats": {}}


def test_a_worker_that_was_not_heard_yet_is_waited_for(heard: None):
    assert internal.behind(3, {"node1/0", "node1/1"}) == ["node1/0", "node1/1"]
    say("node1/0", 3)
    assert internal.behind(3, {"node1/0", "node1/1"}) == ["node1/1"]
    say("node1/1", 4)
    assert internal.behind(3, {"node1/0", "node1/1"}) == []


def test_a_dead_worker_of_this_machine_is_not_waited_for(heard: None):
    say("node1/0", 2)
    assert internal.behind(3, set()) == []
    say("elsewhere/0", 2)
    assert internal.behind(3, set()) == ["elsewhere/0"]


def test_where_others_may_be_a_command_waits_until_control_could_have_heard_them(
    settings, heard: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(settings, "GUIJU", settings.GUIJU.with_values(control_port=8788))
    monkeypatch.setattr(internal, "_began", clock.monotonic() - internal._HEARD + 1.0)
    token = f"Bearer {settings.KEYRING.node_token}"

    def poke(version: int) -> dict:
        told = {"wait_for": version, "timeout": 5}
        request = RequestFactory().post(
            "/", json.dumps(told), content_type="application/json", headers={"authorization": token}
        )
        return json.loads(asyncio.run(internal.poke(request)).content)

    threading.Timer(0.3, say, ("elsewhere/0", 3)).start()  # it found control again
    assert poke(3) == {"version": 3, "workers": ["elsewhere/0"]}
