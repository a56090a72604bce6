"""`guiju up`: everything on one machine, in one terminal.

    preflight      one home, one port, one of us                    -> a sentence and exit code 3
    gateway        from the last snapshot, at once, where there is one
    model          the embedded one, where a service's route leads to it: at once where the last snapshot says so
    prepare        keys, tables, first data (control/first_start.py), in a process that ends
    control, work  and what couldn't start before: the gateway, the model
    ready          the page, the console, a key and a curl line are printed
    SIGHUP         is the gateway's, which exchanges its workers (workers.py)

Keeping the processes alive and ending them is supervisor.py; what is printed is welcome.py.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from guiju import clock
from guiju import snapshot as snapshots
from guiju.cli import preflight, welcome
from guiju.cli.files import secret_of
from guiju.cli.main import OK, UNFIT, USAGE
from guiju.cli.reach import answers
from guiju.cli.supervisor import Child, Supervisor, describe
from guiju.cli.words import say
from guiju.config import EMBEDDED_URL, Config, control_socket, load, local_socket
from guiju.demo.server import weights
from guiju.errors import BadRequest, Said

MODEL = "model"
START_SECONDS = 120.0
"""Longest first start that is waited for; a slow disk migrating takes a tenth of it."""
GRACE_GATEWAY, GRACE_OTHERS = 6.0, 4.0
"""Seconds for running streams to finish, then for the last records to be written: a Ctrl-C takes ten at most."""


class NoModel(BadRequest):
    text_en = "--upstream: its model isn't named. Add --model NAME, as the server calls it"
    text_zh = "--upstream：没有写明模型。请加上 --model 模型名（与该服务器所用名称一致）"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options; each wins over its setting."""
    parser.add_argument("--port", type=int, help=Said("port to listen on (default: 8787)", "监听端口（默认：8787）"))
    parser.add_argument(
        "--host",
        help=Said(
            "address to listen on (default: 127.0.0.1; 0.0.0.0 opens it to the network)",
            "监听地址（默认：127.0.0.1；0.0.0.0 对网络开放）",
        ),
    )
    parser.add_argument("--workers", type=int, help=Said("gateway processes (default: 1)", "网关进程数（默认：1）"))
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help=Said("an OpenAI-compatible server in place of the embedded model", "兼容 OpenAI 的服务器，代替内置模型"),
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=Said("the upstream's model; needed with --upstream", "上游的模型；与 --upstream 同用"),
    )
    parser.add_argument(
        "--upstream-key-file",
        metavar="FILE",
        help=Said(
            "file with the upstream's API key, '-' to read it from standard input (or set GUIJU_UPSTREAM_KEY)",
            "存有上游 API 密钥的文件；“-”表示标准输入（也可设置 GUIJU_UPSTREAM_KEY）",
        ),
    )
    parser.add_argument("--no-demo", action="store_true", help=Said("don't start the embedded model", "不启动内置模型"))
    parser.add_argument(
        "--json",
        action="store_true",
        help=Said("print what is ready as one line of JSON", "就绪后以一行 JSON 输出结果"),
    )


