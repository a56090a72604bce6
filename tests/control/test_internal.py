"""guiju.control.internal: a worker is waited for as long as it lives, and no longer."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.test import RequestFactory

from guiju.control import internal, publish


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
