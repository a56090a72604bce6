"""The page of an exchange's number: it says what became of it, takes objections to decisions, and names nothing else."""

from __future__ import annotations

import argparse
from typing import get_args, get_type_hints

import pytest
from django.test import Client

from guiju import clock
from guiju.cli import explain
from guiju.control.people.roles import AUDITOR
from guiju.control.portal import views
from guiju.control.portal.actions import MOST, keep_feedback
from guiju.control.portal.endings import ENDINGS
from guiju.control.records import actions as records
from guiju.control.records import queries
from guiju.control.records.models import Entry, Exchange
from guiju.control.services.models import Service
from guiju.errors import ServiceSuspended
from guiju.ledger import entries
from guiju.types import Action

pytestmark = pytest.mark.django_db
ID = "ex_01M87Z000000000000000000Z1"
NOTHING = {"zh-hans": "这里没有内容被拒答", "en": "Nothing was refused here"}
FORM = 'name="words"'
REFUSALS = {"refused", "blocked", "input_refused", "input_blocked"}
TELLS = {
    "suspended": ("被暂停", "was suspended"),
    "revoked": ("被吊销", "was revoked"),
    "upstream_error": ("模型没有作答", "The model gave no answer"),
    "our_error": ("服务自身出错", "The service itself failed"),
    "interrupted": ("服务自身出错", "The service itself failed"),
    "client_left": ("提问一方关闭了连接", "closed from the asking side"),
    "": ("仍在回答中", "still being answered"),
}


@pytest.fixture(autouse=True)
def impatient(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "PATIENCE", 0.0)


def ended(outcome: str, *, action: Action = Action.ALLOW, **more: object) -> None:
    """An exchange in the ledger that ended so; "" where it runs."""
    known = {"app": "an-app", "service": "a-service", "key": "a-key", "upstream": "an-upstream", "model": "a-model"}
    opened = entries.Opened(at_ms=clock.epoch_ms(), exchange=ID, action=action, **known, **more)  # type: ignore[arg-type]
    closed = entries.Closed(at_ms=clock.epoch_ms(), exchange=ID, outcome=outcome, code="a_code")  # type: ignore[arg-type]
    told = [opened, closed] if outcome else [opened]
    records.append([records.Item(entries.encode(entry)) for entry in told])


def turned_away(code: str, exchange: str = ID, app: str = "an-app") -> None:
    """A request in the ledger that was turned away so."""
    entry = entries.Rejected(
        at_ms=clock.epoch_ms(), exchange=exchange, door="openai_chat", app=app, key="a-key", code=code
    )
    records.append([records.Item(entries.encode(entry))])


def page(language: str = "zh-hans") -> str:
    answer = Client().get(f"/objections/{ID}/", headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_outcome_is_a_refusal_or_has_its_words():
    outcomes = set(get_args(get_type_hints(entries.Closed)["outcome"]))
    assert outcomes | {"", "rejected"} == REFUSALS | set(ENDINGS)
    assert set(ENDINGS) - {"served", "masked", "rejected"} == set(TELLS)


@pytest.mark.parametrize(("language", "at"), [("zh-hans", 0), ("en", 1)])
@pytest.mark.parametrize("outcome", TELLS)
def test_it_says_what_became_of_the_exchange(outcome: str, language: str, at: int):
    ended(outcome)
    told = page(language)
    assert TELLS[outcome][at] in told
    assert NOTHING[language] not in told
    assert (FORM in told) == (outcome in ("suspended", "revoked"))


@pytest.mark.parametrize("language", NOTHING)
def test_what_was_served_was_not_refused(language: str):
    ended("served")
    told = page(language)
    assert NOTHING[language] in told
    assert FORM not in told


@pytest.mark.parametrize("outcome", [*TELLS, "served", "input_refused"])
def test_an_outsider_learns_no_name_no_code_and_no_reason(outcome: str):
    Service.objects.update(state="suspended", state_reason="a-reason")
    ended(outcome)
    for language in NOTHING:
        told = page(language)
        for secret in ("an-app", "a-service", "a-key", "an-upstream", "a-model", "a_code", "a-reason"):
            assert secret not in told


@pytest.mark.parametrize("action", [Action.MASK, Action.REFUSE])
def test_a_verdict_keeps_its_class_and_its_form(action: Action):
    ended("upstream_error" if action is Action.MASK else "input_refused", action=action)
    told = page("en")
    assert (TELLS["upstream_error"][1] in told) == (action is Action.MASK)
    assert FORM in told
    assert "Which words led to it is not told" in told


def test_a_finding_that_was_only_observed_refused_nothing():
    ended("served", action=Action.REFUSE, observe=True)
    told = page("en")
    assert NOTHING["en"] in told
    assert FORM not in told
    assert "Which words" not in told


def test_an_objection_to_a_suspension_is_kept_and_found(client_of):
    ended("suspended")
    answer = Client().post(f"/objections/{ID}/", {"words": "不应暂停"}, headers={"accept-language": "zh-hans"})
    assert "已随该记录保存" in answer.content.decode()
    assert FORM not in answer.content.decode()
    kept = entries.decode(bytes(Entry.objects.get(kind="exchange.feedback").body))
    assert (kept.exchange, kept.thumb, kept.reason) == (ID, "down", "refused_wrongly")
    assert [row.pk for row in queries.search(people="feedback")[0]] == [ID]
    read = client_of(AUDITOR).post(f"/console/exchanges/{ID}/contents/", {"reason": "an inspection"})
    assert "不应暂停" in read.content.decode()
    assert Exchange.objects.get(pk=ID).outcome == "suspended"


def test_a_request_that_was_turned_away_is_found_by_its_number(client_of, capsys):
    """On the page that anybody may see, in the console, and by `guiju explain`."""
    turned_away("bad_request")
    for language, said in (
        ("zh-hans", "在向模型提问之前即被拒绝"),
        ("en", "turned away before a model was asked"),
    ):
        told = page(language)
        assert said in told
        assert NOTHING[language] not in told
        assert FORM not in told
        for secret in ("an-app", "a-key", "bad_request"):
            assert secret not in told
    auditor = client_of(AUDITOR)
    assert f"/console/exchanges/{ID}/" in auditor.get("/console/exchanges/", {"text": ID}).content.decode()
    shown = auditor.get(f"/console/exchanges/{ID}/").content.decode()
    for told in ("an-app", "a-key", "bad_request"):
        assert told in shown
    assert explain.run(argparse.Namespace(exchange=ID, contents=False, reason="", json=False)) == 0
    assert "bad_request" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "said"), [("zh-hans", "在向模型提问之前即被拒绝"), ("en", "turned away before a model was asked")]
)
def test_who_was_turned_away_by_a_suspension_may_object(client_of, language: str, said: str):
    turned_away(ServiceSuspended.code)
    told = page(language)
    assert said in told
    assert TELLS["suspended"][language == "en"] in told
    assert FORM in told
    for secret in ("an-app", "a-key", ServiceSuspended.code):
        assert secret not in told
    Client().post(f"/objections/{ID}/", {"words": "不应暂停"})
    kept = entries.decode(bytes(Entry.objects.get(kind="exchange.feedback").body))
    assert (kept.exchange, kept.thumb, kept.reason) == (ID, "down", "refused_wrongly")
    auditor = client_of(AUDITOR)
    found = auditor.get("/console/exchanges/", {"people": "feedback"}).content.decode()
    assert f"/console/exchanges/{ID}/" in found
    assert f'action="/console/exchanges/{ID}/contents/"' in auditor.get(f"/console/exchanges/{ID}/").content.decode()
    read = auditor.post(f"/console/exchanges/{ID}/contents/", {"reason": "an inspection"})
    assert "不应暂停" in read.content.decode()


