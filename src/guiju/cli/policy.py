"""`guiju policy`: check, test, compare and activate policy files."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from guiju import plugins
from guiju.cli import brings, options, policy_diff
from guiju.cli.files import text_of
from guiju.cli.main import FOUND, OK, USAGE
from guiju.cli.review_setup import setup
from guiju.cli.words import language, say
from guiju.config import load
from guiju.errors import InputFileError, Said, told
from guiju.review import policy_cases
from guiju.review.judge import Reviewer
from guiju.review.policy import Policy
from guiju.review.policy_check import Remark
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
        (
            "check",
            Said("say what is wrong or doubtful in a policy file, and where", "指出策略文件的错误和可疑之处及其位置"),
        ),
        ("test", Said("put the cases that are kept in a policy file to it", "用策略文件中的用例检验该策略")),
        ("activate", Said("put a policy file in force", "启用策略文件")),
    ):
        each = verbs.add_parser(verb, help=text)
        each.add_argument("file", help=Said("the policy, '-' for standard input", "策略文件；“-”表示标准输入"))
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))
    for verb in ("check", "test"):
        options.lexicons(verbs.choices[verb])
    verbs.choices["check"].add_argument(
        "--strict", action="store_true", help=Said("exit code 1 where something is doubtful", "有可疑之处时退出码为 1")
    )
    verbs.choices["activate"].add_argument("--reason", default="", help=Said("kept in the ledger", "记入账本"))
    compare = verbs.add_parser(
        "diff", help=Said("whose verdict changes from one policy to another", "两份策略的结论有何不同")
    )
    policy_diff.add_arguments(compare)


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done; 1 check --strict: something is doubtful, test: a case doesn't hold, diff: a verdict changes;
    2 a file is wrong (the message points into it), or a case doesn't hold and so it isn't activated; 3 a worker hasn't
    taken the change."""
    if args.verb == "diff":
        return policy_diff.run(args)
    yaml = text_of(args.file)
    policy = parse_policy(yaml, plugins.taxonomy(), file=args.file)
    reviewer = reviewer_of(policy, getattr(args, "lexicon", []))
    config = load()
    remarks = [] if args.verb == "test" else brings.remarks(config, reviewer, brings.Guards(config))
    for remark in remarks:
        _point(InputFileError.at_line(args.file, yaml, remark.line, remark.problem, remark.hint))
    failed = [] if args.verb == "check" else policy_cases.failures(reviewer)
    for found in policy_cases.pointed(failed, file=args.file, yaml=yaml):
        _point(found)
    result = {
        "policy": policy.name,
        "rules": len(policy.rules),
        "patterns": len(policy.patterns),
        "cases": len(policy.cases),
    }
    if args.verb == "check":
        return _checked(args, result | {"restores": [r.id for r in policy.rules if r.restore]}, remarks)
    if args.verb == "test":
        return _tested(args, result, failed)
    if failed:
        said = Said(
            "{n} of its cases don't hold, so it isn't activated.", "有 {n} 个用例不成立，未启用。", n=len(failed)
        )
        print(f"{args.file}: {say(said)}", file=sys.stderr)
        return USAGE
    return _activate(args, yaml, policy, result)


def reviewer_of(policy: Policy, lexicons: list[str]) -> Reviewer:
    """The policy with this installation's detectors, and the active lexicons or the named files."""
    made = setup(load(), lexicons=lexicons)
    return plugins.reviewer(policy, made.lexicons, plugins.taxonomy().placeholder)


def _point(found: InputFileError) -> None:
    print(found.sentence(language()), file=sys.stderr)


def _checked(args: argparse.Namespace, result: dict[str, Any], remarks: list[Remark]) -> int:
    if args.json:
        doubtful = [
            {"line": r.line, "problem": told(r.problem, language()), "hint": told(r.hint, language())} for r in remarks
        ]
        print(json.dumps(result | {"remarks": doubtful}, ensure_ascii=False))
    else:
        said = Said("policy {policy}, {rules} rules: good.", "策略 {policy}，{rules} 条规则：无误。", **result)
        if remarks:
            said = Said(
                "policy {policy}, {rules} rules: valid; {n} doubtful.",
                "策略 {policy}，{rules} 条规则：有效；{n} 处可疑。",
                n=len(remarks),
                **result,
            )
        print(f"{args.file}: {say(said)}")
        if result["restores"]:
            restores = Said(
                "What these rules mask in prompts comes back in answers: {rules}.",
                "以下规则在提示中遮盖的内容会在回答中还原：{rules}。",
                rules=", ".join(result["restores"]),
            )
            print(f"{args.file}: {say(restores)}")
    return FOUND if remarks and args.strict else OK


def _tested(args: argparse.Namespace, result: dict[str, object], failed: list[policy_cases.Failure]) -> int:
    if args.json:
        told_of = [
            {
                "line": f.case.line,
                "text": f.case.text,
                "expect": f.case.expect,
                "action": f.verdict.action,
                "problem": told(f.problem, language()),
            }
            for f in failed
        ]
        print(json.dumps(result | {"failed": told_of}, ensure_ascii=False))
    else:
        said = Said("all {cases} cases hold.", "全部 {cases} 个用例成立。", **result)
        if failed:
            said = Said(
                "{n} of {cases} cases don't hold.", "{cases} 个用例中有 {n} 个不成立。", n=len(failed), **result
            )
        elif not result["cases"]:
            said = Said("it keeps no cases; add some under `cases:`.", "其中没有用例；请在 `cases:` 下添加。")
        print(f"{args.file}: {say(said)}")
    return FOUND if failed else OK


def _activate(args: argparse.Namespace, yaml: str, policy: Policy, result: dict[str, object]) -> int:
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
    return finish(
        config, version, result | {"version": row.version, "services": services}, as_json=args.json, text=text
    )
