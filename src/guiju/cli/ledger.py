"""`guiju ledger verify`: prove that no record was changed, dropped, reordered or inserted."""

from __future__ import annotations

import argparse
import json
from typing import Any

from guiju.cli.django_setup import ready
from guiju.cli.files import text_of
from guiju.cli.words import say
from guiju.errors import BadRequest, Said

GOOD, TAMPERED = 0, 1

GOOD_TEXT = Said(
    "Good: {entries} entries, {checkpoints} checkpoints, {contents} contents; {waiting} entries wait in the journal. "
    "Root {root}",
    "完好：条目 {entries} 个，检查点 {checkpoints} 个，内容 {contents} 份；日志中有 {waiting} 个条目待移入。根哈希 {root}",
)
TAMPERED_TEXT = Said(
    "NOT GOOD: {found} problems in {entries} entries, {checkpoints} checkpoints, {contents} contents.",
    "有问题：在 {entries} 个条目、{checkpoints} 个检查点、{contents} 份内容中发现 {found} 处。",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser(
        "verify",
        help=Said("the whole proof: ledger, checkpoints, contents, journal", "完整验证：账本、检查点、内容、日志"),
    )
    check.add_argument(
        "--checkpoint", metavar="FILE", help=Said("a checkpoint that was kept elsewhere", "另存的检查点")
    )
    show = verbs.add_parser(
        "checkpoint",
        help=Said("print the newest signed checkpoint, to be kept elsewhere", "输出最新的签名检查点，供另行保存"),
    )
    for each in (check, show):
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 good (a torn last journal record is reported, and is no tampering), 1 tampering found, 2 a wrong file."""
    ready()
    from guiju.control.records.models import Checkpoint

    if args.verb == "checkpoint":
        from guiju.work import checkpoint

        checkpoint.sign_if_grown()
        newest = Checkpoint.objects.order_by("-size").first()
        if newest is None:
            raise BadRequest(field="ledger", problem=Said("holds no entry yet", "尚无条目"))
        print(
            json.dumps({"size": newest.size, "note": newest.note}) if args.json else newest.note,
            end="" if not args.json else "\n",
        )
        return GOOD
    elsewhere = None
    if args.checkpoint:
        elsewhere = text_of(args.checkpoint)
    from guiju.control.records.proof import prove

    proof = prove(elsewhere)
    result = proof._asdict() | {"good": not proof.faults, "root": proof.root.hex()}
    result["problems"] = [fault._asdict() | {"sentence": say(fault.sentence)} for fault in result.pop("faults")]
    result["torn"] = [say(sentence) for sentence in proof.torn]
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _say(result)
    return TAMPERED if result["problems"] else GOOD


def _say(result: dict[str, Any]) -> None:
    for line in result["torn"]:
        print(line)
    for problem in result["problems"]:
        print(problem["sentence"])
    print(say(GOOD_TEXT if result["good"] else TAMPERED_TEXT).format(found=len(result["problems"]), **result))