def run(args: argparse.Namespace) -> int:
    """Start everything, serve until Ctrl-C; returns the exit code."""
    environment = overrides(args)
    os.environ.update(environment)
    config = load()
    preflight.home_is_writable(config)
    with preflight.only_one(config):
        preflight.port_is_free(config)
        if (free := preflight.home_has_room(config)) < (stop := config["disk.stop_bytes"]):
            numbers = {"free": free // 1_000_000, "stop": stop // 1_000_000}
            echo(say(welcome.LOW_DISK).format(home=config.home, **numbers))
        return Machine(config, embedded=not args.no_demo, as_json=args.json).serve()


def overrides(args: argparse.Namespace) -> dict[str, str]:
    """Options as settings, for this process and its children.

    Raises:
        NoModel: an upstream without a model. CannotRead, NotText: the key file.
    """
    told = {"GUIJU_HOME": str(load().home)}
    for name in ("port", "host", "workers", "upstream"):
        if (value := getattr(args, name)) is not None:
            told[f"GUIJU_{name.upper()}"] = str(value)
    if args.model:
        told["GUIJU_UPSTREAM_MODEL"] = args.model
    if args.upstream and not (args.model or os.environ.get("GUIJU_UPSTREAM_MODEL")):
        raise NoModel
    if args.upstream_key_file:
        told["GUIJU_UPSTREAM_KEY"] = secret_of(args.upstream_key_file)
    return told


class Machine:
    """The processes of one machine, from the first to the last."""

    def __init__(self, config: Config, *, embedded: bool, as_json: bool = False) -> None:
        self.config = config
        self.as_json = as_json
        self.embedded = embedded
        """Whether the embedded model may run, where a route leads to it."""
        self.supervisor = Supervisor(config.home / "logs", echo)
        self.started = clock.monotonic()

    def serve(self) -> int:
        """Bring everything up, keep it up, end it; returns the exit code."""
        self.supervisor.obey_signals()
        code = OK
        try:
            prepared = self.bring_up()
            if prepared is not None:
                self.welcome(prepared)
                while not self.supervisor.asked:
                    self.supervisor.turn(1.0)
                    if self.supervisor.reload_asked():
                        self.supervisor.signal([self.supervisor.children["gateway"]], signal.SIGHUP)
        except StartFailed as problem:
            echo(str(problem))
            code = problem.code
        finally:
            if self.supervisor.asked:
                echo(say(welcome.ENDING))
            self.supervisor.end([(["gateway"], GRACE_GATEWAY), (["work", "control", MODEL], GRACE_OTHERS)])
        return code

    def welcome(self, prepared: dict[str, Any]) -> None:
        """Print where to go; nobody may be reading any more."""
        if before := prepared.get("key_was_for"):
            echo(say(welcome.KEY_GONE).format(before=before, now=self.config["upstream"]))
        seconds = clock.monotonic() - self.started
        text = welcome.text(self.config, prepared, seconds)
        if self.as_json:
            text = json.dumps(welcome.facts(self.config, prepared), ensure_ascii=False)
        with suppress(OSError):
            print(text, flush=True)

    def bring_up(self) -> dict[str, Any] | None:
        """Start everything in order; returns what was prepared, or None where Ctrl-C came first.

        Raises:
            StartFailed; NotInstalled where the embedded model is wanted and isn't there.
        """
        last = self.config.run / "snapshot.json"
        known = last.exists()
        if not known:
            echo(say(welcome.FIRST_START))
        elif not self.config["upstream"] and routes_to_embedded(last):
            self.model()
        if known:
            self.command("gateway", "guiju.cli.main", "gateway")
        prepare = self.command("prepare", "guiju.cli.prepare", once=True)
        if not self.wait(lambda: not prepare.running):
            return None
        if prepare.code:
            raise StartFailed("prepare", prepare)
        prepared: dict[str, Any] = msgspec.json.decode(prepare.output)
        if prepared["embedded"]:
            self.model()
        self.command("control", "guiju.cli.main", "control")
        self.command("work", "guiju.cli.main", "work")
        if not known:
            self.command("gateway", "guiju.cli.main", "gateway")
        return prepared if self.wait(self.ready) else None

    def model(self) -> None:
        """Start the embedded model, unless it runs or may not. Raises: NotInstalled."""
        if self.embedded and MODEL not in self.supervisor.children:
            weights()  # says what is missing
            self.command(MODEL, "guiju.demo.server")

    def command(self, name: str, module: str, *arguments: str, once: bool = False) -> Child:
        """Start one of our own modules as a child."""
        env = os.environ | {"PYTHONUNBUFFERED": "1"}
        if name != "prepare":  # it seals the key into the tables; nobody else needs it
            env.pop("GUIJU_UPSTREAM_KEY", None)
        return self.supervisor.add(Child(name, [sys.executable, "-m", module, *arguments], env, once=once))

    def wait(self, done: Any) -> bool:
        """Turn until `done()`; False where the end was asked for meanwhile.

        Raises:
            StartFailed: a child says that it can't run here, or it takes too long.
        """
        while not done():
            if self.supervisor.asked:
                return False
            for child in self.supervisor.children.values():
                if child.code in (USAGE, UNFIT) and not child.running:
                    raise StartFailed(child.name, child)
            if clock.monotonic() - self.started > START_SECONDS:
                raise StartFailed("guiju", None)
            self.supervisor.turn(0.05)
        return True

    def ready(self) -> bool:
        """Whether every part answers."""
        sockets = [control_socket(self.config)]
        if MODEL in self.supervisor.children:
            sockets.append(local_socket(self.config, EMBEDDED_URL.split("/")[2]))
        return all(map(accepts, sockets)) and answers(self.config)


class StartFailed(Exception):
    """A part couldn't start; the message holds what it said last."""

    def __init__(self, name: str, child: Child | None) -> None:
        if child is None:
            self.code = UNFIT
            said = say(
                "not everything answered within {n:.0f} s; see the logs in GUIJU_HOME/logs",
                "{n:.0f} 秒内未全部就绪；请查看 GUIJU_HOME/logs 中的运行日志",
                n=START_SECONDS,
            )
            super().__init__(said)
        else:
            self.code = child.code if child.code in (USAGE, UNFIT) else UNFIT
            said = say(
                "{name} could not start ({code}):\n  {tail}",
                "{name} 未能启动（{code}）：\n  {tail}",
                name=name,
                code=describe(child.code or 0),
                tail="\n  ".join(child.tail) or Said("it said nothing", "没有输出任何信息"),
            )
            super().__init__(said)


def routes_to_embedded(file: Path) -> bool:
    """Whether some service's route leads to the embedded model, as the last snapshot says. One that can't be read says no:
    prepare knows."""
    try:
        found = snapshots.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    embedded = {upstream.name for upstream in found.upstreams if upstream.url == EMBEDDED_URL}
    return any(route.upstream in embedded for service in found.services for route in service.models)


def accepts(path: Path) -> bool:
    """Whether somebody listens on a Unix socket."""
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        return probe.connect_ex(str(path)) == 0


def echo(line: str) -> None:
    """A line for the person at the terminal; standard output is kept for what may be copied."""
    with suppress(OSError):  # the terminal may have gone, and what runs must still be ended in order
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
