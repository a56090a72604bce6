"""`guiju key`: create, list and revoke API keys."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from guiju import clock
from guiju.cli.django_setup import finish, ready
from guiju.errors import BadRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", help="make a key for an app; prints the key alone, once")
    create.add_argument("--app", required=True, help="name of the app; made in the demo service where it is new")
    create.add_argument("--service", help="service of a new app (default: the first)")
    create.add_argument("--days", type=int, help="ends after so many days (default: never)")
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
    from guiju.control.services.models import App, Key, Service

    if args.verb == "create":
        app = App.objects.filter(name=args.app).first()
        if app is None:
            service = Service.objects.filter(name=args.service).first() if args.service else Service.objects.first()
            if service is None:
                raise BadRequest(field="--service", problem=f"there is no service {args.service}")
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
    found = (
        Key.objects.filter(pk=int(args.key))
        if args.key.isdigit()
        else Key.objects.filter(prefix=args.key.rstrip("…")[:7])
    )
    if found.count() != 1:
        raise BadRequest(
            field="key", problem=f"`{args.key}` names {found.count()} keys; `guiju key list` shows their ids"
        )
    row = found.get()
    version = actions.revoke_key(row, by=None, reason=args.reason)
    return finish(
        config, version, _row(row), as_json=args.json, text=f"Key {row.prefix}… of app {row.app.name} is revoked."
    )


def _row(key: Any) -> dict[str, object]:
    state = "revoked" if key.revoked else "expired" if key.expires and key.expires <= clock.now() else "valid"
    return {
        "id": key.pk, "app": key.app.name, "prefix": key.prefix, "state": state, "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
    }  # fmt: skip
