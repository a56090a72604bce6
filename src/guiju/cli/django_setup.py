"""What every command that changes the installation shares: Django made ready, and workers told."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from guiju.config import Config, control_socket, load
from guiju.journal.keyring import Keyring


def ready() -> Config:
    """Settings, keys and tables, whether the service runs or not."""
    from guiju.control import first_start

    _same_place(load().run / "up.lock")
    config = load()
    config.run.mkdir(parents=True, exist_ok=True)
    first_start.django()
    first_start.prepare(config) if not _has_data() else first_start.migrate()
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


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def tell_workers(config: Config, version: int, seconds: float = 15.0) -> list[str]:
    """Wait until every live worker has taken this version. Returns the workers that haven't; [] where none runs."""
    connection = _Unix(str(control_socket(config)))
    headers = {"authorization": f"Bearer {Keyring.open(config).node_token}", "content-type": "application/json"}
    try:
        connection.request("POST", "/_internal/poke", json.dumps({"wait_for": version, "timeout": seconds}), headers)
        answer = json.loads(connection.getresponse().read() or b"{}")
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return []  # the service is down: its next start takes what the tables say
    finally:
        connection.close()
    return list(answer.get("behind", []))


def finish(config: Config, version: int, result: dict[str, Any], *, as_json: bool, text: str) -> int:
    """Tell the workers, print, and return the exit code: 0, or 3 where a worker didn't take the change."""
    behind = tell_workers(config, version)
    if as_json:
        print(json.dumps({**result, "snapshot": version, "behind": behind}, ensure_ascii=False))
    elif text:
        print(text)
    if behind:
        print(f"Not taken yet by: {', '.join(behind)}. The change is kept; see their logs.", file=sys.stderr)
        return 3
    return 0
