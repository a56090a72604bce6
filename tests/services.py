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
import zlib
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


class Cluster:
    """A PostgreSQL server of its own, without durability, that can go away and come back; made and ended by `postgres`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="guiju-pg-"))
        self.data, self.port = self.folder / "data", free_port()
        self.url = f"postgres://guiju@127.0.0.1:{self.port}/guiju"
        self._binary = Path(postgres_bin() or "/nowhere")
        # PostgreSQL refuses to run as root: there, Debian's own user of that name runs it.
        self._become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._become:
            shutil.chown(self.folder, "postgres")

    def tool(self, name: str, *args: str) -> None:
        """One of PostgreSQL's own programs."""
        command = [*self._become, str(self._binary / name), *args]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")

    def make(self) -> None:
        self.tool("initdb", "-D", str(self.data), "-U", "guiju", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self.start()
        self.tool("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "guiju", "guiju")

    def start(self) -> None:
        settings = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        self.tool("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", settings, "start")

    def stop(self) -> None:
        """At once, as a crash would."""
        self.tool("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Cluster]:
    """A fresh cluster for as long as the block runs; `url` is that of an empty database."""
    cluster = Cluster()
    try:
        cluster.make()
        yield cluster
    finally:
        cluster.remove()


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


def storage_of(home: Path) -> dict[str, str]:
    """Where an installation of its own keeps its data in this run: a database of its own beside GUIJU_TEST_DATABASE_URL
    and a corner of GUIJU_TEST_REDIS_URL, always the same for one home; SQLite in its home where they aren't set."""
    number, settings = zlib.crc32(str(home).encode()), {}
    if url := os.environ.get("GUIJU_TEST_DATABASE_URL"):
        import psycopg  # not above: by hand, any Python runs this file
        import psycopg.sql

        name = f"guiju_home_{number:08x}"
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        settings["GUIJU_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    if url := os.environ.get("GUIJU_TEST_REDIS_URL"):
        settings["GUIJU_REDIS_URL"] = f"{url.rpartition('/')[0]}/{1 + number % 15}"
    return settings


if __name__ == "__main__":
    with postgres() as cluster, redis() as redis_at:
        env = os.environ | {"GUIJU_TEST_DATABASE_URL": cluster.url, "GUIJU_TEST_REDIS_URL": redis_at}
        sys.exit(subprocess.run(sys.argv[1:], env=env, check=False).returncode)
