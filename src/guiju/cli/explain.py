"""`guiju explain`: why an exchange was decided as it was, from the record."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import msgspec

from guiju import plugins
from guiju.cli.django_setup import ready
from guiju.cli.words import language, say
from guiju.errors import BadRequest, OurError, Said
from guiju.ledger import entries, seal
from guiju.review.explain import for_operator


class NoSuchExchange(BadRequest):
    text_en = "There is no record of the exchange '{exchange}'. Its id stands in the header x-guiju-exchange: ex_…"
    text_zh = "没有交互“{exchange}”的记录。编号见响应头 x-guiju-exchange，形如 ex_…"


class CannotOpen(OurError):
    text_en = "The contents can't be opened: {problem}"
    text_zh = "无法打开内容：{problem}"


class NoReason(BadRequest):
    text_en = "Reading contents needs a reason, kept in the ledger: --contents --reason TEXT (four characters or more)"
    text_zh = "查阅内容须写明理由，理由会记入账本：--contents --reason 理由（至少四个字）"


NOT_THERE = Said(
    "There are no contents: none were kept, or they were erased.",
    "没有内容：未保存，或已删除。",
)


OPENED = Said(
    "opened   {e.door}, app {e.app}, service {e.service}, model {e.model} -> {e.upstream}\n"
    "         policy {e.policy}, snapshot {e.snapshot}, lexicons {lexicons}\n"
    "         input: {e.characters} characters, {e.action}",
    "开始     {e.door}，应用 {e.app}，服务 {e.service}，模型 {e.model} -> {e.upstream}\n"
    "         策略 {e.policy}，快照 {e.snapshot}，词库 {lexicons}\n"
    "         输入：{e.characters} 字符，{e.action}",
)
CLOSED = Said(
    "closed   {e.outcome}, {e.total_ms} ms, {e.characters} characters, label {label}",
    "结束     {e.outcome}，{e.total_ms} 毫秒，{e.characters} 字符，标识 {label}",
)

REJECTED = Said(
    "rejected {e.code}: {e.door}, app {e.app}, key {e.key}; nothing was asked of a model",
    "拒绝     {e.code}：{e.door}，应用 {e.app}，密钥 {e.key}；未向模型提出任何请求",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "exchange", help=Said("its id, as in the header x-guiju-exchange", "交互编号，见响应头 x-guiju-exchange")
    )
    parser.add_argument(
        "--contents",
        action="store_true",
        help=Said("print what was asked and answered; needs --reason", "输出问答内容；须写明 --reason"),
    )
    parser.add_argument(
        "--reason", default="", help=Said("why the contents are read: kept in the ledger", "查阅内容的理由，记入账本")
    )
    parser.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 found, 2 no such exchange, or contents without a reason, 3 contents that can't be opened."""
    ready()
    found = _entries(args.exchange) if args.exchange else []
    if not found:
        raise NoSuchExchange(exchange=args.exchange)
    contents: dict[str, str] = {}
    if args.contents:
        from guiju.control.records import actions

        try:
            opened = actions.read_contents(args.exchange, by=None, reason=args.reason)
        except ValueError:
            raise NoReason from None
        except seal.CannotOpen as problem:
            raise CannotOpen(problem=problem) from None
        contents = {part: data.decode("utf-8", "replace") for part, data in opened.items()}
        if not contents:
            sys.stderr.write(say(NOT_THERE) + "\n")
    if args.json:
        plain: dict[str, Any] = {"exchange": args.exchange, "entries": [msgspec.to_builtins(e) for e in found]}
        print(json.dumps(plain | ({"contents": contents} if args.contents else {}), ensure_ascii=False))
    else:
        _say(found)
        for part, text in contents.items():
            sys.stdout.write(f"\n[{part}]\n{text}\n")
    return 0


def _entries(exchange: str) -> list[entries.Entry]:
    """From the ledger, and from the journal what hasn't been moved there."""
    from guiju.control.records import waiting
    from guiju.control.records.models import Entry

    held = waiting.of(exchange)
    rows = Entry.objects.filter(exchange=exchange).order_by("index").values_list("body", flat=True)
    bodies = [bytes(body) for body in rows]
    return [*map(entries.decode, bodies), *(w.entry for w in held if w.record.entry not in bodies)]


def _say(found: list[entries.Entry]) -> None:
    taxonomy, words = plugins.taxonomy(), language()
    for entry in found:
        if isinstance(entry, entries.Opened):
            print(say(OPENED).format(e=entry, lexicons=", ".join(entry.lexicons)))
        elif isinstance(entry, entries.Closed):
            print(say(CLOSED).format(e=entry, label=entry.label or "-"))
        elif isinstance(entry, entries.Rejected):
            print(say(REJECTED).format(e=entry))
        for reviewed in getattr(entry, "texts", ()):
            print(f"  {'.'.join(map(str, reviewed.path))} ({reviewed.role or say('text', '文本')}):")
            for judged in reviewed.judged:
                print(f"    {for_operator(judged, taxonomy, words)}")
