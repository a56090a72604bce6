"""Usage: what closing entries say is rolled up once, shown to those who may, and leaves as CSV; quotas reach the snapshot."""

from __future__ import annotations

import pytest

from guiju import clock
from guiju import snapshot as snapshots
from guiju.control import publish
from guiju.control.people.roles import ADMINISTRATOR, REVIEWER
from guiju.control.records import actions as records
from guiju.control.records.models import Entry
from guiju.control.services import actions
from guiju.control.usage import queries
from guiju.errors import BadRequest
from guiju.ledger import entries

pytestmark = pytest.mark.django_db


def used(number: int, *, app: str = "demo", model: str = "m", together: bool = True, **closed: int) -> None:
    exchange, now = f"ex_{number:026d}", clock.epoch_ms()
    opened = entries.Opened(
        at_ms=now, exchange=exchange, app=app, service="demo", key="key1", subject="s1", model=model
    )
    ended = entries.Closed(at_ms=now, exchange=exchange, outcome="served", **closed)
    items = [records.Item(entries.encode(e)) for e in (opened, ended)]
    for part in [items] if together else [[i] for i in items]:
        records.append(part)


def test_each_closing_entry_counts_once_with_what_its_opening_one_says(installed: None):
    used(1, input_tokens=3, output_tokens=5, cost=46)
    used(2, input_tokens=3, output_tokens=5, cost=46, together=False)
    used(3, app="other", input_tokens=10, tokens_estimated=True)
    rows = {row["name"]: row for row in queries.used("app", None, None)}
    assert rows["demo"] == {
        "name": "demo", "requests": 2, "input_tokens": 6, "output_tokens": 10, "estimated": 0, "cost": 92 / 1e6
    }  # fmt: skip
    assert rows["other"]["estimated"] == 1
    assert [row["name"] for row in queries.used("model", None, None, app="demo")] == ["m"]


def test_the_page_and_its_csv_are_for_those_who_may(client_of):
    used(1, model="=cmd()", input_tokens=3, output_tokens=5, cost=2_500_000)
    admin = client_of(ADMINISTRATOR)
    page = admin.get("/console/usage/?by=app").content.decode()
    assert "2.500000" in page
    csv = admin.get("/console/usage/csv/?by=model")
    assert csv["content-type"] == "text/csv; charset=utf-8"
    assert csv.content.decode("utf-8-sig").splitlines() == [
        "model,requests,input_tokens,output_tokens,estimated,cost_CNY", "'=cmd(),1,3,5,0,2.500000"
    ]  # fmt: skip
    assert admin.get("/console/usage/?since=2000-01-01&until=2000-01-02").status_code == 200
    assert client_of(REVIEWER).get("/console/usage/csv/").status_code == 403


def test_a_quota_is_published_recorded_and_gone_with_its_last_limit(installed: None):
    actions.set_quota("app", "demo", by=None, requests_per_minute=60, cost_per_day=1.5)
    actions.set_quota("app", "demo", by=None, requests_per_minute=0)
    (quota,) = snapshots.decode(publish.current()[1]).quotas
    assert quota == snapshots.Quota(scope="app", name="demo", cost_per_day=1.5)
    actions.set_quota("app", "demo", by=None, cost_per_day=0)
    assert snapshots.decode(publish.current()[1]).quotas == ()
    found = [
        entries.decode(bytes(e.body)) for e in Entry.objects.filter(kind="act", target="app:demo").order_by("index")
    ]
    assert [(e.verb, e.after) for e in found] == [
        ("quotas.set", "requests_per_minute=60 cost_per_day=1.5"), ("quotas.set", "cost_per_day=1.5"), ("quotas.remove", "")
    ]  # fmt: skip


@pytest.mark.parametrize(("scope", "name"), [("app", "nobody"), ("key", "key999"), ("key", "keyx"), ("service", "no")])
def test_nobody_gets_no_quota(installed: None, scope: str, name: str):
    with pytest.raises(BadRequest):
        actions.set_quota(scope, name, by=None, streams=1)


def test_a_number_beyond_measure_is_refused(installed: None):
    with pytest.raises(BadRequest):
        actions.set_quota("app", "demo", by=None, streams=-1)
