"""Commands that a script needs, from an empty home, with the service down: what they print and how they end.

With the service up they are used throughout tests/gateway and tests/journeys.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import services
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal
from whole import clean_environment

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("home")
    told = {"GUIJU_HOME": str(home)} | services.storage_of(home)

    def command(*words: str, stdin: str = "", language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "guiju.cli.main", *words],
            env=clean_environment() | told | {"LC_ALL": language},
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    command.home = home  # type: ignore[attr-defined]
    return command


def told(done: subprocess.CompletedProcess[str], code: int = 0):
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def write_exchange(home: Path, asked: str) -> str:
    """Into the journal, as a gateway does; returns the exchange's id."""
    keyring, exchange = Keyring(home / "keys"), "ex_01KAZZZZZZZZZZZZZZZZZZZZZZ"
    public = seal.public_of(keyring.day_key("2026-11-23"))
    said = seal.commit(asked.encode(), os.urandom(32))
    entry = entries.Opened(
        at_ms=1, exchange=exchange, node="n/0", app="demo", service="demo", commitment=said.commitment
    )

    async def writing() -> None:
        journal = Journal(home / "journal", "n", 0, chain_key=keyring.chain, day_key=lambda: ("2026-11-23", public))
        await journal.append(entry, said.payload, "subject")
        await journal.close()

    mask = os.umask(0o077)  # as every command has it
    asyncio.run(writing())
    os.umask(mask)
    return exchange


