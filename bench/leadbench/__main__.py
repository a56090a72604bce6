"""Run it: `make leadbench`, `make leadbench ARGS=--quick`; `make leadbench ARGS=report` makes table and plots anew.

A run writes what it measured as JSON; `report` reads that and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import machines
from bench.leadbench import answers, measure, report
from bench.leadbench.ends import JITTER

RESULTS = Path(__file__).resolve().parent / "results"
ANSWERS = 25
SPEEDS = [(40, 2), (120, 4)]
"""Characters a second, and of a chunk: models as they are, and a fast one."""
DELAYS = [50, 200, 500, 1000]
LEADS = [0, 10, 20, 40, 80, 160, 10_000]
"""The last is longer than any answer."""
QUICK = {"answers": 6, "speeds": [(120, 4)], "delays": [300], "leads": [0, 10_000], "terms": 500}


def run(quick: bool) -> dict[str, Any]:
    """Everything that is measured. Raises: RuntimeError where a lead of zero leaks."""
    plan = {"answers": ANSWERS, "speeds": SPEEDS, "delays": DELAYS, "leads": LEADS, "terms": machines.TERMS}
    plan = QUICK if quick else plan
    conditions = machines.conditions() | {"quick": quick, "terms": plan["terms"], "jitter": JITTER}
    conditions |= {"together": measure.TOGETHER, "stretch_seconds": measure.STRETCH_SECONDS}
    said, rows = answers.made(plan["answers"]), []
    bench = measure.Bench(said, plan["terms"])
    for row in measure.cells(bench, said, plan["speeds"], plan["delays"], plan["leads"]):
        rows.append(row)
        what = f"{row['speed']} characters/s, verdict after {row['delay_ms']} ms, lead {row['lead']}"
        print(f"{time.strftime('%H:%M:%S')} {what}: {row['leaked']} of {row['forbidden']}", file=sys.stderr, flush=True)
    return {"conditions": conditions, "load_average_after": os.getloadavg(), "rows": rows}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make leadbench")
    parser.add_argument("what", nargs="?", choices=("run", "report"), default="run")
    parser.add_argument(
        "--quick", action="store_true", help="half a minute: to see that it runs; kept in a temporary folder"
    )
    parser.add_argument("--results", type=Path, help=f"folder (default: {RESULTS.relative_to(Path.cwd())})")
    options = parser.parse_args()
    folder = options.results or (Path(tempfile.mkdtemp(prefix="leadbench-")) if options.quick else RESULTS)
    if options.what == "run":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lead.json").write_text(json.dumps(run(options.quick), indent=1) + "\n")
    found = json.loads((folder / "lead.json").read_text())
    (folder / "table.md").write_text(report.written(found))
    for name, drawing in report.drawn(found).items():
        (folder / f"{name}.svg").write_text(drawing)
    print(report.written(found))
    print(f"\n{folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
