"""guiju.cli.supervisor: children run, come back, say why they ended, and none outlives it."""

from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from guiju.cli import supervisor as module
from guiju.cli.supervisor import Child, Supervisor, describe, write_log

FOREVER = "import time\nwhile True: time.sleep(0.1)"
DEAF = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\n" + FOREVER


class Desk:
    """A supervisor with what it echoed, driven by the test."""

    def __init__(self, logs: Path) -> None:
        self.echoed: list[str] = []
        self.logs = logs
        self.supervisor = Supervisor(logs, self.echoed.append)

    def python(self, name: str, code: str, **options) -> Child:
        return self.supervisor.add(Child(name, [sys.executable, "-c", code], os.environ, **options))

    def until(self, done, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, (self.echoed, {c.name: list(c.tail) for c in self.children})
            self.supervisor.turn(0.05)

    @property
    def children(self) -> list[Child]:
        return list(self.supervisor.children.values())


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.supervisor.end([([], 0.0)])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_it_writes_what_a_child_says_to_its_log(desk: Desk):
    child = desk.python("talker", f"print('first\\nsecond', flush=True)\n{FOREVER}")
    desk.until(lambda: len(child.tail) == 2)
    assert (desk.logs / "talker.log").read_text() == "first\nsecond\n"
    assert desk.echoed == []


def test_a_full_disk_ends_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_log", full)
    child = desk.python("talker", "print('hello', flush=True)\n" + FOREVER)
    desk.until(lambda: "hello" in child.tail)
    assert child.running


@pytest.mark.parametrize("line", ["level=ERROR journal full", '{"level":"error","message":"journal full"}'])
def test_it_echoes_a_childs_errors(desk: Desk, line: str):
    desk.python("gateway", f"print('level=info fine', {line!r}, sep=chr(10), flush=True)\n{FOREVER}")
    desk.until(lambda: bool(desk.echoed))
    assert desk.echoed == [f"gateway: {line}"]


def test_it_starts_a_crashed_child_again_and_says_what_it_said_last(desk: Desk):
    child = desk.python("work", "import sys; print('the reason', flush=True); sys.exit(7)")
    desk.until(lambda: child.starts == 3)
    assert "work ended unexpectedly (exit code 7) and is started again" in desk.echoed
    assert "  the reason" in desk.echoed


def test_it_waits_longer_each_time(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(module.clock, "monotonic", lambda: now[0])
    child = Child("x", ["true"], {})
    waits = []
    for _ in range(8):
        child.ended(1)
        waits.append(round(child.due - now[0], 1))
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    now[0] = 100.0  # it ran well for longer than HEALTHY_AFTER
    child.ended(1)
    assert round(child.due - now[0], 1) == 0.2


def test_a_child_that_runs_once_keeps_its_output_and_stays_ended(desk: Desk):
    child = desk.python("prepare", "import sys; print('{}'); sys.stderr.write('note\\n')", once=True)
    desk.until(lambda: not child.running)
    for _ in range(10):
        desk.supervisor.turn(0.05)
    assert (child.output, child.code, child.starts, list(child.tail)) == (b"{}\n", 0, 1, ["note"])


def test_it_ends_children_in_order(desk: Desk):
    shout = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(0))\nprint('up', flush=True)\n" + FOREVER
    first, second = desk.python("first", shout), desk.python("second", shout)
    desk.until(lambda: bool(first.tail and second.tail))
    order: list[str] = []
    for child in (first, second):
        ended = child.ended
        child.ended = lambda code, c=child, e=ended: (order.append(c.name), e(code))[1]
    desk.supervisor.end([(["second"], 5.0), (["first"], 5.0)])
    assert order == ["second", "first"]
    assert (first.code, second.code) == (0, 0)
    assert desk.echoed == []


def test_a_deaf_child_is_killed_after_its_grace(desk: Desk):
    child = desk.python("deaf", DEAF)
    desk.until(lambda: bool(child.tail))
    began = time.monotonic()
    desk.supervisor.end([(["deaf"], 0.5)])
    assert child.code == -signal.SIGKILL
    assert 0.4 < time.monotonic() - began < 3


def test_a_second_request_skips_the_grace(desk: Desk):
    child = desk.python("deaf", DEAF)
    desk.until(lambda: bool(child.tail))
    desk.supervisor.obey_signals()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        began = time.monotonic()
        desk.supervisor.end([(["deaf"], 30.0)])
    finally:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert child.code == -signal.SIGKILL
    assert time.monotonic() - began < 5


def test_no_child_survives_a_kill_of_the_supervisor(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from guiju.cli.supervisor import Child, Supervisor\n"
        f"s = Supervisor(Path({str(tmp_path)!r}), print)\n"
        f"c = s.add(Child('deaf', [sys.executable, '-c', {DEAF!r}], os.environ))\n"
        "while not c.tail: s.turn(0.1)\n"
        "print(c.process.pid, flush=True)\n"
        "while True: s.turn(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)


def test_a_full_disk_ends_logs_and_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_log", full)
    child = desk.python("chatty", f"import time\nfor _ in range(3): print('x', flush=True); time.sleep(0.1)\n{FOREVER}")
    desk.until(lambda: len(child.tail) == 3)
    assert child.running
    assert desk.echoed.count("logs can't be written: No space left on device") == 1


OBEDIENT = (
    "import sys; from pathlib import Path; from guiju.cli.supervisor import Supervisor\n"
    "s = Supervisor(Path('/tmp'), print); s.obey_signals()\n"
    "print('ready', flush=True)\n"
    "end = __import__('time').monotonic() + float(sys.argv[1])\n"
    "while not s.asked and __import__('time').monotonic() < end: s.turn(0.1)\n"
    "sys.exit(0 if s.asked else 5)\n"
)


def behind_a_deaf_leader(*before: str, seconds: float) -> int:
    """How a supervisor ends whose terminal closes, where the session's leader (a `make`) passes no signal on."""
    leader = (
        "import signal, subprocess, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        f"p = subprocess.Popen({[*before, sys.executable, '-c', OBEDIENT, str(seconds)]!r}, "
        "preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))\n"
        "open(sys.argv[1], 'w').write(str(p.wait()))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "code"
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", leader, str(told)])
        said = b""
        while b"ready\r\n" not in said:
            said += os.read(terminal, 1024)
        os.close(terminal)
        os.waitpid(pid, 0)
        return int(told.read_text())


def test_a_terminal_that_closes_ends_it_even_where_nobody_passes_the_signal_on():
    assert behind_a_deaf_leader(seconds=10) == 0


def test_under_nohup_the_terminal_may_go():
    assert behind_a_deaf_leader("env", "--ignore-signal=HUP", seconds=1.5) == 5


def test_a_hangup_asks_for_a_reload_once_and_for_no_end():
    code = (
        "import os, signal; from pathlib import Path; from guiju.cli.supervisor import Supervisor\n"
        "s = Supervisor(Path('/tmp'), print); s.obey_signals()\n"
        "os.kill(os.getpid(), signal.SIGHUP); s.turn(5); print(s.asked, s.reload_asked(), s.reload_asked())\n"
        "for n in (signal.SIGHUP, signal.SIGTERM): os.kill(os.getpid(), n)\n"
        "s.turn(5); print(s.asked, s.reload_asked())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=20, check=True)
    assert done.stdout.splitlines() == ["0 True False", "1 False"]


def test_it_names_an_end_for_people():
    assert (describe(3), describe(-11)) == ("exit code 3", "killed by SIGSEGV")


def test_a_log_turns_over_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    for number in range(6):
        write_log(tmp_path / "x.log", f"line {number}\n".encode())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2", "x.log.3"]
    assert (tmp_path / "x.log").read_text() == "line 5\n"
    assert (tmp_path / "x.log.3").read_text() == "line 2\n"
