"""`guiju detector`: detectors that are elsewhere."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from guiju.cli import named, probe
from guiju.cli.django_setup import finish, ready
from guiju.cli.files import text_of
from guiju.cli.main import FOUND, OK
from guiju.cli.words import column, language, say
from guiju.errors import BadRequest, Said, told
from guiju.remote import ADAPTERS
from guiju.review.outside import outside

NUMBERS: dict[str, tuple[Any, Said]] = {
    "timeout": (float, Said("seconds of one try (default: 3)", "单次尝试的时限，秒（默认：3）")),
    "attempts": (int, Said("tries (default: 2)", "尝试次数（默认：2）")),
    "budget": (
        float,
        Said("seconds that an exchange may spend on it (default: 60)", "单次交互可为其花费的时间，秒（默认：60）"),
    ),
    "hedge": (
        float,
        Said("seconds after which it is asked a second time; 0 never", "多少秒无回答即再问一次；0 表示不再问"),
    ),
    "quorum": (int, Said("how many of its group must have answered; 0 all", "同组中至少须有几个回答；0 表示全部")),
    "lead": (
        int,
        Said(
            "characters of a stream that may be ahead of its verdict: outside the promise",
            "流式回答可领先其结论的字符数（不在承诺范围内）",
        ),
    ),
}
"""Options of `add` that are fields of its row."""  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser(
        "add", help=Said("add a detector, or change it: what isn't named stays", "添加或修改检测器；未写明的项保持不变")
    )
    add.add_argument("name")
    add.add_argument("adapter", nargs="?", default="", choices=("", *ADAPTERS), help=Said("what it is", "检测器类型"))
    add.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help=Said("a setting of its adapter", "适配器的设置"),
    )
    add.add_argument(
        "--secrets-file",
        help=Said(
            "file with its secret settings, a line NAME=VALUE each; '-' for standard input",
            "存有保密设置的文件，每行 NAME=VALUE；“-”表示标准输入",
        ),
    )
    for field, (kind, text) in NUMBERS.items():
        add.add_argument(f"--{field}", type=kind, metavar="N", help=text)
    add.add_argument(
        "--group", help=Said("its group: those of one stand in for each other", "所属组：同组检测器可互相替代")
    )
    both = ("input", "output", "input output", "")
    add.add_argument("--directions", choices=both[:3], help=Said("which texts it is asked about", "送检的文本方向"))
    add.add_argument(
        "--fails-open",
        choices=both,
        help=Said("where no verdict lets pass, unjudged; '' nowhere", "无结论时不经判断即放行的方向；''表示不放行"),
    )
    add.add_argument(
        "--observe", choices=("yes", "no"), help=Said("asked afterwards, and recorded only", "事后送检，只作记录")
    )
    verbs.add_parser("list", help=Said("every detector that is elsewhere", "全部外部检测器"))
    for verb, text in (
        ("remove", Said("forget a detector and its secrets", "删除检测器及其保密设置")),
        ("test", Said("ask it about a harmless text, and say what came", "用无害文本试问，并显示结果")),
    ):
        verbs.add_parser(verb, help=text).add_argument("name")
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 1 test: no verdict came, 2 a wrong name, setting or value, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import detectors

    if args.verb == "list":
        return _list(args.json)
    if args.verb == "add":
        given = dict(map(_pair, args.set))
        if args.secrets_file:
            given |= dict(_pair(line) for line in text_of(args.secrets_file).splitlines() if line.strip())
        fields = {f: v for f in (*NUMBERS, "group", "directions", "fails_open") if (v := getattr(args, f)) is not None}
        if args.observe:
            fields["observe"] = args.observe == "yes"
        version = detectors.save(args.name, args.adapter, given=given, by=None, **fields)
        text = say("Detector {name} is kept.", "检测器 {name} 已保存。", name=args.name)
        return finish(config, version, {"name": args.name}, as_json=args.json, text=text)
    row = named.detector(args.name)
    if args.verb == "test":
        return _test(row, args.json)
    version = detectors.remove(row, by=None)
    text = say("Detector {name} is gone.", "检测器 {name} 已删除。", name=args.name)
    return finish(config, version, {"name": args.name}, as_json=args.json, text=text)


def _pair(word: str) -> tuple[str, str]:
    name, mark, value = word.partition("=")
    if not mark:
        raise BadRequest(field="--set", problem=Said("is NAME=VALUE", "须写成 NAME=VALUE"))
    return name.strip(), value.strip()


def _list(as_json: bool) -> int:
    from guiju.control import publish
    from guiju.control.services.detectors import FIELDS
    from guiju.control.services.models import Detector

    rows = list(Detector.objects.order_by("id"))
    if as_json:
        shown = [
            {f: getattr(d, f) for f in ("name", "adapter", "settings", *FIELDS)} | {"secrets": bool(d.secrets)}
            for d in rows
        ]
        print(json.dumps(shown, ensure_ascii=False))
        return OK
    for d in rows:
        notes = [say("observes only", "仅观察")] if d.observe else [say(said) for said in outside(publish.detector(d))]
        line = f"{column(d.name, 20)}  {column(d.adapter, 18)}  {column(d.directions, 12)}  "
        print((line + say("; ", "；").join(notes)).rstrip())
    return OK


def _test(row: Any, as_json: bool) -> int:
    from django.conf import settings

    from guiju.control import publish

    ref = publish.detector(row)
    told_us = probe.ask(probe.source(ref, settings.KEYRING), ref.timeout)
    if told_us.problem is not None:
        words = str(told(told_us.problem, language()))
        if as_json:
            print(json.dumps({"name": row.name, "verdict": False, "problem": words}, ensure_ascii=False))
        else:
            sys.stderr.write(say("No verdict: {problem}\n", "没有结论：{problem}\n", problem=words))
        return FOUND
    if as_json:
        print(json.dumps({"name": row.name, "verdict": True, "classes": told_us.classes}, ensure_ascii=False))
    else:
        what = ", ".join(told_us.classes) or say("nothing", "未发现问题")
        print(say("It answered: {what}.", "回答：{what}。", what=what))
    return OK
