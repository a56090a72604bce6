"""`kill -9` of everything under load, at random moments: what was acknowledged is in the ledger, and the ledger holds."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from fake_upstream import Upstream, stream
from gateway.test_exchange import command, user
from whole import Whole

pytestmark = pytest.mark.slow
CALLERS = 6


def load(guiju: Whole, acknowledged: set[str], sent: set[str], asked: list[int], stop: threading.Event) -> None:
    """Ask again and again; an answer that has come whole is acknowledged."""
    headers, number = {"authorization": f"Bearer {guiju.key}"}, 0
    with httpx.Client(headers=headers, timeout=10) as client:
        while not stop.is_set():
            number += 1
            asked.append(number)
            body = {"model": "m", "stream": number % 2 == 0, "messages": user(f"第 {number} 问")}
            try:
                with client.stream("POST", f"{guiju.url}/v1/chat/completions", json=body) as answer:
                    sent.add(answer.headers["x-guiju-exchange"])
                    text = answer.read()
                    if b"[DONE]" in text or not body["stream"]:
                        acknowledged.add(answer.headers["x-guiju-exchange"])
            except httpx.HTTPError:
                return


def under_load(acknowledged: set[str], before: int) -> None:
    """Wait until an answer of this round has come: a round that is killed before it serves proves nothing."""
    deadline = time.monotonic() + 20
    while len(acknowledged) == before and time.monotonic() < deadline:
        time.sleep(0.01)


def recorded(guiju: Whole) -> dict[str, str]:
    """Exchange -> outcome, of the whole ledger."""
    script = (
        "from guiju.cli.django_setup import ready; ready()\n"
        "from guiju.control.records.models import Exchange; import json\n"
        "print(json.dumps(dict(Exchange.objects.values_list('id', 'outcome'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=guiju.environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def rounds(home: Path, upstream: Upstream, count: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: set[str] = set()
    sent: set[str] = set()
    asked: list[int] = []
    for number in range(count):
        guiju = Whole(home, "--upstream", upstream.url, "--model", "m", "--workers", "2")
        with guiju:
            stop = threading.Event()
            callers = [
                threading.Thread(target=load, args=(guiju, acknowledged, sent, asked, stop)) for _ in range(CALLERS)
            ]
            before = len(acknowledged)
            for caller in callers:
                caller.start()
            under_load(acknowledged, before)
            time.sleep(rng.uniform(0, 1.2))
            guiju.process.kill()  # everything goes with it: see cli/supervisor.py
            guiju.process.wait()
            stop.set()
            for caller in callers:
                caller.join(20)
        assert len(acknowledged) > before, f"seed {seed}, round {number}: nothing was served"
    with Whole(home, "--upstream", upstream.url, "--model", "m") as guiju:
        deadline = time.monotonic() + 30
        while (missing := acknowledged - {e for e, outcome in recorded(guiju).items() if outcome}) or "" in recorded(
            guiju
        ).values():
            assert time.monotonic() < deadline, (seed, missing)
            time.sleep(0.5)
        found = recorded(guiju)
        assert {e for e in acknowledged if found[e] != "served"} == set()
        done = command(guiju, "ledger", "verify", "--json")
        assert done.returncode == 0, done.stdout
        assert sent <= set(found)
        assert len(found) <= len(asked)  # nothing is invented


def test_ten_times(tmp_path: Path):
    with Upstream() as upstream:
        rounds(tmp_path / "home", upstream, 10, seed=random.randrange(1 << 30))


@pytest.mark.soak
def test_a_hundred_times(tmp_path: Path):
    with Upstream() as upstream:
        upstream.says["第 2 问"] = stream(*["字"] * 20, pause=0.01)
        rounds(tmp_path / "home", upstream, 100, seed=random.randrange(1 << 30))
