"""`guiju gateway`: one machine's gateway, as many workers as the settings say (workers.py); with `--worker`, one of them."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
from collections.abc import Callable

from guiju.cli.words import say
from guiju.config import Config, load
from guiju.errors import Said
from guiju.quoted import quoted
from guiju.values import at_least_one

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
        "--workers",
        type=at_least_one,
        metavar="N",
        help=Said("worker processes (default: setting `workers`)", "工作进程数（默认：设置项 `workers`）"),
    )
    parser.add_argument(
        "--worker",
        type=int,
        metavar="N",
        help=Said(
            "be the worker of this number, and nothing else (the command starts its workers so)",
            "只作为该编号的工作进程运行（本命令以此方式启动各工作进程）",
        ),
    )
    parser.add_argument(
        "--socket",
        type=int,
        action="append",
        default=[],
        metavar="FD",
        help=Said(
            "with --worker: a listening socket that it inherits; may be given several times",
            "与 --worker 同用：继承的监听套接字的文件描述符；可重复使用",
        ),
    )
    parser.add_argument(
        "--successor",
        action="store_true",
        help=Said(
            "with --worker: others serve meanwhile, so end where it can't serve at once",
            "与 --worker 同用：其他进程仍在服务，若不能立即提供服务则退出",
        ),
    )
    parser.add_argument(
        "--json", action="store_true", help=Said("print one line of JSON once it listens", "开始监听后输出一行 JSON")
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit codes: 0 stopped, 3 the port is taken."""

    def read() -> Config:
        given = {n: getattr(args, n) for n in ("host", "port", "workers") if getattr(args, n) is not None}
        return load().with_values(**given)

    try:
        return _workers(args, read) if args.worker is None else _worker(args, read())
    except OSError as problem:
        said = say(
            "Port {port} can't be used: {problem}.",
            "无法使用端口 {port}：{problem}。",
            port=read()["port"],
            problem=quoted(problem),
        )
        print(said, file=sys.stderr)
        return 3


def _workers(args: argparse.Namespace, read: Callable[[], Config]) -> int:
    from guiju.cli.workers import Workers

    def ready(port: int) -> None:
        if args.json:
            config = read()
            told = {"node": config["node"], "host": config["host"], "port": port, "workers": config["workers"]}
            print(json.dumps(told), flush=True)

    return Workers(read, lambda line: print(line, file=sys.stderr, flush=True)).serve(ready)


def _worker(args: argparse.Namespace, config: Config) -> int:
    # Here, so that the parent of all workers stays small.
    import uvloop

    from guiju.gateway import worker
    from guiju.gateway.listening import inherited
    from guiju.log_lines import Lines

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

    sockets = inherited(args.socket)
    uvloop.run(worker.run(config, args.worker, ready, sockets=sockets, successor=args.successor))
    return 0
