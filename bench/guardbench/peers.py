"""The gateways that are compared: how each is started, behind which guard, and where its documentation says so.

Installing what isn't part of the system is install.py. A gateway that can't be had raises `install.Missing` with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import services
from bench import machines
from bench.guardbench import install
from upstream_text import TERM

KEY = "sk-guardbench-0123456789abcdef"
"""What clients of the peers show; Guiju makes its own."""
PATTERNS = {
    "resident_id": r"[1-9]\d{5}(?:18|19|20)\d{9}[\dXx]",
    "mobile": r"1[3-9]\d{9}",
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    "api_key": r"sk-[A-Za-z0-9_-]{20,}",
}
"""What the peers are told to look for, as they can't know these kinds by themselves."""
NUMBERS = ("resident_id", "mobile")


class Running(NamedTuple):
    """A gateway that answers."""

    port: int
    key: str
    headers: dict[str, str]
    pid: int | None
    """None where there is none: straight to the upstream."""
    began: float
    """When its process was started, of `time.perf_counter`: after what is prepared once, such as importing terms."""

    def processes(self) -> list[int]:
        return machines.children(self.pid) if self.pid else []


class Peer(NamedTuple):
    """One row of the table."""

    name: str
    title: str
    guards: str
    """What it judges here, in a few words."""
    source: str
    """Where its documentation says that this is the way to run it."""
    prepare: Callable[[], install.Installed]
    """Makes sure that it is there. Raises: Missing."""
    start: Callable[[int, int], AbstractContextManager[Running]]
    """(port of the upstream, number of terms) -> running."""
    floor: bool = False
    """Passes through: the floor, measured in several rounds like Guiju."""


def words(count: int) -> list[str]:
    """The terms of `machines.terms`, and the one that the cases use."""
    return [TERM, *(line.split(",")[0] for line in machines.terms(count).splitlines()[1:])]


def bounded(kind: str) -> str:
    """A pattern for engines with look-around: a number doesn't begin or end inside another."""
    return rf"(?<!\d){PATTERNS[kind]}(?!\d)" if kind in NUMBERS else PATTERNS[kind]


@contextmanager
def process(command: list[str], port: int, *, folder: Path, **more: str) -> Iterator[tuple[int, float]]:
    """A server until the block ends, and when it was started; its output goes to `folder/log`, and the folder with it in
    the end. It sees nothing of what this project's own environment says. Raises: install.Missing where it doesn't start."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GUIJU_", "VIRTUAL_ENV", "PYTHON"))}
    with (folder / "log").open("wb") as log:
        began = time.perf_counter()
        running = subprocess.Popen(command, cwd=folder, env=environment | more, stdout=log, stderr=log)
        try:
            try:
                machines.wait(port, 120)
            except RuntimeError as silent:
                said = (folder / "log").read_text(errors="replace")
                raise install.Missing(f"did not start: {' '.join(said.split())[-300:]}") from silent
            yield running.pid, began
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            shutil.rmtree(folder, ignore_errors=True)


def fresh() -> tuple[int, Path]:
    return services.free_port(), Path(tempfile.mkdtemp(prefix="guardbench-"))


@contextmanager
def direct(model: int, terms: int) -> Iterator[Running]:
    yield Running(model, KEY, {}, None, time.perf_counter())


@contextmanager
def nginx(model: int, terms: int) -> Iterator[Running]:
    began = time.perf_counter()
    with machines.nginx(model) as (port, pids):
        yield Running(port, KEY, {}, pids[0], began)


@contextmanager
def guiju(model: int, terms: int) -> Iterator[Running]:
    gateway = machines.Gateway(model, terms, machines.compiled())
    with gateway.running() as (port, pids):
        yield Running(port, gateway.key, {}, pids[0], time.perf_counter() - gateway.ready_seconds)


HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 10m
  timeout server 10m
frontend door
  bind 127.0.0.1:{port}
  default_backend model
backend model
  server model 127.0.0.1:{model} pool-max-conn -1
"""


@contextmanager
def haproxy(model: int, terms: int) -> Iterator[Running]:
    port, folder = fresh()
    (folder / "haproxy.cfg").write_text(HAPROXY.format(port=port, model=model))
    command = [str(install.program("haproxy")), "-db", "-f", str(folder / "haproxy.cfg")]
    with process(command, port, folder=folder) as (pid, began):
        yield Running(port, KEY, {}, pid, began)


