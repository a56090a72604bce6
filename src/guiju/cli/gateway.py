"""`guiju gateway`: one gateway worker. `guiju up` starts as many as the settings say; on other nodes this starts one."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys

import uvloop

from guiju.config import load
from guiju.gateway import worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--port", type=int, help="port to listen on (default: setting `port`)")
    parser.add_argument("--host", help="address to listen on (default: setting `host`)")
    parser.add_argument("--worker", type=int, default=0, metavar="N", help="number of this worker on its node")
    parser.add_argument("--json", action="store_true", help="print one line of JSON once it listens")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit codes: 0 stopped, 3 the port is taken."""
    config = load()
    given = {k: v for k, v in (("port", args.port), ("host", args.host)) if v is not None}
    config = config.with_values(**given)
    level = str(config["log.level"]).upper()
    logging.basicConfig(
        stream=sys.stderr, level=level, format="time=%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"
    )

    def ready(port: int) -> None:
        gc.collect()
        gc.freeze()  # what was built for good is never looked at again by the collector
        if args.json:
            told = {"worker": f"{config['node']}/{args.worker}", "host": config["host"], "port": port}
            print(json.dumps(told), flush=True)

    try:
        uvloop.run(worker.run(config, args.worker, ready))
    except OSError as problem:
        print(f"Port {config['port']} can't be used: {problem.strerror or problem}.", file=sys.stderr)
        return 3
    return 0
