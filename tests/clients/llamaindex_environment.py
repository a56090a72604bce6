"""Where LlamaIndex's clients are installed: an environment of their own, since they want an older `openai` than our tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python() -> Path:
    """Its interpreter; the test that asks is skipped, with what to type, where it is missing or older than its lock."""
    environment = ROOT / ".venv-llamaindex"
    made, lock = environment / "made", ROOT / "requirements" / "llamaindex.lock"
    if not made.exists() or made.stat().st_mtime < lock.stat().st_mtime:
        pytest.skip("LlamaIndex's environment is missing or old: make llamaindex")
    return environment / "bin" / "python"
