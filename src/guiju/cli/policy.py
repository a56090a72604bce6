"""`guiju policy`: check and activate policy files."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator

from guiju import plugins
from guiju.cli.files import text_of
from guiju.cli.words import say
from guiju.errors import Said
from guiju.review.hints import did_you_mean
from guiju.review.policy import Policy
from guiju.review.policy_file import parse_policy

UNUSED = Said(
    "Note: no service is judged by a policy named '{name}'. Choose it in the console under Services, or write the "
    "name of the one in use into the file (name: default).",
    "注意：没有服务使用名为“{name}”的策略。请在控制台的“服务”中选用它，或在文件里写现用策略的名称（name: default）。",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("check", Said("say what is wrong with a policy file, and where", "指出策略文件的错误及其位置")),
        ("activate", Said("put a policy file in force", "启用策略文件")),
    ):
        each = verbs.add_parser(verb, help=text)
        each.add_argument("file", help=Said("the policy, '-' for standard input", "策略文件；“-”表示标准输入"))
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))
    verbs.choices["activate"].add_argument("--reason", default="", help=Said("kept in the ledger", "记入账本"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 the file is wrong (the message points into it), 3 a worker hasn't taken the change."""
    yaml = text_of(args.file)
    policy = parse_policy(yaml, plugins.taxonomy(), file=args.file)
    result = {"policy": policy.name, "rules": len(policy.rules), "patterns": len(policy.patterns)}
    for line, cls, near in unfound(policy):
        said = Said(
            "nothing finds `{cls}` unless a lexicon of yours does",
            "没有检测器会报告 `{cls}`，除非您的词库里有",
            cls=cls,
        )
        hint = f" ({say(did_you_mean(near))})" if near else ""
        print(f"{args.file}:{line}: {say(said)}{hint}", file=sys.stderr)
    if args.verb == "check":
        said = Said("policy {policy}, {rules} rules: good.", "策略 {policy}，{rules} 条规则：无误。", **result)
        print(json.dumps(result) if args.json else f"{args.file}: {say(said)}")
        return 0
    from guiju.cli.django_setup import finish, ready

    config = ready()
    from guiju.control.policies import actions
    from guiju.control.services.models import Service

    row = actions.save_policy(policy.name, yaml, by=None, note=args.reason)
    version = actions.activate_policy(row, by=None, reason=args.reason)
    services = list(Service.objects.filter(policy=row.policy).order_by("id").values_list("name", flat=True))
    if not services:
        sys.stderr.write(say(UNUSED).format(name=policy.name) + "\n")
    text = say(
        "Policy {name}@{version} is in force.", "策略 {name}@{version} 已启用。", name=policy.name, version=row.version
    )
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
