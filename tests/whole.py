"""A whole Guiju, running: `guiju up` in a process of its own, from a home of its own, on a port of its own.

For journeys. `with Whole(home) as guiju:` waits until it has printed where to go; `guiju.key`, `guiju.url` and
`guiju.curl` are read from what it printed, as a person would.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import services


class Whole:
    """One installation. `options` go to `guiju up`; `environment` adds variables."""

    def __init__(self, home: Path, *options: str, port: int = 0, **environment: str) -> None:
        self.home = home
        self.port = port or services.free_port()
        self.environment = clean_environment() | {"GUIJU_HOME": str(home), "LC_ALL": "C.UTF-8"}
        self.environment |= services.storage_of(home) | environment
        self.command = [sys.executable, "-m", "guiju.cli.main", "up", "--port", str(self.port), *options]
        self.printed = ""
        self.seconds = 0.0
        """From the start of the process to the printed line."""

    @property
    def url(self) -> str:
        """As printed: `http://localhost:…`."""
        return f"http://localhost:{self.port}"

    @property
    def key(self) -> str:
        """The demo app's."""
        return re.findall(r"gj-[\w-]{43}", self.printed)[0]

    @property
    def curl(self) -> str:
        """The line that works when pasted."""
        return self.printed[self.printed.index("  curl ") :].split("\n\n")[0]

    def __enter__(self) -> Whole:
        began = time.monotonic()
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        while "  curl " not in self.printed or not self.printed.endswith("\n\n"):
            if self.process.poll() is not None or time.monotonic() - began > 120:
                self.process.kill()
                raise AssertionError(f"guiju up did not come up:\n{self.printed}\n{self.logs()}")
            time.sleep(0.02)
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
        self.process.stdout.close()

    def stop(self, number: int = signal.SIGINT, seconds: float = 20.0) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def processes(self) -> list[int]:
        """Every process of this installation, by the GUIJU_HOME in its environment."""
        mark = f"GUIJU_HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if mark in environment and state != "Z" and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return found

    def logs(self) -> str:
        """The ends of all logs, for a failing test."""
        return "\n".join(f"--- {p.name}\n{p.read_text()[-3000:]}" for p in sorted((self.home / "logs").glob("*.log")))


def clean_environment() -> dict[str, str]:
    """The environment without anything of Guiju's or of this test run's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("GUIJU_", "DJANGO_", "PYTEST_"))}
