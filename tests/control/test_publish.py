"""What gateways are told: a version for each change and none without, over the socket and with the token alone."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import AsyncClient

from guiju import snapshot as snapshots
from guiju.control import publish
from guiju.control.policies import actions as policies
from guiju.control.policies.models import LexiconVersion, PolicyVersion
from guiju.control.services import actions as services
from guiju.control.services.models import App, Service
from guiju.errors import InputFileError
from guiju.review import load


@pytest.mark.django_db
class TestVersions:
    def test_each_change_raises_the_version(self, installed):
        before = publish.version()
        secret, key, version = services.create_key(App.objects.get(name="demo"), by=None)
        assert version == before + 1
        found = snapshots.decode(publish.current()[1])
        assert found.version == version
        assert f"key{key.pk}" in [k.id for k in found.keys]
        assert secret not in publish.current()[1].decode()

    def test_nothing_changed_is_no_version(self, installed):
        assert publish.publish() == publish.version() == publish.publish()

    def test_suspension_and_resumption(self, installed):
        services.suspend(Service.objects.get(name="demo"), by=None, reason="drill")
        state = {s.name: (s.state, s.state_reason) for s in snapshots.decode(publish.current()[1]).services}
        assert state["demo"] == ("suspended", "drill")
        services.resume(Service.objects.get(name="demo"), by=None)
        assert snapshots.decode(publish.current()[1]).services[0].state == "running"

    def test_an_upstreams_secret_is_sealed(self, installed):
        services.save_upstream("real", "https://api.example.com/v1", secret="sk-secret-key", by=None)
        assert b"sk-secret-key" not in publish.current()[1]
        upstream = next(u for u in snapshots.decode(publish.current()[1]).upstreams if u.name == "real")
        assert settings.KEYRING.unseal_secret(upstream.secret, "upstream:real") == "sk-secret-key"

    def test_a_policy_with_a_mistake_is_never_kept(self, installed):
        before = PolicyVersion.objects.count(), publish.version()
        with pytest.raises(InputFileError):
            policies.save_policy("default", "name: default\nrules: [{id: a, class: NO.SUCH, action: mask}]\n", by=None)
        assert (PolicyVersion.objects.count(), publish.version()) == before

    def test_a_second_person_activates_where_the_setting_says_so(self, person, monkeypatch: pytest.MonkeyPatch):
        author, other = person("author", "policy_editor"), person("other", "policy_editor")
        monkeypatch.setattr(settings, "GUIJU", settings.GUIJU.with_values(console__two_persons=True))
        row = policies.save_policy("default", load.default_policy_yaml() + "\n# stricter\n", by=author)
        policies.activate_policy(row, by=author)
        row.refresh_from_db()
        assert row.state == "waiting"
        policies.activate_policy(row, by=other)
        row.refresh_from_db()
        assert row.state == "active"

    def test_a_lexicon_is_placed_where_workers_find_it(self, installed):
        row, _ = policies.import_lexicon("own", "term,class,severity\n某某词条,A.1.h.gambling,high\n", by=None)
        assert (settings.GUIJU.blobs / row.digest).read_bytes() == bytes(row.blob)
        again, _ = policies.import_lexicon("own", "term,class,severity\n另一词条,A.1.h.gambling,high\n", by=None)
        assert again.version == row.version + 1
        assert LexiconVersion.objects.filter(lexicon__name="own", state="active").count() == 1


@pytest.mark.django_db(transaction=True)
class TestInternal:
    @pytest.fixture
    def trusted(self) -> dict[str, str]:
        return {"authorization": f"Bearer {settings.KEYRING.node_token}"}

    async def test_without_the_token_there_is_nothing(self):
        client = AsyncClient()
        for answer in (
            await client.post("/_internal/poll", b"{}", content_type="application/json"),
            await client.get("/_internal/workers"),
            await client.get("/_internal/blob/abc"),
            await client.post("/_internal/poke", b"{}", content_type="application/json"),
        ):
            assert answer.status_code == 404

    async def test_a_worker_gets_what_is_newer_and_waits_for_nothing_else(self, trusted):
        from asgiref.sync import sync_to_async

        from guiju.control import first_start

        await sync_to_async(first_start._data)(settings.GUIJU)
        client = AsyncClient()
        ask = {"worker": "n/0", "have": 0, "wait": 0.2, "stats": {}}
        answer = await client.post("/_internal/poll", json.dumps(ask), content_type="application/json", headers=trusted)
        assert answer.status_code == 200
        found = snapshots.decode(answer.content)
        ask["have"] = found.version
        answer = await client.post("/_internal/poll", json.dumps(ask), content_type="application/json", headers=trusted)
        assert answer.status_code == 204
        poke = {"wait_for": found.version, "timeout": 0.2}
        answer = await client.post(
            "/_internal/poke", json.dumps(poke), content_type="application/json", headers=trusted
        )
        assert answer.json()["workers"] == ["n/0"]
        poke["wait_for"] += 1
        answer = await client.post(
            "/_internal/poke", json.dumps(poke), content_type="application/json", headers=trusted
        )
        assert (answer.status_code, answer.json()["behind"]) == (504, ["n/0"])
        blob = await client.get(f"/_internal/blob/{found.lexicons[0].digest}", headers=trusted)
        assert blob.status_code == 200
