"""`guiju upstream`: the servers that run models."""

from __future__ import annotations

import argparse
import json
import os

from guiju.cli import named
from guiju.cli.django_setup import finish, ready
from guiju.cli.files import secret_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="add a server, or change it")
    add.add_argument("name")
    add.add_argument("url", help="its base URL, as its vendor prints it: https://api.deepseek.com/v1")
    add.add_argument("--dialect", choices=("openai", "anthropic"), default="openai")
    add.add_argument("--model", default="", help="its model that the service offers from now on, as the default")
    add.add_argument("--service", help="which service (default: the first)")
    add.add_argument("--key-file", help="file with its API key, '-' for standard input (or set GUIJU_UPSTREAM_KEY)")
    verbs.add_parser("list", help="every server")
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help="print JSON")


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
                print(f"{row['name']:20}  {row['dialect']:10}  {row['url']}{'  (with key)' if row['key'] else ''}")
        return 0
    secret = secret_of(args.key_file) if args.key_file else os.environ.get("GUIJU_UPSTREAM_KEY")
    service = named.service(args.service, otherwise_first=True)
    version = actions.save_upstream(
        args.name, args.url, dialect=args.dialect, secret=secret, model=args.model, service=service, by=None
    )
    text = f"Upstream {args.name} is kept" + (f"; service {service.name} offers {args.model}." if args.model else ".")
    return finish(config, version, {"name": args.name, "url": args.url}, as_json=args.json, text=text)
