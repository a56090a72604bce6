"""Keeps the processes of one machine running, and ends them all.

One thread, one loop: it reads what the children print, notices their end, starts them again, and obeys signals. Its
counterpart is up.py, which says which children there are and when. It knows nothing of what they do.

No child outlives it: each asks the kernel to be killed with this process (`PR_SET_PDEATHSIG`, Linux), so that even
`kill -9` leaves no orphan. What a killed gateway was doing, its journal tells the next start.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from guiju import clock
from guiju.cli.words import say
from guiju.errors import Said
from guiju.quoted import quoted

SERIOUS = re.compile(r'level"?[=:]"?(error|critical)\b', re.IGNORECASE)
"""What a child logs so is echoed, as logfmt or as JSON."""

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Seconds before a crashed child is started again: doubled each time, forgotten after a minute of health."""
HEALTHY_AFTER = 60.0
LOG_BYTES, LOGS_KEPT = 10_000_000, 3

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child:
    """One process that shall run, as long as the supervisor does, or once."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        once: bool = False,
        worker: bool = False,
        fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.env = dict(env)
        self.once = once
        """Its end is awaited, not mended; its standard output is kept in `output` and is no log."""
        self.worker = worker
        """What it says for people goes straight to our own standard error; its standard output is kept in `output`."""
        self.fds = fds
        """File descriptors of ours that it inherits, under the same numbers."""
        self.retired = False
        """Its end is awaited, and it isn't started again."""
        self.process: subprocess.Popen[bytes] | None = None
        self.code: int | None = None
        """How it ended last; None while it runs."""
        self.starts = 0
        self.output = b""
        self.tail: deque[str] = deque(maxlen=12)
        """The last lines it printed, for the person who must understand why it ended."""
        self.due = 0.0
        self._wait = FIRST_WAIT
        self._started = 0.0

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None

    def start(self) -> None:
        """Fork and execute. From one thread only: PDEATHSIG fires when the thread that forked ends."""
        parent = os.getpid()

        def die_with_parent() -> None:
            if _libc is not None:
                _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it went between fork and prctl
                os._exit(1)

        self.code, self.output = None, b""
        self.starts += 1
        self._started = clock.monotonic()
        self.process = subprocess.Popen(
            self.argv,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if self.worker else subprocess.PIPE if self.once else subprocess.STDOUT,
            pass_fds=self.fds,
            process_group=0,  # a Ctrl-C at the terminal reaches the supervisor alone, which ends them in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 — this process has one thread
        )

    def ended(self, code: int) -> None:
        """Note an end, and when to start again."""
        self.process, self.code = None, code
        if clock.monotonic() - self._started > HEALTHY_AFTER:
            self._wait = FIRST_WAIT
        self.due = clock.monotonic() + self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT)


