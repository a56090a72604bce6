"""Where the gateways come from: Debian, PyPI, npm; pinned; in a cache outside the repository. And how large each is.

The cache is `$GUARDBENCH_CACHE`, else `guiju-guardbench` in `$XDG_CACHE_HOME` or `~/.cache`. What is there isn't fetched
again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

import services

CACHE = Path(
    os.environ.get("GUARDBENCH_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guiju-guardbench"
)
LITELLM, SHIELD, PORTKEY_VERSION = "1.106.2", "1.7.0", "1.15.2"
"""Never LiteLLM 1.82.7, 1.82.8 (they stole credentials, BerriAI/litellm#24518) or 1.107.0 (reported as compromised too)."""
HONO = "1.13.8"
"""Of @hono/node-server: with later ones every stream through Portkey ends in 500 (Portkey-AI/gateway#1389)."""
PORTKEY = CACHE / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
SOURCE = Path(__file__).resolve().parents[2] / "src" / "guiju"


class Missing(Exception):
    """A gateway that isn't here and can't be brought here, and why."""


class Installed(NamedTuple):
    """What was found or brought."""

    version: str
    megabytes: float
    """Its own files and those of its libraries; not the interpreter, nor libraries of the system."""


def nothing() -> Installed:
    return Installed("", 0.0)


def program(name: str) -> Path:
    """A program of the system. Raises: Missing."""
    found = services.nginx() if name == "nginx" else shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        raise Missing(f"{name} is not installed: sudo apt install {'nodejs npm' if name in ('node', 'npm') else name}")
    return Path(found)


def debian(name: str, *packages: str) -> Installed:
    """A program of Debian's: the size of its packages as dpkg knows it."""
    program(name)
    asked = ["dpkg-query", "-W", "-f", "${Version} ${Installed-Size}\n", *packages]
    if not shutil.which("dpkg-query"):
        raise Missing(f"{name} did not come from Debian, whose sizes are compared")
    lines = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split("\n")
    rows = [line.split() for line in lines if line]
    if not rows:
        raise Missing(f"{name} did not come from Debian, whose sizes are compared")
    return Installed(rows[0][0], sum(int(size) for _, size in rows) / 1024)


def run(*command: str | Path) -> None:
    """A step of an installation. Raises: Missing with the last line of what it said."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Missing(f"{Path(command[0]).name} failed: {said[-1][:200]}")


def venv(name: str) -> Path:
    return CACHE / name


def from_pypi(name: str, package: str, version: str, *more: str) -> Installed:
    """A Python program in an environment of its own."""
    folder = venv(name)
    dist = package.partition("[")[0]
    if _version(folder, dist) != version:
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin" / "pip", "install", "--quiet", f"{package}=={version}", *more)
    sizes = [_size(found) for found in _distributions(folder) if found.name not in ("pip", "setuptools", "wheel")]
    return Installed(version, sum(sizes) / 1e6)


def _distributions(folder: Path) -> list[metadata.Distribution]:
    return list(metadata.distributions(path=[str(p) for p in folder.glob("lib/python*/site-packages")]))


def _version(folder: Path, package: str) -> str | None:
    return next((found.version for found in _distributions(folder) if found.name == package), None)


def _size(found: metadata.Distribution) -> int:
    paths = [Path(str(found.locate_file(file))) for file in found.files or ()]
    return sum(path.stat().st_size for path in paths if path.exists())


def litellm() -> Installed:
    # opentelemetry: without it a failing import is tried again on every request; httptools and uvloop: uvicorn's quick parts.
    more = ("opentelemetry-api", "opentelemetry-sdk", "httptools", "uvloop")
    return from_pypi("litellm", "litellm[proxy]", LITELLM, *more)


def shield() -> Installed:
    return from_pypi("shield", "llm-shield-proxy", SHIELD)


def portkey() -> Installed:
    program("node")
    folder = CACHE / "portkey"
    if not PORTKEY.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {"@portkey-ai/gateway": PORTKEY_VERSION}
        package = {"private": True, "dependencies": wanted, "overrides": {"@hono/node-server": HONO}}
        (folder / "package.json").write_text(json.dumps(package))
        run(program("npm"), "install", "--prefix", folder, "--no-audit", "--no-fund")
    files = [path for path in (folder / "node_modules").rglob("*") if path.is_file() and not path.is_symlink()]
    return Installed(PORTKEY_VERSION, sum(path.stat().st_size for path in files) / 1e6)


def guiju() -> Installed:
    """This working tree, and what it needs to run; not what only its tests need."""
    sizes = [path.stat().st_size for path in SOURCE.rglob("*") if path.is_file()]
    sizes += [_size(found) for found in closure("guiju") if found.name != "guiju"]
    return Installed(metadata.version("guiju"), sum(sizes) / 1e6)


def closure(name: str, extras: frozenset[str] = frozenset()) -> list[metadata.Distribution]:
    """A distribution of this environment and all that it requires, directly or not."""
    found: dict[str, metadata.Distribution] = {}
    waiting, seen = [(name, extras)], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            dist = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of an extra that isn't here
        found[dist.name] = dist
        for line in dist.requires or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in (extras or {""})):
                waiting.append((needed.name, frozenset(needed.extras)))
    return list(found.values())
