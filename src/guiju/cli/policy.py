"""`guiju policy`: check and activate policy files."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator

from guiju import plugins
from guiju.cli.files import text_of
from guiju.cli.main import language
from guiju.review.policy import Policy
from guiju.review.policy_file import parse_policy

UNUSED = {
    "zh": "注意：没有服务使用名为“{name}”的策略。请在控制台的“服务”中选用它，或在文件里写现用策略的名称（name: default）。",
    "en": "Note: no service is judged by a policy named '{name}'. Choose it in the console under Services, or write the "
    "name of the one in use into the file (name: default).",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("check", "say what is wrong with a policy file, and where"),
        ("activate", "put a policy file in force"),
    ):
        each = verbs.add_parser(verb, help=text)
        each.add_argument("file", help="the policy, '-' for standard input")
        each.add_argument("--json", action="store_true", help="print JSON")
    verbs.choices["activate"].add_argument("--reason", default="", help="kept in the ledger")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 the file is wrong (the message points into it), 3 a worker hasn't taken the change."""
    yaml = text_of(args.file)
    policy = parse_policy(yaml, plugins.taxonomy(), file=args.file)
    result = {"policy": policy.name, "rules": len(policy.rules), "patterns": len(policy.patterns)}
    for line, cls, near in unfound(policy):
        hint = f"; did you mean {near}?" if near else ""
        print(f"{args.file}:{line}: nothing finds `{cls}` unless a lexicon of yours does{hint}", file=sys.stderr)
    if args.verb == "check":
        print(
            json.dumps(result) if args.json else f"{args.file}: policy {policy.name}, {len(policy.rules)} rules: good."
        )
        return 0
    from guiju.cli.django_setup import finish, ready

    config = ready()
    from guiju.control.policies import actions
    from guiju.control.services.models import Service

    row = actions.save_policy(policy.name, yaml, by=None, note=args.reason)
    version = actions.activate_policy(row, by=None, reason=args.reason)
    services = list(Service.objects.filter(policy=row.policy).order_by("id").values_list("name", flat=True))
    if not services:
        sys.stderr.write(UNUSED[language()].format(name=policy.name) + "\n")
    text = f"Policy {policy.name}@{row.version} is in force."
    result |= {"version": row.version, "services": services}
    return finish(config, version, result, as_json=args.json, text=text)


def unfound(policy: Policy) -> Iterator[tuple[int, str, str]]:
    """Own classes (below `X`) that no detector, and no pattern of the policy, says that it finds: line, class, nearest."""
    taxonomy = plugins.taxonomy()
    found = {p.cls for p in policy.patterns} | set(taxonomy.classes)
    for rule in policy.rules:
        for cls in rule.classes:
            if cls.startswith("X.") and not any(f == cls or f.startswith(f"{cls}.") for f in found):
                yield rule.line, cls, next(iter(difflib.get_close_matches(cls, found, n=1, cutoff=0.6)), "")
