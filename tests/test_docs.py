"""Documents say what is: generated pages equal the code, links lead somewhere, commands named in them exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from guiju import plugins
from guiju.cli.main import COMMANDS
from guiju.gateway import stream
from guiju.review import load
from guiju.review.policy_file import parse_policy
from guiju.settings import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def test_the_reference_is_what_the_code_says():
    script = ROOT / "scripts" / "generate_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make docs`:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if not target.startswith(("http://", "https://", "mailto:")) and not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_command_it_names_exists(page: Path):
    commands = {command.name for command in COMMANDS}
    named = set(re.findall(r"(?:`|\n {4,}|bin/)guiju ([a-z]+)\b", page.read_text(encoding="utf-8")))
    assert named - commands == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_variable_it_names_is_read(page: Path):
    known = {s.variable for s in SETTINGS} | {s.variable + "_FILE" for s in SETTINGS}
    known |= {"GUIJU_HOME", "GUIJU_TEST_DATABASE_URL", "GUIJU_TEST_REDIS_URL"}
    named = set(re.findall(r"\bGUIJU_[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - known == set()


def test_the_two_readmes_have_the_same_shape():
    english, chinese = (
        [
            line.partition(" ")[0]
            for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
            if line.startswith("#")
        ]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert {page for page in pages if page not in index and not page.startswith("decisions/")} == set()


def blocks(page: str, language: str) -> list[str]:
    """The fenced code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_detector_of_the_how_to_page_works_as_printed(monkeypatch: pytest.MonkeyPatch):
    module = types.ModuleType("guiju.review.ticket")
    exec(blocks("how-to/add-a-detector.md", "python")[0], module.__dict__)
    monkeypatch.setitem(sys.modules, "guiju.review.ticket", module)
    monkeypatch.setattr(plugins, "DETECTORS", (*plugins.DETECTORS, "guiju.review.ticket:detector"))
    rule = blocks("how-to/add-a-detector.md", "yaml")[0]
    policy = parse_policy(f"name: try\ntitle: {{zh: 试, en: try}}\nrules:\n{rule}", load.taxonomy(), file="try.yaml")
    plugins.taxonomy.cache_clear()
    reviewer = plugins.reviewer(policy, {}, plugins.taxonomy().placeholder)
    plugins.taxonomy.cache_clear()
    said = "It is ＯＰＳ-20417, ask Li. Then oops-20417."
    assert reviewer.review(said, direction="output").text == "It is [工单], ask Li. Then oops-20417."
    assert reviewer.review(said, direction="input").action == "allow"
    gate = reviewer.holdback(direction="output")
    assert "".join(map(gate.feed, said)) + gate.close() == "It is [工单], ask Li. Then oops-20417."


def test_the_dialect_of_the_how_to_page_works_as_printed():
    module = types.ModuleType("guiju.wire.llama_completion")
    exec(blocks("how-to/add-a-dialect.md", "python")[0], module.__dict__)
    dialect = module.DIALECT
    ask = dialect.read(b'{"model": "m", "prompt": "hi", "stream": true}', {})
    assert [(s.path, s.text) for s in ask.segments] == [(("prompt",), "hi")]
    answer = dialect.read_stream(ask, dialect="openai_completions", label={"exchange": "ex_1"}, allow_opaque=False)
    taxonomy = load.taxonomy()
    reviewer = plugins.reviewer(load.default_policy(), {}, taxonomy.placeholder)
    relay = stream.Relay(answer, stream.gate_maker(reviewer), place="interface", language="zh", notices=False)
    said = ["电话 138", "1234", "5678", "，好"]
    events = [b'data: {"choices": [{"index": 0, "text": "%b"}]}\n\n' % piece.encode() for piece in said]
    out = b"".join(b"".join(relay.feed(event)) for event in [*events, b"data: [DONE]\n\n"])
    texts = [json.loads(line[6:])["content"] for line in out.decode().splitlines() if line]
    assert "".join(texts) == "电话 [手机号]，好"


def test_the_room_of_the_how_to_page_is_whole():
    page = (ROOT / "docs/how-to/add-a-console-room.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"`([\w./]+)`:\n\n```(?:python|html)\n(.*?)```", page, re.DOTALL))
    assert set(files) == {"__init__.py", "urls.py", "views.py", "templates/checkpoints/list.html"}
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