@pytest.mark.parametrize("code", ["bad_request", "key_revoked", "service_not_running", "quota_spent"])
def test_another_error_takes_no_objection(code: str):
    turned_away(code)
    assert FORM not in page()
    Client().post(f"/objections/{ID}/", {"words": "x"})
    assert not Entry.objects.filter(kind="exchange.feedback").exists()


@pytest.mark.parametrize("outcome", ["served", "upstream_error", "client_left", ""])
def test_an_objection_to_what_nobody_decided_is_not_kept(outcome: str):
    ended(outcome)
    Client().post(f"/objections/{ID}/", {"words": "x"})
    assert not Entry.objects.filter(kind="exchange.feedback").exists()


def test_a_number_that_was_guessed_and_a_flood_are_kept_out():
    turned_away(ServiceSuspended.code)
    assert Client().post(f"/objections/{ID[:-1]}9/", {"words": "x"}).status_code == 404
    for _ in range(MOST + 3):
        answer = Client().post(f"/objections/{ID}/", {"words": "x"}, headers={"accept-language": "en"})
    assert "has had enough objections" in answer.content.decode()
    assert Entry.objects.filter(kind="exchange.feedback").count() == MOST


def test_objections_of_both_kinds_page_together(monkeypatch: pytest.MonkeyPatch):
    """Newest first, none twice in the same millisecond, and each filter holds for requests that were turned away too."""
    monkeypatch.setattr(clock, "epoch_ms", lambda: 1_795_000_000_000)
    names = [f"ex_01M87Z{number:020d}" for number in range(queries.PAGE + 20)]
    for number, name in enumerate(names):
        if number % 2:
            turned_away(ServiceSuspended.code, name, "odd" if number % 3 else "an-app")
        else:
            opened = entries.Opened(at_ms=clock.epoch_ms(), exchange=name, app="an-app", action=Action.REFUSE)
            records.append([records.Item(entries.encode(opened))])
        keep_feedback(queries.exchange(name), thumb="down")
    turned_away(ServiceSuspended.code)
    first, before = queries.search(people="feedback")
    second, end = queries.search(people="feedback", before=before)
    assert [row.pk for row in (*first, *second)] == names[::-1]
    assert (len(first), end) == (queries.PAGE, "")
    odd = [name for number, name in enumerate(names) if number % 2 and number % 3]
    assert [row.pk for row in queries.search(people="feedback", app="odd")[0]] == odd[::-1]
    assert [row.pk for row in queries.search(people="feedback", text=names[1])[0]] == [names[1]]
    refused = queries.search(people="feedback", action="refuse")[0]
    assert {row.outcome for row in refused} == {""}
    assert queries.search(people="feedback", cls="A.1")[0] == []
