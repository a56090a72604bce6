"""`guiju ledger verify`: prove that no record was changed, dropped, reordered or inserted."""

from __future__ import annotations

import argparse
import json
from typing import Any

from guiju.cli.django_setup import ready
from guiju.cli.files import text_of
from guiju.errors import BadRequest, Said

GOOD, TAMPERED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("verify", help="the whole proof: ledger, checkpoints, contents, journal")
    check.add_argument("--checkpoint", metavar="FILE", help="a checkpoint that was kept elsewhere")
    show = verbs.add_parser("checkpoint", help="print the newest signed checkpoint, to be kept elsewhere")
    for each in (check, show):
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 good (a torn last journal record is reported, and is no tampering), 1 tampering found, 2 a wrong file."""
    ready()
    from guiju.control.records.models import Checkpoint

    if args.verb == "checkpoint":
        from guiju.work import checkpoint

        checkpoint.sign_if_grown()
        newest = Checkpoint.objects.order_by("-size").first()
        if newest is None:
            raise BadRequest(field="ledger", problem=Said("holds no entry yet", "尚无记录"))
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
    result["problems"] = [fault._asdict() for fault in result.pop("faults")]
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
    count = f"{result['entries']} entries, {result['checkpoints']} checkpoints, {result['contents']} contents"
    if result["good"]:
        print(f"Good: {count}; {result['waiting']} entries wait in the journal. Root {result['root']}")
    else:
        print(f"NOT GOOD: {len(result['problems'])} problems in {count}.")
