"""`guiju upstream`: the servers that run models."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from guiju.cli import named, options
from guiju.cli.django_setup import finish, ready
from guiju.cli.files import secret_of
from guiju.cli.words import column, say
from guiju.errors import BadRequest, Said
from guiju.snapshot import OFFERS, WAYS


class NoUrl(BadRequest):
    text_en = "Where is it? Give its base URL, or --preset (`guiju upstream presets` lists them)."
    text_zh = "缺少地址：请给出 base URL，或用 --preset 指定预设（见 guiju upstream presets）。"


class PriceOfNoModel(BadRequest):
    text_en = "A price is a model's: name it with --model."
    text_zh = "价格属于模型：请用 --model 指明模型。"


TEXTS = {
    "dialect": ("{openai,anthropic}", Said("what it speaks (default: openai)", "接口规范（默认：openai）")),
    "offers": (
        "WAY,…",
        Said(
            "how it can be asked, parted by commas: {ways} (default: what its dialect usually offers)",
            "可用接口，以逗号分隔：{ways}（默认：该接口规范通常提供的接口）",
            ways=", ".join(WAYS),
        ),
    ),
    "key_header": (
        "NAME",
        Said(
            "header that carries its key, as api-key (default: its dialect's own)",
            "携带密钥的请求头，例如 api-key（默认：该接口规范的请求头）",
        ),
    ),
    "query": (
        "NAME=VALUE",
        Said(
            "what every request's path ends with, as api-version=2024-10-21",
            "每个请求路径之后的查询参数，例如 api-version=2024-10-21",
        ),
    ),
    "unknown_fields": (
        "{send,drop}",
        Said(
            "what becomes of fields that it may not know, where a request is translated for it (default: send)",
            "请求须转换后发送时，对方可能不认识的字段如何处理：send 照发，drop 去掉（默认：send）",
        ),
    ),
    "vendor": ("NAME", Said("who runs it, for the registers", "服务商（用于台账）")),
    "residency": (
        "CODE",
        Said(
            "where data goes, by ISO 3166 code: CN is mainland China, ZZ another place (for the registers)",
            "数据去向，ISO 3166 代码：CN 为中国境内（内地），ZZ 为其他（用于台账）",
        ),
    ),
    "filing": ("NUMBER", Said("filing number of its model (for the registers)", "生成式人工智能备案号（用于台账）")),
}
NUMBERS = {
    "connect_timeout": Said("seconds to connect (default: 10)", "建立连接的时限，秒（默认：10）"),
    "first_byte_timeout": Said("seconds until an answer begins (default: 120)", "首字节时限，秒（默认：120）"),
    "idle_timeout": Said("seconds without a byte in an answer (default: 60)", "回答中途无数据的时限，秒（默认：60）"),
    "max_connections": Said("connections of one worker (default: 10000)", "每个网关进程的连接数上限（默认：10000）"),
}
"""Options of `add` that are fields of its row (control/services/actions.py)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser(
        "add",
        help=Said("add a server, or change it: what isn't named stays", "添加或修改服务器；修改时，未写明的项保持不变"),
    )
    add.add_argument("name")
    add.add_argument(
        "url",
        nargs="?",
        help=Said(
            "its base URL, as its vendor prints it: https://api.deepseek.com/v1",
            "base URL，与厂商所给一致：https://api.deepseek.com/v1",
        ),
    )
    add.add_argument(
        "--preset",
        metavar="NAME",
        help=Said("a known vendor's address and settings; other options win", "采用已知厂商的地址与设置；其他选项优先"),
    )
    add.add_argument(
        "--model",
        default="",
        help=Said("its model that the service offers from now on, as the default", "该服务今后提供的模型，并设为默认"),
    )
    options.service(add)
    options.prices(add)
    key = add.add_mutually_exclusive_group()
    key.add_argument(
        "--key-file",
        help=Said(
            "file with its API key, '-' for standard input (or set GUIJU_UPSTREAM_KEY)",
            "存有 API 密钥的文件；“-”表示标准输入（也可设置 GUIJU_UPSTREAM_KEY）",
        ),
    )
    key.add_argument("--no-key", action="store_true", help=Said("take its API key away", "移除其 API 密钥"))
    for field, (value, text) in TEXTS.items():
        listed: dict[str, Any] = {"choices": tuple(OFFERS)} if field == "dialect" else {"metavar": value}
        add.add_argument(f"--{field.replace('_', '-')}", help=text, **listed)
    for field, text in NUMBERS.items():
        add.add_argument(f"--{field.replace('_', '-')}", type=int, metavar="N", help=text)
    verbs.add_parser("list", help=Said("every server", "全部服务器"))
    remove = verbs.add_parser("remove", help=Said("forget a server and its key", "删除服务器及其密钥"))
    remove.add_argument("name")
    verbs.add_parser("presets", help=Said("vendors whose address and settings are known", "已知厂商的预设"))
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 a wrong URL, value, preset or service, or a price without a model, 3 a worker hasn't taken the
    change."""
    config = ready()
    from guiju.control.services import actions

    if args.verb == "list":
        return _list(args.json)
    if args.verb == "presets":
        return _presets(args.json)
    if args.verb == "remove":
        upstream = named.upstream(args.name)
        version = actions.remove_upstream(upstream, by=None)
        text = say("Upstream {name} is gone.", "上游 {name} 已删除。", name=args.name)
        return finish(config, version, {"name": args.name}, as_json=args.json, text=text)
    return _add(args, config)


def _add(args: argparse.Namespace, config: Any) -> int:
    from guiju.control.services import actions
    from guiju.control.services.models import Upstream
    from guiju.control.services.presets import preset

    secret = secret_of(args.key_file) if args.key_file else os.environ.get("GUIJU_UPSTREAM_KEY")
    if args.no_key:
        secret = ""
    fields: dict[str, Any] = preset(args.preset).fields() if args.preset else {}
    known = Upstream.objects.filter(name=args.name).first()
    url = args.url or fields.get("url") or (known and known.url)
    if not url:
        raise NoUrl
    fields.pop("url", None)
    fields |= {field: given for field in (*TEXTS, *NUMBERS) if (given := getattr(args, field)) is not None}
    if args.offers is not None:
        fields["offers"] = args.offers.replace(",", " ")
    prices = {field: given for field in options.PRICES if (given := getattr(args, field)) is not None}
    if prices and not args.model:
        raise PriceOfNoModel
    service = named.service(args.service, otherwise_first=True)
    version = actions.save_upstream(
        args.name, url, secret=secret, model=args.model, service=service, prices=prices, by=None, **fields
    )
    text = say("Upstream {name} is kept.", "上游 {name} 已保存。", name=args.name)
    if args.model:
        text += say(
            " Service {service} offers {model}.",
            "服务 {service} 提供模型 {model}。",
            service=service.name,
            model=args.model,
        )
    return finish(config, version, {"name": args.name, "url": url}, as_json=args.json, text=text)


def _list(as_json: bool) -> int:
    from guiju.control.services.actions import UPSTREAM_FIELDS
    from guiju.control.services.models import Upstream

    rows = []
    for u in Upstream.objects.order_by("id"):
        row = {field: getattr(u, field) for field in ("name", "url", *UPSTREAM_FIELDS)}
        rows.append(row | {"offers": (u.offers or " ".join(OFFERS[u.dialect])).split(), "key": bool(u.secret)})
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        key = say("  (with key)", "（有密钥）") if row["key"] else ""
        print(f"{column(row['name'], 20)}  {row['dialect']:10}  {row['url']}{key}")
        for line in (", ".join(row["offers"]), say(_LIMITS.format(**row), _LIMITS.zh.format(**row)), _notes(row)):
            if line:
                print(f"{'':20}  {line}")
    return 0


_LIMITS = Said(
    "connect {connect_timeout:g} s, first byte {first_byte_timeout:g} s, idle {idle_timeout:g} s, "
    "{max_connections} connections",
    "连接 {connect_timeout:g} 秒，首字节 {first_byte_timeout:g} 秒，空闲 {idle_timeout:g} 秒，最多 {max_connections} 个连接",
)
_NOTES = {
    "key_header": Said("key header", "密钥请求头"),
    "query": Said("query", "查询参数"),
    "unknown_fields": Said("fields that it may not know", "可能不认识的字段"),
    "vendor": Said("vendor", "服务商"),
    "filing": Said("filing number", "备案号"),
    "residency": Said("data goes to", "数据去向"),
}


def _notes(row: dict[str, Any]) -> str:
    from guiju.control.services import residency

    shown = row | {"unknown_fields": say("left out", "去掉") if row["unknown_fields"] == "drop" else ""}
    if place := residency.PLACES.get(row["residency"]):
        mark = say(" (outside mainland China)", "（境外）") if residency.outside(row["residency"]) else ""
        shown["residency"] = say(place) + mark
    notes = [say("{what}: {value}", "{what}：{value}", what=t, value=shown[f]) for f, t in _NOTES.items() if shown[f]]
    return say("; ", "；").join(notes)


def _presets(as_json: bool) -> int:
    from guiju.control.services.presets import presets

    if as_json:
        rows = [
            {
                "name": p.name, **p.fields(), "offers": list(p.offers), "title": say(p.title.said()),
                "note": say(p.note.said()), "docs": p.docs, "checked": p.checked.isoformat(),
            }
            for p in presets().values()
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for p in presets().values():
        print(f"{column(p.name, 24)}  {column(say(p.title.said()), 44)}  {p.url}")
    return 0
