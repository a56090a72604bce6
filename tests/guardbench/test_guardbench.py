"""The measuring itself, once through: nginx, which guards nothing, and Guiju, which must let nothing through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.guardbench import table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.soak
@pytest.mark.nginx
def test_a_quick_run_measures_both_and_finds_the_leak_of_the_one_that_has_no_guard(tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "bench.guardbench",
        "--quick",
        "--peers",
        "direct,nginx,guiju",
        "--results",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    speed, leaks = (json.loads((tmp_path / f"{part}.json").read_text()) for part in ("speed", "leaks"))
    for name in ("nginx", "guiju"):
        (one,) = speed["peers"][name]["rounds"]
        assert one["whole"]["cpu_us_per_request"] > 0
        assert one["idle_mb"] > 1
        for level in one["streams"]:
            assert level["ended"] == level["streams"]
            assert level["chunks"] == level["streams"] * speed["conditions"]["chunks"]
            assert 0 < level["lag_ms"]["p50"] <= level["lag_ms"]["max"]
    for name, share in (("nginx", 1), ("guiju", 0)):
        found = leaks["peers"][name]["leaks"]
        assert found["doors"] == {"chat": "", "responses": "", "messages": ""}
        assert sum(row["delivered"] for row in found["rows"]) == share * sum(row["characters"] for row in found["rows"])
        assert sum(row["unserved"] for row in found["rows"]) == 0
        assert found["false_hits"]["streamed"] == found["false_hits"]["whole"] == []
        assert found["endings"]["counts"]["broken"] == 0, found["endings"]
    assert (tmp_path / "table.md").read_text() == table.written(speed, leaks) == done.stdout.removesuffix("\n")
    assert {path.name for path in tmp_path.glob("*.svg")} == {"cpu.svg", "lag.svg", "leaks.svg"}
