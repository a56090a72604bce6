"""The house rules that a program can check: who imports whom, what mirrors what, how long things may get."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "guiju"
TESTS = ROOT / "tests"

MIRRORED = ("review", "ledger", "journal", "demo", "remote")
"""Rooms whose files each have a test file of the same name."""

TESTED_ELSEWHERE = {
    # file -> where its test is, and that must be true
    "gateway/server.py": "gateway/test_http.py",
    "review/detector.py": "review/test_holdback.py",
    "review/squeeze.py": "review/test_lexicon.py",
    "review/judge.py": "review/test_holdback.py",
    "review/policy.py": "review/test_policy_file.py",
    **{f"review/personal/{kind.name}": "review/test_personal.py" for kind in (SOURCE / "review/personal").glob("*.py")},
}

LONGEST_FUNCTION = 80
LONGEST_FILE = 500
DJANGO_FILES = re.compile(r"(apps|urls\w*)\.py")
"""Files that Django asks for and that say no more than their names."""
TABLES = {"review/canon_table.py"}
"""Files that are data."""


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """CPython 3.11 counts depth wrongly where the collector runs while a tree is made (SystemError: "AST constructor …")."""
    gc.disable()
    yield
    gc.enable()


def sources() -> Iterator[Path]:
    """Our own Python files, without generated ones."""
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_imports_point_inwards():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_a_mirrored_room_has_its_test():
    missing = []
    for path in sources():
        room, *inner = path.relative_to(SOURCE).parts
        if room not in MIRRORED or path.name == "__init__.py" or name(path) in TABLES:
            continue
        own = TESTS / room / Path(*inner[:-1]) / f"test_{path.name}"
        if not own.exists() and name(path) not in TESTED_ELSEWHERE:
            missing.append(f"{name(path)} -> {own.relative_to(ROOT)}")
    assert missing == []


def test_the_list_of_exceptions_is_true():
    assert [file for file, test in TESTED_ELSEWHERE.items() if not (SOURCE / file).exists()] == []
    assert [test for test in TESTED_ELSEWHERE.values() if not (TESTS / test).exists()] == []


def test_no_function_outgrows_its_screen():
    long = [
        f"{name(path)}:{node.lineno} {node.name} {node.end_lineno - node.lineno + 1} lines"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_no_file_becomes_the_one_that_everybody_edits():
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {file: n for file, n in lengths.items() if n > LONGEST_FILE and file not in TABLES} == {}


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_for_later(word: str):
    assert [name(path) for path in sources() if word in path.read_text(encoding="utf-8")] == []


def test_no_room_is_named_for_leftovers():
    leftovers = {"utils", "util", "helpers", "common", "lib", "core", "misc"}
    assert [
        name(path) for path in sources() if leftovers & {part.removesuffix(".py") for part in path.parts[-3:]}
    ] == []


def test_every_module_says_what_it_is():
    silent = [
        name(path)
        for path in sources()
        if path.read_text(encoding="utf-8").strip()
        and not DJANGO_FILES.fullmatch(path.name)
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def compiled() -> list[Path]:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["guiju"]["compiled"]
    return [SOURCE.parent / (module.replace(".", "/") + ".py") for module in listed]


def test_what_is_compiled_means_the_same_compiled():
    """mypyc takes a generator expression for a list, drops the options of a class (msgspec's structs have them), and makes C
    names of attributes."""
    wrong = []
    for path in compiled():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            lazy = getattr(node, "value", None) if isinstance(node, (ast.Return, ast.YieldFrom, ast.Assign)) else None
            if isinstance(lazy, ast.GeneratorExp) and not (
                isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
            ):
                wrong.append(f"{name(path)}:{node.lineno}: a generator expression that is handed on")
            if isinstance(node, ast.ClassDef) and node.keywords:
                wrong.append(f"{name(path)}:{node.lineno}: a class with options")
            if isinstance(node, ast.Attribute) and node.attr in ("_thread", "_unix", "_linux"):
                wrong.append(f"{name(path)}:{node.lineno}: {node.attr} is a word of C's")
    assert wrong == []
