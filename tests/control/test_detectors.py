"""Detectors elsewhere as control keeps them: what is sealed, what is published, what is told of a mistake."""

from __future__ import annotations

import json

import pytest
from django.conf import settings

from guiju import snapshot
from guiju.control import publish
from guiju.control.services import detectors
from guiju.control.services.models import Detector
from guiju.errors import BadRequest
from guiju.remote import adapter

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
