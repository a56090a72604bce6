"""Where a guard's code is: a file in GUIJU_HOME/guards/, or an installed package's entry point (`guiju.guards`).

The code is only read here, never run: that is host.py's, in a process of its own.
"""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from guiju.errors import Said

GROUP = "guiju.guards"
_PASSED = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT")
"""Of our environment, what a guard's process gets: none of our secrets."""


class Code(msgspec.Struct, frozen=True):
    """What a host runs."""

    name: str
    file: str = ""
    """For tracebacks; "" for an entry point."""
    source: str = ""
    entry: str = ""
    """`module:name`."""

    @property
    def digest(self) -> str:
        """The beginning of the SHA-256 of what it is, as records have it."""
        return hashlib.sha256((self.source or self.entry).encode()).hexdigest()[:8]


def find(home: Path, name: str) -> Code | None:
    """A guard's code by its name; None where there is none, or where its file can't be read."""
    file = home / "guards" / f"{name}.py"
    try:
        return Code(name, str(file), file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return next((Code(name, entry=p.value) for p in entry_points(group=GROUP, name=name)), None)
    except (OSError, UnicodeDecodeError):
        return None


def names(home: Path) -> list[str]:
    """Every guard of this installation."""
    files = [p.stem for p in sorted((home / "guards").glob("*.py")) if p.stem.isidentifier()]
    return list(dict.fromkeys([*files, *(p.name for p in entry_points(group=GROUP))]))


def missing(name: str) -> Said:
    """What is said where `find` finds nothing."""
    return Said(
        "there is no guards/{name}.py and no such entry point", "没有 guards/{name}.py，也没有同名入口点", name=name
    )


def environment() -> dict[str, str]:
    """In which a guard's process runs."""
    return {name: value for name, value in os.environ.items() if name in _PASSED}
