"""Who may do what: each verb asks, each room asks, and whoever has no second factor gets nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from guiju import clock
from guiju.control.people import actions as people
from guiju.control.people.models import User
from guiju.control.people.roles import ADMINISTRATOR, AUDITOR, POLICY_EDITOR, REVIEWER, ROLES
from guiju.control.policies import actions as policies
from guiju.control.policies.models import LexiconVersion, PolicyVersion
from guiju.control.records import actions as records
from guiju.control.records.models import Entry
from guiju.control.services import actions as services
from guiju.control.services.models import App, ModelRoute, Service, Upstream
from guiju.ledger import entries
from guiju.review import load

pytestmark = pytest.mark.django_db


def route(name: str) -> ModelRoute:
    return ModelRoute(service=Service.objects.get(name="demo"), name=name, upstream=Upstream.objects.first(), model="m")


def saved(row: Any) -> Any:
    row.save()
    return row


VERBS = {
    "services.change": [
        lambda by: services.suspend(Service.objects.get(name="demo"), by=by, reason="drill"),
        lambda by: services.resume(Service.objects.get(name="demo"), by=by),
        lambda by: services.save_app(App.objects.get(name="demo"), by=by, what="x"),
        lambda by: services.save_route(route("spare"), by=by),
        lambda by: services.remove_route(saved(route("spare")), by=by),
    ],
    "keys.change": [
        lambda by: services.create_key(App.objects.get(name="demo"), by=by),
        lambda by: services.revoke_key(App.objects.get(name="demo").keys.first(), by=by),
        lambda by: services.rotate_key(
            App.objects.get(name="demo").keys.first(), by=by, until=clock.now() + timedelta(1)
        ),
    ],
    "upstreams.change": [
        lambda by: services.save_upstream("u", "http://127.0.0.1:1/v1", by=by),
        lambda by: services.remove_upstream(saved(Upstream(name="u", url="http://127.0.0.1:1/v1")), by=by),
    ],
    "provider.change": [lambda by: services.set_provider(name="P", code="UNREGISTERED-DEMO", contact="", by=by)],
    "policies.edit": [lambda by: policies.save_policy("default", load.default_policy_yaml() + "\n# changed\n", by=by)],
    "policies.activate": [lambda by: policies.activate_policy(PolicyVersion.objects.first(), by=by)],
    "lexicons.edit": [
        lambda by: policies.import_lexicon("own", "term,class,severity\n某某词条,A.1.h.gambling,high\n", by=by),
        lambda by: policies.activate_lexicon(LexiconVersion.objects.first(), by=by),
    ],
    "people.change": [
        lambda by: people.make_link("somebody", by=by),
        lambda by: people.set_roles(User.objects.get(username="victim"), [REVIEWER], by=by),
        lambda by: people.set_active(User.objects.get(username="victim"), False, by=by),
    ],
    "contents.read": [lambda by: records.read_contents("ex_none", by=by, reason="an inspection")],
}
CASES = [
    (permission, number, role)
    for permission, acts in VERBS.items()
    for number in range(len(acts))
    for role in (*ROLES, "")
]


@pytest.mark.parametrize(("permission", "number", "role"), CASES)
def test_a_verb_is_for_those_who_may(person, permission: str, number: int, role: str):
    person("victim")
    by = person("by", *([role] if role else []))
    act = VERBS[permission][number]
    before = Entry.objects.filter(kind="act").count()
    if role and permission in ROLES[role]:
        act(by)
        done = [entries.decode(bytes(e.body)) for e in Entry.objects.filter(kind="act").order_by("index")[before:]]
        assert [a.by for a in done] == ["by"] * len(done)
        assert done, "nothing was recorded"
    else:
        with pytest.raises(PermissionDenied):
            act(by)
        assert Entry.objects.filter(kind="act").count() == before


ROOMS = {
    "/console/": set(ROLES),
    "/console/exchanges/": set(ROLES),
    "/console/services/": {ADMINISTRATOR, AUDITOR},
    "/console/services/apps/demo/": {ADMINISTRATOR, AUDITOR},
    "/console/policies/": set(ROLES),
    "/console/policies/default/": set(ROLES),
    "/console/lexicons/": set(ROLES),
    "/console/people/": {ADMINISTRATOR},
}


@pytest.mark.parametrize("role", [*ROLES, ""])
@pytest.mark.parametrize("path", ROOMS)
def test_a_room_opens_for_those_who_may(client_of, path: str, role: str):
    answer = client_of(*([role] if role else [])).get(path)
    assert answer.status_code == (200 if role in ROOMS[path] else 403)


@pytest.mark.parametrize("path", ROOMS)
def test_nobody_else_gets_in(installed, path: str):
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["location"].startswith("/console/account/login/")


def test_without_a_second_factor_every_room_leads_to_where_it_is_set_up(person):
    user = person("new", ADMINISTRATOR)
    user.authenticator_set.all().delete()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/console/")["location"] == "/console/second-factor/"
    user.set_unusable_password()
    user.save()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/console/")["location"].endswith("/password/set/")


def test_the_last_administrator_stays_one(person):
    only = person("only", ADMINISTRATOR)
    people.set_active(User.objects.get(username="admin"), False, by=only)
    with pytest.raises(ValueError, match=r"administrator|管理员"):
        people.set_roles(only, [REVIEWER], by=only)
    with pytest.raises(ValueError, match=r"own|自己"):
        people.set_active(only, False, by=only)


class TestLinks:
    def test_a_link_signs_in_once(self, installed):
        token = people.make_link("laogui", by=None)
        client = Client()
        assert client.get(f"/console/link/{token}/").status_code == 200  # looking doesn't use it up
        assert client.post(f"/console/link/{token}/")["location"] == "/console/"
        assert Client().post(f"/console/link/{token}/").status_code == 410

    def test_a_link_grows_old(self, installed, monkeypatch: pytest.MonkeyPatch):
        token = people.make_link("laogui", by=None)
        later = clock.now() + timedelta(minutes=16)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert people.use_link(token) is None

    def test_it_resets_the_second_factor_where_it_says_so(self, person):
        user = person("heshen", POLICY_EDITOR)
        people.use_link(people.make_link("heshen", by=None))
        assert user.authenticator_set.exists()
        people.use_link(people.make_link("heshen", by=None, reset_second_factor=True))
        assert not user.authenticator_set.exists()

    def test_a_closed_account_stays_closed(self, person):
        user = person("gone", AUDITOR)
        people.set_active(user, False, by=None)
        assert people.use_link(people.make_link("gone", by=None)) is None


def test_reading_contents_needs_a_reason(person):
    with pytest.raises(ValueError, match="why"):
        records.read_contents("ex_1", by=person("a", AUDITOR), reason="  ")


def test_somebody_who_guesses_passwords_is_stopped(person):
    """Counted in Redis where it is set, so that several controls count together."""
    person("heshen", POLICY_EDITOR)
    client, told = Client(REMOTE_ADDR="203.0.113.9"), []
    for number in range(8):
        answer = client.post("/console/account/login/", {"login": "heshen", "password": f"guess-{number}-guess"})
        told.append(answer.content.decode())
    assert told[0] != told[-1]
    right = client.post("/console/account/login/", {"login": "heshen", "password": "correct-horse-battery"})
    assert right.status_code == 200  # not even the right one leads on now
