"""`guiju upstream`: the servers that run models."""

from __future__ import annotations

import argparse
import json
import os

from guiju.cli import named
from guiju.cli.django_setup import finish, ready
from guiju.cli.files import secret_of
from guiju.cli.words import column, say
from guiju.errors import Said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help=Said("add a server, or change it", "添加或修改服务器"))
    add.add_argument("name")
    add.add_argument(
        "url",
        help=Said(
            "its base URL, as its vendor prints it: https://api.deepseek.com/v1",
            "base URL，与厂商所给一致：https://api.deepseek.com/v1",
        ),
    )
    add.add_argument("--dialect", choices=("openai", "anthropic"), default="openai")
    add.add_argument(
        "--model",
        default="",
        help=Said("its model that the service offers from now on, as the default", "该服务今后提供的模型，并设为默认"),
    )
    add.add_argument("--service", help=Said("which service (default: the first)", "哪个服务（默认：第一个）"))
    add.add_argument(
        "--key-file",
        help=Said(
            "file with its API key, '-' for standard input (or set GUIJU_UPSTREAM_KEY)",
            "存有 API 密钥的文件；“-”表示标准输入（也可设置 GUIJU_UPSTREAM_KEY）",
        ),
    )
    verbs.add_parser("list", help=Said("every server", "全部服务器"))
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 a wrong URL or service, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import actions
    from guiju.control.services.models import Upstream

    if args.verb == "list":
        rows = [
            {"name": u.name, "url": u.url, "dialect": u.dialect, "key": bool(u.secret)}
            for u in Upstream.objects.order_by("id")
        ]
        if args.json:
            print(json.dumps(rows, ensure_ascii=False))
        else:
            for row in rows:
                key = say("  (with key)", "（有密钥）") if row["key"] else ""
                print(f"{column(row['name'], 20)}  {row['dialect']:10}  {row['url']}{key}")
        return 0
    secret = secret_of(args.key_file) if args.key_file else os.environ.get("GUIJU_UPSTREAM_KEY")
    service = named.service(args.service, otherwise_first=True)
    version = actions.save_upstream(
        args.name, args.url, dialect=args.dialect, secret=secret, model=args.model, service=service, by=None
    )
    text = say("Upstream {name} is kept.", "上游 {name} 已保存。", name=args.name)
    if args.model:
        text += say(
            " Service {service} offers {model}.",
            "服务 {service} 提供模型 {model}。",
            service=service.name,
            model=args.model,
        )
    return finish(config, version, {"name": args.name, "url": args.url}, as_json=args.json, text=text)
