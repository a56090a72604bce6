"""Run it: `make guardbench`, `make guardbench ARGS=--quick`; `make guardbench ARGS=report` makes table and plots anew.

A run writes what it measured as JSON, one file for speed and one for leaks; `report` reads those and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import machines
from bench.guardbench import ends, install, leak, load, plots, table
from bench.guardbench.peers import PEERS, Peer
from bench.guardbench.upstream import CHUNKS
from bench.machines import TERMS

RESULTS = Path(__file__).resolve().parent / "results"
PACE = 0.1
LEVELS = (1, 100, 500, 1000)
ROUNDS = 3
"""Of the floor and of Guiju; the others, which are far from both, get one."""
QUICK_PACE, QUICK_LEVELS, QUICK_TERMS, QUICK_NTH = 0.02, (1, 20), 500, 40
"""A quick run has shorter streams, fewer terms, and asks for each nth case."""
LEAK_TERMS = {"litellm-filter": 0}
"""It asks each term by itself, so its answers would take seconds: in the leak score it has the one that the cases use."""


def conditions(quick: bool) -> dict[str, Any]:
    """What the figures depend on."""
    node = shutil.which("node")
    return machines.conditions() | {
        "node": subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
        if node
        else None,
        "quick": quick,
        "terms": QUICK_TERMS if quick else TERMS,
        "pace_seconds": QUICK_PACE if quick else PACE,
        "chunks": CHUNKS,
    }


def prepared(names: list[str]) -> tuple[list[Peer], dict[str, Any]]:
    """The peers that are here, and of each, here or not, what the table says of it."""
    here, about = [], {}
    for peer in PEERS:
        if peer.name in names:
            about[peer.name] = {"title": peer.title, "guards": peer.guards, "source": peer.source}
            try:
                found = peer.prepare()
                about[peer.name] |= {"version": found.version, "megabytes": found.megabytes}
                here.append(peer)
            except install.Missing as missing:
                about[peer.name]["missing"] = str(missing)
    return here, about


def told(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def speed(names: list[str], quick: bool) -> dict[str, Any]:
    """Rounds of every peer, one running at a time; the floor and Guiju in turns."""
    run, (here, about) = {"conditions": conditions(quick)}, prepared(names)
    levels, seconds, rounds = (QUICK_LEVELS, 0.5, 1) if quick else (LEVELS, 4.0, ROUNDS)
    terms, pace = run["conditions"]["terms"], run["conditions"]["pace_seconds"]
    with machines.upstream(pace, "bench.guardbench.upstream") as model:
        for number in range(rounds):
            for peer in here:
                if number and not peer.floor:
                    continue
                told(f"speed {peer.name}, round {number + 1}")
                try:
                    found = load.measure(peer.start(model, terms), levels, seconds, pace, CHUNKS)
                    about[peer.name].setdefault("rounds", []).append(found)
                except (install.Missing, RuntimeError) as failed:
                    about[peer.name].setdefault("failed", []).append(str(failed)[:400])
    return run | {"load_average_after": os.getloadavg(), "peers": about}


def leaks(names: list[str], quick: bool) -> dict[str, Any]:
    """The leak score, false hits and endings of every peer."""
    run, (here, about) = {"conditions": conditions(quick)}, prepared(names)
    nth = QUICK_NTH if quick else 1
    chosen = ends.chosen()[:: QUICK_NTH // 4 if quick else 1]
    with machines.upstream(PACE, "bench.guardbench.upstream") as model:
        for peer in here:
            told(f"leaks {peer.name}")
            try:
                with peer.start(model, LEAK_TERMS.get(peer.name, run["conditions"]["terms"])) as to:
                    load.wait_until_it_answers(to)
                    found = asyncio.run(leak.measure(to, leak.some(nth)))
                    found["endings"] = ends.measure(to, found["doors"], chosen)
                    about[peer.name]["leaks"] = found
            except (install.Missing, RuntimeError) as failed:
                about[peer.name].setdefault("failed", []).append(str(failed)[:400])
    return run | {"load_average_after": os.getloadavg(), "peers": about}


PARTS = {"speed": speed, "leaks": leaks}


def report(folder: Path) -> None:
    """Table and plots from the JSON of a folder."""
    runs = {part: json.loads(path.read_text()) for part in PARTS if (path := folder / f"{part}.json").exists()}
    text = table.written(runs.get("speed"), runs.get("leaks"))
    (folder / "table.md").write_text(text)
    for name, drawing in plots.drawn(runs.get("speed"), runs.get("leaks")).items():
        (folder / f"{name}.svg").write_text(drawing)
    print(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make guardbench")
    parser.add_argument("what", nargs="?", choices=("run", "report"), default="run")
    parser.add_argument(
        "--quick", action="store_true", help="two minutes: to see that it runs; kept in a temporary folder"
    )
    parser.add_argument("--only", choices=tuple(PARTS), help="one part")
    parser.add_argument("--peers", default=",".join(p.name for p in PEERS), help="names with commas (default: all)")
    parser.add_argument("--results", type=Path, help=f"folder (default: {RESULTS.relative_to(Path.cwd())})")
    options = parser.parse_args()
    folder = options.results or (Path(tempfile.mkdtemp(prefix="guardbench-")) if options.quick else RESULTS)
    if options.what == "run":
        names = options.peers.split(",")
        if unknown := set(names) - {p.name for p in PEERS}:
            parser.error(f"no such peers: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PEERS)}")
        folder.mkdir(parents=True, exist_ok=True)
        for part in [options.only] if options.only else PARTS:
            found = PARTS[part](names, options.quick)
            (folder / f"{part}.json").write_text(json.dumps(found, ensure_ascii=False) + "\n")
    report(folder)
    print(f"\n{folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
