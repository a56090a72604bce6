"""Guards in their processes: right ones work, broken ones are contained and never open anything."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from guiju.config import load
from guiju.errors import ReviewUnavailable
from guiju.gateway.asking import Judge, Tab
from guiju.gateway.guards import Guarded
from guiju.gateway.panel import Panel
from guiju.gateway.panels import panels_of
from guiju.guard import Context, Found, check, guard
from guiju.guards.code import Code, find, names
from guiju.review.judge import Reviewer
from guiju.review.load import default_policy_yaml, taxonomy
from guiju.review.policy import Asking
from guiju.review.policy_file import parse_policy
from guiju.snapshot import Snapshot

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/a-guard-in-ten-lines.md"
HEAD = "from guiju.guard import guard\n"
MEMORY = 512 * 1024 * 1024


def panel(source: str, **how: Any) -> Panel:
    code = Code("g", "g.py", source)
    guarded = Guarded("g", code, memory=MEMORY, processes=2)
    return Panel([Judge("g", Asking(**{"timeout": 10.0, "attempts": 1} | how), guarded)])


async def ask(made: Panel, text: str) -> list[tuple[int, int, str]]:
    found = await made.judge(text, Context(direction="input"), Tab())
    return [(f.start, f.end, f.cls) for f in found]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("def g(text, context): return None", []),
        ("def g(text, context): return False", []),
        ("def g(text, context): return []", []),
        ("def g(text, context): return 'acme' in text", [(0, 9, "X.a")]),
        ("def g(text, context): return 'X.b'", [(0, 9, "X.b")]),
        ("def g(text, context): return (4, 8)", [(4, 8, "X.a")]),
        ("def g(text, context): return [(0, 3), (4, 8, 'X.b')]", [(0, 3, "X.a"), (4, 8, "X.b")]),
        ("async def g(text, context):\n import asyncio\n await asyncio.sleep(0)\n return True", [(0, 9, "X.a")]),
        (
            "class G:\n def __init__(self): self.n = 1\n def __call__(self, text, context): return (0, self.n)",
            [(0, 1, "X.a")],
        ),
        ("def g(text, context):\n print('hello')\n return context.direction == 'input'", [(0, 9, "X.a")]),
    ],
)
async def test_every_form_of_a_guard_and_of_its_answer(body: str, found: list):
    made = panel(HEAD + "@guard('X.a', 'X.b')\n" + body)
    assert await ask(made, "see acme!") == found
    made.close()


BROKEN = {
    "raises": "def g(text, context): raise ValueError(text)",
    "exits": "import os\n@guard('X.a')\ndef g(text, context): os._exit(0)",
    "leaves": "def g(text, context): raise SystemExit(0)",
    "hangs": "def g(text, context):\n while True: pass",
    "eats memory": "def g(text, context): return bytearray(1 << 40)",
    "eats it slowly": "def g(text, context):\n a = []\n while True: a.append(bytearray(1 << 24))",
    "other class": "def g(text, context): return 'X.other'",
    "outside": "def g(text, context): return (0, 999)",
    "nonsense": "def g(text, context): return 3.5",
    "no guard": None,
    "no syntax": "def (",
    "exits when loaded": "import os; os._exit(0)",
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_guard_is_contained_and_opens_nothing(kind: str):
    body = BROKEN[kind] or "x = 1"
    mark = "" if "@guard" in body or kind in ("no guard", "no syntax", "exits when loaded") else "@guard('X.a')\n"
    made = panel(HEAD + mark + body, timeout=2.0)
    with pytest.raises(ReviewUnavailable):
        await ask(made, "a secret text")
    assert "secret" not in str(made.judges[0].last_error)
    opened = panel(HEAD + mark + body, timeout=2.0, fails_open=("input",))
    tab = Tab()
    assert await opened.judge("a text", Context(direction="input"), tab) == []
    assert tab.unjudged["input"] == {"g"}
    made.close()
    opened.close()


async def test_after_a_hang_the_next_text_is_judged_and_no_process_is_left():
    made = panel(
        HEAD + "@guard('X.a')\ndef g(text, context):\n  while text == 'hang': pass\n  return True", timeout=2.0
    )
    assert await ask(made, "first") == [(0, 5, "X.a")]
    source = made.judges[0].source
    assert isinstance(source, Guarded)
    pids = [p.pid for p in source._idle]
    with pytest.raises(ReviewUnavailable):
        await ask(made, "hang")
    assert await ask(made, "again") == [(0, 5, "X.a")]
    deadline = time.monotonic() + 5
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not any(map(_alive, pids))
    made.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_guard_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GUIJU_UPSTREAM_KEY", "sk-secret")
    made = panel(HEAD + "import os\n@guard('X.a')\ndef g(text, context): return 'GUIJU_UPSTREAM_KEY' in os.environ")
    assert await ask(made, "text") == []
    made.close()


async def test_what_is_not_there_gives_no_verdict():
    made = Panel([Judge("g", Asking(), Guarded("g", None, memory=MEMORY, processes=1))])
    with pytest.raises(ReviewUnavailable, match=r"no guards/g\.py"):
        await ask(made, "text")


def test_files_are_found_by_name(home: Path):
    (home / "guards").mkdir()
    (home / "guards/one.py").write_text("x = 1")
    first = find(home, "one")
    assert first is not None
    assert names(home) == ["one"]
    (home / "guards/one.py").write_text("x = 2")
    assert find(home, "one").digest != first.digest  # type: ignore[union-attr]
    assert find(home, "two") is None


async def test_an_installed_package_brings_a_guard_by_its_entry_point(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "rivals.py").write_text(HEAD + "@guard('X.rival')\ndef brand(text, context): return 'acme' in text\n")
    info = tmp_path / "rivals-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rivals\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[guiju.guards]\nacme = rivals:brand\nbroken = rivals:nothing\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # the guard's own process gets it
    assert {"acme", "broken"} <= set(names(home))
    made = Panel([_installed(home, "acme")])
    assert await ask(made, "see acme!") == [(0, 9, "X.rival")]
    assert await ask(made, "see nobody") == []
    assert made.names == (f"acme@{find(home, 'acme').digest}",)  # type: ignore[union-attr]
    made.close()
    broken = Panel([_installed(home, "broken")])
    with pytest.raises(ReviewUnavailable, match="AttributeError"):
        await ask(broken, "see acme!")
    broken.close()
    (home / "guards").mkdir()
    (home / "guards/acme.py").write_text(HEAD + "@guard('X.own')\ndef g(text, context): return True")
    own = Panel([_installed(home, "acme")])
    assert await ask(own, "see") == [(0, 3, "X.own")]  # a file of that name stands before it
    own.close()


def _installed(home: Path, name: str) -> Judge:
    """A guard as panels.py finds and asks it."""
    policy = parse_policy(f"{default_policy_yaml()}guards: [{{name: {name}, timeout: 10}}]\n", taxonomy())
    (made,) = panels_of(
        Snapshot(version=1),
        {"default": Reviewer(policy, [], {})},
        load({"GUIJU_HOME": str(home)}),
        None,
        {},  # type: ignore[arg-type]
    ).values()
    return made.judges[0]


def test_check_runs_a_guard_here():
    @guard("X.a")
    def shouts(text: str, context: Context) -> bool:
        return text.isupper() and context.direction == "output"

    assert check(shouts, "LOUD", direction="output") == [Found(0, 4, "X.a")]
    assert check(shouts, "LOUD") == []
    with pytest.raises(TypeError):
        guard()


async def test_the_guard_of_the_how_to_works_as_printed():
    printed = re.search(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.S)
    assert printed is not None
    assert len([line for line in printed[1].splitlines() if line.strip()]) <= 10
    made = panel(printed[1])
    text = "请打 010-12345678 联系。"
    assert [text[a:b] for a, b, _ in await ask(made, text)] == ["010-12345678"]
    assert await ask(made, "您好。") == []
    made.close()
