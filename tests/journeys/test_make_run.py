"""`make run` as a person meets it: a clone becomes a served, reviewed, recorded answer; Ctrl-C leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from fake_upstream import Upstream
from whole import Whole, clean_environment

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the whole story: its first start, and those after it."""
    return tmp_path_factory.mktemp("guiju") / "var"


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Whole]:
    """The first start."""
    with Whole(home) as guiju:
        yield guiju


def ask(guiju: Whole, text: str, **more: object) -> dict:
    body = {"model": "smollm2-135m-instruct", "max_tokens": 16, "messages": [{"role": "user", "content": text}]} | more
    request = urllib.request.Request(
        f"{guiju.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {guiju.key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["x-guiju-exchange"].startswith("ex_")
        return json.load(answer)


def guiju(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command against an installation."""
    command = [sys.executable, "-m", "guiju.cli.main", *words]
    env = clean_environment() | {"GUIJU_HOME": str(home), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Whether all these processes end in time."""
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def is_model(pid: int) -> bool:
    """Whether a process is the embedded model's."""
    return b"guiju.demo.server" in Path(f"/proc/{pid}/cmdline").read_bytes()


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


class TestAFirstStart:
    def test_the_printed_curl_line_works_when_pasted(self, first: Whole):
        done = subprocess.run(["bash", "-c", first.curl], capture_output=True, text=True, check=False, timeout=60)
        answer = json.loads(done.stdout)
        assert answer["choices"][0]["message"]["content"].strip()
        assert answer["guiju"]["exchange"].startswith("ex_")
        assert "AIGC" in answer["guiju"]["label"]

    def test_a_stream_arrives_labelled_and_complete(self, first: Whole):
        request = urllib.request.Request(
            f"{first.url}/v1/chat/completions",
            json.dumps(
                {
                    "model": "smollm2-135m-instruct",
                    "stream": True,
                    "max_tokens": 12,
                    "messages": [{"role": "user", "content": "Tell me about rivers."}],
                }
            ).encode(),
            {"authorization": f"Bearer {first.key}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            events = [line[6:].strip() for line in answer.read().decode().splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        chunks = [json.loads(event) for event in events[:-1]]
        assert "AIGC" in chunks[0]["guiju"]["label"]
        assert any(chunk["choices"] and chunk["choices"][0].get("finish_reason") for chunk in chunks)
        assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]).strip()

    def test_a_refused_prompt_is_answered_with_its_reason_and_explained_to_the_operator(self, first: Whole):
        answer = ask(first, "代开发票，加微信联系")
        assert answer["choices"][0]["finish_reason"] == "content_filter"
        exchange = answer["guiju"]["exchange"]
        assert f"/objections/{exchange}" in answer["choices"][0]["message"]["content"]
        told = until(lambda: guiju(first.home, "explain", exchange, "--json"), lambda done: done.returncode == 0)
        assert json.loads(told.stdout)

    def test_the_ledger_proves_itself_while_serving(self, first: Whole):
        done = guiju(first.home, "ledger", "verify")
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("path", ["/", "/console/"])
    def test_the_pages_answer(self, first: Whole, path: str):
        request = urllib.request.Request(first.url + path, headers={"accept": "text/html"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200
            assert b"<html" in answer.read()

    def test_the_sign_in_link_leads_in(self, first: Whole):
        link = next(
            word for word in first.printed.split() if word.startswith(first.url + "/console/") and len(word) > 50
        )
        with urllib.request.urlopen(link, timeout=20) as answer:
            assert answer.status == 200

    def test_a_second_one_from_the_same_home_is_told_of_the_first(self, first: Whole):
        done = guiju(first.home, "up", "--port", str(services.free_port()))
        assert done.returncode == 3
        assert f"already runs from {first.home} (process {first.process.pid}, {first.url})" in done.stderr

    def test_a_new_key_works_at_once_and_a_revoked_one_no_longer(self, first: Whole):
        key = guiju(first.home, "key", "create", "--app", "demo").stdout.strip()
        assert key.startswith("gj-")
        assert models(first, key) == 200
        assert guiju(first.home, "key", "revoke", key[:7]).returncode == 0
        assert models(first, key) == 401

    def test_a_crashed_part_comes_back(self, first: Whole):
        victim = next(pid for pid in first.processes() if is_model(pid))
        os.kill(victim, signal.SIGKILL)
        assert gone([victim])
        answer = until(lambda: try_to(lambda: ask(first, "Hello")), lambda answer: answer is not None)
        assert answer["choices"][0]["message"]["content"]

    def test_ctrl_c_ends_it_within_ten_seconds_and_leaves_no_orphan(self, first: Whole):
        pids = first.processes()
        assert len(pids) >= 5
        began = time.monotonic()
        assert first.stop() == 0, first.printed
        assert time.monotonic() - began < 11
        assert gone(pids), first.processes()


class TestALaterStart:
    def test_it_serves_within_five_seconds_and_has_kept_everything(self, home: Path, first: Whole):
        key = first.key
        with Whole(home) as again:
            assert again.seconds < 5, again.printed
            assert again.key == key
            assert f"{again.url}/console/link/" in again.printed  # nobody has signed in yet
            assert ask(again, "Hello")["choices"]
            assert guiju(home, "ledger", "verify").returncode == 0

    def test_kill_9_leaves_no_orphan_and_no_wound(self, home: Path):
        with Whole(home) as guiju_up:
            pids = guiju_up.processes()
            ask(guiju_up, "Hello")
            guiju_up.process.kill()
            guiju_up.process.wait()
            assert gone(pids), guiju_up.processes()
        with Whole(home) as again:
            assert ask(again, "Hello")["choices"]
            assert guiju(home, "ledger", "verify").returncode == 0

    def test_the_embedded_model_stays_away_once_another_has_taken_its_place(self, tmp_path: Path):
        with Upstream() as model:
            for options in (("--upstream", model.url, "--model", "m"), ()):
                with Whole(tmp_path / "var", *options) as guiju_up:
                    assert not any(is_model(pid) for pid in guiju_up.processes())
                    assert ask(guiju_up, "Hello")["choices"][0]["message"]["content"] == "You said: Hello"

    def test_a_terminal_in_chinese_is_spoken_to_in_chinese(self, home: Path):
        with Whole(home, LC_ALL="zh_CN.UTF-8") as chinese:
            assert "规矩已就绪" in chinese.printed
            assert "聊天页" in chinese.printed


class TestWhatKeepsItFromStarting:
    def test_a_taken_port(self, tmp_path: Path):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            done = guiju(tmp_path / "var", "up", "--port", str(port))
        assert done.returncode == 3
        assert f"{port} on 127.0.0.1 is taken by" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_a_folder_that_cannot_be_written(self):
        done = guiju(Path("/proc/guiju"), "up")
        assert done.returncode == 3
        assert "can't be written" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_a_setting_that_is_none(self, tmp_path: Path):
        (tmp_path / "guiju.toml").write_text('[gateway]\nbody_limit = "large"\n')
        done = guiju(tmp_path, "up")
        assert done.returncode == 3
        assert "gateway.body_limit: 'large'" in done.stderr


@pytest.mark.soak
def test_a_fresh_clone_needs_no_other_step(tmp_path: Path):
    """Installs from the package index; CI and `make soak` run it."""
    clone = tmp_path / "guiju"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    port = services.free_port()
    env = clean_environment() | {"LC_ALL": "C.UTF-8"}
    command = ["make", "run", f"PYTHON={getattr(sys, '_base_executable', sys.executable)}", f"ARGS=--port {port}"]
    with subprocess.Popen(
        command, cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as make:
        assert make.stdout is not None
        printed = ""
        for line in make.stdout:
            printed += line
            if "data, logs" in line:
                break
        assert "  curl " in printed, printed
        curl = printed[printed.index("  curl ") :].split("\n\n")[0]
        done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=False, timeout=60)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"]
        os.killpg(make.pid, signal.SIGINT)
        make.stdout.read()
    assert (clone / "var").is_dir()
    shutil.rmtree(clone)


def models(guiju: Whole, key: str) -> int:
    """Status of GET /v1/models with that key."""
    request = urllib.request.Request(f"{guiju.url}/v1/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return answer.code


def try_to(step):
    """The step's result; None where the server says no for now."""
    try:
        return step()
    except (urllib.error.HTTPError, urllib.error.URLError, ConnectionError):
        return None


def until(step, good, seconds: float = 15.0):
    """Repeat a step until its result is good."""
    end = time.monotonic() + seconds
    while not good(result := step()):
        assert time.monotonic() < end, result
        time.sleep(0.2)
    return result
