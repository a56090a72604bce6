"""The servers that are compared, each as processes whose CPU time the kernel counts."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import services
from guiju import clock

ROOT = Path(__file__).resolve().parent.parent
CHINESE = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也"
"""Some of the commonest characters."""
TERMS = 20_000
"""Of the lexicon that Guiju reviews with."""


def terms(count: int) -> str:
    """A lexicon of `count` made-up terms of common characters, as CSV."""
    size, lines = len(CHINESE), ["term,class,severity"]
    for number in range(count):
        a, b, c = number % size, number // size % size, number // size // size % size
        lines.append(
            f"{CHINESE[a]}{CHINESE[b]}{CHINESE[c]}{CHINESE[(a + b + c) % size]}{CHINESE[a - b]},A.1.h.gambling,high"
        )
    return "\n".join(lines) + "\n"


def conditions() -> dict[str, Any]:
    """The machine, as any figure depends on it."""
    model = next((x.partition(":")[2].strip() for x in Path("/proc/cpuinfo").read_text().splitlines()
                  if x.startswith("model name")), platform.machine())  # fmt: skip
    return {
        "when": clock.now().isoformat(timespec="seconds"),
        "cpu": model,
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that these processes have used, all their threads."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> float:
    """Resident megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """A process and all that came from it, of any of its threads."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += children(int(child))
    return found


def wait(port: int, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"nobody listens on port {port}")


@contextmanager
def running(command: list[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=os.environ | more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def upstream(pace: float, module: str = "bench.upstream") -> Iterator[int]:
    port = services.free_port()
    with running([sys.executable, "-m", module, "--port", str(port), "--pace", str(pace)]):
        wait(port)
        yield port


NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; client_max_body_size 8m;
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
"""


@contextmanager
def nginx(model: int) -> Iterator[tuple[int, list[int]]]:
    """Pass-through: port, and its processes."""
    port, folder = services.free_port(), Path(tempfile.mkdtemp(prefix="guiju-bench-"))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, upstream=model, port=port))
    with running([services.nginx() or "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]) as process:
        wait(port)
        while len(pids := children(process.pid)) < 2:  # the master listens before its worker is there
            time.sleep(0.01)
        yield port, pids


def compiled() -> Path | None:
    """Where the package lies as its wheel has it, the hot modules compiled; None where this machine has no compiler."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "compiled.py"), str(ROOT / "build" / "compiled")],
        check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise RuntimeError("the package can't be compiled")
    return None if done.returncode else ROOT / "build" / "compiled"


class Gateway:
    """One worker of Guiju with so many terms, from a home of its own; `package`: where it lies, if not in src."""

    def __init__(self, model: int, terms_count: int, package: Path | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="guiju-bench-"))
        self.port = services.free_port()
        self.environment = {"GUIJU_HOME": str(self.home), "GUIJU_UPSTREAM": f"http://127.0.0.1:{model}/v1"}
        self.environment |= {"GUIJU_UPSTREAM_MODEL": "m", "GUIJU_LOG_LEVEL": "warning"}
        if package is not None:
            self.environment["PYTHONPATH"] = str(package)
        lexicon = self.home / "bench.csv"
        lexicon.write_text(terms(terms_count))
        self.key = self.command("key", "create", "--app", "demo").strip()
        self.command("lexicon", "import", str(lexicon))
        self.publish()
        self.ready_seconds = 0.0

    def publish(self) -> None:
        """What was set by commands, where the gateway reads it when it starts: there is no control."""
        snapshot = "from guiju.cli.django_setup import ready; ready()\nfrom guiju.control import publish\n"
        snapshot += "import sys; sys.stdout.buffer.write(publish.current()[1])"
        data = subprocess.run(
            [sys.executable, "-c", snapshot], env=os.environ | self.environment, check=True, capture_output=True
        )
        (self.home / "run" / "snapshot.json").write_bytes(data.stdout)

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "guiju.cli.main", *words],
            env=os.environ | self.environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[tuple[int, list[int]]]:
        """Port, and its process; measures how long it took to be ready. Without the parent of several workers."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "guiju.cli.main", "gateway", "--worker", "0", "--port", str(self.port)]
        with running(command, **self.environment) as process:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1):
                        break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.01)
            self.ready_seconds = time.perf_counter() - began
            yield self.port, [process.pid]
