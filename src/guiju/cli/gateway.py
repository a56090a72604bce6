"""`guiju gateway`: one gateway worker. `guiju up` starts as many as the settings say; on other nodes this starts one."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys

import uvloop

from guiju.cli.words import say
from guiju.config import load
from guiju.errors import Said
from guiju.gateway import worker
from guiju.gateway.log_lines import Lines
from guiju.quoted import quoted

COLLECT = 20_000, 20, 20
"""How often the collector of cycles looks (gc.set_threshold). An exchange makes a few hundred objects and no cycle: at
Python's own 700 a worker would spend a fourteenth of its time looking at what is still in use."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--port", type=int, help=Said("port to listen on (default: setting `port`)", "监听端口（默认：设置项 `port`）")
    )
    parser.add_argument(
        "--host", help=Said("address to listen on (default: setting `host`)", "监听地址（默认：设置项 `host`）")
    )
    parser.add_argument(
        "--worker",
        type=int,
        default=0,
        metavar="N",
        help=Said("number of this worker on its node", "本工作进程在该节点上的编号"),
    )
    parser.add_argument(
        "--json", action="store_true", help=Said("print one line of JSON once it listens", "开始监听后输出一行 JSON")
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit codes: 0 stopped, 3 the port is taken."""
    config = load()
    given = {k: v for k, v in (("port", args.port), ("host", args.host)) if v is not None}
    config = config.with_values(**given)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(config["log.format"]))
    logging.basicConfig(handlers=[handler], level=str(config["log.level"]).upper())

    def ready(port: int) -> None:
        gc.collect()
        gc.freeze()  # what was built for good is never looked at again by the collector
        gc.set_threshold(*COLLECT)
        if args.json:
            told = {"worker": f"{config['node']}/{args.worker}", "host": config["host"], "port": port}
            print(json.dumps(told), flush=True)

    try:
        uvloop.run(worker.run(config, args.worker, ready))
    except OSError as problem:
        said = say(
            "Port {port} can't be used: {problem}.",
            "无法使用端口 {port}：{problem}。",
            port=config["port"],
            problem=quoted(problem),
        )
        print(said, file=sys.stderr)
        return 3
    return 0
