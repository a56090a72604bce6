"""`guiju key`: create, list and revoke API keys."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from guiju import clock
from guiju.cli import named
from guiju.cli.django_setup import finish, ready


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a key for an app; prints the key alone, once")
    create.add_argument("--app", required=True, help="name of the app; made in the demo service where it is new")
    create.add_argument("--service", help="service of a new app (default: the first)")
    create.add_argument("--days", type=_days, help="ends after so many days, at most 36500 (default: never)")
    verbs.add_parser("list", help="every key: id, app, beginning, state")
    revoke = verbs.add_parser("revoke", help="end a key at once; running answers end within a second")
    revoke.add_argument("key", help="its id, or its beginning as `list` shows it")
    revoke.add_argument("--reason", default="", help="kept in the ledger")
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 no such key or app, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import actions
    from guiju.control.services.models import App, Key

    if args.verb == "create":
        app = App.objects.filter(name=args.app).first()
        if app is None:
            service = named.service(args.service, otherwise_first=True)
            app = App(name=args.app, service=service)
            actions.save_app(app, by=None, what=f"service {service.name}")
        expires = clock.now() + timedelta(days=args.days) if args.days else None
        secret, row, version = actions.create_key(app, by=None, expires=expires)
        result = {"key": secret, "id": row.pk, "app": app.name, "expires": expires.isoformat() if expires else None}
        return finish(config, version, result, as_json=args.json, text=secret)
    if args.verb == "list":
        shown = [_row(k) for k in Key.objects.select_related("app").order_by("id")]
        if args.json:
            print(json.dumps(shown, ensure_ascii=False))
        else:
            for line in shown:
                print(f"{line['id']:>4}  {line['app']:20}  {line['prefix']}…  {line['state']}")
        return 0
    row = named.key(args.key)
    version = actions.revoke_key(row, by=None, reason=args.reason)
    return finish(
        config, version, _row(row), as_json=args.json, text=f"Key {row.prefix}… of app {row.app.name} is revoked."
    )


def _days(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 36_500:
        raise argparse.ArgumentTypeError(f"'{word}' is no number of days from 1 to 36500")
    return int(word)


def _row(key: Any) -> dict[str, object]:
    state = "revoked" if key.revoked else "expired" if key.expires and key.expires <= clock.now() else "valid"
    return {
        "id": key.pk, "app": key.app.name, "prefix": key.prefix, "state": state, "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
    }  # fmt: skip
