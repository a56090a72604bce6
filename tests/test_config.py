"""guiju.config: settings come from one table, a wrong one is a sentence, and sockets work wherever GUIJU_HOME lies."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from guiju import config
from guiju.config import Config, load
from guiju.errors import SettingError


def test_the_environment_wins_over_the_file(tmp_path: Path):
    (tmp_path / "guiju.toml").write_text("port = 1\nworkers = 2\n[gateway]\nbody_limit = 3\n")
    read = load({"GUIJU_HOME": str(tmp_path), "GUIJU_PORT": "9"})
    assert (read["port"], read["workers"], read["gateway.body_limit"]) == (9, 2, 3)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("GUIJU_PORT", "abc", "write a whole number"),
        ("GUIJU_WORKERS", "0", "write 1 or more"),
        ("GUIJU_WORKERS", "-1", "write 1 or more"),
        ("GUIJU_GATEWAY_DRAIN_SECONDS", "soon", "write a number"),
        ("GUIJU_CONSOLE_TWO_PERSONS", "perhaps", "write true or false"),
        ("GUIJU_GATEWAY_TRUSTED_PROXIES", "10.0.0.1/8", r"write networks like 10\.0\.0\.0/8"),
    ],
)
def test_a_wrong_value_says_what_to_write(tmp_path: Path, variable: str, value: str, told: str):
    with pytest.raises(SettingError, match=told) as caught:
        load({"GUIJU_HOME": str(tmp_path), variable: value})
    assert f"'{value}' (from {variable})" in str(caught.value)


def test_networks_are_a_list_or_stand_between_commas(tmp_path: Path):
    (tmp_path / "guiju.toml").write_text('[gateway]\ntrusted_proxies = ["10.0.0.0/8", "::1"]\n')
    read = load({"GUIJU_HOME": str(tmp_path)})["gateway.trusted_proxies"]
    assert list(map(str, read)) == ["10.0.0.0/8", "::1/128"]
    told = load({"GUIJU_HOME": str(tmp_path), "GUIJU_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, ::1"})
    assert told["gateway.trusted_proxies"] == read


def test_a_certificate_makes_the_address_one_of_https(tmp_path: Path):
    assert load({"GUIJU_HOME": str(tmp_path), "GUIJU_GATEWAY_TLS_CERT": "x"}).base_url == "https://localhost:8787"


@pytest.mark.parametrize("data", [b"port", b"prot = 3\n", b"\xff\xfe"])
def test_a_wrong_file_is_named(tmp_path: Path, data: bytes):
    (tmp_path / "guiju.toml").write_bytes(data)
    with pytest.raises(SettingError, match=r"guiju\.toml"):
        load({"GUIJU_HOME": str(tmp_path)})


def test_a_home_of_somebody_elses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, **_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(SettingError, match=r"can't be read \(Permission denied\).*export GUIJU_HOME="):
        load({"GUIJU_HOME": str(tmp_path)})


def test_a_home_is_told_without_detours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert load({"GUIJU_HOME": "../x/./y"}).home == tmp_path.parent / "x" / "y"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://localhost:8787"),
        ("0.0.0.0", "http://localhost:8787"),
        ("::1", "http://localhost:8787"),
        ("10.0.0.5", "http://10.0.0.5:8787"),
        ("fd00::5", "http://[fd00::5]:8787"),
        ("guiju.internal", "http://guiju.internal:8787"),
    ],
)
def test_what_is_printed_leads_to_where_it_listens(tmp_path: Path, host: str, url: str):
    assert load({"GUIJU_HOME": str(tmp_path), "GUIJU_HOST": host}).base_url == url


@pytest.mark.parametrize("depth", [1, 12])
def test_a_socket_works_however_deep_the_home_lies(tmp_path: Path, depth: int):
    home = tmp_path.joinpath(*["a folder 文件夹"] * depth)
    path = config.control_socket(Config(home, {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        client.connect(str(config.control_socket(Config(home, {}))))
    assert (home / "run" / "control.sock").is_socket(), "nothing of it lies anywhere else"
