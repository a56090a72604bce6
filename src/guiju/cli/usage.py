"""`guiju usage`: tokens and cost of a period, by app, key, subject or model."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date

from guiju.cli.django_setup import ready
from guiju.cli.words import column, say
from guiju.errors import Said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--by",
        choices=("app", "key", "subject", "model", "service", "day"),
        default="app",
        help=Said("what a line is (default: app)", "每行代表什么（默认：app，应用）"),
    )
    parser.add_argument(
        "--from",
        dest="since",
        type=_day,
        metavar="DAY",
        help=Said("first day, as 2026-01-31", "起始日，例如 2026-01-31"),
    )
    parser.add_argument("--to", dest="until", type=_day, metavar="DAY", help=Said("last day", "截止日"))
    parser.add_argument("--app", default="", metavar="NAME", help=Said("of this app only", "只看此应用"))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))
    how.add_argument("--csv", action="store_true", help=Said("print CSV", "输出 CSV"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 a wrong day."""
    config = ready()
    from guiju.control.usage import queries

    rows = queries.used(args.by, args.since, args.until, args.app)
    currency = config["usage.currency"]
    if args.json:
        print(json.dumps([{**row, "currency": currency} for row in rows], ensure_ascii=False))
    elif args.csv:
        queries.write_csv(sys.stdout, args.by, rows, currency)
    else:
        for row in rows:
            tokens = say(
                "{requests} requests, {input_tokens} + {output_tokens} tokens",
                "{requests} 次请求，词元 {input_tokens} + {output_tokens}",
                **row,
            )
            print(f"{column(str(row['name']) or '-', 24)}  {tokens}  {row['cost']:.4f} {currency}")
    return 0


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError(
            say("'{word}' is no day; write it as 2026-01-31", "“{word}”不是日期；请写成 2026-01-31 的形式", word=word)
        ) from None