def litellm(filtered: bool) -> Callable[[int, int], AbstractContextManager[Running]]:
    @contextmanager
    def start(model: int, terms: int) -> Iterator[Running]:
        port, folder = fresh()
        deployment = {"model": "openai/m", "api_base": f"http://127.0.0.1:{model}/v1", "api_key": "none"}
        config = {
            "model_list": [{"model_name": "m", "litellm_params": deployment}],
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"request_timeout": 600, "set_verbose": False},
        }
        if filtered:
            blocked = [{"keyword": word, "action": "BLOCK"} for word in words(terms)]
            (folder / "words.yaml").write_text(json.dumps({"blocked_words": blocked}, ensure_ascii=False))
            patterns = [
                {"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"},
                *({"pattern_type": "regex", "name": kind, "pattern": bounded(kind), "action": "MASK"}
                  for kind in PATTERNS if kind != "email"),
            ]  # fmt: skip
            guard = {"guardrail": "litellm_content_filter", "mode": ["pre_call", "post_call"], "default_on": True}
            guard |= {"patterns": patterns, "blocked_words_file": str(folder / "words.yaml")}
            config["guardrails"] = [{"guardrail_name": "filter", "litellm_params": guard}]
        (folder / "config.yaml").write_text(json.dumps(config))
        command = [str(install.venv("litellm") / "bin" / "litellm"), "--config", str(folder / "config.yaml")]
        command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        quiet = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with process(command, port, folder=folder, **quiet) as (pid, began):
            yield Running(port, KEY, {}, pid, began)

    return start


def portkey(filtered: bool) -> Callable[[int, int], AbstractContextManager[Running]]:
    @contextmanager
    def start(model: int, terms: int) -> Iterator[Running]:
        port, folder = fresh()
        config: dict[str, object] = {"provider": "openai", "api_key": "none"}
        config["custom_host"] = f"http://127.0.0.1:{model}/v1"
        if filtered:
            rule = "|".join([*(bounded(kind) for kind in PATTERNS), TERM])
            config["output_guardrails"] = [{"default.regexMatch": {"rule": rule, "not": True}, "deny": True}]
        headers = {"x-portkey-config": json.dumps(config)}
        command = [str(install.program("node")), str(install.PORTKEY), "--headless", f"--port={port}"]
        hosts = {"TRUSTED_CUSTOM_HOSTS": "localhost,127.0.0.1", "NODE_ENV": "production"}
        with process(command, port, folder=folder, **hosts) as (pid, began):
            yield Running(port, KEY, headers, pid, began)

    return start


@contextmanager
def shield(model: int, terms: int) -> Iterator[Running]:
    port, folder = fresh()
    rules = [{"name": kind.upper(), "pattern": rf"\b{p}\b" if kind in NUMBERS else p} for kind, p in PATTERNS.items()]
    listed = words(terms)
    for at in range(0, len(listed), 2_000):  # RE2 bounds the size of one expression
        rules.append({"name": f"TERM_{at // 2_000}", "pattern": "|".join(listed[at : at + 2_000])})
    (folder / "regex.yaml").write_text(json.dumps({"custom_patterns": rules}, ensure_ascii=False))
    settings = {
        "UPSTREAM_BASE_URL": f"http://127.0.0.1:{model}/v1", "UPSTREAM_API_KEY": "none", "VALID_VIRTUAL_KEYS": KEY,
        "ENABLE_RESPONSE_PII_REDACTION": "true", "SHIELD_DEFAULT_MASKING_MODE": "STRUCTURAL_TAG",
        "ENABLE_SYNTHETIC_SWAPPING": "false", "CUSTOM_REGEX_PATH": str(folder / "regex.yaml"), "LOG_LEVEL": "WARNING",
        "ANONYMOUS_USAGE_TRACKING": "false", "ENABLE_AGENT_BREAKER": "false", "ENABLE_EXT_PROC": "false",
    }  # fmt: skip
    command = [str(install.venv("shield") / "bin" / "llm-shield-proxy"), "--host", "127.0.0.1", "--port", str(port)]
    with process(command, port, folder=folder, **settings) as (pid, began):
        yield Running(port, KEY, {}, pid, began)


LITELLM_DOCS = "https://docs.litellm.ai/docs/proxy/prod"
PEERS = (
    Peer("direct", "no gateway", "nothing", "", install.nothing, direct, True),
    Peer("nginx", "nginx", "nothing", "https://nginx.org/en/docs/http/ngx_http_proxy_module.html",
         lambda: install.debian("nginx", "nginx", "nginx-common"), nginx, True),
    Peer("haproxy", "HAProxy", "nothing",
         "https://docs.haproxy.org/2.6/configuration.html#4.2-option%20http-no-delay",
         lambda: install.debian("haproxy", "haproxy"), haproxy, True),
    Peer("guiju", "Guiju", "all default detectors and the terms, both ways; label; durable record",
         "docs/how-to/run-in-production.md", install.guiju, guiju, True),
    Peer("litellm", "LiteLLM", "nothing", LITELLM_DOCS, install.litellm, litellm(False)),
    Peer("litellm-filter", "LiteLLM with its content filter", "the terms and four patterns, both ways",
         "https://docs.litellm.ai/docs/proxy/guardrails/litellm_content_filter", install.litellm, litellm(True)),
    Peer("portkey", "Portkey", "nothing", "https://portkey.ai/docs/product/open-source", install.portkey, portkey(False)),
    Peer("portkey-regex", "Portkey with default.regexMatch", "one term and four patterns, answers only",
         "https://portkey.ai/docs/product/guardrails/list-of-guardrail-checks", install.portkey, portkey(True)),
    Peer("shield", "llm-shield-proxy", "its own kinds of personal data, the terms and four patterns, both ways",
         "https://pypi.org/project/llm-shield-proxy/1.7.0/", install.shield, shield),
)  # fmt: skip
