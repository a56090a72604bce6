"""`guiju service`: list, suspend and resume services."""

from __future__ import annotations

import argparse
import json

from guiju.cli import named
from guiju.cli.django_setup import finish, ready


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="every service and its state")
    for verb, text in (
        ("suspend", "stop a service; running answers end within a second"),
        ("resume", "let it run again"),
    ):
        each = verbs.add_parser(verb, help=text)
        each.add_argument("name", nargs="?", help="its name (may be left out where there is one)")
        each.add_argument("--reason", default="", help="kept in the ledger; a suspended service's users read it")
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help="print JSON")


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
                print(f"{row['name']:20}  {row['state']:10}  policy {row['policy']}, {row['apps']} apps")
        return 0
    service = named.service(args.name)
    act = actions.suspend if args.verb == "suspend" else actions.resume
    version = act(service, by=None, reason=args.reason)
    text = f"Service {service.name} is {service.state}."
    return finish(config, version, {"name": service.name, "state": service.state}, as_json=args.json, text=text)
