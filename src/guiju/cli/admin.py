"""`guiju admin link`: a one-time sign-in link for an administrator. Recorded."""

from __future__ import annotations

import argparse
import json

from guiju.cli.django_setup import ready


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    link = verbs.add_parser("link", help="print a link that signs in once, within 15 minutes")
    link.add_argument("--user", default="admin", help="account; made where it is new")
    link.add_argument(
        "--reset-mfa", action="store_true", help="forget the account's second factor: it sets up a new one"
    )
    link.add_argument(
        "--role",
        choices=("administrator", "policy_editor", "reviewer", "auditor"),
        default="administrator",
        help="role of a new account (default: administrator)",
    )
    link.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done."""
    config = ready()
    from guiju.control.people.actions import make_link

    token = make_link(args.user, by=None, role=args.role, reset_second_factor=args.reset_mfa)
    url = f"{config.base_url}/console/link/{token}/"
    print(json.dumps({"link": url, "user": args.user}) if args.json else url)
    return 0
