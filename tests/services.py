"""Programs of the system that tests start for themselves: PostgreSQL and Redis on free ports, in temporary folders.

Also run by hand: `python tests/services.py COMMAND …` runs COMMAND with GUIJU_TEST_DATABASE_URL and
GUIJU_TEST_REDIS_URL set to fresh ones, and ends them with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Need(NamedTuple):
    """A program that some tests need."""

    title: str
    packages: str
    """Debian's, for the `apt install` line."""
    find: Callable[[], str | None]


def chromium() -> str | None:
    """Debian's Chromium; playwright drives it by `executable_path`, since it can't fetch its own here."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def nginx() -> str | None:
    """nginx; Debian keeps it in sbin, which isn't on every user's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def postgres_bin() -> str | None:
    """The folder of PostgreSQL's server programs, newest version first."""
    if found := shutil.which("initdb"):
        return str(Path(found).resolve().parent)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    return str(folders[0]) if folders else None


def redis_server() -> str | None:
    """Redis, or Valkey, which speaks the same."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """A fresh cluster without durability, for as long as the block runs; yields the URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="guiju-pg-"))
    port = free_port()
    binary = Path(postgres_bin() or "/nowhere")
    # PostgreSQL refuses to run as root: there, Debian's own user of that name runs it.
    become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if become:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"

    def tool(name: str, *args: str) -> None:
        command = [*become, str(binary / name), *args]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")

    try:
        tool("initdb", "-D", str(data), "-U", "guiju", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        tool("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
        tool("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "guiju", "guiju")
        yield f"postgres://guiju@127.0.0.1:{port}/guiju"
    finally:
        if data.exists():
            tool("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    """A fresh Redis that keeps nothing, for as long as the block runs; yields its URL."""
    port = free_port()
    server = subprocess.Popen(
        [
            redis_server() or "redis-server",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    with postgres() as database_url, redis() as redis_at:
        env = os.environ | {"GUIJU_TEST_DATABASE_URL": database_url, "GUIJU_TEST_REDIS_URL": redis_at}
        sys.exit(subprocess.run(sys.argv[1:], env=env, check=False).returncode)
