"""Run it: `make bench`, `make bench ARGS='--quick'`, `make bench ARGS=--json`.

Review alone first, then the gateway beside nginx: as its wheel has it, the hot modules compiled, where this machine has a C
compiler (ARGS=--source: as it lies in src).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import uvloop

import services
from bench import client, machines, review
from bench.upstream import PIECES


def measure_whole(port: int, key: str, pids: list[int], seconds: float) -> dict[str, float]:
    uvloop.run(client.whole(port, key, seconds=1, connections=64))
    before = machines.cpu(pids)
    load = uvloop.run(client.whole(port, key, seconds=seconds, connections=64))
    spent = machines.cpu(pids) - before
    alone = uvloop.run(client.whole(port, key, seconds=seconds / 2, connections=1))
    return {
        "requests_per_second": load.rate,
        "cpu_us_per_request": spent / load.count * 1e6,
        "latency_ms": alone.median_ms,
        "latency_p99_ms": alone.p99_ms,
    }


def measure_streams(port: int, key: str, pids: list[int], count: int) -> dict[str, float]:
    uvloop.run(client.streams(port, key, count=8))
    before = machines.cpu(pids)
    load = uvloop.run(client.streams(port, key, count=count))
    spent = machines.cpu(pids) - before
    return {
        "cpu_us_per_chunk": spent / (count * len(PIECES)) * 1e6,
        "first_piece_ms": load.median_ms,
        "stream_seconds": load.seconds,
    }


def rounds(quick: bool, package: Path | None) -> dict[str, dict[str, float]]:
    """Every figure, of nginx and of the gateway, taken in turns so that both see the same machine."""
    seconds, count, turns = (1.0, 200, 1) if quick else (4.0, 500, 3)
    found: dict[str, list[dict[str, float]]] = {"nginx": [], "guiju": []}
    with machines.upstream(0.0) as fast, machines.upstream(0.1) as paced:
        for kind, model in (("whole", fast), ("stream", paced)):
            gateway = machines.Gateway(model, machines.TERMS, package)
            with machines.nginx(model) as (nginx_port, nginx_pids), gateway.running() as (port, pids):
                time.sleep(1)
                rest = {"idle_mb": machines.memory(pids[0]), "ready_seconds": gateway.ready_seconds}
                for _ in range(turns):
                    for name, at, of in (("nginx", nginx_port, nginx_pids), ("guiju", port, pids)):
                        if kind == "whole":
                            found[name].append(measure_whole(at, gateway.key, of, seconds))
                        else:
                            found[name].append(measure_streams(at, gateway.key, of, count))
                found["guiju"].append(rest)
    return {name: median(rows) for name, rows in found.items()}


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure the middle one."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            values.setdefault(key, []).append(value)
    return {key: sorted(of)[len(of) // 2] for key, of in values.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="a few seconds: to see that it runs")
    parser.add_argument("--source", action="store_true", help="the gateway as it lies in src, not compiled")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if services.nginx() is None:
        print("nginx is missing: sudo apt install nginx", file=sys.stderr)
        return 3
    alone = review.measure(options.quick)
    package = None if options.source else machines.compiled()
    found = rounds(options.quick, package)
    if options.json:
        print(json.dumps(found | {"review": alone, "compiled": package is not None}))
        return 0
    print("Review alone: every shipped detector under the default policy, and so many terms more.\n")
    for key, value in alone.items():
        print(f"{key:32}{value:12.2f}")
    print()
    print(f"Governed: authentication, review of {machines.TERMS} terms in and out, label, durable record.")
    print("Beside it nginx, which passes through.")
    print("The hot modules are compiled, as in a wheel.\n" if package else "The hot modules aren't compiled.\n")
    print(f"{'':24}{'nginx':>12}{'guiju':>12}{'ratio':>9}")
    for key, ours in found["guiju"].items():
        theirs = found["nginx"].get(key)
        ratio = f"{ours / theirs:9.2f}" if theirs else ""
        print(
            f"{key:24}{theirs if theirs is not None else float('nan'):12.2f}{ours:12.2f}{ratio}".replace("nan", "  –")
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