class TestKeys:
    def test_a_new_key_is_printed_alone(self, run: Run):
        done = run("key", "create", "--app", "demo")
        assert (done.returncode, done.stdout.count("\n")) == (0, 1)
        assert done.stdout.startswith("gj-")

    def test_an_unknown_app_is_made(self, run: Run):
        made = told(run("key", "create", "--app", "letters", "--days", "30", "--json"))
        assert made["app"] == "letters"
        assert made["expires"]
        assert any(row["app"] == "letters" and row["state"] == "valid" for row in told(run("key", "list", "--json")))

    def test_a_key_is_revoked_by_its_id(self, run: Run):
        made = told(run("key", "create", "--app", "demo", "--json"))
        assert told(run("key", "revoke", str(made["id"]), "--reason", "leaked", "--json"))["state"] == "revoked"

    def test_a_key_that_is_not_there_is_an_error_of_use(self, run: Run):
        done = run("key", "revoke", "99999")
        assert done.returncode == 2
        assert "guiju key list" in done.stderr

    def test_a_key_is_revoked_by_itself_as_it_leaked(self, run: Run):
        secret = run("key", "create", "--app", "demo").stdout.strip()
        assert run("key", "revoke", secret[:-1] + "x").returncode == 2, "another key that begins alike"
        assert told(run("key", "revoke", secret, "--json"))["prefix"] == secret[:7]

    @pytest.mark.parametrize("days", ["0", "-3", "99999999", "two"])
    def test_a_number_of_days_that_is_none_makes_no_key(self, run: Run, days: str):
        before = run("key", "list").stdout
        done = run("key", "create", "--app", "demo", f"--days={days}")
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert run("key", "list").stdout == before

    def test_an_app_may_have_a_chinese_name(self, run: Run):
        made = told(run("key", "create", "--app", "客服助手", "--json"))
        assert made["app"] == "客服助手"
        accented = [told(run("key", "create", "--app", name, "--json"))["app"] for name in ("caf\u00e9", "cafe\u0301")]
        assert accented == ["caf\u00e9"] * 2
        assert "客服助手              gj-" in run("key", "list").stdout
        done = run("key", "revoke", str(made["id"]), language="zh_CN.UTF-8")
        assert done.stdout == f"应用 客服助手 的密钥 {made['key'][:7]}… 已吊销。\n"

    @pytest.mark.parametrize("name", ["", "a b", "x" * 81, "../x", "客服\u3000助手", "客服\u200b"])
    def test_an_app_needs_a_name(self, run: Run, name: str):
        done = run("key", "create", "--app", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is no name" in done.stderr

    def test_a_revoked_key_is_gone_from_what_a_gateway_starts_from(self, run: Run):
        made = told(run("key", "create", "--app", "demo", "--json"))
        run("key", "revoke", str(made["id"]))
        snapshot = json.loads((run.home / "run" / "snapshot.json").read_bytes())  # type: ignore[attr-defined]
        assert [k["revoked"] for k in snapshot["keys"] if k["id"] == f"key{made['id']}"] == [True]

    def test_no_list_shows_a_key(self, run: Run):
        secret = run("key", "create", "--app", "demo").stdout.strip()
        assert secret not in run("key", "list").stdout


class TestServices:
    def test_a_service_is_suspended_and_resumed(self, run: Run):
        assert run("service", "suspend", "demo", "--reason", "drill").returncode == 0
        assert told(run("service", "list", "--json"))[0]["state"] == "suspended"
        assert run("service", "resume", "demo").returncode == 0
        assert told(run("service", "list", "--json"))[0]["state"] == "running"

    def test_an_unknown_one_is_an_error_of_use(self, run: Run):
        assert run("service", "suspend", "nowhere", "--reason", "drill").returncode == 2


class TestUpstreams:
    def test_one_is_added_with_its_model(self, run: Run):
        done = run("upstream", "add", "vllm", "http://127.0.0.1:8000/v1", "--model", "qwen", "--json")
        assert told(done)["name"] == "vllm"

    def test_its_model_gets_prices_and_what_is_not_named_stays(self, run: Run):
        def prices() -> tuple[float, float]:
            (row,) = [row for row in told(run("route", "list", "--json")) if row["name"] == "priced"]
            return row["input_price"], row["output_price"]

        add = ("upstream", "add", "dear", "http://127.0.0.1:8000/v1", "--model", "priced")
        assert run(*add, "--input-price", "2", "--output-price", "8").returncode == 0
        assert prices() == (2.0, 8.0)
        assert run(*add, "--output-price", "9.5").returncode == 0
        assert prices() == (2.0, 9.5)
        assert run(*add).returncode == 0
        assert prices() == (2.0, 9.5)

    @pytest.mark.parametrize(
        ("language", "said"), [("C.UTF-8", "name it with --model"), ("zh_CN.UTF-8", "价格属于模型")]
    )
    def test_a_price_needs_its_model(self, run: Run, language: str, said: str):
        before = run("upstream", "list").stdout
        done = run("upstream", "add", "x", "http://x/v1", "--input-price", "2", language=language)
        assert (done.returncode, said in done.stderr) == (2, True)
        assert run("upstream", "list").stdout == before

    @pytest.mark.parametrize("url", ["no url", "http://x:99999/v1"])
    def test_a_wrong_url_is_told(self, run: Run, url: str):
        before = run("upstream", "list").stdout
        done = run("upstream", "add", "x", url)
        assert done.returncode == 2
        assert "url" in done.stderr.lower()
        assert run("upstream", "list").stdout == before

    def test_a_key_that_no_header_can_carry_is_refused(self, run: Run):
        done = run("upstream", "add", "x", "http://x/v1", "--key-file", "-", stdin="sk-密钥\n")
        assert done.returncode == 2
        assert "密钥" not in done.stderr

    def test_another_server_asks_for_its_key(self, run: Run):
        run("upstream", "add", "keyed", "http://one/v1", "--key-file", "-", stdin="sk-1\n")
        done = run("upstream", "add", "keyed", "http://two/v1")
        assert (done.returncode, "--key-file" in done.stderr, "--no-key" in done.stderr) == (2, True, True)
        assert run("upstream", "add", "keyed", "http://two/v1", "--no-key").returncode == 0
        row = next(row for row in told(run("upstream", "list", "--json")) if row["name"] == "keyed")
        assert (row["url"], row["key"]) == ("http://two/v1", False)

    def test_a_preset_fills_in_and_other_options_win(self, run: Run):
        run("upstream", "add", "ds", "--preset", "deepseek", "--model", "deepseek-chat", "--idle-timeout", "9")
        row = next(row for row in told(run("upstream", "list", "--json")) if row["name"] == "ds")
        expected = {
            "url": "https://api.deepseek.com/v1", "offers": ["openai"], "residency": "CN", "idle_timeout": 9.0, "key": False,
        }  # fmt: skip
        assert {name: row[name] for name in expected} == expected
        options = (
            "--offers",
            "openai,openai_embeddings",
            "--max-connections",
            "7",
            "--residency",
            "US",
            "--filing",
            "京-1",
            "--unknown-fields",
            "drop",
        )
        assert run("upstream", "add", "ds", *options).returncode == 0
        row = next(row for row in told(run("upstream", "list", "--json")) if row["name"] == "ds")
        assert (row["url"], row["idle_timeout"], row["max_connections"]) == (expected["url"], 9.0, 7)
        listed = run("upstream", "list", language="zh_CN.UTF-8").stdout
        for words in (
            "openai_embeddings",
            "最多 7 个连接",
            "空闲 9 秒",
            "备案号：京-1",
            "数据去向：美国（境外）",
            "可能不认识的字段：去掉",
        ):
            assert words in listed, words

    @pytest.mark.parametrize(
        "words",
        [
            ("add", "x"), ("add", "x", "--preset", "nowhere"), ("add", "x", "--preset", "azure-openai"),
            ("add", "x", "http://h/v1", "--offers", "chat"), ("add", "x", "http://h/v1", "--residency", "XX"),
            ("add", "x", "http://h/v1", "--key-header", "host"), ("add", "x", "http://h/v1", "--connect-timeout", "0"),
            ("add", "x", "http://h/v1", "--unknown-fields", "keep"),
            ("add", "x", "http://h/v1", "--max-connections", "many"), ("remove", "nowhere"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_keeps_nothing(self, run: Run, words: tuple[str, ...]):
        before = run("upstream", "list").stdout
        done = run("upstream", *words)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
        assert run("upstream", "list").stdout == before

    def test_one_that_nobody_uses_is_forgotten(self, run: Run):
        run("upstream", "add", "gone", "http://127.0.0.1:9/v1")
        run("route", "add", "held", "--upstream", "gone")
        assert run("upstream", "remove", "gone").returncode == 2
        assert run("route", "remove", "held", "--upstream", "gone").returncode == 0
        assert told(run("upstream", "remove", "gone", "--json"))["name"] == "gone"
        assert "gone" not in run("upstream", "list").stdout

    def test_presets_are_listed(self, run: Run):
        rows = told(run("upstream", "presets", "--json"))
        assert {"deepseek", "dashscope", "azure-openai"} <= {row["name"] for row in rows}
        assert "深度求索" in run("upstream", "presets", language="zh_CN.UTF-8").stdout


class TestRoutes:
    @pytest.fixture(scope="class")
    def pair(self, run: Run) -> None:
        for name in ("one", "two"):
            assert run("upstream", "add", name, f"http://{name}/v1").returncode == 0
            assert run("route", "add", "both", "--upstream", name).returncode == 0

    def routes(self, run: Run) -> dict[tuple[str, str], tuple[int, int, bool]]:
        rows = told(run("route", "list", "--json"))
        return {
            (r["upstream"], r["model"]): (r["weight"], r["order"], r["default"]) for r in rows if r["name"] == "both"
        }

    def test_several_upstreams_answer_one_model(self, run: Run, pair: None):
        assert self.routes(run) == {("one", "both"): (1, 0, False), ("two", "both"): (1, 0, False)}
        done = told(run("route", "add", "both", "--upstream", "two", "--weight", "3", "--order", "1", "--json"))
        assert (done["service"], done["weight"], done["order"], done["behind"]) == ("demo", 3, 1, [])
        run("route", "add", "both", "--upstream", "two", "--weight", "5")
        assert self.routes(run)[("two", "both")] == (5, 1, False)
        snapshot = json.loads((run.home / "run" / "snapshot.json").read_bytes())  # type: ignore[attr-defined]
        found = {
            r["upstream"]: (r["weight"], r["order"]) for r in snapshot["services"][0]["models"] if r["name"] == "both"
        }
        assert found == {"one": (1, 0), "two": (5, 1)}
        assert "顺位 1，份额 5" in run("route", "list", language="zh_CN.UTF-8").stdout

    def test_the_last_one_of_the_default_stays(self, run: Run, pair: None):
        before = next(r["name"] for r in told(run("route", "list", "--json")) if r["default"])
        assert run("route", "add", "both", "--upstream", "one", "--default").returncode == 0
        assert run("route", "remove", "both", "--upstream", "two").returncode == 0
        done = run("route", "remove", "both", "--upstream", "one")
        assert (done.returncode, self.routes(run)) == (2, {("one", "both"): (1, 0, True)})
        assert "default" in done.stderr
        with_default = told(run("route", "list", "--json"))
        other = next(r for r in with_default if r["name"] == before)
        words = ("--upstream", other["upstream"], "--upstream-model", other["model"], "--default")
        assert run("route", "add", before, *words).returncode == 0
        assert run("route", "add", "both", "--upstream", "two").returncode == 0

    def test_which_of_several_is_meant_has_to_be_said(self, run: Run, pair: None):
        run("route", "add", "both", "--upstream", "one", "--upstream-model", "other")
        done = run("route", "remove", "both", "--upstream", "one")
        assert done.returncode == 2
        assert "--upstream-model" in done.stderr
        assert run("route", "remove", "both", "--upstream", "one", "--upstream-model", "other").returncode == 0

    @pytest.mark.parametrize(
        "words",
        [
            ("add", "m", "--upstream", "nowhere"), ("add", "m", "--upstream", "one", "--weight", "0"),
            ("add", "m", "--upstream", "one", "--order", "100"), ("remove", "m", "--upstream", "one"),
            ("add", "m", "--upstream", "one", "--service", "nowhere"), ("add", "m"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_changes_nothing(self, run: Run, pair: None, words: tuple[str, ...]):
        before = run("route", "list").stdout
        done = run("route", *words, language="zh_CN.UTF-8")
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
        assert run("route", "list").stdout == before


class TestPolicies:
    def test_the_shipped_one_is_good_and_can_be_activated(self, run: Run, tmp_path: Path):
        from guiju.review import load

        file = tmp_path / "policy.yaml"
        file.write_text(load.default_policy_yaml() + "\n# ours\n", encoding="utf-8")
        assert run("policy", "check", str(file)).returncode == 0
        assert told(run("policy", "activate", str(file), "--json"))["version"] == 2

    def test_a_mistake_is_named_with_its_line_and_nothing_is_kept(self, run: Run, tmp_path: Path):
        file = tmp_path / "policy.yaml"
        file.write_text("name: default\nrules:\n  - {id: a, class: NO.SUCH, action: mask}\n", encoding="utf-8")
        for verb in ("check", "activate"):
            done = run("policy", verb, str(file))
            assert done.returncode == 2
            assert "NO.SUCH" in done.stderr + done.stdout

    def test_what_is_doubtful_is_told_and_fails_only_where_asked(self, run: Run, tmp_path: Path):
        file = tmp_path / "policy.yaml"
        file.write_text(
            "name: p\nrules:\n  - {id: a, class: '*', action: refuse}\n  - {id: b, class: A.1, action: block}\n",
            encoding="utf-8",
        )
        done = run("policy", "check", str(file), "--json")
        assert (done.returncode, [r["line"] for r in told(done)["remarks"]]) == (0, [4])
        assert "rule `b` is never asked" in done.stderr
        assert "    4 |   - {id: b, class: A.1, action: block}" in done.stderr
        assert run("policy", "check", "--strict", str(file)).returncode == 1

    def test_what_comes_back_in_answers_is_told(self, run: Run, tmp_path: Path):
        file = tmp_path / "policy.yaml"
        file.write_text("name: p\nrules:\n  - {id: back, class: I, action: mask, restore: true}\n", encoding="utf-8")
        assert told(run("policy", "check", str(file), "--json"))["restores"] == ["back"]
        assert "in prompts comes back in answers: back." in run("policy", "check", str(file)).stdout

    def test_its_cases_are_put_to_it_and_hold_up_its_activation(self, run: Run, tmp_path: Path):
        file = tmp_path / "policy.yaml"
        rules = "name: default\nrules:\n  - {id: phones, class: I.mobile, action: mask}\ncases:\n"
        file.write_text(rules + "  - {text: 电话13912345678, expect: mask, serves: '电话[手机号]'}\n", encoding="utf-8")
        assert run("policy", "test", str(file)).returncode == 0
        assert run("policy", "activate", str(file)).returncode == 0
        file.write_text(rules + "  - {text: 电话13912345678, expect: block}\n", encoding="utf-8")
        done = run("policy", "test", str(file), "--json")
        assert (done.returncode, [f["action"] for f in json.loads(done.stdout)["failed"]]) == (1, ["mask"])
        assert ":5:5: expected block, came to mask" in done.stderr
        done = run("policy", "activate", str(file))
        assert done.returncode == 2
        assert "isn't activated" in done.stderr

    def test_two_are_compared_on_texts(self, run: Run, tmp_path: Path):
        a, b, texts = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "texts.jsonl"
        a.write_text(
            "name: a\nrules:\n  - {id: out, class: I.mobile, direction: output, action: mask}\n", encoding="utf-8"
        )
        b.write_text("name: b\nrules:\n  - {id: all, class: I.mobile, action: block}\n", encoding="utf-8")
        lines = [{"id": n, "text": "电话13912345678", "direction": d} for n, d in enumerate(("input", "output"))]
        texts.write_text("\n".join(json.dumps(x) for x in [*lines, {"id": 2, "text": "你好"}]), encoding="utf-8")
        done = run("policy", "diff", str(a), str(b), "--on", str(texts), "--json")
        assert done.returncode == 1
        changes = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(c["id"], c["before"]["action"], c["after"]["action"]) for c in changes] == [
            (0, "allow", "block"),
            (1, "mask", "block"),
        ]
        assert changes[1]["before"] == {"action": "mask", "rule": "out", "class": "I.mobile"}
        assert "2 of 3 texts change" in done.stderr
        assert run("policy", "diff", str(a), str(a), "--on", str(texts)).returncode == 0
        texts.write_text('{broken\n{"text": "你好"}\n', encoding="utf-8")
        assert run("policy", "diff", "active", str(a), "--on", str(texts)).returncode == 2

    def test_one_that_no_service_uses_says_so(self, run: Run, tmp_path: Path):
        file = tmp_path / "policy.yaml"
        file.write_text("name: spare\nrules:\n  - {class: A.1.a, action: refuse}\n", encoding="utf-8")
        done = run("policy", "activate", str(file), "--json")
        assert told(done)["services"] == []
        assert "no service is judged by a policy named 'spare'" in done.stderr

    def test_what_is_activated_while_nothing_runs_is_what_review_judges_by(self, run: Run, tmp_path: Path):
        policy, terms = tmp_path / "policy.yaml", tmp_path / "own.csv"
        policy.write_text("name: default\nrules:\n  - {class: A.1.h.gambling, action: block}\n", encoding="utf-8")
        terms.write_text("term,class,severity\n甲乙丙丁,A.1.h.gambling,high\n", encoding="utf-8")
        assert run("policy", "activate", str(policy)).returncode == 0
        assert run("lexicon", "import", str(terms)).returncode == 0
        done = run("review", "-", stdin="甲乙丙丁\n")
        assert told(done)["action"] == "block"


class TestLexicons:
    def test_a_list_is_imported_with_remarks(self, run: Run, tmp_path: Path):
        file = tmp_path / "own.csv"
        file.write_text(
            "term,class,severity\n某某平台,A.1.h.gambling,high\n某某平台,A.1.h.gambling,high\n的,A.1.h.gambling,low\n"
        )
        done = told(run("lexicon", "import", str(file), "--json"))
        assert done["terms"] >= 1
        assert {r["kind"] for r in done["remarks"]} >= {"duplicate", "too_short"}

    def test_a_broken_file_is_told(self, run: Run, tmp_path: Path):
        file = tmp_path / "own.csv"
        file.write_text("term,class,severity\n某某平台,NO.SUCH,high\n")
        done = run("lexicon", "import", str(file))
        assert done.returncode == 2
        assert "NO.SUCH" in done.stderr

    @pytest.mark.parametrize(
        ("language", "said"), [("C.UTF-8", "hold no longer (1)"), ("zh_CN.UTF-8", "1 个用例将不再成立")]
    )
    def test_one_that_breaks_a_case_is_kept_out_until_it_is_meant(
        self, run: Run, tmp_path: Path, language: str, said: str
    ):
        own = language.partition(".")[0]
        policy, terms = tmp_path / "policy.yaml", tmp_path / f"{own}.csv"
        rules = "rules:\n  - {class: A.1.h.weapons, action: block}\n"
        policy.write_text(f"name: default\n{rules}cases:\n  - {{text: 玄铁重弩{own}, expect: allow}}\n")
        terms.write_text(f"term,class,severity\n玄铁重弩{own},A.1.h.weapons,high\n")
        assert run("policy", "activate", str(policy)).returncode == 0
        words = ("lexicon", "import", str(terms))
        checked = run(*words, "--check", "--json", language=language)
        assert [(case["file"], case["line"]) for case in told(checked)["broken_cases"]] == [("default.yaml", 5)]
        done = run(*words, language=language)
        assert (done.returncode, done.stdout) == (2, "")
        for part in (said, "default.yaml:5:5", "--anyway"):
            assert part in done.stderr
        assert told(run(*words, "--anyway", "--json"))["version"] == 1
        assert told(run(*words, "--json"))["broken_cases"] == []


class TestLedger:
    def test_it_proves_what_the_commands_did(self, run: Run):
        found = told(run("ledger", "verify", "--json"))
        assert found["good"]
        assert found["entries"] > 3

    def test_a_checkpoint_kept_elsewhere_is_checked(self, run: Run, tmp_path: Path):
        kept = tmp_path / "checkpoint"
        kept.write_text(told(run("ledger", "checkpoint", "--json"))["note"], encoding="utf-8")
        run("key", "create", "--app", "demo")
        assert run("ledger", "verify", "--checkpoint", str(kept)).returncode == 0
        kept.write_text(kept.read_text().replace("guiju/ledger\n", "guiju/ledger\n9", 1))
        assert run("ledger", "verify", "--checkpoint", str(kept)).returncode == 1
        assert run("ledger", "verify", "--checkpoint", str(tmp_path / "nowhere")).returncode == 2


class TestOthers:
    def test_a_sign_in_link(self, run: Run):
        made = told(run("admin", "link", "--user", "heshen", "--role", "auditor", "--json"))
        assert made["user"] == "heshen"
        assert "/console/link/" in made["link"]

    @pytest.mark.parametrize("name", ["", "a b", "x" * 151])
    def test_a_link_needs_a_user_name(self, run: Run, name: str):
        assert run("admin", "link", "--user", name).returncode == 2

    @pytest.mark.parametrize("exchange", ["ex_nothing", ""])
    def test_an_exchange_that_is_not_there(self, run: Run, exchange: str):
        done = run("explain", exchange)
        assert (done.returncode, done.stdout) == (2, "")

    def test_contents_that_nobody_has_moved_to_the_ledger_yet_are_shown_for_a_reason(self, run: Run):
        run("key", "list")
        exchange = write_exchange(run.home, "你好")  # type: ignore[attr-defined]
        assert told(run("explain", exchange, "--json"))["entries"][0]["kind"] == "exchange.opened"
        assert run("explain", exchange, "--contents", "--json").returncode == 2
        done = run("explain", exchange, "--contents", "--reason", "抽查一次", "--json")
        assert told(done)["contents"] == {"input": "你好"}
        key = next((run.home / "keys" / "journal").glob("*.key"))  # type: ignore[attr-defined]
        key.unlink()
        done = run("explain", exchange, "--contents", "--reason", "抽查一次", language="zh_CN.UTF-8")
        assert (done.returncode, done.stderr) == (3, "guiju explain: 无法打开内容：当日的密钥已销毁\n")

    @pytest.mark.parametrize(
        "words",
        [
            ("policy", "check"),
            ("lexicon", "import"),
            ("review",),
            ("ledger", "verify", "--checkpoint"),
            ("upstream", "add", "x", "http://x/v1", "--key-file"),
            ("up", "--upstream-key-file"),
        ],
    )
    @pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
    def test_a_file_that_cannot_be_read_is_one_sentence(self, run: Run, tmp_path: Path, words, kind: str):
        file = tmp_path / "file"
        if kind == "folder":
            file.mkdir()
        elif kind == "binary":
            file.write_bytes(b"\xff\xfe\x00")
        done = run(*words, str(file))
        assert done.returncode == 2
        assert str(file) in done.stderr
        assert "Errno" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_what_is_written_is_this_users_alone(self, run: Run):
        run("key", "list")
        home: Path = run.home  # type: ignore[attr-defined]
        assert [str(p) for p in home.rglob("*") if p.stat().st_mode & 0o077] == []

    @pytest.mark.parametrize(
        "url", ["mysql://x/y", "postgres://x", "postgres://x@127.0.0.1:1/x", "postgres://x@host.invalid/x"]
    )
    def test_a_database_that_cannot_be_used_is_one_sentence(self, tmp_path: Path, url: str):
        env = clean_environment() | {"GUIJU_HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "GUIJU_DATABASE_URL": url}
        command = [sys.executable, "-m", "guiju.cli.main", "key", "list"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 3
        assert "database" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_new_installation_is_told_on_the_way(self, tmp_path: Path):
        env = clean_environment() | {"GUIJU_HOME": str(tmp_path / "new"), "LC_ALL": "zh_CN.UTF-8"}
        command = [sys.executable, "-m", "guiju.cli.main", "key", "create", "--app", "demo"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.startswith("gj-")
        assert f"在 {tmp_path / 'new'} 新建" in done.stderr

    @pytest.mark.parametrize("words", [("key",), ("nonsense",), ("key", "create")])
    def test_wrong_use_ends_with_2(self, run: Run, words: tuple[str, ...]):
        assert run(*words).returncode == 2


def test_success_is_told_in_the_terminals_language(run: Run):
    for words, said in (
        (("service", "suspend", "--reason", "检修"), "服务 demo 已暂停。\n"),
        (("service", "resume"), "服务 demo 正在运行。\n"),
        (("upstream", "add", "u", "http://127.0.0.1:9"), "上游 u 已保存。\n"),
    ):
        assert run(*words, language="zh_CN.UTF-8").stdout == said
    assert run("ledger", "verify", language="zh_CN.UTF-8").stdout.startswith("完好：条目 ")
    for listed in ("service", "key"):
        assert not re.search("running|valid|revoked", run(listed, "list", language="zh_CN.UTF-8").stdout)


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (
            ("policy", "check"),
            "name: default\nrules: [a\n",
            "file:3:1: 不是有效的 YAML：应为“,”或“]”，此处却是文件的结尾",
        ),
        (("policy", "check"), "name: a: b\n", "file:1:8: 不是有效的 YAML：此处不能再写“键: 值”"),
        (("lexicon", "import", "--class", "A.1.h.fraud"), '"甲乙"x\n', "这一行不是有效的 CSV：右引号之后应为“,”"),
        (("lexicon", "import"), "term,class\n甲乙,A.1.h.fraud,x\n", "有 3 个字段，但只有 2 列"),
        (("review", "--format", "jsonl"), '{"text": 1}\n', "file:1:1: 应为 `str`，实为 `int`（位于 `$.text`）"),
        (("review", "--policy"), "a: [1", "file:1:6: 不是有效的 YAML：应为“,”或“]”，此处却是文件的结尾"),
        (("policy", "check"), None, "file：没有这个文件或文件夹"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_whole_in_chinese(run: Run, tmp_path: Path, words, text: str | None, said: str):
    file = tmp_path / "file"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    done = run(*words, str(file), *(["-"] if "--policy" in words else []), language="zh_CN.UTF-8")
    assert done.returncode == 2
    assert said in done.stderr
