"""`guiju lexicon`: import term lists, with a report of what a person should know of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import msgspec

from guiju.cli.files import text_of

MOST_REMARKS = 1000
"""Shown at most; all are counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    each = verbs.add_parser("import", help="take a list of terms into force: CSV with a header, or one term a line")
    each.add_argument("file", help="the list, '-' for standard input")
    each.add_argument("--name", help="name of the lexicon (default: the file's)")
    each.add_argument("--class", dest="cls", default="", help="class of terms that name none, as A.1.h.fraud")
    each.add_argument("--check", action="store_true", help="only report, change nothing")
    each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 the file is wrong (the message points into it), 3 a worker hasn't taken the change."""
    text = text_of(args.file)
    from guiju.cli.django_setup import finish, ready

    config = ready()
    from guiju.control.policies import actions

    name = args.name or ("lexicon" if args.file == "-" else Path(args.file).stem)
    terms, remarks = actions.check_lexicon(name, text, args.cls)
    kinds = dict(Counter(r.kind for r in remarks))
    if not args.json:
        for remark in remarks[:MOST_REMARKS]:
            print(f"{args.file}:{remark.line}: {remark.kind}: {remark.term}: {remark.detail}", file=sys.stderr)
    shown = [msgspec.to_builtins(remark) for remark in remarks[:MOST_REMARKS]]
    result = {"lexicon": name, "terms": len(terms), "counts": kinds, "remarks": shown}
    if args.check:
        print(json.dumps(result, ensure_ascii=False) if args.json else f"{len(terms)} terms; {kinds or 'no remarks'}")
        return 0
    row, version = actions.import_lexicon(name, text, by=None, cls=args.cls)
    sentence = f"Lexicon {name}@{row.version} is in force: {len(terms)} terms; {kinds or 'no remarks'}."
    return finish(config, version, {**result, "version": row.version}, as_json=args.json, text=sentence)