class Supervisor:
    """Runs children until a signal asks for the end."""

    def __init__(self, logs: Path | None, echo: Callable[[str], None]) -> None:
        """`logs`: where children's lines go; None where all of them are workers."""
        self.children: dict[str, Child] = {}
        self.asked = 0
        """How many times the end was asked for; the second time means: now."""
        self._logs = logs
        self._echo = echo
        self._reload_asked = self._ending = False
        self._logs_fail = False
        self._terminal: int | None = None
        self._selector = selectors.DefaultSelector()
        self._partial: dict[int, bytes] = {}
        wake_read, self._wake = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(self._wake, False)
        self._selector.register(wake_read, selectors.EVENT_READ, None)

    def obey_signals(self) -> None:
        """SIGINT, SIGTERM and the terminal's end ask for the end; SIGHUP asks for a reload; SIGCHLD wakes the loop.

        A terminal that closes sends SIGHUP to its session's leader only, which may be a `make` that passes nothing on:
        so the terminal itself is watched, and its end comes before a reload. Under `nohup` (SIGHUP ignored) it may go.
        """
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._ask_reload)
            self._terminal = next((fd for fd in (0, 1, 2) if os.isatty(fd)), None)

    def _ask(self, *_: object) -> None:
        self.asked += 1

    def _ask_reload(self, *_: object) -> None:
        self._reload_asked = True

    def reload_asked(self) -> bool:
        """Whether a reload was asked for since the last time this was called, and the end wasn't."""
        asked, self._reload_asked = self._reload_asked and not self.asked, False
        return asked

    def _terminal_is_gone(self) -> bool:
        if self._terminal is None:
            return False
        poll = select.poll()
        poll.register(self._terminal, 0)
        return bool(poll.poll(0))  # nothing was asked for: what comes is its end

    def add(self, child: Child) -> Child:
        """Start a child and keep it running (or wait for its end, where it is `once`)."""
        self.children[child.name] = child
        self._start(child)
        return child

    def _start(self, child: Child) -> None:
        child.start()
        assert child.process is not None
        for stream in (child.process.stdout, child.process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                kept = (child.once or child.worker) and stream is child.process.stdout
                self._selector.register(stream, selectors.EVENT_READ, (child, kept))

    def turn(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for something to happen, and deal with it."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                os.read(key.fd, 4096)
            else:
                self._read(key.fileobj, *key.data)  # type: ignore[arg-type]
        if self._terminal_is_gone():
            self._terminal = None
            self._ask()
        for child in list(self.children.values()):
            if child.process is not None and child.process.poll() is not None:
                self._reap(child)
            if child.retired and not child.running:
                del self.children[child.name]
            elif not (child.running or child.once or self._ending or self.asked) and clock.monotonic() >= child.due:
                self._start(child)

    def _read(self, stream: IO[bytes], child: Child, kept: bool) -> None:
        data = os.read(stream.fileno(), 65_536)
        if not data:
            self._selector.unregister(stream)
            rest = self._partial.pop(stream.fileno(), b"")
            stream.close()
            if rest:
                self._lines(child, rest + b"\n")
        elif kept:
            child.output += data
        else:
            *whole, rest = (self._partial.get(stream.fileno(), b"") + data).split(b"\n")
            self._partial[stream.fileno()] = rest
            if whole:
                self._lines(child, b"\n".join(whole) + b"\n")

    def _lines(self, child: Child, data: bytes) -> None:
        self._log(child, data)
        for line in data.decode("utf-8", "replace").splitlines():
            child.tail.append(line)
            if SERIOUS.search(line):
                self._echo(f"{child.name}: {line}")

    def _log(self, child: Child, data: bytes) -> None:
        assert self._logs is not None
        try:
            write_log(self._logs / f"{child.name}.log", data)
            self._logs_fail = False
        except OSError as problem:  # a full disk ends logs, not what is being served
            if not self._logs_fail:
                said = Said("logs can't be written: {problem}", "无法写入运行日志：{problem}", problem=quoted(problem))
                self._echo(say(said))
            self._logs_fail = True

    def _reap(self, child: Child) -> None:
        assert child.process is not None
        for stream in (child.process.stdout, child.process.stderr):
            while stream is not None and not stream.closed:  # what it said last explains why it ended
                try:
                    self._read(stream, child, (child.once or child.worker) and stream is child.process.stdout)
                except BlockingIOError:
                    break  # a grandchild still holds the pipe
        code = child.process.returncode
        child.ended(code)
        if not (self._ending or self.asked or child.once or child.retired):
            said = Said(
                "{name} ended unexpectedly ({code}) and is started again",
                "{name} 意外退出（{code}），正在重新启动",
                name=child.name,
                code=describe(code),
            )
            self._echo(say(said))
            for line in list(child.tail)[-3:]:
                self._echo(f"  {line}")

    def end(self, groups: Iterable[tuple[Sequence[str], float]]) -> None:
        """End children in order: SIGTERM to each group, at most its seconds of grace, then SIGKILL. A second request
        (another Ctrl-C) skips all grace. Children in no group are ended with the last."""
        self._ending = True
        already = self.asked
        planned = [(list(names), grace) for names, grace in groups]
        named = {name for names, _ in planned for name in names}
        planned[-1][0].extend(name for name in self.children if name not in named)
        for names, grace in planned:
            there = [self.children[name] for name in names if name in self.children]
            self.signal(there, signal.SIGTERM)
            until = clock.monotonic() + grace
            while any(child.running for child in there) and clock.monotonic() < until and self.asked <= already:
                self.turn(min(0.1, max(0.0, until - clock.monotonic())))
            self.signal(there, signal.SIGKILL)
            while any(child.running for child in there):
                self.turn(0.1)

    @staticmethod
    def signal(children: Iterable[Child], number: signal.Signals) -> None:
        """Send it to those that run."""
        for child in children:
            if child.process is not None:
                child.process.send_signal(number)


def describe(code: int) -> str:
    """An exit status for a person: `exit code 3`, `killed by SIGSEGV`."""
    if code < 0:
        return Said("killed by {name}", "被 {name} 终止", name=signal.Signals(-code).name)
    return Said("exit code {code}", "退出码 {code}", code=code)


def write_log(path: Path, data: bytes) -> None:
    """Append to a log; at LOG_BYTES it becomes `.1`, `.1` becomes `.2`, and so on."""
    if path.exists() and path.stat().st_size + len(data) > LOG_BYTES:
        for number in range(LOGS_KEPT - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))
    with path.open("ab") as file:
        file.write(data)
