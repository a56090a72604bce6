"""What every command that changes the installation shares: Django made ready, and workers told."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from guiju import clock
from guiju.cli.main import OK, UNFIT
from guiju.cli.preflight import home_is_writable
from guiju.cli.words import say
from guiju.config import Config, control_socket, load
from guiju.errors import Said
from guiju.journal import between
from guiju.journal.claim import claimed
from guiju.journal.keyring import Keyring

NEW = Said(
    "Making a new installation in {home}. Where yours lies elsewhere, name it: GUIJU_HOME=…",
    "在 {home} 新建规矩的数据（密钥、数据表、初始数据）。若数据在别处，请用 GUIJU_HOME 指明。",
)
BEHIND = Said(
    "Not taken yet by: {workers}. The change is kept; see their logs.",
    "尚未生效的网关进程：{workers}。更改已保存；请查看其运行日志。",
)


def ready() -> Config:
    """Settings, keys and tables, whether the service runs or not.

    Raises:
        HomeNotWritable, NoDatabase
    """
    from django.db import DatabaseError

    from guiju.control import first_start

    _same_place(load().run / "up.lock")
    config = load()
    home_is_writable(config)
    first_start.django()
    try:
        if _has_data():
            first_start.migrate()
        else:
            sys.stderr.write(say(NEW).format(home=config.home) + "\n")
            first_start.prepare(config)
    except DatabaseError as problem:
        raise first_start.NoDatabase(problem=problem) from None
    return config


def _same_place(lock: Path) -> None:
    """Links lead where `guiju up` was started last, whatever port it was told."""
    if "GUIJU_BASE_URL" in os.environ or "GUIJU_PORT" in os.environ or not lock.exists():
        return
    _, _, url = lock.read_text(encoding="utf-8").strip().partition(" ")
    if url:
        os.environ["GUIJU_BASE_URL"] = url


def _has_data() -> bool:
    from django.db import DatabaseError

    from guiju.control.services.models import Provider

    try:
        return Provider.objects.exists()
    except DatabaseError:
        return False


class _Elsewhere(http.client.HTTPSConnection):
    """Control on another machine, whatever its address is called."""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=between.NAME)  # type: ignore[attr-defined]


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def _control(config: Config, token: str) -> http.client.HTTPConnection:
    if not config["control_url"]:
        return _Unix(str(control_socket(config)))
    place = urlsplit(config["control_url"])
    return _Elsewhere(place.hostname or "", place.port, timeout=30, context=between.context(token, "node"))


def tell_workers(config: Config, version: int, seconds: float = 15.0) -> list[str]:
    """Wait until every live worker has taken this version. Returns the workers that haven't; [] where none runs.

    Where control doesn't answer: a worker that runs here waits for it as we do; where none runs, what a gateway starts
    from is written here, so that it never starts with a key or a policy that has ended.
    """
    from guiju.control.publish import keep

    until = clock.monotonic() + seconds
    while True:
        try:
            return _ask_control(config, version, until - clock.monotonic())
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            running = claimed(config.journal)
            if not running:
                keep(config.run / "snapshot.json")
                return []
            if clock.monotonic() >= until:
                return sorted(running)
            time.sleep(0.1)


def _ask_control(config: Config, version: int, seconds: float) -> list[str]:
    token = Keyring.open(config).node_token
    connection = _control(config, token)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = json.dumps({"wait_for": version, "timeout": max(seconds, 1.0)})
    try:
        connection.request("POST", "/_internal/poke", body, headers)
        return list(json.loads(connection.getresponse().read()).get("behind", []))
    finally:
        connection.close()


def finish(config: Config, version: int, result: dict[str, Any], *, as_json: bool, text: str) -> int:
    """Tell the workers, print, and return the exit code: 0, or 3 where a worker didn't take the change."""
    behind = tell_workers(config, version)
    if as_json:
        print(json.dumps({**result, "snapshot": version, "behind": behind}, ensure_ascii=False))
    elif text:
        print(text)
    if behind:
        sys.stderr.write(say(BEHIND).format(workers=", ".join(behind)) + "\n")
        return UNFIT
    return OK
