"""The dashboard and the alerts: each expression is PromQL, and asks for nothing that a real page of /metrics doesn't have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import promql_parser as promql
import pytest
import yaml

from guiju.gateway.breaker import STATES
from guiju.gateway.exposition import METRICS
from guiju.ledger import entries
from scraped import busy, families

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
BOARD = json.loads((DEPLOY / "grafana" / "guiju.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$door": ".*"}
CLOSED = {
    "outcome": set(get_args(get_type_hints(entries.Closed)["outcome"])),
    "state": set(STATES),
    "mode": {"open", "closed"},
}
"""Labels whose values are known beforehand."""


def asked() -> Iterator[tuple[str, str]]:
    """(where, expression)."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield panel["title"], expression


def below(node: Any) -> Iterator[Any]:
    """An expression and all that it is made of."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if isinstance(inner := getattr(node, name, None), promql.Expr):
            yield from below(inner)
    for inner in getattr(node, "args", None) or ():
        yield from below(inner)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every sample of the page -> its labels, with those that a scrape adds."""
    found: dict[str, set[str]] = {"up": {"instance", "job"}}
    for family in families(busy(tmp_path_factory.mktemp("busy"))).values():
        for sample in family.samples:
            found.setdefault(sample.name, {"instance", "job"}).update(sample.labels)
    return found


@pytest.mark.parametrize(("where", "expression"), asked())
def test_an_expression_asks_for_what_is_there(there: dict[str, set[str]], where: str, expression: str):
    nodes = list(below(promql.parse(expression)))
    selectors = [node for node in nodes if isinstance(node, promql.VectorSelector)]
    assert selectors
    labels: set[str] = set()
    for selector in selectors:
        assert selector.name in there, selector.name
        labels |= there[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in there[selector.name], f"{selector.name} has no {matcher.name}"
            if matcher.name in CLOSED:
                assert matcher.value in CLOSED[matcher.name]
    for node in nodes:
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= labels


def test_what_only_grows_is_asked_by_its_rate_and_what_goes_up_and_down_is_not():
    kinds = {metric.name: metric.kind for metric in METRICS}
    for where, expression in asked():
        nodes = list(below(promql.parse(expression)))
        for node in nodes:
            if isinstance(node, promql.Call) and node.func.name in ("rate", "increase"):
                name = node.args[0].vector_selector.name
                assert kinds[name.removesuffix("_bucket")] != "gauge", where


def test_nothing_that_is_measured_is_shown_nowhere():
    shown = " ".join(expression for _, expression in asked())
    assert {m.name for m in METRICS if m.name not in shown} == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_in_both_languages_what_it_is_about(rule: dict[str, Any]):
    assert rule["labels"]["severity"] in ("page", "ticket")
    summary, chinese = rule["annotations"]["summary"], rule["annotations"]["summary_zh"]
    assert re.search("[一-鿿]", chinese)
    assert not re.search("[一-鿿]", summary)
    used = set(re.findall(r"\$labels\.(\w+)", summary + chinese))
    kept: set[str] = set()
    for node in below(promql.parse(rule["expr"])):
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            kept |= set(node.modifier.labels)
    assert used <= (kept or {"instance", "job"})


def test_an_alert_has_its_line_in_the_how_to():
    page = (DEPLOY.parent / "docs" / "how-to" / "watch-it.md").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in page] == []


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
        english, _, chinese = panel["title"].partition(" · ")
        assert english, panel["title"]
        assert re.search("[一-鿿]", chinese), panel["title"]
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
    variables = {variable["name"] for variable in BOARD["templating"]["list"]}
    assert {f"${name}" for name in variables - {"datasource"}} == set(VARIABLES) - {"$__rate_interval"}
