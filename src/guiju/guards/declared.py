"""What a guard declares, for whoever checks a policy: its process is started, and ends at once."""

from __future__ import annotations

import subprocess
import sys

import msgspec

from guiju.errors import Said
from guiju.guards.code import Code, environment
from guiju.guards.host import Begin, Ready


class CannotLoad(Exception):
    """It gives no verdict either. The argument says why."""


def declared(code: Code, *, memory: int, seconds: float) -> tuple[str, ...]:
    """The classes that a guard may report.

    Raises: CannotLoad: its code raises, ends or hangs when it is loaded, or holds no guard.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "guiju.guards.host"],
            input=msgspec.json.encode(Begin(code, memory)) + b"\n", env=environment(), timeout=seconds,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, check=False,
        )  # fmt: skip
        there = msgspec.json.decode(done.stdout, type=Ready)
    except subprocess.TimeoutExpired:
        raise CannotLoad(Said("it wasn't there within {n} s", "{n} 秒内未能加载", n=f"{seconds:g}")) from None
    except msgspec.DecodeError:
        raise CannotLoad(Said("its process ended", "守卫进程已退出")) from None
    if there.broken:
        raise CannotLoad(Said("it can't be loaded: {what}", "无法加载：{what}", what=there.broken))
    return there.classes
