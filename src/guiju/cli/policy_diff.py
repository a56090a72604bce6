"""`guiju policy diff A B --on FILE`: whose verdict changes from one policy to another, before anybody meets it."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

import msgspec

from guiju import plugins
from guiju.cli import options
from guiju.cli.main import FOUND, OK, USAGE
from guiju.cli.review import opened, parsed, read, recognised
from guiju.cli.review_setup import policy_from, setup
from guiju.cli.words import say
from guiju.config import load
from guiju.errors import Said
from guiju.types import Verdict

ACTIVE = "active"
"""In place of a file: the policy in force."""
_SHOWN = 60
"""Characters of a text that stand in a line for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    for name in ("a", "b"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help=Said("a policy file, or `active` for the one in force", "策略文件；`active` 表示当前生效的策略"),
        )
    parser.add_argument(
        "--on",
        metavar="FILE",
        required=True,
        help=Said(
            "texts, one a line or JSON Lines; '-' for standard input", "文本，每行一条或 JSON Lines；“-”表示标准输入"
        ),
    )
    options.direction(parser)
    parser.add_argument(
        "--audience",
        choices=("general", "minors", "professional"),
        default="general",
        help=Said("whom the texts are for", "文本面向的受众"),
    )
    options.lexicons(parser)
    parser.add_argument("--json", action="store_true", help=Said("print JSON Lines", "输出 JSON Lines"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 no verdict changes, 1 some do, 2 a file is wrong."""
    made = setup(load(), lexicons=args.lexicon)
    policies = [made.policy if name == ACTIVE else policy_from(name) for name in (args.a, args.b)]
    reviewers = [plugins.reviewer(p, made.lexicons, plugins.taxonomy().placeholder) for p in policies]
    changes: Counter[tuple[str, str]] = Counter()
    texts = bad = 0
    with opened(args.on) as source:
        form = None
        for batch in read(source):
            form = form or recognised("auto", batch)
            for number, line in enumerate(batch.lines, batch.first):
                if not line.strip():
                    continue
                try:
                    row = parsed(line, number, form)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    bad += 1
                    continue
                texts += 1
                direction = args.direction if row.direction is msgspec.UNSET else row.direction
                before, after = (r.review(row.text, direction=direction, audience=args.audience) for r in reviewers)
                if (before.action, before.text) == (after.action, after.text):
                    continue
                changes[before.action.value, after.action.value] += 1
                ident = number if row.id is msgspec.UNSET else row.id
                _show(args, ident, row.text, before, after)
    if bad:
        said = Said("{n} lines could not be read", "有 {n} 行无法读取", n=bad)
        print(f"{args.on}: {say(said)}", file=sys.stderr)
    said = Said("{n} of {all} texts change", "{all} 条文本中有 {n} 条的结论改变", n=changes.total(), all=texts)
    kinds = "".join(f"; {a} -> {b}: {n}" for (a, b), n in changes.most_common())
    print(f"{args.on}: {say(said)}{kinds}", file=sys.stderr)
    return USAGE if bad else FOUND if changes else OK


def _show(args: argparse.Namespace, ident: object, text: str, before: Verdict, after: Verdict) -> None:
    told = [_told(v) for v in (before, after)]
    if args.json:
        print(json.dumps({"id": ident, "before": told[0], "after": told[1]}, ensure_ascii=False))
        return
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    names = [f"{t['action']} ({t['rule']})" if t["rule"] else t["action"] for t in told]
    print(f"{ident}\t{names[0]} -> {names[1]}\t{shown}")


def _told(verdict: Verdict) -> dict[str, str]:
    decisive = verdict.decisive
    found = {"action": verdict.action.value, "rule": decisive.policy_rule if decisive else ""}
    return found | ({"class": decisive.finding.cls} if decisive else {})
