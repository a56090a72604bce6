"""guiju.cli.up: options become settings; what can't start says so. All of it runs in journeys/test_make_run.py."""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest

from certificates import Authority
from guiju import snapshot as snapshots
from guiju.cli import reach, up, welcome
from guiju.cli.main import UNFIT, USAGE
from guiju.cli.supervisor import Child
from guiju.config import EMBEDDED_URL, Config
from guiju.errors import BadRequest
from guiju.gateway.proxy_protocol import LOCAL
from guiju.values import networks


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    return parser.parse_args(words)


def test_options_become_settings(home: Path):
    told = up.overrides(options("--port", "9000", "--host", "0.0.0.0", "--workers", "2"))
    assert told == {"GUIJU_HOME": str(home), "GUIJU_PORT": "9000", "GUIJU_HOST": "0.0.0.0", "GUIJU_WORKERS": "2"}


def test_no_option_changes_no_setting(home: Path):
    assert up.overrides(options()) == {"GUIJU_HOME": str(home)}


def test_a_relative_home_is_the_same_for_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUIJU_HOME", "data")
    assert up.overrides(options())["GUIJU_HOME"] == str(tmp_path / "data")


def test_an_upstream_needs_its_model(home: Path):
    with pytest.raises(BadRequest, match="Add --model NAME"):
        up.overrides(options("--upstream", "http://127.0.0.1:8000/v1"))


def test_the_upstreams_key_comes_from_a_file(home: Path, tmp_path: Path):
    (tmp_path / "key").write_text("sk-secret\n")
    told = up.overrides(
        options("--upstream", "http://x/v1", "--model", "m", "--upstream-key-file", str(tmp_path / "key"))
    )
    assert (told["GUIJU_UPSTREAM_KEY"], told["GUIJU_UPSTREAM_MODEL"]) == ("sk-secret", "m")


def test_the_upstreams_key_comes_from_standard_input(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"sk-piped\n")))
    assert up.overrides(options("--upstream-key-file", "-"))["GUIJU_UPSTREAM_KEY"] == "sk-piped"


def test_a_key_file_that_is_missing_is_named(home: Path):
    with pytest.raises(BadRequest, match="/nowhere/key can't be read: No such file"):
        up.overrides(options("--upstream-key-file", "/nowhere/key"))


