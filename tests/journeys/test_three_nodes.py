"""Three machines of one installation behind a load balancer: what docs/how-to/run-on-three-nodes.md says, acted out here.

Three homes, each with gateway and drainer, one of them with control; one PostgreSQL, one Redis, and nginx with deploy's file.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import services
from fake_upstream import Upstream
from gateway.test_exchange import user
from whole import clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.nginx]
CONF = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "guiju.conf"
RETRIABLE = {429, 502, 503, 504}
CALLERS = 6


class Node:
    """One machine: its home, its settings, its processes."""

    def __init__(self, folder: Path, name: str, **settings: str) -> None:
        self.name, self.home, self.port = name, folder / name, services.free_port()
        self.env = clean_environment() | {"GUIJU_HOME": str(self.home), "LC_ALL": "C.UTF-8", "GUIJU_NODE": name}
        self.env |= {"GUIJU_PORT": str(self.port)} | settings
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.home.mkdir()

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "guiju.cli.main", *words]
        return subprocess.run(command, env=self.env, input=stdin, capture_output=True, text=True, check=False)

    def start(self, *parts: str) -> None:
        for part in parts:
            with (self.home / f"{part}.log").open("ab") as log:
                command = [sys.executable, "-m", "guiju.cli.main", part]
                self.parts[part] = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)

    def end(self, number: int = signal.SIGTERM) -> None:
        for process in self.parts.values():
            process.send_signal(number)
        for process in self.parts.values():
            process.wait(60)
        self.parts.clear()

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"accept": "text/html"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def logs(self) -> str:
        return "\n".join(f"--- {self.name} {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self.home.glob("*.log")))


def until(done: Callable[[], bool], nodes: list[Node], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "\n".join(node.logs() for node in nodes)
        time.sleep(0.2)


class Three:
    """The installation."""

    def __init__(self, folder: Path, database: str, redis: str, upstream: str) -> None:
        self.control_port, self.port = services.free_port(), services.free_port()
        told = {"GUIJU_DATABASE_URL": database, "GUIJU_REDIS_URL": redis}
        told |= {"GUIJU_BASE_URL": f"http://localhost:{self.port}"}
        first = told | {"GUIJU_CONTROL_PORT": str(self.control_port), "GUIJU_WORKERS": "2"}
        first |= {"GUIJU_UPSTREAM": upstream, "GUIJU_UPSTREAM_MODEL": "m"}
        others = told | {"GUIJU_CONTROL_URL": f"https://127.0.0.1:{self.control_port}"}
        self.nodes = [Node(folder, "node1", **first), *(Node(folder, f"node{n}", **others) for n in (2, 3))]

    def begin(self) -> None:
        one, *others = self.nodes
        one.start("work")  # makes keys and tables
        until((one.home / "run" / "demo.key").exists, self.nodes)
        for node in others:
            asked = node.run("node", "request", "--name", node.name)
            (node.home / "request").write_text(asked.stdout)
            admitted = one.run("node", "admit", str(node.home / "request"))
            assert admitted.returncode == 0, admitted.stderr
            (node.home / "letter").write_text(admitted.stdout)
            assert node.run("node", "join", str(node.home / "letter")).returncode == 0
        one.start("control", "gateway")
        for node in others:
            node.start("work", "gateway")
        until(lambda: all(node.get("/readyz")[0] == 200 for node in self.nodes), self.nodes)

    @property
    def key(self) -> str:
        return (self.nodes[0].home / "run" / "demo.key").read_text().strip()

    def verified(self, seconds: float = 60.0) -> dict[str, object]:
        """What the machines prove, once nothing waits in a journal."""
        last = {}
        end = time.monotonic() + seconds
        for node in self.nodes:
            while True:
                done = node.run("ledger", "verify", "--json")
                last = json.loads(done.stdout) if done.returncode in (0, 1) else {"waiting": -1}
                if last["waiting"] == 0:
                    break
                assert time.monotonic() < end, done.stdout + done.stderr + node.logs()
                time.sleep(0.5)
            assert (last["good"], last["problems"]) == (True, []), last
        return last

    def outcomes(self) -> dict[str, str]:
        script = (
            "from guiju.cli.django_setup import ready; ready()\n"
            "from guiju.control.records.models import Exchange; import json\n"
            "print(json.dumps(dict(Exchange.objects.values_list('id', 'outcome'))))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], env=self.nodes[0].env, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)


@contextmanager
def balancer(folder: Path, port: int, nodes: list[Node]) -> Iterator[None]:
    """nginx with the file of deploy/, its addresses and its port replaced."""
    text = CONF.read_text(encoding="utf-8")
    for number, node in enumerate(nodes, 1):
        text = text.replace(f"10.0.0.{number}:8787", f"127.0.0.1:{node.port}")
    text = re.sub(r"listen 80;", f"listen 127.0.0.1:{port};", text)
    folder.mkdir()
    (folder / "guiju.conf").write_text(text)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"include {folder}/guiju.conf; }}\n"
    )
    command = [services.nginx() or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


class Load:
    """Clients of the balancer, as long as the block runs."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.served: set[str] = set()
        self.errors: list[str] = []
        """Whose kind a client may try again."""
        self.wrong: list[str] = []
        """All others."""
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def _call(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            body = json.dumps({"model": "m", "stream": number % 2 == 0, "messages": user(f"第 {number} 问")})
            headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200 and (text.endswith(b"[DONE]\n\n") or number % 2):
                    self.served.add(answer.headers["x-guiju-exchange"])
                elif answer.status == 200 or answer.status in RETRIABLE:
                    self.errors.append(f"{answer.status} {text[-100:]!r}")
                else:
                    self.wrong.append(f"{answer.status} {text[-300:]!r}")
            except (OSError, http.client.HTTPException) as problem:
                self.errors.append(repr(problem))
            finally:
                connection.close()
            time.sleep(0.01)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, nodes: list[Node]) -> None:
        """Wait until a hundred more were served."""
        wanted = len(self.served) + 100
        until(lambda: len(self.served) >= wanted, nodes)


