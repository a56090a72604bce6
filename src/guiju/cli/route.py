"""`guiju route`: which upstreams answer a service's models. Several of one share its requests, or stand in for each other."""

from __future__ import annotations

import argparse
import json
from typing import Any

from guiju.cli import named, options
from guiju.cli.django_setup import finish, ready
from guiju.cli.words import column, say
from guiju.errors import BadRequest, Said


class NoSuchRoute(BadRequest):
    text_en = "No upstream of that name answers '{model}' for service {service}. `guiju route list` shows what does."
    text_zh = "服务 {service} 的模型“{model}”没有通向该上游的路由。现有路由见 guiju route list。"


class SeveralRoutes(BadRequest):
    text_en = "That upstream answers '{model}' with several models of its own; name one: --upstream-model {there}"
    text_zh = "该上游以多个自有模型提供“{model}”，请用 --upstream-model 指明其中一个：{there}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser(
        "add",
        help=Said(
            "let an upstream answer a model, or change its share: what isn't named stays",
            "让上游提供模型，或修改其份额；修改时，未写明的项保持不变",
        ),
    )
    remove = verbs.add_parser(
        "remove", help=Said("let an upstream answer a model no longer", "不再由该上游提供这一模型")
    )
    for each in (add, remove):
        each.add_argument("model", help=Said("the model's name, as callers use it", "模型名称（调用方所用）"))
        each.add_argument("--upstream", required=True, metavar="NAME", help=Said("which upstream", "哪个上游"))
        each.add_argument(
            "--upstream-model",
            metavar="NAME",
            help=Said("the upstream's own name of the model (default: the same)", "上游所用的模型名（默认：相同）"),
        )
        options.service(each)
    add.add_argument(
        "--weight",
        type=int,
        metavar="N",
        help=Said(
            "its share among those of the same order, 1 to 1000 (default: 1)", "同一顺位中的份额，1 到 1000（默认：1）"
        ),
    )
    add.add_argument(
        "--order",
        type=int,
        metavar="N",
        help=Said(
            "0 to 99; the lowest is asked, higher ones only where those before can't answer (default: 0)",
            "顺位，0 到 99；先用最小的，前面的都不能回答时才用后面的（默认：0）",
        ),
    )
    options.prices(add)
    add.add_argument(
        "--default",
        action="store_true",
        help=Said("the service answers with this model where none is named", "设为该服务的默认模型"),
    )
    verbs.add_parser("list", help=Said("every route", "全部路由"))
    for each in verbs.choices.values():
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 no such service, upstream or route, or a wrong number, 3 a worker hasn't taken the change."""
    config = ready()
    from guiju.control.services import actions

    if args.verb == "list":
        return _list(args.json)
    service = named.service(args.service, otherwise_first=True)
    upstream = named.upstream(args.upstream)
    if args.verb == "remove":
        route = _known(service, upstream, args)
        version = actions.remove_route(route, by=None)
        text = say(
            "Upstream {upstream} no longer answers {model}.", "上游 {upstream} 不再提供 {model}。",
            upstream=upstream.name, model=args.model,
        )  # fmt: skip
        return finish(config, version, _facts(route), as_json=args.json, text=text)
    route, version = _add(service, upstream, args)
    text = say(
        "Upstream {upstream} answers {name} of service {service}: share {weight}, order {order}.",
        "服务 {service} 的 {name} 由上游 {upstream} 提供：份额 {weight}，顺位 {order}。",
        **_facts(route),
    )
    return finish(config, version, _facts(route), as_json=args.json, text=text)


def _add(service: Any, upstream: Any, args: argparse.Namespace) -> tuple[Any, int]:
    from django.db import transaction

    from guiju.control.services import actions
    from guiju.control.services.models import ModelRoute

    key = {
        "service": service, "name": args.model, "upstream": upstream, "model": args.upstream_model or args.model
    }  # fmt: skip
    route = ModelRoute.objects.filter(**key).first() or ModelRoute(**key)
    for field in ("weight", "order", *options.PRICES):
        if (given := getattr(args, field)) is not None:
            setattr(route, field, given)
    with transaction.atomic():
        version = actions.save_route(route, by=None)
        if args.default and service.default_model != args.model:
            service.default_model = args.model
            version = actions.save_service(service, by=None, what=f"default_model = {args.model}")
    return route, version


def _known(service: Any, upstream: Any, args: argparse.Namespace) -> Any:
    """The route that is meant. Raises: NoSuchRoute, SeveralRoutes."""
    rows = list(service.models.filter(name=args.model, upstream=upstream).select_related("upstream").order_by("id"))
    if args.upstream_model is not None:
        rows = [row for row in rows if row.model == args.upstream_model]
    if not rows:
        raise NoSuchRoute(model=args.model, service=service.name)
    if len(rows) > 1:
        raise SeveralRoutes(model=args.model, there=", ".join(row.model for row in rows))
    return rows[0]


def _facts(route: Any) -> dict[str, Any]:
    return {
        "service": route.service.name, "name": route.name, "upstream": route.upstream.name, "model": route.model,
        "weight": route.weight, "order": route.order,
        "input_price": route.input_price, "output_price": route.output_price,
    }  # fmt: skip


def _list(as_json: bool) -> int:
    from guiju.control.services.models import ModelRoute

    found = ModelRoute.objects.select_related("service", "upstream").order_by("service_id", "name", "order", "id")
    rows = [{**_facts(route), "default": route.service.default_model == route.name} for route in found]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        share = say("order {order}, share {weight}", "顺位 {order}，份额 {weight}", **row)
        default = say("  (default)", "（默认）") if row["default"] else ""
        name, own = column(row["name"], 28), f"{row['upstream']}/{row['model']}"
        print(f"{column(row['service'], 20)}  {name}  {share:22}  {own}{default}")
    return 0
