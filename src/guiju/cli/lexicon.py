"""`guiju lexicon`: import term lists, with a report of what a person should know of them."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from guiju.cli.files import text_of
from guiju.cli.main import OK, USAGE
from guiju.cli.words import language, say
from guiju.errors import InputFileError, Said, told
from guiju.review.lexicon_blob import encode_terms

MOST_REMARKS = 1000
"""Shown at most; all are counted."""
NO_REMARKS = Said("no remarks", "没有提示")
KINDS = {
    "duplicate": Said("duplicate", "重复"),
    "too_short": Said("too short", "过短"),
    "over_broad": Said("over-broad", "过宽"),
    "shadowed": Said("shadowed", "被覆盖"),
    "allow_useless": Said("useless allow-phrase", "无效放行短语"),
}
"""Of remarks, for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    each = verbs.add_parser(
        "import",
        help=Said(
            "take a list of terms into force: CSV with a header, or one term a line",
            "导入并启用词库：带表头的 CSV，或每行一个词条",
        ),
    )
    each.add_argument("file", help=Said("the list, '-' for standard input", "词库文件；“-”表示标准输入"))
    each.add_argument("--name", help=Said("name of the lexicon (default: the file's)", "词库名称（默认：文件名）"))
    each.add_argument(
        "--class",
        dest="cls",
        default="",
        help=Said("class of terms that name none, as A.1.h.fraud", "未写类别的词条归入的类别，如 A.1.h.fraud"),
    )
    each.add_argument(
        "--anyway",
        action="store_true",
        help=Said(
            "put it in force although cases that policies keep would hold no longer",
            "即使策略中的用例因此不再成立，也仍然启用",
        ),
    )
    each.add_argument("--check", action="store_true", help=Said("only report, change nothing", "只报告，不改动"))
    each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done; 2 the file is wrong (the message points into it), or a case that a policy keeps would hold no
    longer and so it isn't put in force; 3 a worker hasn't taken the change."""
    text = text_of(args.file)
    from guiju.cli.django_setup import finish, ready

    config = ready()
    from guiju.control.policies import actions

    name = args.name or ("lexicon" if args.file == "-" else Path(args.file).stem)
    terms, remarks = actions.check_lexicon(name, text, args.cls)
    kinds = dict(Counter(r.kind for r in remarks))
    if not args.json:
        for remark in remarks[:MOST_REMARKS]:
            print(
                f"{args.file}:{remark.line}: {say(KINDS[remark.kind])}: {remark.term}: {say(remark.detail)}",
                file=sys.stderr,
            )
    broken = actions.hold_cases(name, encode_terms(terms), anyway=True)
    for case in broken:
        print(case.sentence(language()), file=sys.stderr)
    shown = [msgspec.structs.asdict(r) | {"detail": say(r.detail)} for r in remarks[:MOST_REMARKS]]
    result = {"lexicon": name, "terms": len(terms), "counts": kinds, "remarks": shown, "broken_cases": _places(broken)}
    told_kinds = ", ".join(f"{count} {say(KINDS[kind])}" for kind, count in kinds.items()) or NO_REMARKS
    counted = say("{n} terms; {kinds}", "{n} 个词条；{kinds}", n=len(terms), kinds=told_kinds)
    if args.check:
        print(json.dumps(result, ensure_ascii=False) if args.json else counted)
        return OK
    if broken and not args.anyway:
        said = Said(
            "Cases that policies keep would hold no longer ({n}), so it isn't put in force; --anyway does it all the same.",
            "启用后，策略中的 {n} 个用例将不再成立，因此未启用；如仍要启用，请加 --anyway。",
            n=len(broken),
        )
        print(f"{args.file}: {say(said)}", file=sys.stderr)
        return USAGE
    row, version = actions.import_lexicon(name, text, by=None, cls=args.cls, anyway=args.anyway)
    label = f"{name}@{row.version}"
    sentence = say("Lexicon {x} is in force: {counted}.", "词库 {x} 已启用：{counted}。", x=label, counted=counted)
    return finish(config, version, {**result, "version": row.version}, as_json=args.json, text=sentence)


def _places(broken: list[InputFileError]) -> list[dict[str, Any]]:
    return [{"file": case.file, "line": case.line, "problem": told(case.problem, language())} for case in broken]
