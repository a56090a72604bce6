"""What must be true before anything starts. Each check passes silently or raises a sentence that says what to do.

Counterpart: up.py, which runs them in order. The age of Python is checked earlier, by scripts/bootstrap.py: an old one
could not read this file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import IO

from guiju.config import Config
from guiju.errors import Said, SettingError
from guiju.quoted import quoted

LEAST_FREE = 32_000_000
"""Bytes: keys, tables and the shipped lexicons, a few times over."""


class HomeNotWritable(SettingError):
    text_en = "{home} can't be written ({problem}). Name a folder of yours: export GUIJU_HOME=~/guiju-data"
    text_zh = "无法写入 {home}（{problem}）。请换一个您自己的文件夹：export GUIJU_HOME=~/guiju-data"


class HomeFull(SettingError):
    text_en = "{home} has {free} MB of free disk; {need} MB are needed to start. Make room, or export GUIJU_HOME=…"
    text_zh = "{home} 所在磁盘仅剩 {free} MB，启动至少需要 {need} MB。请腾出空间，或另设 export GUIJU_HOME=…"


class AlreadyRunning(SettingError):
    text_en = (
        "Guiju already runs from {home} (process {pid}, {url}). Use that one, stop it (kill {pid}), or give this one a "
        "folder of its own: GUIJU_HOME=… guiju up"
    )
    text_zh = (
        "规矩已在 {home} 上运行（进程 {pid}，{url}）。请直接使用它，或先停止它（kill {pid}），"
        "或另用一个文件夹：GUIJU_HOME=… guiju up"
    )


class PortTaken(SettingError):
    text_en = (
        "Port {port} on {host} is taken by {owner}. Stop that, or choose another port: guiju up --port {other} "
        "(make run ARGS='--port {other}')"
    )
    text_zh = (
        "{host} 的端口 {port} 已被占用（{owner}）。请停止占用者，或换一个端口：guiju up --port {other}"
        "（make run ARGS='--port {other}'）"
    )


class PortReserved(SettingError):
    text_en = "Port {port} is reserved for root. Choose one above 1023: guiju up --port 8787"
    text_zh = "端口 {port} 只有 root 能用。请选 1023 以上的端口：guiju up --port 8787"


class NoSuchPlace(SettingError):
    text_en = "Can't listen on {host}:{port} ({problem}). Ports are 1 to 65535; the address must be this machine's."
    text_zh = "无法监听 {host}:{port}（{problem}）。端口范围为 1 到 65535，地址须属于本机。"


def home_is_writable(config: Config) -> None:
    """Make GUIJU_HOME and its folders, private to this user.

    Raises:
        HomeNotWritable
    """
    try:
        for folder in (config.home, config.run, config.home / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = folder / ".probe"
            probe.write_bytes(b"")
            probe.unlink()
    except OSError as problem:
        raise HomeNotWritable(home=config.home, problem=quoted(problem)) from None


def home_has_room(config: Config) -> int:
    """Free bytes where GUIJU_HOME lies.

    Raises:
        HomeFull: too few to start at all.
    """
    free = shutil.disk_usage(config.home).free
    if free < LEAST_FREE:
        raise HomeFull(home=config.home, free=free // 1_000_000, need=LEAST_FREE // 1_000_000)
    return free


def only_one(config: Config) -> IO[str]:
    """Take the lock of this home; it is held as long as the returned file is open.

    Raises:
        AlreadyRunning: another `guiju up` holds it.
    """
    file = (config.run / "up.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid, _, url = file.read().strip().partition(" ")
        file.close()
        raise AlreadyRunning(home=config.home, pid=pid or "?", url=url or "?") from None
    file.truncate(0)
    file.write(f"{os.getpid()} {config.base_url}")
    file.flush()
    return file


def port_is_free(config: Config) -> None:
    """See that nobody listens where the gateway will, nor where `localhost` leads first.

    Raises:
        PortTaken (names the process, where it can be seen), PortReserved, NoSuchPlace
    """
    host, port = config["host"], config["port"]
    if not 0 < port < 65_536:  # getaddrinfo would take it modulo 65536
        raise NoSuchPlace(host=host, port=port, problem=Said("no such port", "没有这个端口"))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        if host == "127.0.0.1" and _answers("::1", port):  # what is printed would lead to somebody else
            raise PortTaken(
                host="::1", port=port, owner=listener(port) or Said("another process", "另一进程"), other=_other(port)
            )
    except PermissionError:
        raise PortReserved(port=port) from None
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            owner = listener(port) or Said("another process", "另一进程")
            raise PortTaken(host=host, port=port, owner=owner, other=_other(port)) from None
        raise NoSuchPlace(host=host, port=port, problem=quoted(problem)) from None


def _other(port: int) -> int:
    return port + 1 if port < 65_535 else 8787


def _answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def listener(port: int) -> str:
    """Who listens on a port: `nginx (process 812)`; "" where the kernel won't tell this user."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:  # 0A: LISTEN
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8").strip()
                return Said("{name} (process {pid})", "{name}，进程 {pid}", name=name, pid=process.name)
        except OSError:
            continue  # another user's, or gone meanwhile
    return ""
