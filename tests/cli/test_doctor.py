"""`guiju doctor` says what is wrong, what to do, and changes nothing."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import services
from cli.test_detector import GUARD, SECRET, judge
from cli.test_verbs import clean_environment, write_exchange
from far_service import FarService
from guiju.cli import brings, doctor_detectors, probe
from guiju.config import Config
from guiju.gateway.elsewhere import source_of
from guiju.journal import reader
from guiju.journal.keyring import Keyring
from guiju.review import load
from guiju.snapshot import Detector, Snapshot, encode


class Model(http.server.BaseHTTPRequestHandler):
    """A server of models that takes one key, where OpenAI's reads it or where Azure's does."""

    def do_GET(self) -> None:
        given = self.headers.get("authorization"), self.headers.get("api-key"), self.path
        good = given in (("Bearer sk-right", None, "/v1/models"), (None, "sk-right", "/v1/models?api-version=1"))
        self.send_response(200 if good else 401)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def guiju(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = clean_environment() | {"GUIJU_HOME": str(home), "GUIJU_PORT": "9", "LC_ALL": "C.UTF-8"}

    def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "guiju.cli.main", *words],
            env=environment | more, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return command


def found(done: subprocess.CompletedProcess[str]) -> dict[str, list[tuple[str, str]]]:
    """What -> (state, sentence)."""
    out: dict[str, list[tuple[str, str]]] = {}
    for row in json.loads(done.stdout):
        out.setdefault(row["what"], []).append((row["state"], row["said"] + " " + row["remedy"]))
    return out


def test_where_nothing_is_nothing_is_made(home: Path, guiju):
    home.mkdir()
    done = guiju("doctor", "--json")
    assert done.returncode == 1
    ((state, said),) = found(done)["files"]
    assert state == "bad"
    assert "holds no installation" in said
    assert list(home.iterdir()) == []


def test_of_a_good_installation_nothing_is_bad(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    done = guiju("doctor", "--json")
    assert done.returncode == 0, done.stdout
    told = found(done)
    assert [state for state, _ in told["files"] + told["disk"] + told["database"] + told["journal"]] == ["good"] * 4
    assert told["gateway"][0][0] == "look"  # nobody is asked to run
    assert any("the provider's code isn't set" in said for _, said in told["policy"])
    assert ("good", "service demo: default@1, running ") in told["policy"]
    assert "正常  数据库      sqlite，已是最新" in guiju("doctor", "--offline", LC_ALL="zh_CN.UTF-8").stdout


def test_what_is_wrong_is_bad_and_says_what_to_do(home: Path, guiju, model: str):
    key = home.parent / "key"
    for name, secret in (("right", "sk-right"), ("wrong", "sk-wrong")):
        key.write_text(secret)
        guiju("upstream", "add", name, model, "--key-file", str(key))
    key.write_text("sk-right")
    azure = ("--key-header", "api-key", "--query", "api-version=1")
    guiju("upstream", "add", "azure", model, *azure, "--key-file", str(key))
    guiju("upstream", "add", "away", "http://127.0.0.1:9/v1")
    guiju("service", "suspend", "demo", "--reason", "drill")
    (home / "keys" / "pepper.key").chmod(0o644)
    write_exchange(home, "hello")
    (segment,) = reader.segments(home / "journal")
    os.utime(segment.path, (time.time() - 3600,) * 2)
    done = guiju("doctor", "--json", GUIJU_DISK_STOP_BYTES=str(1 << 60))
    assert done.returncode == 1
    told = found(done)
    assert told["files"] == [
        ("bad", f"1 keys can be read by others, {home}/keys/pepper.key first chmod -R go= {home}/keys")
    ]
    assert told["disk"][0][0] == "bad"
    assert [state for state, _ in told["journal"]] == ["bad"]
    assert "guiju work" in told["journal"][0][1]
    assert ("look", "service demo: default@1, suspended ") in told["policy"]
    upstreams = dict(reversed(item) for item in told["upstream"])
    assert [state for said, state in upstreams.items() if said.startswith("right answers in")] == ["good"]
    assert [state for said, state in upstreams.items() if said.startswith("azure answers in")] == ["good"]
    assert [state for said, state in upstreams.items() if "wrong doesn't take our key (401)" in said] == ["bad"]
    assert [state for said, state in upstreams.items() if "away" in said and "can't be reached" in said] == ["bad"]
    assert "sk-" not in done.stdout


@pytest.mark.redis
def test_redis_that_is_away_is_bad_where_quotas_are_closed_without_it(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    with services.redis() as url:
        (there,) = found(guiju("doctor", "--json", GUIJU_REDIS_URL=url))["counters"]
    assert there[0] == "good"
    for outage, state in (("closed", "bad"), ("local", "look")):
        done = guiju("doctor", "--json", GUIJU_REDIS_URL=url, GUIJU_QUOTA_OUTAGE=outage)
        ((said, sentence),) = found(done)["counters"]
        assert said == state
        assert "Redis doesn't answer" in sentence
        assert outage in sentence


def test_a_changed_journal_is_bad(home: Path, guiju):
    guiju("key", "create", "--app", "demo")
    write_exchange(home, "hello")
    (segment,) = reader.segments(home / "journal")
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)
    done = guiju("doctor", "--json", "--offline")
    assert done.returncode == 1
    assert found(done)["journal"][0][0] == "bad"


class TestDetectors:
    """Those that are elsewhere, and guards."""

    @pytest.fixture
    def far(self) -> Iterator[str]:
        with FarService(judge) as running:
            yield f"{running.url}/judge"

    @pytest.fixture
    def add(self, tmp_path: Path, guiju, far: str) -> Callable[..., None]:
        def added(*how: str, name: str = "far", url: str = far, secret: str = SECRET) -> None:
            (tmp_path / "secrets").write_text(f"secret={secret}")
            given = ("--set", f"url={url}", "--secrets-file", str(tmp_path / "secrets"))
            done = guiju("detector", "add", name, "webhook", *given, *how)
            assert done.returncode == 0, done.stderr

        return added

    def test_one_that_answers_and_fails_closed_is_good(self, guiju, add):
        add()
        done = guiju("doctor", "--json")
        ((state, said),) = found(done)["detector"]
        assert (state, said.startswith("far gives a verdict in ")) == ("good", True)

    @pytest.mark.parametrize(
        ("given", "why"),
        [({"url": "http://127.0.0.1:9/judge"}, "can't be reached"), ({"secret": "f" * 32}, "gives no verdict")],
    )
    def test_one_that_gives_no_verdict_is_bad(self, guiju, add, given: dict[str, str], why: str):
        add(**given)
        done = guiju("doctor", "--json")
        assert done.returncode == 1
        ((state, said),) = found(done)["detector"]
        assert (state, why in said, "guiju detector test far" in said) == ("bad", True, True)
        assert given.get("secret", SECRET) not in done.stdout

    def test_nothing_hangs_on_one_that_only_observes(self, guiju, add):
        add("--observe", "yes", url="http://127.0.0.1:9/judge")
        ((state, said),) = found(guiju("doctor", "--json"))["detector"]
        assert (state, "can't be reached" in said) == ("look", True)

    def test_what_is_outside_the_promise_is_said_without_asking(self, guiju, add):
        add("--fails-open", "input output", "--lead", "20")
        add("--directions", "input", "--fails-open", "output", name="other")
        told = found(guiju("doctor", "--json", "--offline"))["detector"]
        assert [state for state, _ in told] == ["look"] * 3
        for clause, (_, said) in zip(("prompts pass", "answers pass", "20 characters ahead"), told, strict=True):
            assert said.startswith("far, outside the promise: ")
            assert clause in said
            assert "--fails-open '' --lead 0" in said

    def test_one_that_lacks_what_it_needs_is_bad_without_asking(self, home: Path, guiju, add):
        broken: dict[str, dict[str, object]] = {
            "its setting `secret` is missing": {"secrets": ""},
            "its setting `url` is missing": {"settings": []},
            "has no adapter `gone`": {"adapter": "gone"},
            "its secrets can't be opened": {"secrets": "AAAA"},
        }
        add()
        file = home / "run/snapshot.json"
        snapshot = json.loads(file.read_bytes())
        snapshot["detectors"] = [snapshot["detectors"][0] | how for how in broken.values()]
        file.write_text(json.dumps(snapshot))
        done = guiju("doctor", "--json")
        assert done.returncode == 1
        for why, (state, said) in zip(broken, found(done)["detector"], strict=True):
            assert (state, why in said, "guiju detector add far" in said) == ("bad", True, True)

    def test_a_guard_that_is_not_there_or_is_outside_the_promise(self, home: Path, tmp_path: Path, guiju):
        guards = "guards: [{name: there, fails_open: [output]}, {name: gone}, {name: ill}]\n"
        (tmp_path / "p.yaml").write_text(load.default_policy_yaml() + guards)
        assert guiju("policy", "activate", str(tmp_path / "p.yaml")).returncode == 0
        (home / "guards").mkdir()
        (home / "guards/there.py").write_text(GUARD.format("X.a"))
        (home / "guards/ill.py").write_text("def (")
        told = found(guiju("doctor", "--json", "--offline"))["detector"]
        assert [state for state, _ in told] == ["look", "bad", "bad"]
        assert "there, outside the promise: without its verdict answers pass unjudged" in told[0][1]
        assert "there is no guards/gone.py" in told[1][1]
        assert "ill gives no verdict: it can't be loaded: SyntaxError:1" in told[2][1]

    def test_a_guard_of_several_services_is_started_once(self, home: Path, tmp_path: Path, guiju):
        (tmp_path / "p.yaml").write_text(load.default_policy_yaml() + "guards: [there, ill]\n")
        assert guiju("policy", "activate", str(tmp_path / "p.yaml")).returncode == 0
        file = home / "run/snapshot.json"
        snapshot = json.loads(file.read_bytes())
        snapshot["services"].append(snapshot["services"][0] | {"name": "other"})
        file.write_text(json.dumps(snapshot))
        (home / "guards").mkdir()
        starts = tmp_path / "starts"
        note = f"with open({str(starts)!r}, 'a') as file: file.write(__name__ + ' ')\n"
        (home / "guards/there.py").write_text(note + GUARD.format("X.a"))
        (home / "guards/ill.py").write_text(note + "raise ValueError\n")
        told = found(guiju("doctor", "--json", "--offline"))
        services = [said.partition(":")[0] for _, said in told["policy"] if "doubtful" in said]
        assert (services, len(told["detector"])) == (["service demo", "service other"], 1)
        assert len(starts.read_text().split()) == 2

    def test_what_asks_one_that_is_elsewhere_is_made_once(
        self, config: Config, far: str, monkeypatch: pytest.MonkeyPatch
    ):
        keyring = Keyring.open(config)
        secrets = keyring.seal_secret(json.dumps({"secret": SECRET}), "detector:far")
        detectors = tuple(
            Detector(name=name, adapter="webhook", settings=(("url", far),), secrets=sealed)
            for name, sealed in (("far", secrets), ("shut", "AAAA"))
        )
        config.run.mkdir(parents=True, exist_ok=True)
        (config.run / "snapshot.json").write_bytes(encode(Snapshot(detectors=detectors)))
        made: list[str] = []
        monkeypatch.setattr(probe, "source_of", lambda ref, secret: (made.append(ref.name), source_of(ref, secret))[1])
        looked = doctor_detectors.Detectors(config, brings.Guards(config))
        findings = [*looked.settings(config), *looked.verdicts(config)]
        (config.run / "snapshot.json").unlink()  # the home is every test's
        assert [finding.state for finding in findings] == ["bad", "good"]
        assert made == ["far"]
