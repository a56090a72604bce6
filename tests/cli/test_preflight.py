"""guiju.cli.preflight: a clear sentence for each thing that keeps Guiju from starting."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from guiju.cli import preflight
from guiju.config import Config
from guiju.errors import SettingError


def test_it_makes_a_private_home(config: Config):
    preflight.home_is_writable(config)
    assert config.run.stat().st_mode & 0o777 == 0o700
    assert list(config.run.iterdir()) == []


def test_a_home_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("no folder")
    with pytest.raises(SettingError, match=r"file.* can't be written .*export GUIJU_HOME="):
        preflight.home_is_writable(Config(file / "home", {}))


def test_a_read_only_filesystem_is_noticed_even_by_root():
    with pytest.raises(SettingError, match="can't be written"):
        preflight.home_is_writable(Config(Path("/proc/guiju"), {}))


def test_a_folder_in_the_home_that_cannot_be_written_is_noticed(config: Config, monkeypatch: pytest.MonkeyPatch):
    write = Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if path.parent == config.home:
            raise PermissionError(13, "Permission denied")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(SettingError, match=r"can't be written \(Permission denied\)"):
        preflight.home_is_writable(config)


def test_a_disk_without_room_is_told_before_anything_is_made(config: Config, monkeypatch: pytest.MonkeyPatch):
    assert preflight.home_has_room(config) > 0
    monkeypatch.setattr(preflight, "LEAST_FREE", 1 << 60)
    with pytest.raises(preflight.HomeFull, match="Make room"):
        preflight.home_has_room(config)


def test_a_port_where_localhost_leads_to_somebody_else_is_refused(config: Config, free_port: int):
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            other.bind(("::1", free_port))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()
        with pytest.raises(preflight.PortTaken, match=f"Port {free_port} on ::1 is taken"):
            preflight.port_is_free(config.with_values(port=free_port))


def test_a_free_port_passes(config: Config, free_port: int):
    preflight.port_is_free(config.with_values(port=free_port))


def test_a_taken_port_names_who_has_it_and_another(config: Config):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SettingError) as caught:
            preflight.port_is_free(config.with_values(port=port))
    assert f"Port {port} on 127.0.0.1 is taken by" in str(caught.value)
    assert f"(process {os.getpid()})" in str(caught.value)
    assert f"--port {port + 1}" in str(caught.value)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_that_is_none_is_refused(config: Config, port: int):
    with pytest.raises(SettingError, match="no such port"):
        preflight.port_is_free(config.with_values(port=port))


def test_an_address_of_another_machine_is_refused(config: Config, free_port: int):
    with pytest.raises(SettingError, match=r"Can't listen on 192\.0\.2\.1"):
        preflight.port_is_free(config.with_values(host="192.0.2.1", port=free_port))


def test_only_one_runs_from_a_home(config: Config):
    preflight.home_is_writable(config)
    with preflight.only_one(config):
        code = "from guiju.cli import preflight; from guiju.config import load; preflight.only_one(load())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"already runs from {config.home} (process {os.getpid()}, http://localhost:8787)" in done.stderr
    with preflight.only_one(config):  # a lock that is let go may be taken again
        pass


@pytest.mark.parametrize("error", SettingError.__subclasses__())
def test_each_sentence_is_whole_in_both_languages(error: type[SettingError]):
    holes = {name for _, name, _, _ in Formatter().parse(error.text_en) if name}
    assert holes == {name for _, name, _, _ in Formatter().parse(error.text_zh) if name}
    assert error.text_zh != error.text_en