def test_what_breaks_leaves_clients_and_ledger_whole(tmp_path: Path):
    with ExitStack() as stack:
        cluster = stack.enter_context(services.postgres())
        redis = stack.enter_context(ExitStack())
        redis_url = redis.enter_context(services.redis())
        upstream = stack.enter_context(Upstream())
        three = Three(tmp_path, cluster.url, redis_url, upstream.url)
        nodes = three.nodes
        for node in nodes:
            stack.callback(node.end, signal.SIGKILL)
        three.begin()
        commands_and_pages(three)
        stack.enter_context(balancer(tmp_path / "nginx", three.port, nodes))
        with Load(three.port, three.key) as load:
            load.goes_on(nodes)
            nodes[2].end(signal.SIGKILL)
            load.goes_on(nodes)
            redis.close()
            load.goes_on(nodes)
            cluster.stop()
            load.goes_on(nodes)
            time.sleep(3)  # longer than work waits between its tries
            nodes[2].start("gateway")  # it has its last snapshot, and control
            until(lambda: nodes[2].get("/readyz")[0] == 200, nodes)
            load.goes_on(nodes)
            cluster.start()
            nodes[2].start("work")
            load.goes_on(nodes)
        assert load.wrong == []
        assert len(load.errors) < len(load.served) / 4, load.errors[:20]
        three.verified()
        until(lambda: "" not in three.outcomes().values(), nodes)
        outcomes = three.outcomes()
        assert {e: outcomes.get(e) for e in load.served if outcomes.get(e) != "served"} == {}
        assert set(outcomes.values()) <= {"served", "interrupted", "client_left"}, set(outcomes.values())
        told = three.verified()
        assert told["entries"] > 2 * len(load.served)
        shutil.copy(nodes[1].home / "ledger" / "checkpoint", tmp_path / "kept")
        assert nodes[2].run("ledger", "verify", "--checkpoint", str(tmp_path / "kept")).returncode == 0


def commands_and_pages(three: Three) -> None:
    """A command on any machine has reached all of them when it returns; pages come from control, wherever one asks."""
    one, two, last = three.nodes
    for command, status in (("suspend", 403), ("resume", 200)):
        done = two.run("service", command, "demo", *(("--reason", "演练") if command == "suspend" else ()), "--json")
        assert (done.returncode, json.loads(done.stdout)["behind"]) == (0, []), done.stderr + two.logs()
        assert [asked(node, three.key) for node in three.nodes] == [status] * 3
    for node in (one, two, last):
        status, page = node.get("/about/")
        assert (status, "规矩" in page) == (200, True)
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    assert heard(http.client.HTTPSConnection("127.0.0.1", three.control_port, timeout=5, context=stranger)) == 0
    imitation = Node(one.home.parent, "imitation", **{k: v for k, v in two.env.items() if k.startswith("GUIJU_")})
    imitation.env |= {"GUIJU_HOME": str(imitation.home), "GUIJU_PORT": str(imitation.port)}
    shutil.copytree(two.home / "keys", imitation.home / "keys")
    done = subprocess.run(
        [sys.executable, "-m", "guiju.cli.main", "work"],
        env=imitation.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, "'node2' is the name of another machine" in done.stderr) == (3, True), done.stderr


def asked(node: Node, key: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
    body = json.dumps({"model": "m", "messages": user("问")})
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
    return connection.getresponse().status


def heard(connection: http.client.HTTPConnection) -> int:
    """The status of an answer; 0 where there is none."""
    try:
        connection.request("GET", "/about/")
        return connection.getresponse().status
    except OSError:
        return 0
