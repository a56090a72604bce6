"""`guiju detector`: add, list, test and remove one that is elsewhere, before a service that checks what it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.test_verbs import Run, told
from cli.test_verbs import run as run
from far_service import FarService, Got
from guiju.control.services.detectors import BOUNDS
from guiju.remote.webhook import signature
from guiju.review import load
from guiju.snapshot import Detector, decode

GUARD = "from guiju.guard import guard\n\n\n@guard('{}')\ndef brands(text, context):\n    return None\n"
SECRET = "0123456789abcdef0123456789abcdef"


def judge(got: Got) -> tuple[int, bytes]:
    """Finds a class in whatever it is asked about, of those who signed it."""
    if got.headers["x-guiju-signature"] != signature(SECRET, got.headers["x-guiju-timestamp"], got.body):
        return 401, b"{}"
    return 200, json.dumps({"findings": [{"class": "X.rival"}]}).encode()


@pytest.fixture
def far() -> Iterator[FarService]:
    with FarService(judge) as running:
        yield running


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    (tmp_path / "secrets").write_text(f"\nsecret={SECRET}\n", encoding="utf-8")
    return str(tmp_path / "secrets")


def published(run: Run) -> dict[str, Detector]:
    """What a gateway starts from; nothing before anything was published."""
    file = run.home / "run/snapshot.json"  # type: ignore[attr-defined]
    return {d.name: d for d in decode(file.read_bytes()).detectors} if file.exists() else {}


def test_one_is_added_changed_asked_and_removed(run: Run, far: FarService, secrets: str):
    add = ("detector", "add", "far")
    assert (
        told(run(*add, "webhook", "--set", f"url={far.url}/judge", "--secrets-file", secrets, "--json"))["name"]
        == "far"
    )
    assert told(run("detector", "test", "far", "--json")) == {"name": "far", "verdict": True, "classes": ["X.rival"]}
    assert far.got[-1].path == "/judge"
    how = {"timeout": 1.5, "attempts": 3, "budget": 9.0, "hedge": 0.5, "quorum": 1, "lead": 7}
    assert how.keys() == BOUNDS.keys()
    words = [word for field, value in how.items() for word in (f"--{field}", str(value))]
    more = ("--group", "pair", "--directions", "output", "--fails-open", "output", "--observe", "no")
    assert run(*add, *words, *more).returncode == 0
    ref = published(run)["far"]
    assert {field: getattr(ref, field) for field in how} == how
    assert (ref.group, ref.directions, ref.fails_open, ref.observe) == ("pair", ("output",), ("output",), False)
    (row,) = told(run("detector", "list", "--json"))
    assert row == how | {
        "name": "far", "adapter": "webhook", "settings": {"url": f"{far.url}/judge"}, "secrets": True, "group": "pair",
        "directions": "output", "fails_open": "output", "observe": False,
    }  # fmt: skip
    assert told(run("detector", "test", "far", "--json"))["verdict"]  # the secret has stayed
    assert run("detector", "remove", "far").returncode == 0
    assert published(run) == {}
    assert told(run("detector", "list", "--json")) == []


def test_the_list_says_what_is_outside_the_promise(run: Run, secrets: str):
    given = ("webhook", "--set", "url=http://127.0.0.1:9/judge", "--secrets-file", secrets)
    run("detector", "add", "closed", *given)
    run("detector", "add", "open", *given, "--fails-open", "input", "--lead", "20")
    run("detector", "add", "watch", *given, "--fails-open", "input", "--observe", "yes")
    closed, opened, watch = run("detector", "list").stdout.splitlines()
    assert closed.split() == ["closed", "webhook", "input", "output"]
    assert opened.endswith("prompts pass unjudged; a stream may be up to 20 characters ahead of its verdict")
    assert watch.endswith("observes only")
    assert "领先其结论最多 20 个字符" in run("detector", "list", language="zh_CN.UTF-8").stdout
    for name in ("closed", "open", "watch"):
        run("detector", "remove", name)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("nobody", "can't be reached"), ("key", "key"), ("nonsense", "answer")],
)
def test_what_gives_no_verdict_ends_with_1_and_says_why(
    run: Run, tmp_path: Path, secrets: str, kind: str, problem: str
):
    def broken(got: Got) -> tuple[int, bytes]:
        return judge(got) if kind != "nonsense" else (200, b"<html>")

    with FarService(broken) as far:
        url = far.url if kind != "nobody" else "http://127.0.0.1:9"
        if kind == "key":
            Path(secrets).write_text(f"secret={'f' * 32}", encoding="utf-8")
        run("detector", "add", "far", "webhook", "--set", f"url={url}/judge", "--secrets-file", secrets)
        answer = told(run("detector", "test", "far", "--json"), 1)
        done = run("detector", "test", "far", language="zh_CN.UTF-8")
    assert (answer["name"], answer["verdict"]) == ("far", False)
    assert problem in answer["problem"]
    assert done.returncode == 1
    assert done.stderr.startswith("没有结论：")
    run("detector", "remove", "far")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "far", "webhook"), "url"),
        (("add", "far", "webhook", "--set", "url"), "NAME=VALUE"),
        (("add", "far", "webhook", "--set", "color=red"), "color"),
        (("add", "far", "webhook", "--set", "url=http://h/", "--set", "secret=s", "--lead", "-1"), "lead"),
        (("add", "far", "nothing"), "nothing"),
        (("test", "nobody"), "nobody"),
        (("remove", "nobody"), "nobody"),
    ],
)
def test_what_is_wrong_keeps_nothing_and_ends_with_2(run: Run, words: tuple[str, ...], said: str):
    done = run("detector", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "far" not in published(run)


class TestPolicyCheck:
    """`guiju policy check` knows what those elsewhere and guards bring."""

    RULES = "  - {id: brand, class: X.brand, action: mask}\n  - {id: own, class: X.own, detector: far, action: mask}\n"

    @pytest.fixture
    def check(self, run: Run, tmp_path: Path) -> Callable[..., list[tuple[str, str]]]:
        def checked(guards: str = "", rules: str = self.RULES) -> list[tuple[str, str]]:
            lines = load.default_policy_yaml().splitlines(keepends=True)
            at = next(n for n, line in enumerate(lines) if line.startswith("rules:")) + 1
            yaml = "".join([*lines[:at], rules, *lines[at:], guards])
            (tmp_path / "p.yaml").write_text(yaml, encoding="utf-8")
            found = told(run("policy", "check", str(tmp_path / "p.yaml"), "--json"))["remarks"]
            return [(yaml.splitlines()[r["line"] - 1].strip(), r["problem"]) for r in found]

        return checked

    @pytest.fixture
    def guards(self, run: Run) -> Path:
        folder: Path = run.home / "guards"  # type: ignore[attr-defined]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def test_a_class_that_nobody_brings_is_told_until_somebody_does(
        self, run: Run, check: Any, guards: Path, secrets: str
    ):
        brand, own = self.RULES.strip().split("\n")
        assert dict(check()) == {
            brand.strip(): "rule `brand` can never act: no detector and no lexicon here finds `X.brand`",
            own.strip(): "there is no detector `far` here",
        }
        run("detector", "add", "far", "webhook", "--set", "url=http://127.0.0.1:9/", "--secrets-file", secrets)
        assert check() == []  # a webhook may bring any class
        run("detector", "add", "far", "qwen3guard", "--set", "url=http://127.0.0.1:9/v1")
        assert [problem for _, problem in check()] == [
            "rule `brand` can never act: no detector and no lexicon here finds `X.brand`",
            "rule `own` can never act: no detector and no lexicon here finds `X.own`",
        ]
        (guards / "brands.py").write_text(GUARD.format("X.brand"))
        assert [line for line, _ in check("guards: [brands]\n")] == [own.strip()]
        (guards / "brands.py").write_text(GUARD.format("X.other"))
        problems = [problem for _, problem in check("guards: [brands]\n")]
        assert any("no rule decides `X.other`" in problem for problem in problems)
        assert any("finds `X.brand`" in problem for problem in problems)
        run("detector", "remove", "far")

    def test_a_rule_about_the_direction_in_which_a_guard_or_one_elsewhere_does_not_look_is_told_where_it_stands(
        self, run: Run, guards: Path, tmp_path: Path, secrets: str
    ):
        (guards / "brands.py").write_text(GUARD.format("X.brand"))
        far = ("--set", "url=http://127.0.0.1:9/", "--secrets-file", secrets, "--directions", "input")
        run("detector", "add", "far", "webhook", *far)
        rules = (
            "guards:\n  - {name: brands, direction: output}\nrules:\n"
            "  - {id: brand, class: X.brand, direction: input, detector: brands, action: mask}\n"
            "  - {id: own, class: X.own, direction: output, action: mask}\n"
            "  - {id: rest, class: '*', action: mask}\n"
        )
        file = tmp_path / "p.yaml"
        file.write_text(f"name: p\n{rules}")
        done = run("policy", "check", str(file))
        run("detector", "remove", "far")
        assert (done.returncode, "2 doubtful" in done.stdout) == (0, True)
        assert done.stderr == (
            f"{file}:5:5: rule `brand` can never act: in prompts nobody looks for `X.brand`, only in answers (`brands`)\n"
            f"    5 | {rules.splitlines()[3]}\n"
            "      |     ^ write `direction: output`, or take `direction` out of guard `brands` in line 3\n"
            f"{file}:6:5: rule `own` can never act: in answers nobody looks for `X.own`, only in prompts (`far`)\n"
            f"    6 | {rules.splitlines()[4]}\n"
            "      |     ^ write `direction: input`, or `guiju detector add far --directions 'input output'`\n"
        )

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            (None, "there is no guards/ill.py and no such entry point"),
            ("def (", "it can't be loaded: SyntaxError:1"),
            ("import os; os._exit(0)", "its process ended"),
            ("while True: pass", "it wasn't there within 3 s"),
        ],
    )
    def test_a_guard_that_gives_no_verdict_is_told_at_its_line(
        self, check: Any, guards: Path, source: str | None, why: str
    ):
        (guards / "ill.py").unlink(missing_ok=True)
        if source is not None:
            (guards / "ill.py").write_text(source)
        assert check("guards:\n  - {name: ill, timeout: 0.5}\n", "") == [
            ("- {name: ill, timeout: 0.5}", f"guard `ill` gives no verdict: {why}")
        ]
