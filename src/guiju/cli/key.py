"""`guiju key`: create, list and revoke API keys."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from typing import Any

from guiju import clock
from guiju.cli import named
from guiju.cli.django_setup import finish, ready
from guiju.cli.words import column, say
from guiju.errors import Said

STATES = {
    "valid": Said("valid", "有效"),
    "revoked": Said("revoked", "已吊销"),
    "expired": Said("expired", "已过期"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser(
        "create",
        help=Said("make a key for an app; prints the key alone, once", "为应用创建密钥；只输出密钥本身，且仅此一次"),
    )
    create.add_argument(
        "--app",
        required=True,
        help=Said("name of the app; made in the demo service where it is new", "应用名称；不存在则在演示服务中新建"),
    )
    create.add_argument(
        "--service", help=Said("service of a new app (default: the first)", "新应用所属的服务（默认：第一个）")
    )
    create.add_argument(
        "--days",
        type=_days,
        help=Said(
            "ends after so many days, at most 36500 (default: never)", "多少天后过期，最多 36500（默认：不过期）"
        ),
    )
    verbs.add_parser("list", help=Said("every key: id, app, beginning, state", "全部密钥：编号、应用、开头、状态"))
    revoke = verbs.add_parser(
        "revoke",
        help=Said("end a key at once; running answers end within a second", "立即吊销密钥；进行中的回答在一秒内中止"),
    )
    revoke.add_argument("key", help=Said("its id, or its beginning as `list` shows it", "编号，或 `list` 所列的开头"))
    revoke.add_argument("--reason", default="", help=Said("kept in the ledger", "记入账本"))
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


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
                print(
                    f"{line['id']:>4}  {column(str(line['app']), 20)}  {line['prefix']}…  {say(STATES[str(line['state'])])}"
                )
        return 0
    row = named.key(args.key)
    text = say(
        "Key {key}… of app {app} is revoked.", "应用 {app} 的密钥 {key}… 已吊销。", key=row.prefix, app=row.app.name
    )
    version = actions.revoke_key(row, by=None, reason=args.reason)
    return finish(config, version, _row(row), as_json=args.json, text=text)


def _days(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 36_500:
        raise argparse.ArgumentTypeError(
            say("'{word}' is no number of days from 1 to 36500", "“{word}”不是 1 到 36500 的天数", word=word)
        )
    return int(word)


def _row(key: Any) -> dict[str, object]:
    state = "revoked" if key.revoked else "expired" if key.expires and key.expires <= clock.now() else "valid"
    return {
        "id": key.pk, "app": key.app.name, "prefix": key.prefix, "state": state, "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
    }  # fmt: skip
