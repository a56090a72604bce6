"""deploy/: what the units, the image, compose and the chart name is there. Read as text, without any engine; systemd reads its
units itself where it is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

import services
from guiju.cli.main import COMMANDS, parser_of
from guiju.journal.keyring import SHARED
from guiju.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CHART = DEPLOY / "helm" / "guiju"
FILES = sorted(p for p in DEPLOY.rglob("*") if p.is_file() and p.name != ".env")
DRAIN = next(s.default for s in SETTINGS if s.name == "gateway.drain_seconds")
PARTS = {"gateway", "control", "work"}
HOME = "/var/lib/guiju"


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(path, encoding="utf-8")
    return parser


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def understood(words: list[str]) -> str:
    """The command that `guiju words…` is; it and its options must exist."""
    command = next(c for c in COMMANDS if c.name == words[0])
    parser_of(command).parse_args(words[1:])
    return command.name


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(DEPLOY).as_posix())
def test_every_setting_exists(path: Path):
    known = {s.variable for s in SETTINGS} | {f"{s.variable}_FILE" for s in SETTINGS} | {"GUIJU_HOME"}
    assert set(re.findall(r"\bGUIJU_[A-Z_]+", path.read_text(encoding="utf-8"))) - known == set()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(DEPLOY).as_posix())
def test_every_page_that_is_named_exists(path: Path):
    named = re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    assert [page for page in named if not (ROOT / page).is_file()] == []


# --- systemd --------------------------------------------------------------------------------------


def test_each_part_has_its_unit_and_each_unit_its_command():
    commands = [unit(path)["Service"]["ExecStart"].split() for path in UNITS]
    assert {command[0] for command in commands} == {"/opt/guiju/bin/guiju"}
    assert {understood(command[1:]) for command in commands} == PARTS
    gateway = unit(DEPLOY / "systemd" / "guiju-gateway.service")["Service"]
    assert (gateway["ExecReload"].split()[1], gateway["KillMode"]) == ("-HUP", "mixed")


@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.name)
def test_a_unit_is_hardened_and_ends_in_order(path: Path):
    service = unit(path)["Service"]
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "StateDirectory": "guiju", "Restart": "on-failure"}
    assert {key: service[key] for key in wanted} == wanted
    assert (service["User"], service["Environment"]) == ("guiju", f"GUIJU_HOME={HOME}")
    assert float(service["TimeoutStopSec"]) >= DRAIN + 10
    assert int(service["LimitNOFILE"]) >= 2 * next(s.default for s in SETTINGS if s.name == "gateway.connections")


@pytest.mark.systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path):
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/guiju/bin/guiju", sys.executable)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    for path in UNITS:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / path.name], capture_output=True, text=True, check=False
        )
        ours = [line for line in done.stderr.splitlines() if "guiju" in line]
        assert (ours, done.returncode) == ([], 0), done.stderr


# --- the image ------------------------------------------------------------------------------------


def test_the_image_is_made_from_what_is_there_and_locked():
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    copied = re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
    sources = [source for words in copied for source in words.split()[:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8")
    admitted = [line[1:] for line in ignored.splitlines() if line.startswith("!")]
    assert [s for s in sources if not any(Path(s).match(a) or s == a for a in admitted)] == []
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&\n]*)", text)
    assert all("--require-hashes" in i or "--no-index" in i for i in installs)


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    last = (DEPLOY / "Containerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2].replace("\\\n", " ")
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "/healthz" in last
    code = yaml.safe_load(re.search(r"HEALTHCHECK .*?CMD (\[.*\])", last).group(1))[2]
    compile(code, "healthcheck", "exec")
    for module, names in re.findall(r"from (\S+) import ([\w, ]+?)(?:;|$)", code):
        imported = __import__(module, fromlist=["x"])
        assert all(hasattr(imported, name.strip()) for name in names.split(","))
    default = yaml.safe_load(re.search(r"^CMD (\[.*\])$", last, re.MULTILINE).group(1))
    assert understood(default) == "gateway"


def test_the_images_lock_holds_what_the_project_asks_for():
    def locked(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==[^\s;]+", text, re.MULTILINE))

    serve = locked("serve.lock")
    assert {name.partition("==")[0] for name in serve} >= {"django", "uvloop", "psycopg", "psycopg-binary", "redis"}
    assert serve - locked("dev.lock") == set(), "other versions than the tested ones: make lock"


# --- compose --------------------------------------------------------------------------------------


def test_compose_runs_each_part_on_one_home():
    services = compose()["services"]
    ours = {name: service for name, service in services.items() if service["image"] == "guiju"}
    assert {understood(service["command"]) for service in ours.values()} == PARTS == set(ours)
    for service in ours.values():
        assert service["volumes"] == [f"home:{HOME}"]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert int(ours["gateway"]["stop_grace_period"].rstrip("s")) >= DRAIN + 10


def test_what_compose_names_it_has():
    told = compose()
    for name, service in told["services"].items():
        assert set(service.get("depends_on", {})) <= set(told["services"]), name
        for needed, how in service.get("depends_on", {}).items():
            checked = told["services"][needed].get("healthcheck", {})
            assert how["condition"] == "service_started" or "test" in checked or needed == "gateway", needed
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(told["volumes"]), name
    for url in ("DATABASE", "REDIS"):
        named = told["services"]["control"]["environment"][f"GUIJU_{url}_URL"]
        assert re.search(r"[@/](\w+)(:\d+)?/\w+$", named).group(1) in told["services"]


# --- the chart ------------------------------------------------------------------------------------


def templates() -> Iterator[tuple[str, str]]:
    for path in sorted((CHART / "templates").iterdir()):
        yield path.name, path.read_text(encoding="utf-8")


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")


def test_each_value_is_there_and_each_is_used():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    used = {name for _, text in templates() for name in re.findall(r"\.Values\.([\w.]+)", text)}
    there = set(leaves(values))
    assert used - there == set()
    unused = {n for n in there if not any(n == u or n.startswith(f"{u}.") or u.startswith(f"{n}.") for u in used)}
    assert unused == set()


def test_each_template_that_is_included_is_defined_and_each_block_ends():
    texts = dict(templates())
    defined = {name for text in texts.values() for name in re.findall(r'define "([\w.]+)"', text)}
    assert {name for text in texts.values() for name in re.findall(r'include "([\w.]+)"', text)} == defined
    for file, text in texts.items():
        opened = re.findall(r"\{\{-? *(if|with|range|define)\b", text)
        assert len(opened) == len(re.findall(r"\{\{-? *end\b", text)), file


def test_no_variable_of_a_service_is_taken_for_a_setting():
    pod = re.search(r'define "guiju.pod".*?\n\{\{- end', dict(templates())["_helpers.tpl"], re.DOTALL).group()
    assert "\nenableServiceLinks: false\n" in pod  # else GUIJU_PORT=tcp://… where the release is called guiju


def test_the_chart_runs_each_part():
    commands = [re.findall(r"^ +args: (\[.*\])$", text, re.MULTILINE) for _, text in templates()]
    assert {understood(yaml.safe_load(args)) for found in commands for args in found} == PARTS


def test_each_gateway_pod_has_its_own_journal_and_a_drainer_that_ends_after_it():
    text = dict(templates())["gateway.yaml"]
    work, gateway = text.index("- name: work"), text.index("- name: gateway")
    assert work < gateway
    assert "restartPolicy: Always" in text[work:gateway]  # a sidecar, and no second container that ends first
    assert re.search(r"volumeClaimTemplates:\s+- metadata:\s+name: home", text)
    assert text.count("name: GUIJU_NODE") == 2  # the drainer has the name of its gateway
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert "GUIJU_CONTROL_URL" in text
    assert str(values["control"]["port"]) not in text


def test_the_keys_that_a_secret_must_hold_are_those_that_machines_share():
    values = (CHART / "values.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\b[a-z]+\.(?:key|token|secret)\b", values)) == SHARED


@pytest.mark.nginx
def test_nginx_finds_nothing_wrong(tmp_path: Path):
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n"
        f"client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; fastcgi_temp_path {tmp_path}/f;\n"
        f"uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s; include {DEPLOY}/nginx/guiju.conf; }}\n"
    )
    done = subprocess.run(
        [services.nginx(), "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
