"""A guard's processes, as a worker keeps and asks them. What runs in them is guards/host.py.

One question at a time to a process. A process whose question is given up (its time is over, the client left) is killed:
nobody knows what it does; the next question starts another one.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TypeVar

import msgspec

from guiju.errors import Said
from guiju.gateway.tasks import spawn
from guiju.guard import Context
from guiju.guards.code import Code, environment, missing
from guiju.guards.host import Begin, Question, Ready, Told
from guiju.remote.adapter import Fault
from guiju.types import Finding

_LINE = 64 * 1024 * 1024
T = TypeVar("T", Ready, Told)


class Guarded:
    """The processes of one guard.

    Args:
        code: None where it isn't there: then there is never a verdict.
        memory: bytes of address space of each process.
    """

    limit = 1_000_000

    def __init__(self, name: str, code: Code | None, *, memory: int, processes: int) -> None:
        self._name, self._code, self._memory = name, code, memory
        self._places = asyncio.Semaphore(processes)
        self._idle: list[asyncio.subprocess.Process] = []
        self._closed = False

    async def ask(self, text: str, about: Context, id: str) -> tuple[Finding, ...]:
        """See `Source.ask`. Raises: Fault."""
        async with self._places:
            process = await self._process()
            try:
                told = await _say(process, Question(text, about), Told)
            except BaseException:
                _kill(process)
                raise
            self._keep(process, sound=not told.raised)
        if told.raised:
            raise Fault(Said("it raised {what}", "守卫抛出 {what}", what=told.raised), again=True)
        return tuple(
            Finding(
                cls=f.cls, detector=self._name, rule=f"guard/{self._name}", start=f.start, end=f.end,
                score=f.score, severity=f.severity, why=f.why[:200],
            )
            for f in told.found
        )  # fmt: skip

    async def _process(self) -> asyncio.subprocess.Process:
        """One that is ready. Raises: Fault."""
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
        if self._code is None:
            raise Fault(missing(self._name), again=False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "guiju.guards.host",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=environment(), start_new_session=True, limit=_LINE,
        )  # fmt: skip
        try:
            there = await _say(process, Begin(self._code, self._memory), Ready)
        except BaseException:
            _kill(process)
            raise
        if there.broken:
            _kill(process)
            raise Fault(Said("it can't be loaded: {what}", "无法加载：{what}", what=there.broken), again=False)
        return process

    def _keep(self, process: asyncio.subprocess.Process, *, sound: bool) -> None:
        if self._closed or not sound:
            _kill(process)
        else:
            self._idle.append(process)

    def warm(self) -> None:
        """Start a process before the first question."""
        spawn(self._warm(), f"guard {self._name}")

    async def _warm(self) -> None:
        with suppress(Fault, OSError):
            self._keep(await self._process(), sound=True)

    def close(self) -> None:
        """See `Source.close`: those that run end with their questions."""
        self._closed = True
        for process in self._idle:
            _kill(process)
        self._idle.clear()


async def _say(process: asyncio.subprocess.Process, what: Begin | Question, kind: type[T]) -> T:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(what) + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
    except (OSError, ValueError):
        line = b""
    if not line.endswith(b"\n"):
        raise Fault(Said("its process ended", "守卫进程已退出"), again=True)
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        raise Fault(Said("its process answered nonsense", "守卫进程的回答无法解读"), again=True) from None


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
