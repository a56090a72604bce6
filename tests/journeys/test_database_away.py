"""PostgreSQL goes away under a running Guiju and comes back: programs notice nothing, pages say so, and no record is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx2 as httpx
import pytest

import services
from fake_upstream import Upstream
from gateway.test_exchange import command, user
from whole import Whole

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
PAGES = {"zh": "数据库暂时无法访问", "en": "The database is away"}


def proven(guiju: Whole, seconds: float = 40) -> dict:
    """What `ledger verify` says once nothing waits in the journal."""
    deadline = time.monotonic() + seconds
    while True:
        done = command(guiju, "ledger", "verify", "--json")
        told = json.loads(done.stdout) if done.returncode in (0, 1) else {"waiting": -1}
        if told["waiting"] == 0:
            return told
        assert time.monotonic() < deadline, done.stdout + done.stderr + guiju.logs()
        time.sleep(0.5)


def page(client: httpx.Client, url: str, language: str) -> httpx.Response:
    return client.get(f"{url}/", headers={"accept": "text/html", "accept-language": language})


def test_it_goes_on_and_catches_up(tmp_path: Path):
    with services.postgres() as cluster, Upstream() as upstream:
        options = ("--upstream", upstream.url, "--model", "m", "--workers", "2")
        with (
            Whole(tmp_path / "home", *options, GUIJU_DATABASE_URL=cluster.url) as guiju,
            httpx.Client(headers={"authorization": f"Bearer {guiju.key}"}, timeout=20) as client,
        ):

            def ask(number: int, *, stream: bool = False) -> str:
                body = {"model": "m", "stream": stream, "messages": user(f"第 {number} 问")}
                answer = client.post(f"{guiju.url}/v1/chat/completions", json=body)
                assert answer.status_code == 200
                assert not stream or answer.text.endswith("[DONE]\n\n")
                return answer.headers["x-guiju-exchange"]

            asked = [ask(0)]
            before = proven(guiju)["entries"]
            running = set(guiju.processes())
            cluster.stop()
            asked += [ask(n, stream=n % 2 == 0) for n in range(1, 9)]
            for language, sentence in PAGES.items():
                answer = page(client, guiju.url, language)
                assert (answer.status_code, sentence in answer.text) == (503, True)
            done = command(guiju, "explain", asked[-1])
            assert done.returncode == 3
            assert "Traceback" not in done.stderr
            time.sleep(6)  # longer than work waits between its tries, and than it looks for what a crash left open
            asked += [ask(n) for n in range(9, 12)]
            cluster.start()
            told = proven(guiju)
            assert told["good"], told
            assert told["entries"] >= before + 2 * 11
            for exchange in asked:
                entries = json.loads(command(guiju, "explain", exchange, "--json").stdout)["entries"]
                assert [e["kind"] for e in entries] == ["exchange.opened", "exchange.closed"]
                assert entries[-1]["outcome"] == "served"
            for language in PAGES:
                assert page(client, guiju.url, language).status_code == 200
            assert running <= set(guiju.processes())  # nobody died of it
            assert guiju.stop() == 0
