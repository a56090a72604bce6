"""`guiju service`: list, suspend and resume services."""

from __future__ import annotations

import argparse
import json

from guiju.cli import named
from guiju.cli.django_setup import finish, ready
from guiju.cli.words import column, say
from guiju.errors import Said

STATES = {
    "running": Said("running", "运行中"),
    "sandbox": Said("sandbox", "沙箱"),
    "suspended": Said("suspended", "已暂停"),
}
NOW = {
    "suspended": Said("Service {name} is suspended.", "服务 {name} 已暂停。"),
    "running": Said("Service {name} is running.", "服务 {name} 正在运行。"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help=Said("every service and its state", "全部服务及其状态"))
    for verb, text in (
        ("suspend", Said("stop a service; running answers end within a second", "暂停服务；进行中的回答在一秒内中止")),
        ("resume", Said("let it run again", "恢复服务")),
    ):
        each = verbs.add_parser(verb, help=text)
        each.add_argument(
            "name",
            nargs="?",
            help=Said("its name (may be left out where there is one)", "服务名称（只有一个服务时可省略）"),
        )
        each.add_argument(
            "--reason",
            default="",
            help=Said("kept in the ledger; a suspended service's users read it", "记入账本；暂停期间用户会看到"),
        )
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 no such service, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import actions
    from guiju.control.services.models import App, Service

    if args.verb == "list":
        rows = [
            {
                "name": s.name,
                "state": s.state,
                "reason": s.state_reason,
                "policy": s.policy.name,
                "apps": App.objects.filter(service=s).count(),
            }
            for s in Service.objects.select_related("policy").order_by("id")
        ]
        if args.json:
            print(json.dumps(rows, ensure_ascii=False))
        else:
            for row in rows:
                tail = say("policy {policy}, {apps} apps", "策略 {policy}，{apps} 个应用", **row)
                print(f"{column(row['name'], 20)}  {column(say(STATES[row['state']]), 10)}  {tail}")
        return 0
    service = named.service(args.name)
    act = actions.suspend if args.verb == "suspend" else actions.resume
    version = act(service, by=None, reason=args.reason)
    text = say(NOW[service.state]).format(name=service.name)
    return finish(config, version, {"name": service.name, "state": service.state}, as_json=args.json, text=text)
