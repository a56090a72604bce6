"""guiju.control.first_start: whose model answers, and whether the embedded one is needed for it."""

from __future__ import annotations

import pytest
from django.conf import settings

from guiju import snapshot as snapshots
from guiju.config import EMBEDDED_MODEL, EMBEDDED_URL
from guiju.control import first_start
from guiju.control.services import actions

THERE = {"upstream": "http://127.0.0.1:9/v1", "upstream_model": "qwen"}


def start(**more: str) -> tuple[str, bool]:
    """The model that answers, and whether the embedded one is needed."""
    prepared = first_start._data(settings.GUIJU.with_values(**more))
    return prepared["model"], prepared["embedded"]


def test_the_embedded_model_answers_where_nothing_else_is_named(installed):
    assert start() == (EMBEDDED_MODEL, True)


def test_an_upstream_takes_its_place_for_good(installed):
    from guiju.control.services.models import Service

    assert start(**THERE) == ("qwen", False)
    assert start() == start(**THERE) == ("qwen", False)
    assert [m.name for m in Service.objects.get().models.all()] == ["qwen"]


def test_a_kept_key_is_not_sent_to_another_server(installed):
    from guiju.control.services.models import Upstream

    def key_was_for(**more: str) -> str | None:
        was: str | None = first_start._data(settings.GUIJU.with_values(**THERE | more))["key_was_for"]
        return was

    assert key_was_for(upstream_key="sk-1") is None
    assert key_was_for(upstream="http://127.0.0.1:9/v2") is None
    assert Upstream.objects.get(name="upstream").secret
    assert key_was_for(upstream="http://other/v1") == "http://127.0.0.1:9/v2"
    assert not Upstream.objects.get(name="upstream").secret
    assert key_was_for(upstream="http://other/v1", upstream_key="sk-2") is None


def test_whoever_routes_to_it_again_has_it_again(installed):
    from guiju.control.services.models import ModelRoute, Service, Upstream

    start(**THERE)
    embedded = Upstream.objects.get(url=EMBEDDED_URL)
    actions.save_route(ModelRoute(service=Service.objects.get(), name="small", upstream=embedded, model="x"), by=None)
    assert start() == ("qwen", True)
    assert start(**THERE) == ("qwen", True)


def test_a_service_that_answers_no_unlisted_name_stays_so(installed):
    from guiju.control.services.models import Service

    service = Service.objects.get()
    service.default_model = ""
    actions.save_service(service, by=None, what="default_model")
    assert start() == (EMBEDDED_MODEL, True)
    service.refresh_from_db()
    assert service.default_model == ""


@pytest.mark.django_db(transaction=True)
def test_what_was_prepared_lies_where_the_next_start_looks(tmp_path):
    first_start.prepare(settings.GUIJU.with_values(**THERE))
    found = snapshots.decode((settings.GUIJU.run / "snapshot.json").read_bytes())
    assert [route.name for route in found.services[0].models] == ["qwen"]