def test_only_the_process_that_seals_it_is_given_the_key(config: Config, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GUIJU_UPSTREAM_KEY", "sk-secret")
    started: list[Child] = []
    machine = up.Machine(config, embedded=False)
    monkeypatch.setattr(machine.supervisor, "add", lambda child: started.append(child) or child)
    machine.command("gateway", "guiju.cli.main", "gateway")
    machine.command("prepare", "guiju.cli.prepare", once=True)
    assert ["GUIJU_UPSTREAM_KEY" in child.env for child in started] == [False, True]


def test_a_part_that_cannot_run_here_ends_the_start_with_what_it_said(config: Config):
    machine = up.Machine(config, embedded=False)
    (config.home / "logs").mkdir(parents=True)
    said = "import sys; sys.stderr.write('tables: the disk is full\\n'); sys.exit(3)"
    machine.supervisor.add(Child("prepare", [sys.executable, "-c", said], os.environ, once=True))
    with pytest.raises(up.StartFailed, match=r"prepare could not start \(exit code 3\):\n  tables: the disk is full"):
        machine.wait(lambda: False)


@pytest.mark.parametrize(("code", "expected"), [(USAGE, USAGE), (UNFIT, UNFIT), (1, UNFIT), (-11, UNFIT)])
def test_a_failed_start_ends_with_a_documented_code(code: int, expected: int):
    child = Child("prepare", [], {})
    child.code = code
    assert up.StartFailed("prepare", child).code == expected


@pytest.mark.parametrize(("upstream", "expected"), [("embedded", True), ("vllm", False)])
def test_the_embedded_model_is_needed_where_a_route_leads_to_it(tmp_path: Path, upstream: str, expected: bool):
    route = snapshots.ModelRoute(name="m", upstream=upstream, model="m")
    servers = tuple(snapshots.Upstream(name=n, url=u) for n, u in (("embedded", EMBEDDED_URL), ("vllm", "http://x/v1")))
    services = (snapshots.Service(name="a"), snapshots.Service(name="b", models=(route,)))
    file = tmp_path / "snapshot.json"
    file.write_bytes(snapshots.encode(snapshots.Snapshot(services=services, upstreams=servers)))
    assert up.routes_to_embedded(file) is expected
    file.write_bytes(b"{")
    assert up.routes_to_embedded(file) is False


def test_the_embedded_model_is_started_once_and_only_where_it_may(config: Config, monkeypatch: pytest.MonkeyPatch):
    for may, expected in ((True, ["model"]), (False, [])):
        machine = up.Machine(config, embedded=may)
        started: list[str] = []
        monkeypatch.setattr(machine.supervisor, "_start", lambda child, started=started: started.append(child.name))
        machine.model()
        machine.model()
        assert started == expected


def test_it_waits_for_the_word_ready(config: Config):
    answers = [
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = config.with_values(port=server.getsockname()[1])

        def serve() -> None:
            for answer in answers:
                with server.accept()[0] as peer:
                    peer.recv(4096)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert [reach.answers(config), reach.answers(config)] == [False, True]
        thread.join()
    assert reach.answers(config) is False


@pytest.mark.parametrize("header", [b"", LOCAL])
def test_it_passes_what_stands_before_the_gateway(config: Config, tmp_path: Path, header: bytes):
    cert, key = Authority(tmp_path).sign("front")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client = listening.accept()[0]
            assert client.recv(len(header)) == header
            with context.wrap_socket(client, server_side=True) as spoken:
                spoken.recv(1000)
                spoken.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        front = config.with_values(
            port=listening.getsockname()[1],
            gateway__tls_cert=str(cert),
            gateway__proxy_protocol=bool(header),
            gateway__trusted_proxies=networks("127.0.0.0/8"),
        )
        assert reach.answers(front)


def test_a_gateway_that_asks_clients_for_certificates_is_ready_when_it_listens(config: Config):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        front = config.with_values(port=listening.getsockname()[1], gateway__tls_cert="x", gateway__tls_client_ca="y")
        assert reach.answers(front)
    assert not reach.answers(front)


@pytest.mark.parametrize(("language", "word"), [("zh_CN.UTF-8", "一次性"), ("en_US.UTF-8", "works once")])
def test_what_is_printed_leads_everywhere(config: Config, language: str, word: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", language)
    prepared = {"link": "http://localhost:8787/console/first/abc", "key": "gj-" + "k" * 43}
    text = welcome.text(config, prepared, 4.06)
    assert word in text
    assert "http://localhost:8787/\n" in text
    assert "http://localhost:8787/console/\n" in text
    assert prepared["link"] in text
    assert text.count(prepared["key"]) == 2
    assert str(config.home) in text
    assert "4.1" in text


def test_a_later_start_says_how_to_get_a_link(config: Config):
    assert "guiju admin link" in welcome.text(config, {"key": "gj-x"}, 1.0)


def test_the_other_model_is_the_one_asked(config: Config):
    text = welcome.text(config, {"key": "gj-x", "model": "qwen3"}, 1.0)
    assert '"model": "qwen3"' in text
    assert "SmolLM2" not in text


def test_a_script_gets_the_same_as_json(config: Config, capsys: pytest.CaptureFixture[str]):
    machine = up.Machine(config, embedded=False, as_json=True)
    machine.welcome({"link": None, "key": "gj-x", "model": "qwen"})
    told = json.loads(capsys.readouterr().out)
    assert (told["url"], told["key"], told["model"]) == ("http://localhost:8787", "gj-x", "qwen")
    assert told["home"] == str(config.home)


def test_a_key_that_was_taken_away_is_told(config: Config, capsys: pytest.CaptureFixture[str]):
    machine = up.Machine(config.with_values(upstream="http://two/v1"), embedded=False)
    machine.welcome({"link": None, "key": "gj-x"})
    assert "http://two/v1" not in capsys.readouterr().err
    machine.welcome({"link": None, "key": "gj-x", "key_was_for": "http://one/v1"})
    told = capsys.readouterr().err
    assert "http://one/v1" in told
    assert "http://two/v1" in told


def test_a_reader_who_has_gone_stops_nothing(config: Config, monkeypatch: pytest.MonkeyPatch):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", Gone())
    up.Machine(config, embedded=False).welcome({"link": None, "key": "gj-x"})
    up.echo("a line")


def test_the_curl_line_is_a_command_whatever_the_model_is_called():
    words = shlex.split(welcome.curl("http://x", "gj-k", """it's "q" $HOME""", "hi").replace("\\\n", ""))
    assert json.loads(words[-1])["model"] == """it's "q" $HOME"""
