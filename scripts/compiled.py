"""Makes a copy of the package in which the hot modules are compiled by mypyc: the same code, the same types, machine code.

    python scripts/compiled.py FOLDER     FOLDER/guiju is ready to be put on the path; prints FOLDER

`make wheel` packs such a copy, `make bench` measures it. Needs a C compiler and Python's headers (Debian: gcc,
python3-dev). What is compiled is listed in pyproject.toml, [tool.guiju]. A folder that was made of the same sources is kept.
Exit codes: 0 done, 1 a module can't be compiled (what mypyc says is printed), 3 no compiler here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "guiju"

BUILD = """
import sys
from mypyc.build import mypycify
from setuptools import setup
options = ["--ignore-missing-imports", *sys.argv[1:]]
setup(name="guiju_compiled", packages=[], ext_modules=mypycify(options, opt_level="2", debug_level="0", multi_file=True),
      script_args=["-q", "build_ext", "--inplace"])
"""
"""Run in the folder, so that the modules have their names."""


class Failed(Exception):
    """The message says what to do."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def modules() -> list[str]:
    """Paths of the compiled modules, relative to the package's parent."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["guiju"]["compiled"]
    return [name.replace(".", "/") + ".py" for name in listed]


def possible() -> bool:
    """Whether this machine has what it takes."""
    compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
    return compiler is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def digest() -> str:
    """Of everything that the result depends on."""
    found = hashlib.sha256(f"{sys.version} {version('mypy')} {modules()} {BUILD}".encode())
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            found.update(path.relative_to(SOURCE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def build(folder: Path) -> Path:
    """Make the copy there, unless it is there already. Returns the folder. Raises: Failed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:  # one at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(folder)


def _build(folder: Path) -> Path:
    stamp, of = folder / "stamp", digest()
    if stamp.exists() and stamp.read_text() == of:
        return folder
    if not possible():
        raise Failed("A C compiler or Python's headers are missing: sudo apt install gcc python3-dev", 3)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder / "guiju", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", BUILD, *modules()], cwd=folder, text=True, capture_output=True, check=False,
        env=os.environ | {"MYPYPATH": str(folder)},
    )  # fmt: skip
    if done.returncode:
        raise Failed(done.stdout + done.stderr, 1)
    shutil.rmtree(folder / "build", ignore_errors=True)
    stamp.write_text(of)
    return folder


def main(words: list[str]) -> int:
    """The command."""
    if len(words) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(build(Path(words[0]).resolve()))
    except Failed as problem:
        print(problem, file=sys.stderr)
        return problem.code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
