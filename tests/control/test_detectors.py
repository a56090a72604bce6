"""Detectors elsewhere as control keeps them: what is sealed, what is published, what is told of a mistake."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.translation import override

from guiju import clock, snapshot
from guiju.control import console, internal, publish
from guiju.control.people.roles import AUDITOR
from guiju.control.policies import actions as policies
from guiju.control.services import detectors
from guiju.control.services.models import Detector
from guiju.errors import BadRequest
from guiju.remote import adapter
from guiju.review import load

pytestmark = pytest.mark.django_db


def needed(kind: str) -> dict[str, str]:
    fields = adapter(kind).fields
    return {f.name: f.choices[0] if f.choices else "https://example.com/x" for f in fields if f.default is None}


def test_what_is_saved_is_published_with_its_secrets_sealed():
    secret = next(f.name for f in adapter("webhook").fields if f.secret)
    given = needed("webhook") | {secret: "very-secret"}
    detectors.save("far", "webhook", given=given, by=None, timeout=1.5, fails_open="input", lead=10)
    _, body = publish.current()
    assert b"very-secret" not in body
    (ref,) = snapshot.decode(body).detectors
    assert (ref.name, ref.adapter, ref.timeout, ref.fails_open, ref.lead) == ("far", "webhook", 1.5, ("input",), 10)
    assert json.loads(settings.KEYRING.unseal_secret(ref.secrets, "detector:far"))[secret] == "very-secret"


def test_what_is_not_given_stays_and_another_adapter_begins_anew():
    secret = next(f.name for f in adapter("webhook").fields if f.secret)
    detectors.save("far", "webhook", given=needed("webhook") | {secret: "s"}, by=None)
    detectors.save("far", "", given={}, by=None, timeout=9.0)
    row = Detector.objects.get()
    assert (row.timeout, detectors.opened(row)[secret]) == (9.0, "s")
    detectors.save("far", "openai_moderation", given=needed("openai_moderation"), by=None)
    assert "s" not in detectors.opened(Detector.objects.get()).values()


def test_a_kept_secret_goes_to_no_other_server():
    detectors.save("far", "openai_moderation", given={"key": "sk-1"}, by=None)
    detectors.save("far", "", given={"url": "https://api.openai.com/v2"}, by=None)
    with pytest.raises(BadRequest) as problem:
        detectors.save("far", "", given={"url": "https://evil.example/v1"}, by=None)
    assert problem.value.data["field"] == "key"
    row = Detector.objects.get()
    assert (row.settings["url"], detectors.opened(row)) == ("https://api.openai.com/v2", {"key": "sk-1"})
    detectors.save("far", "", given={"url": "https://evil.example/v1", "key": "sk-2"}, by=None)
    assert detectors.opened(Detector.objects.get()) == {"key": "sk-2"}


@pytest.mark.parametrize(
    ("kind", "given", "fields", "field"),
    [
        ("nothing", {}, {}, "adapter"),
        ("webhook", {"no_such": "x"}, {}, "no_such"),
        ("webhook", None, {"timeout": 0.0}, "timeout"),
        ("webhook", None, {"lead": -1}, "lead"),
        ("webhook", None, {"fails_open": "sideways"}, "fails_open"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(kind: str, given: dict | None, fields: dict, field: str):
    with pytest.raises(BadRequest) as problem:
        detectors.save("far", kind, given=needed(kind) if given is None else given, by=None, **fields)
    assert problem.value.data["field"] == field
    assert not Detector.objects.exists()


def test_what_is_removed_is_published_no_more():
    detectors.save("far", "webhook", given=needed("webhook"), by=None)
    detectors.remove(Detector.objects.get(), by=None)
    assert snapshot.decode(publish.current()[1]).detectors == ()


class TestPages:
    @pytest.fixture
    def auditor(self, client_of) -> Client:
        return client_of(AUDITOR)

    def add(self, name: str = "far", **how: Any) -> None:
        secret = next(f.name for f in adapter("webhook").fields if f.secret)
        detectors.save(name, "webhook", given=needed("webhook") | {secret: "very-secret"}, by=None, **how)

    def page(self, client: Client, path: str = "/console/detectors/") -> str:
        answer = client.get(path, headers={"accept-language": "en"})
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    def test_each_is_there_with_how_it_is_asked_and_no_secret(self, auditor: Client):
        self.add(timeout=1.5, attempts=3, budget=7.0, hedge=0.5, group="pair", quorum=1)
        page = self.page(auditor)
        assert "very-secret" not in page
        for said in (
            "far", "webhook", "https://example.com/x", "sealed", "3 tries of 1.5 s each", "7 s an exchange",
            "asked a second time after 0.5 s", "pair · 1 of them must have answered", "nothing is ahead of its verdict",
        ):  # fmt: skip
            assert said in page
        assert page.count("closed: without a verdict they are refused") == 2
        assert "Outside the promise" not in page

    @pytest.mark.parametrize(
        ("how", "badge", "clause"),
        [
            ({"fails_open": "input"}, "OPEN: without a verdict", "without its verdict prompts pass unjudged"),
            ({"fails_open": "output"}, "OPEN: without a verdict", "without its verdict answers pass unjudged"),
            ({"lead": 25}, "25 characters", "up to 25 characters ahead of its verdict"),
        ],
    )
    def test_what_is_outside_the_promise_is_red_there_and_on_every_page(
        self, auditor: Client, how: dict[str, Any], badge: str, clause: str
    ):
        self.add(**how)
        page = self.page(auditor)
        assert page.count(f'<span class="badge bad">{badge}') == 1
        assert re.search(f'<p class="banner">Outside the promise of review before serving: [^<]*{clause}[.]', page)
        warning = "Outside the promise of review before serving: detector far, "
        for path in ("/console/", "/console/services/", "/console/services/demo/", "/console/exchanges/"):
            assert warning in self.page(auditor, path), path
        for path in ("/console/services/", "/console/services/demo/"):
            assert '<span class="badge bad">outside the promise</span>' in self.page(auditor, path), path
        with override("zh-hans"):
            assert any("检测器 far" in said and "先审后发" in said for said in console.warnings())

    def test_what_only_observes_or_is_closed_is_not_red(self, auditor: Client):
        self.add(observe=True, fails_open="input output", lead=25)
        self.add("other", directions="input", fails_open="output", lead=9)
        page = self.page(auditor)
        assert "OPEN" not in page
        assert "Outside the promise" not in page
        assert "only observes" in page

    def test_guards_of_the_policy_in_force_stand_there_too(self, auditor: Client):
        yaml = load.default_policy_yaml() + "\nguards:\n  - {name: landline, fails_open: [input], lead: 12}\n"
        row = policies.save_policy("default", yaml, by=None, note="")
        policies.activate_policy(row, by=None, reason="")
        page = self.page(auditor)
        assert "landline" in page
        assert page.count("badge bad") == 2
        assert "detector landline, without its verdict prompts pass unjudged" in self.page(
            auditor, "/console/services/"
        )

    def test_how_workers_find_it_is_said(self, auditor: Client, monkeypatch: pytest.MonkeyPatch):
        self.add()
        assert "not heard of yet" in self.page(auditor)
        said = {"state": "open", "wait_ms": 900, "ok": 1, "failed": 5, "errors": 5, "latency_ms": 2.0,
                "last_error": {"en": "no answer within 3 s", "zh": "…"}}  # fmt: skip
        told = {"have": 1, "seen_ms": clock.epoch_ms(), "late": 0, "stats": {"detectors": {"far": said}}}
        monkeypatch.setattr(internal, "workers", {"n/0": told})
        page = self.page(auditor)
        assert "not asked: it keeps failing" in page
        assert "no answer within 3 s" in page

    def test_one_whose_adapter_is_gone_or_that_lacks_a_setting_says_so(self, auditor: Client):
        self.add()
        Detector.objects.update(settings={})
        assert "missing: it never gives a verdict" in self.page(auditor)
        Detector.objects.update(adapter="gone")
        assert "not in this version" in self.page(auditor)
