"""guiju.cli.workers: one parent keeps the workers; a reload and a death lose nobody."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.test_worker import published
from guiju import snapshot as snapshots
from guiju.journal.claim import claimed


class Parent:
    """`guiju gateway` in a process of its own, from a home that has a snapshot."""

    def __init__(self, home: Path, process: subprocess.Popen[str], port: int) -> None:
        self.home, self.process, self.port = home, process, port

    def workers(self) -> dict[str, int]:
        """Number -> process, of those that the parent has."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                    words = (entry / "cmdline").read_bytes().decode().split("\0")
                    found[words[words.index("--worker") + 1]] = int(entry.name)
            except (OSError, ValueError):
                continue
        return found

    def running(self) -> list[str]:
        """Numbers of those that have taken their journal."""
        return sorted(name.partition("/")[2] for name in claimed(self.home / "journal"))

    def until(self, done: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, self.workers()
            time.sleep(0.05)

    def told(self, words: str, times: int = 1) -> None:
        """Read its standard error until it, or its workers, have said this so often."""
        while times:
            line = self.process.stderr.readline()
            assert line, f"it ended without {words!r}"
            times -= words in line

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)


def get(connection: http.client.HTTPConnection, path: str = "/readyz") -> tuple[int, bool]:
    """Status, and whether the connection goes on."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status, not answer.will_close


@contextmanager
def gateway(home: Path, *options: str, **settings: str) -> Iterator[Parent]:
    command = [sys.executable, "-m", "guiju.cli.main", "gateway", "--port", "0", "--json", *options]
    told = {"GUIJU_HOME": str(home), "LC_ALL": "C.UTF-8"} | settings
    with subprocess.Popen(
        command, env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            yield Parent(home, process, json.loads(line)["port"] if line else 0)
        finally:
            process.terminate()
            process.communicate(timeout=90)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    published(tmp_path)
    return tmp_path


def test_a_worker_that_dies_is_replaced_under_its_number(home: Path):
    with gateway(home, "--workers", "2") as parent:
        before = parent.workers()
        assert sorted(before) == parent.running() == ["0", "1"]
        os.kill(before["1"], signal.SIGKILL)
        parent.until(lambda: len(now := parent.workers()) == 2 and now["1"] != before["1"])
        for _ in range(8):  # also those whose connection waits for the worker that comes
            assert get(parent.connect())[0] == 200
        parent.process.terminate()
        assert parent.process.wait(20) == 0
        assert parent.running() == []


def test_a_reload_changes_all_workers_and_an_idle_connection_is_answered_once_more(home: Path):
    with gateway(home, "--workers", "2", GUIJU_GATEWAY_DRAIN_SECONDS="60") as parent:
        kept = [parent.connect() for _ in range(6)]
        assert {get(each) for each in kept} == {(200, True)}
        parent.process.send_signal(signal.SIGHUP)
        parent.told("leaving replaced=True", 2)
        assert parent.running() == ["0", "1", "2", "3"]
        assert {get(each, "/healthz") for each in kept} == {(200, False)}
        parent.until(lambda: parent.running() == ["2", "3"], 30)  # an idle connection would hold them for a minute
        parent.until(lambda: sorted(parent.workers()) == ["2", "3"], 30)  # gone, and not only done with their journals
        parent.process.send_signal(signal.SIGHUP)
        parent.until(lambda: parent.running() == ["0", "1"])  # free again, and given anew


def test_a_reload_takes_the_settings_that_are_there_now(home: Path):
    with gateway(home) as parent:
        (home / "guiju.toml").write_text("workers = 3\n")
        parent.process.send_signal(signal.SIGHUP)
        parent.until(lambda: parent.running() == ["1", "2", "3"])
        (home / "guiju.toml").write_text("workers = 1\n")
        parent.process.send_signal(signal.SIGHUP)
        parent.until(lambda: parent.running() == ["0"])
        assert {get(parent.connect())[0] for _ in range(12)} == {200}  # it serves on every socket there ever was


@pytest.mark.parametrize("alone", [(), ("--worker", "0")])
def test_a_hangup_takes_the_guards_that_are_there_now(tmp_path: Path, alone: tuple[str, ...]):
    policy = "name: default\nguards: [brand]\nrules:\n  - {id: brand, class: X.brand, action: refuse}\n"
    snapshot = snapshots.Snapshot(
        version=1,
        services=(snapshots.Service(name="s", policy="default", demo=True),),
        apps=(snapshots.App(name="a", service="s"),),
        keys=(snapshots.Key(id="k", app="a", prefix="gj-", sha256=hashlib.sha256(b"gj-key").hexdigest()),),
        policies=(snapshots.PolicyRef(name="default", version=1, yaml=policy),),
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run/snapshot.json").write_bytes(snapshots.encode(snapshot))
    guard = tmp_path / "guards/brand.py"
    guard.parent.mkdir()

    def write(word: str) -> None:
        code = f"@guard('X.brand')\ndef brand(text, context): return {word!r} in text\n"
        guard.write_text("from guiju.guard import guard\n" + code)

    def flagged(parent: Parent) -> list[bool]:
        connection = parent.connect()
        headers = {"authorization": "Bearer gj-key", "content-type": "application/json"}
        connection.request("POST", "/v1/moderations", json.dumps({"input": ["acme", "bolt"]}), headers)
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        assert answer.status == 200, told
        return [result["flagged"] for result in json.loads(told)["results"]]

    write("acme")
    with gateway(tmp_path, *alone) as parent:
        assert flagged(parent) == [True, False]
        write("bolt")
        assert flagged(parent) == [True, False]  # a half-written file does nothing: it is taken when somebody says so
        parent.process.send_signal(signal.SIGHUP)
        parent.until(lambda: flagged(parent) == [False, True])


@pytest.mark.parametrize("spoilt", ["setting", "snapshot"])
def test_a_reload_that_cannot_serve_leaves_the_old_workers_in_their_place(home: Path, spoilt: str):
    with gateway(home, "--workers", "2") as parent:
        before = parent.workers()
        if spoilt == "setting":
            (home / "guiju.toml").write_text("workers = 'many'\n")
        else:
            (home / "run" / "snapshot.json").write_bytes(b"{")
        parent.process.send_signal(signal.SIGHUP)
        parent.told("the old ones go on")
        assert parent.workers().items() >= before.items()
        assert get(parent.connect())[0] == 200
        parent.until(lambda: parent.running() == ["0", "1"])


def test_it_says_first_that_it_is_not_ready_and_takes_who_comes_all_the_same(home: Path):
    with gateway(home, GUIJU_GATEWAY_LEAVE_SECONDS="3") as parent:
        assert get(parent.connect()) == (200, True)
        parent.process.terminate()
        parent.until(lambda: get(parent.connect()) == (503, False))
        assert get(parent.connect(), "/healthz") == (200, False)
        assert parent.process.wait(20) == 0


def test_no_worker_outlives_its_parent(home: Path):
    with gateway(home, "--workers", "2") as parent:
        assert len(parent.workers()) == 2
        parent.process.kill()
        parent.until(lambda: parent.running() == [], 10)
