"""The measuring itself, once through a real gateway: with no lead nothing leaks, with a long one the passage does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.leadbench import report

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_quick_run_finds_no_leak_without_a_lead_and_one_with_a_long_lead(tmp_path: Path):
    command = [sys.executable, "-m", "bench.leadbench", "--quick", "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = json.loads((tmp_path / "lead.json").read_text())
    none, long = run["rows"]
    assert (none["lead"], none["leaked"], none["leaking"]) == (0, 0, 0)
    assert none["stopped"] == none["streams"] > 0
    assert long["lead"] > 0
    assert 0 < long["leaked"] <= long["forbidden"]
    assert long["leaking"] > 0
    delay = none["delay_ms"] * (1 - run["conditions"]["jitter"])
    assert none["added_first_ms"]["p50"] > delay  # it waited for its verdict
    assert long["added_first_ms"]["p50"] < delay
    assert (tmp_path / "table.md").read_text() == report.written(run) == done.stdout.removesuffix("\n")
    assert [path.name for path in tmp_path.glob("*.svg")] == ["leak-120.svg"]
