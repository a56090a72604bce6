"""A guard: a detector in a few lines of Python, as a file in GUIJU_HOME/guards/ or an installed package's entry point.

    from guiju.guard import guard

    @guard("X.rival")
    def rival(text, context):
        return "acme" in text.lower()

A guard answers nothing (None, False, []), True (all of the text), a class (all of the text is of it), a pair (start, end), a
`Found`, or a list of those. It may be a class (made once, then called) and may be async. It runs in a process of its own
(guards/host.py); `check` runs it here, for tests.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from guiju.errors import Said
from guiju.types import Direction, Severity

_MARK = "__guiju_guard__"
G = TypeVar("G", bound=Callable[..., Any])


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a text beside itself."""

    direction: Direction = "input"
    exchange: str = ""
    app: str = ""
    service: str = ""
    language: str = "zh"
    audience: Literal["general", "minors", "professional"] = "general"
    role: str = ""
    """`system`, `user`, `assistant`, `tool`; "" where the dialect has none."""
    prompt: str = ""
    """The newest words of the user, where an answer is judged."""


class Found(NamedTuple):
    """A place in the text."""

    start: int
    end: int
    cls: str = ""
    """One of the guard's classes; "" is its first."""
    severity: Severity = "high"
    score: float = 1.0
    why: str = ""
    """For the operator, and recorded: no words of the text."""


def guard(*classes: str) -> Callable[[G], G]:
    """Marks the guard of a file. `classes`: every class that it may report: of the taxonomy, or its own below `X`."""
    if not classes or not all(isinstance(cls, str) and cls for cls in classes):
        raise TypeError(Said("name the classes: @guard('X.rival')", "请写明类别：@guard('X.rival')"))

    def mark(made: G) -> G:
        setattr(made, _MARK, classes)
        return made

    return mark


def classes_of(made: Any) -> tuple[str, ...]:
    """The classes of a guard; () for what is none."""
    found: tuple[str, ...] = getattr(made, _MARK, ())
    return found


def ready(made: Any) -> Callable[[str, Context], list[Found]]:
    """A guard as a plain function: a class is made, a coroutine is run to its end. It raises what the guard raises."""
    classes = classes_of(made)
    asked: Any = made
    if inspect.isclass(made):
        asked = made()
    runner = asyncio.Runner()

    def ask(text: str, context: Context) -> list[Found]:
        answer = asked(text, context)
        if inspect.isawaitable(answer):
            answer = runner.run(_wait(answer))
        return list(_found(answer, len(text), classes))

    return ask


def check(made: Any, text: str, **context: Any) -> list[Found]:
    """What a guard finds in a text, in this process: for its tests. `context`: fields of `Context`."""
    return ready(made)(text, Context(**context))


async def _wait(answer: Any) -> Any:
    return await answer


def _found(answer: Any, length: int, classes: tuple[str, ...]) -> Iterator[Found]:
    """Every form of an answer, as places. Raises: TypeError, ValueError: it is none."""
    if answer is None or answer is False:
        return
    if answer is True or isinstance(answer, str):
        found = [Found(0, length, answer if isinstance(answer, str) else "")]
    elif isinstance(answer, tuple) and len(answer) >= 2 and isinstance(answer[0], int):
        found = [Found(*answer)]
    else:
        for each in answer:
            yield from _found(each, length, classes)
        return
    for one in found:
        if not 0 <= one.start < one.end <= length:
            raise ValueError(Said("a place outside of the text", "位置超出文本"))
        if one.cls and one.cls not in classes:
            raise ValueError(Said("a class that the guard doesn't declare", "守卫未声明该类别"))
        yield one._replace(cls=one.cls or classes[0])
