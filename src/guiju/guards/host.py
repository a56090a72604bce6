"""The process of one guard: `python -m guiju.guards.host`. Its counterpart is gateway/guards.py.

Speaks lines of JSON. In: first `Begin`, then one `Question` after the other. Out: first `Ready`, then one `Told` for each.
Whatever the guard does here (raises, exits, prints, eats memory) ends at this process: what it prints goes nowhere, its
memory is limited, and who waits for its answer has a limit in time and kills it. What it raises is told by name and line
alone: the words of an exception may be words of the text.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from guiju.errors import Said
from guiju.guard import Context, Found, classes_of, ready
from guiju.guards.code import Code

_PR_SET_PDEATHSIG = 1


class Begin(msgspec.Struct):
    """What to run, in how many bytes of address space."""

    code: Code
    memory: int


class Ready(msgspec.Struct):
    """It is there; or why not."""

    classes: tuple[str, ...] = ()
    broken: str = ""


class Question(msgspec.Struct):
    """A text."""

    text: str
    context: Context


class Told(msgspec.Struct):
    """What the guard says of it; or what it raised."""

    found: list[Found] = []
    raised: str = ""


def main() -> None:
    """Until its standard input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    lines = sys.stdin.buffer
    begin = msgspec.json.decode(lines.readline(), type=Begin)
    _die_with_the_parent()
    resource.setrlimit(resource.RLIMIT_AS, (begin.memory, begin.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def say(answer: Ready | Told) -> None:
        out.write(msgspec.json.encode(answer) + b"\n")
        out.flush()

    try:
        made = load(begin.code)
        ask = ready(made)
    except BaseException as problem:
        return say(Ready(broken=where(problem, begin.code)))
    say(Ready(classes_of(made)))
    for line in lines:
        told = answer(ask, msgspec.json.decode(line, type=Question), begin.code)
        say(told)
        if told.raised.startswith("MemoryError"):
            return  # what it holds goes with it


def load(code: Code) -> Any:
    """The guard of a file, or of an entry point. Raises: ValueError where there isn't exactly one, and what the code does."""
    if code.entry:
        module, _, name = code.entry.partition(":")
        made = getattr(import_module(module), name)
        guards = [made] if classes_of(made) else []
    else:
        space: dict[str, Any] = {"__name__": code.name, "__file__": code.file}
        exec(compile(code.source, code.file, "exec"), space)  # noqa: S102 — that is what a guard is
        guards = [g for g in dict.fromkeys(v for v in space.values() if callable(v)) if classes_of(g)]
    if len(guards) != 1:
        raise ValueError(Said("one function or class with @guard is needed", "须恰有一个带 @guard 的函数或类"))
    return guards[0]


def answer(ask: Callable[[str, Context], list[Found]], question: Question, code: Code) -> Told:
    """One question, answered."""
    try:
        return Told(ask(question.text, question.context))
    except BaseException as problem:
        return Told(raised=where(problem, code))


def where(problem: BaseException, code: Code) -> str:
    """An exception's name, and the line of the guard at which it came."""
    if isinstance(problem, SyntaxError):
        return f"SyntaxError:{problem.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(problem.__traceback__) if f.filename == code.file]
    return f"{type(problem).__name__}:{lines[-1]}" if lines else type(problem).__name__


def _die_with_the_parent() -> None:
    """A guard that hangs doesn't outlive a gateway that was killed (Linux: prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main()
