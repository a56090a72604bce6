"""The package as its wheel has it: the hot modules compiled, and the same tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "compiled"
TESTS = ("tests/wire/test_dialect.py", "tests/review/test_holdback.py", "tests/review/test_lexicon.py",
         "tests/journal/test_writer.py", "tests/gateway/test_exchange.py", "tests/gateway/test_odd_values.py")  # fmt: skip


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(FOLDER)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.soak
def test_compiled_it_does_the_same():
    made = run("scripts/compiled.py", str(FOLDER))
    if made.returncode == 3:
        pytest.skip(made.stderr)
    assert made.returncode == 0, made.stdout + made.stderr
    where = run("-c", "import guiju.gateway.exchange as e, guiju.review.holdback as h; print(e.__file__, h.__file__)")
    assert [path.endswith(".so") for path in where.stdout.split()] == [True, True], where.stdout + where.stderr
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=tests", *TESTS)
    assert done.returncode == 0, done.stdout[-5000:]
