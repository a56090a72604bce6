"""`guiju quota`: how much a key, an app, a service, or each user of an app may use."""

from __future__ import annotations

import argparse
import json
from typing import Any

from guiju.cli import named
from guiju.cli.django_setup import finish, ready
from guiju.cli.options import number
from guiju.cli.words import column, say
from guiju.errors import Said

_LIMITS: tuple[tuple[str, Said], ...] = (
    ("requests_per_minute", Said("requests per minute", "每分钟请求数")),
    ("tokens_per_minute", Said("tokens per minute", "每分钟词元数")),
    ("streams", Said("exchanges at once", "并发交互数")),
    ("tokens_per_day", Said("tokens per day", "每日词元数")),
    ("tokens_per_month", Said("tokens per month", "每月词元数")),
    ("cost_per_day", Said("cost per day", "每日费用")),
    ("cost_per_month", Said("cost per month", "每月费用")),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    change = verbs.add_parser("set", help=Said("set limits; what isn't named stays", "设定限额；未写明的项保持不变"))
    remove = verbs.add_parser("remove", help=Said("take all limits of somebody away", "取消其全部限额"))
    for each in (change, remove):
        whose = each.add_mutually_exclusive_group(required=True)
        whose.add_argument("--key", metavar="KEY", help=Said("a key: its id or its beginning", "密钥：编号或开头"))
        whose.add_argument(
            "--app", metavar="NAME", help=Said("an app, all its keys together", "应用（其全部密钥合计）")
        )
        whose.add_argument(
            "--service", metavar="NAME", help=Said("a service, all its apps together", "服务（其全部应用合计）")
        )
        whose.add_argument(
            "--users-of", metavar="APP", help=Said("each user of an app alone", "应用的每个用户各自计算")
        )
    for field, what in _LIMITS:
        text = Said("{what}; 0 is no limit", "{what}；0 为不限", what=what)
        change.add_argument(f"--{field.replace('_', '-')}", metavar="N", type=number, help=text)
    verbs.add_parser("list", help=Said("every quota", "全部限额"))
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 nobody of that name or a wrong number, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import actions
    from guiju.control.services.models import Quota

    if args.verb == "list":
        return _list(args.json)
    scope, name = _whose(args)
    if args.verb == "set":
        limited = {field: value for field, _ in _LIMITS if (value := getattr(args, field)) is not None}
    else:
        limited = dict.fromkeys(actions.QUOTA_FIELDS, 0.0)
    whole = {f: v if f.startswith("cost") else round(v) for f, v in limited.items()}
    version = actions.set_quota(scope, name, by=None, **whole)
    row = Quota.objects.filter(scope=scope, name=name).first() or Quota(scope=scope, name=name)
    words = actions.quota_words(row) or say("no limit", "不限")
    return finish(config, version, _facts(row), as_json=args.json, text=f"{scope} {name}: {words}")


def _whose(args: argparse.Namespace) -> tuple[str, str]:
    """Scope and name, as a snapshot has them."""
    if args.key is not None:
        return "key", f"key{named.key(args.key).pk}"
    if args.service is not None:
        return "service", named.service(args.service).name
    if args.users_of is not None:
        return "subject", named.app(args.users_of).name
    return "app", named.app(args.app).name


def _facts(row: Any) -> dict[str, Any]:
    return {"scope": row.scope, "name": row.name, **{field: getattr(row, field) for field, _ in _LIMITS}}


def _list(as_json: bool) -> int:
    from guiju.control.services import actions
    from guiju.control.services.models import Quota

    rows = list(Quota.objects.order_by("scope", "name"))
    if as_json:
        print(json.dumps([_facts(row) for row in rows], ensure_ascii=False))
    else:
        for row in rows:
            print(f"{column(row.scope, 8)}  {column(row.name, 20)}  {actions.quota_words(row)}")
    return 0
