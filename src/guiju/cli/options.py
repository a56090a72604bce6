"""Options that several commands take, the same everywhere."""

from __future__ import annotations

import argparse

from guiju.cli.words import say
from guiju.errors import Said


def direction(parser: argparse.ArgumentParser) -> None:
    """`--direction`: of texts that say none."""
    parser.add_argument(
        "--direction",
        choices=("input", "output"),
        default="input",
        help=Said("where a line says none", "未写明方向的行所用的方向"),
    )


def lexicons(parser: argparse.ArgumentParser) -> None:
    """`--lexicon FILE`, several times."""
    parser.add_argument(
        "--lexicon",
        metavar="FILE",
        action="append",
        default=[],
        help=Said(
            "a term list (CSV, or one term a line) in place of the active ones; may be given several times",
            "词库（CSV，或每行一个词条），代替当前生效的词库；可重复使用",
        ),
    )


def service(parser: argparse.ArgumentParser) -> None:
    """`--service NAME`: the first one where it is left out."""
    parser.add_argument("--service", help=Said("which service (default: the first)", "哪个服务（默认：第一个）"))


PRICES = {"input_price": Said("input", "输入"), "output_price": Said("output", "输出")}
"""Of a model at an upstream: fields of its route (control/services/models.py)."""


def prices(parser: argparse.ArgumentParser) -> None:
    """`--input-price N`, `--output-price N`."""
    for field, what in PRICES.items():
        parser.add_argument(
            f"--{field.replace('_', '-')}",
            metavar="N",
            type=number,
            help=Said(
                "price of a million tokens of {what}, in usage.currency", "每百万{what}词元的价格（币种见 usage.currency）",
                what=what,
            ),
        )  # fmt: skip


def number(word: str) -> float:
    """A number of an option. Raises: ArgumentTypeError."""
    try:
        found = float(word)
    except ValueError:
        found = float("nan")
    if not 0 <= found < 1e15:
        raise argparse.ArgumentTypeError(say("'{word}' is no number", "“{word}”不是数", word=word))
    return found
