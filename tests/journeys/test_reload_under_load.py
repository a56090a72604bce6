"""Policies and workers change under load: no request is dropped, and the record says which version judged each."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from fake_upstream import Upstream
from gateway.test_exchange import command, user
from guiju.review import load
from whole import Whole

pytestmark = pytest.mark.slow
CALLERS, CHANGES = 6, 3


class Asked(NamedTuple):
    exchange: str
    began: float
    ended: float


class Load:
    """Callers that ask until `count` answers have come and something has changed `CHANGES` times; some keep their
    connection, some open one for each request."""

    def __init__(self, guiju: Whole, count: int) -> None:
        self.guiju, self.count = guiju, count
        self.asked: list[Asked] = []
        self.dropped: list[str] = []
        self.changes: list[tuple[float, float, str]] = []
        """When each version's command began and ended."""
        self.threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]

    def _call(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.guiju.port, timeout=30)
        while len(self.asked) + len(self.dropped) < self.count or len(self.changes) < CHANGES:
            stream = len(self.asked) % 3 == 0
            body = json.dumps({"model": "m", "stream": stream, "messages": user("问")})
            headers = {"authorization": f"Bearer {self.guiju.key}", "content-type": "application/json"}
            began = time.time()
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                whole = text.endswith(b"[DONE]\n\n") if stream else b'"choices"' in text
                if answer.status == 200 and whole:
                    self.asked.append(Asked(answer.headers["x-guiju-exchange"], began, time.time()))
                else:
                    self.dropped.append(f"{answer.status} {text[-200:]!r}")
                if answer.will_close or number % 3 == 0:
                    connection.close()  # the next request opens one
            except (OSError, http.client.HTTPException) as problem:
                self.dropped.append(repr(problem))
                connection.close()

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.join()

    @property
    def runs(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)


def parent_of_workers(guiju: Whole) -> int:
    """The process that `guiju up` started as `guiju gateway`."""
    for pid in guiju.processes():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"gateway" in words and b"--worker" not in words:
            return pid
    raise AssertionError("no gateway runs")


def judged(guiju: Whole) -> dict[str, str]:
    """Exchange -> the policy that judged it, as the ledger says."""
    script = (
        "from guiju.cli.django_setup import ready; ready()\n"
        "from guiju.control.records.models import Entry; from guiju.ledger import entries; import json\n"
        "rows = Entry.objects.filter(kind='exchange.opened').values_list('body', flat=True).iterator(2000)\n"
        "found = map(entries.decode, map(bytes, rows)); print(json.dumps({e.exchange: e.policy for e in found}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=guiju.environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def changing(guiju: Whole, load_: Load, file: Path, pause: float) -> None:
    """Policies and workers change in turn while the load runs."""
    number = 0
    while load_.runs:
        number += 1
        file.write_text(load.default_policy_yaml() + f"\n# {number}\n", encoding="utf-8")
        began = time.time()
        done = command(guiju, "policy", "activate", str(file), "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        load_.changes.append((began, time.time(), f"default@{json.loads(done.stdout)['version']}"))
        os.kill(parent_of_workers(guiju), signal.SIGHUP)
        time.sleep(pause)


def reloaded_under_load(home: Path, count: int, pause: float) -> None:
    with Upstream() as upstream:
        options = ("--upstream", upstream.url, "--model", "m", "--workers", "2")
        with Whole(home, *options, GUIJU_GATEWAY_DRAIN_SECONDS="5") as guiju:
            first = time.time()
            with Load(guiju, count) as running:
                changing(guiju, running, home / "policy.yaml", pause)
            assert running.dropped == []
            assert len(running.asked) >= count
            deadline = time.monotonic() + 120
            while len(policies := judged(guiju)) < len(running.asked) and time.monotonic() < deadline:
                time.sleep(1)
    in_force = [(first, first, "default@1"), *running.changes]
    for asked in running.asked:
        # Judged by the version in force: of a change that was under way, either.
        may = {
            version
            for (began, _, version), after in zip(in_force, [*in_force[1:], None], strict=True)
            if began <= asked.ended and (after is None or asked.began <= after[1])
        }
        assert policies[asked.exchange] in may, (asked, policies[asked.exchange], may)
    assert len(set(policies.values())) >= CHANGES


def test_no_request_is_dropped(tmp_path: Path):
    reloaded_under_load(tmp_path / "home", 1_000, 1.0)


@pytest.mark.soak
def test_none_of_a_hundred_thousand_is_dropped(tmp_path: Path):
    reloaded_under_load(tmp_path / "home", 100_000, 3.0)
