"""`guiju ledger verify`: prove that no record was changed, dropped, reordered or inserted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from guiju.cli.django_setup import ready
from guiju.cli.files import text_of
from guiju.errors import BadRequest
from guiju.journal import reader
from guiju.ledger import entries, seal
from guiju.ledger.verify import Problem, Row, verify

GOOD, TAMPERED, TORN = 0, 1, 0


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
    config = ready()
    from guiju.control.records.models import Checkpoint

    if args.verb == "checkpoint":
        from guiju.work import checkpoint

        checkpoint.sign_if_grown()
        newest = Checkpoint.objects.order_by("-size").first()
        if newest is None:
            raise BadRequest(field="ledger", problem="holds no entry yet")
        print(
            json.dumps({"size": newest.size, "note": newest.note}) if args.json else newest.note,
            end="" if not args.json else "\n",
        )
        return GOOD
    elsewhere = None
    if args.checkpoint:
        elsewhere = text_of(args.checkpoint)
    result = prove(config, elsewhere)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        _say(result)
    return TAMPERED if result["problems"] else GOOD


def prove(config: Any, elsewhere: str | None) -> dict[str, Any]:
    """Everything that can be proven on this machine."""
    from django.conf import settings

    from guiju.control.records.models import Checkpoint

    keyring = settings.KEYRING
    notes = list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
    proof = verify(_rows(), keyring.chain, notes, keyring.ledger_public, elsewhere)
    contents, problems = _contents()
    torn, journal_problems, waiting = _journal(config, keyring)
    found = [*(_plain(p) for p in proof.problems), *problems, *journal_problems]
    return {
        "good": not found, "entries": proof.size, "root": proof.root.hex(), "checkpoints": len(notes),
        "contents": contents, "waiting": waiting, "torn": torn, "problems": found,
    }  # fmt: skip


def _plain(problem: Problem) -> dict[str, Any]:
    return {"where": "ledger", "entry": problem.number, "kind": problem.kind, "sentence": problem.sentence}


def _rows() -> Iterator[Row]:
    from guiju.control.records.models import Entry

    for row in Entry.objects.order_by("index", "id").values_list("index", "body", "leaf", "tag").iterator(2000):
        yield Row(row[0], bytes(row[1]), bytes(row[2]), bytes(row[3]))


def _contents() -> tuple[int, list[dict[str, Any]]]:
    """Every content that can be opened is what its entry commits to."""
    from guiju.control.records import actions
    from guiju.control.records.models import Content

    count, problems = 0, []
    for content in Content.objects.select_related("entry", "key").iterator(500):
        if content.key.erased_at is not None:
            continue
        index = content.entry.index
        try:
            entry = entries.decode(bytes(content.entry.body))
            actions.open_content(content, getattr(entry, "commitment", ""))
            count += 1
        except (seal.CannotOpen, ValueError) as problem:
            sentence = f"contents of entry {index}: {problem}"
            problems.append({"where": "contents", "entry": index, "kind": "changed", "sentence": sentence})
    return count, problems


def _journal(config: Any, keyring: Any) -> tuple[list[str], list[dict[str, Any]], int]:
    """Segments that lie on this machine: torn tails apart, tampering named, entries not drained yet."""
    from guiju.control.records.models import DrainOffset

    torn, problems, waiting = [], [], 0
    for segment in reader.segments(config.journal):
        read = reader.read(segment.path, keyring.chain)
        offset = DrainOffset.objects.filter(node=segment.node, worker=segment.worker, sequence=segment.sequence).first()
        reached = offset.offset if offset else 0
        waiting += sum(1 for end, _ in read.records if end > reached)
        name = f"{segment.node}/{segment.worker}/{segment.sequence}"
        if read.tampered is not None:
            sentence = f"journal {name}, record {read.tampered.record}: {read.tampered.problem}"
            problems.append(
                {"where": "journal", "entry": read.tampered.record, "kind": "changed", "sentence": sentence}
            )
        elif read.end < reached:
            sentence = f"journal {name}: {reached - read.end} bytes that were drained are gone"
            problems.append({"where": "journal", "entry": len(read.records), "kind": "cut", "sentence": sentence})
        elif read.torn:
            torn.append(
                f"journal {name}: the last record is torn ({read.torn} bytes): the machine stopped while writing it"
            )
    return torn, problems, waiting


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
