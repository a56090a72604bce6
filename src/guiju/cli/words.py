"""What stands on a terminal, in its language: which one it is, and argparse's own words.

Everything of ours is a `Said` where it is written; `say` picks. JSON keeps its codes, and its sentences follow too.
"""

from __future__ import annotations

import argparse
import os
import unicodedata
from typing import Any

from guiju.errors import Said, told


def language() -> str:
    """`zh` or `en`, of the terminal: LC_ALL, LC_MESSAGES, LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(en: object, zh: str | None = None, **holes: object) -> str:
    """A `Said` in the terminal's language; `say(en, zh, **holes)` makes it."""
    return str(told(en if zh is None else Said(str(en), zh, **holes), language()))


def column(text: str, width: int) -> str:
    """A text of a list, filled up to so many cells: a Chinese character takes two."""
    return text + " " * (width - sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text))


class Parser(argparse.ArgumentParser):
    """Its options' `help` may be `Said`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, **given})


class _Formatter(argparse.HelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        return say(action.help)


_ARGPARSE = {
    "usage: ": "用法：",
    "positional arguments": "参数",
    "options": "选项",
    "show this help message and exit": "显示本说明",
    "%(prog)s: error: %(message)s\n": "%(prog)s：错误：%(message)s\n",
    "argument %(argument_name)s: %(message)s": "参数 %(argument_name)s：%(message)s",
    "the following arguments are required: %s": "缺少参数：%s",
    "unrecognized arguments: %s": "不认识的参数：%s",
    "ambiguous option: %(option)s could match %(matches)s": "选项 %(option)s 不明确，可能是 %(matches)s",
    "ignored explicit argument %r": "该选项不带值：%r",
    "expected one argument": "须带一个值",
    "expected at most one argument": "最多带一个值",
    "expected at least one argument": "至少带一个值",
    "expected %s argument": "须带 %s 个值",
    "invalid %(type)s value: %(value)r": "%(value)r 不是整数",
    "invalid choice: %(value)r (choose from %(choices)s)": "没有 %(value)r 这一选择（可选：%(choices)s）",
    "invalid choice: %(value)r, maybe you meant %(maybe)r? (choose from %(choices)s)": "没有 %(value)r 这一选择，是否想写 "
    "%(maybe)r？（可选：%(choices)s）",
    "unknown parser %(parser_name)r (choices: %(choices)s)": "没有子命令 %(parser_name)r（可选：%(choices)s）",
}
"""What argparse asks gettext for, as far as our commands can make it say so: of its types they use only `int`."""


def _translated(words: str) -> str:
    return _ARGPARSE.get(words, words) if language() == "zh" else words


# argparse looks its words up by these two names; gettext itself would want a compiled catalogue for twenty of them.
argparse._ = _translated  # type: ignore[attr-defined]
argparse.ngettext = lambda one, many, n: _translated(one if language() == "zh" or n == 1 else many)  # type: ignore[attr-defined]
