"""The gateway of one machine: sockets that listen as long as this process lives, and the workers that serve on them.

    SIGHUP           new workers, from what lies on disk now (program, settings, certificate, guards); once they serve, the
                     old ones take nothing more, end what they have begun, and go
    SIGTERM, SIGINT  all workers end what they have begun, and then this process
    a worker dies    another takes its place, later each time (supervisor.py)

The sockets are made here and inherited, so that no connection is lost that waits in the queue of one: it waits for the next
worker. Each worker has a number of its own, which names its journal; a number is given anew only once its process is gone,
so the old and the new of a reload never write into one journal.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from guiju import clock
from guiju.cli.main import OK, UNFIT, USAGE
from guiju.cli.supervisor import Child, Supervisor
from guiju.cli.words import language, say
from guiju.config import Config
from guiju.errors import GuijuError, Said
from guiju.gateway.listening import listening, port_of

START_SECONDS = 60.0
"""Longest that a reload waits for its workers; the old ones serve meanwhile."""
MARGIN = 10.0
"""Seconds beyond its time to drain after which a worker is killed: it has its journal to close."""

REFUSED = Said(
    "The new workers can't serve: the old ones go on. What they said stands above.",
    "新的工作进程无法提供服务：旧进程继续运行。原因见上方输出。",
)


class Workers:
    """Keeps them. `read` gives the settings as they are now."""

    def __init__(self, read: Callable[[], Config], echo: Callable[[str], None]) -> None:
        self._read, self._echo = read, echo
        self._config = read()
        self._supervisor = Supervisor(None, echo)
        self._sockets: list[list[socket.socket]] = []
        """For each worker of the largest generation that there was, its socket at each address; none is closed before the
        end, since with it would go what waits in its queue."""
        self._numbers: dict[str, int] = {}
        """Child -> its worker's number."""
        self._due: dict[str, float] = {}
        """Child that is to end -> when it is killed."""

    def serve(self, on_ready: Callable[[int], None]) -> int:
        """Start the workers and keep them until a signal asks for the end. Returns the exit code: a worker's own, where it
        can't run here.

        Args:
            on_ready: called with the port once all of them serve.

        Raises: OSError (the port is taken).
        """
        self._listen(self._config["workers"])
        supervisor, code = self._supervisor, OK
        supervisor.obey_signals()
        try:
            first = self._start(self._config["workers"], successors=False)
            if (failed := self._wait(first, None)) is not None:
                code = failed.code if failed.code in (USAGE, UNFIT) else UNFIT
            elif not supervisor.asked:
                on_ready(port_of(self._sockets[0]))
                while not supervisor.asked:
                    self._turn(1.0)
                    if supervisor.reload_asked():
                        self._reload()
        finally:
            drain = self._config["gateway.leave_seconds"] + self._config["gateway.drain_seconds"]
            supervisor.end([(list(supervisor.children), drain + MARGIN)])
            for each in itertools.chain(*self._sockets):
                each.close()
        return code

    def _listen(self, workers: int) -> None:
        """Sockets for as many workers, beside those that are there. Raises: OSError."""
        while len(self._sockets) < workers:
            port = port_of(self._sockets[0]) if self._sockets else self._config["port"]
            self._sockets.append(listening(self._config["host"], port))

    def _start(self, count: int, *, successors: bool) -> list[Child]:
        """A generation of workers; together they serve on every socket."""
        taken = {self._numbers[name] for name in self._supervisor.children}
        free = itertools.filterfalse(taken.__contains__, itertools.count())
        children = []
        for place, number in zip(range(count), free, strict=False):
            fds = [each.fileno() for slot in self._sockets[place::count] for each in slot]
            argv = [sys.executable, "-m", "guiju.cli.main", "gateway", "--json", "--worker", str(number)]
            argv += [word for fd in fds for word in ("--socket", str(fd))]
            if successors:
                argv.append("--successor")
            env = os.environ | {"PYTHONUNBUFFERED": "1"}
            child = Child(f"gateway-{number}", argv, env, worker=True, fds=fds)
            self._numbers[child.name] = number
            children.append(self._supervisor.add(child))
        return children

    def _wait(self, children: Sequence[Child], seconds: float | None) -> Child | None:
        """Until all of them serve, or the end is asked for. Returns one that can't (after a failure that is no accident, or
        any in a reload), or is too late."""
        until = None if seconds is None else clock.monotonic() + seconds
        while not self._supervisor.asked:
            late = [child for child in children if b"\n" not in child.output]
            if not late:
                return None
            for child in late:
                if child.code is not None and (child.code in (USAGE, UNFIT) or until is not None):
                    return child
            if until is not None and clock.monotonic() > until:
                return late[0]
            self._turn(0.05)
        return None

    def _turn(self, seconds: float) -> None:
        self._supervisor.turn(seconds)
        for name, due in list(self._due.items()):
            child = self._supervisor.children.get(name)
            if child is None:
                del self._due[name]
            elif clock.monotonic() > due:
                self._supervisor.signal([child], signal.SIGKILL)

    def _retire(self, children: Sequence[Child], number: signal.Signals) -> None:
        for child in children:
            child.retired = True
            self._due[child.name] = clock.monotonic() + self._config["gateway.drain_seconds"] + MARGIN
        self._supervisor.signal(children, number)

    def _reload(self) -> None:
        old = [child for child in self._supervisor.children.values() if not child.retired]
        try:
            config = self._read()
            self._listen(config["workers"])
        except (GuijuError, OSError) as problem:
            self._echo(problem.sentence(language()) if isinstance(problem, GuijuError) else str(problem))
            self._echo(say(REFUSED))
            return
        new = self._start(config["workers"], successors=True)
        if self._wait(new, START_SECONDS) is not None:
            self._retire(new, signal.SIGTERM)
            self._echo(say(REFUSED))
        elif not self._supervisor.asked:
            for child in new:  # from now on it may have to start where nobody else serves
                child.argv.remove("--successor")
            self._config = config
            self._retire(old, signal.SIGUSR1)
