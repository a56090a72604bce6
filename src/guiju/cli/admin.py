"""`guiju admin link`: a one-time sign-in link for an administrator. Recorded."""

from __future__ import annotations

import argparse
import json

from guiju.cli.django_setup import ready
from guiju.errors import Said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    link = verbs.add_parser(
        "link", help=Said("print a link that signs in once, within 15 minutes", "输出一次性登录链接，15 分钟内有效")
    )
    link.add_argument("--user", default="admin", help=Said("account; made where it is new", "账号；不存在则新建"))
    link.add_argument(
        "--reset-mfa",
        action="store_true",
        help=Said(
            "forget the account's second factor: it sets up a new one", "清除该账号的第二验证因素，登录时重新设置"
        ),
    )
    link.add_argument(
        "--role",
        choices=("administrator", "policy_editor", "reviewer", "auditor"),
        default="administrator",
        help=Said("role of a new account (default: administrator)", "新账号的角色（默认：administrator）"),
    )
    link.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done."""
    config = ready()
    from guiju.control.people.actions import make_link

    token = make_link(args.user, by=None, role=args.role, reset_second_factor=args.reset_mfa)
    url = f"{config.base_url}/console/link/{token}/"
    print(json.dumps({"link": url, "user": args.user}) if args.json else url)
    return 0
