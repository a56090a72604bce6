"""Several upstreams for one model, from the console to the snapshot; what is typed wrongly is said at its field."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from guiju import clock
from guiju import snapshot as snapshots
from guiju.config import EMBEDDED_URL
from guiju.control import first_start, health, internal, publish
from guiju.control.people.roles import ADMINISTRATOR, AUDITOR, REVIEWER
from guiju.control.records.models import Entry
from guiju.control.services import actions, limits
from guiju.control.services.models import ModelRoute, Service, Upstream
from guiju.errors import BadRequest
from guiju.ledger import entries

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9/v1"
NEW = "/console/services/upstreams/"


def published() -> snapshots.Snapshot:
    return snapshots.decode(publish.current()[1])


def upstream(name: str) -> snapshots.Upstream:
    return next(u for u in published().upstreams if u.name == name)


def acts(verb: str) -> list[entries.Act]:
    found = [entries.decode(bytes(e.body)) for e in Entry.objects.filter(kind="act").order_by("index")]
    return [act for act in found if act.verb == verb]


class TestUpstreams:
    def test_every_field_reaches_the_gateways(self, installed):
        fields = {
            "dialect": "anthropic", "offers": "anthropic openai anthropic", "key_header": "Api-Key", "query": "v=1",
            "unknown_fields": "drop", "connect_timeout": 1.5, "first_byte_timeout": 300.0, "idle_timeout": 9.0,
            "max_connections": 7,
        }  # fmt: skip
        actions.save_upstream("u", URL, by=None, **fields)
        fields |= {"offers": ("anthropic", "openai"), "key_header": "api-key"}
        assert upstream("u") == snapshots.Upstream(name="u", url=URL, **fields)  # type: ignore[arg-type]

    def test_what_is_for_the_registers_stays_there_and_is_recorded(self, installed):
        actions.save_upstream("u", URL, by=None)
        before = publish.version()
        actions.save_upstream("u", URL, by=None, vendor="某公司", residency="US", filing="京-1", secret="sk-1")
        row = Upstream.objects.get(name="u")
        assert (row.vendor, row.residency, row.filing) == ("某公司", "US", "京-1")
        assert publish.version() == before + 1  # for the key alone
        assert b"filing" not in publish.current()[1]
        assert acts("upstreams.change")[-1].detail == {
            "vendor": "某公司", "residency": "US", "filing": "京-1", "key": "sealed"
        }  # fmt: skip
        actions.save_upstream("u", URL, by=None, vendor="另一公司")
        assert publish.version() == before + 1
        assert acts("upstreams.change")[-1].detail == {"vendor": "另一公司"}

    def test_what_is_not_given_stays(self, installed):
        actions.save_upstream("u", URL, by=None, idle_timeout=5.0, residency="CN", offers="openai", secret="sk-1")
        sealed = upstream("u").secret
        actions.save_upstream("u", "HTTP://127.0.0.1:9/v2", by=None)
        assert (upstream("u").idle_timeout, upstream("u").offers, upstream("u").secret) == (5.0, ("openai",), sealed)
        assert Upstream.objects.get(name="u").residency == "CN"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("dialect", "ollama"), ("offers", "openai chat"), ("key_header", "api key"), ("key_header", "Host"),
            ("key_header", "a\r\nb"), ("key_header", "host"), ("key_header", "content-length"), ("query", "?a=1"),
            ("query", "a=1 HTTP/1.1\r\nx: y"), ("query", "a=1#b"), ("query", "a=值"), ("connect_timeout", 0),
            ("idle_timeout", float("nan")), ("first_byte_timeout", float("inf")), ("max_connections", 0),
            ("residency", "XX"), ("residency", "cn"), ("vendor", "x" * 101), ("filing", "x" * 101), ("vendor", "a\nb"),
            ("unknown_fields", ""),
        ],
    )  # fmt: skip
    def test_what_a_field_cannot_hold_is_refused(self, installed, field: str, value: Any):
        with pytest.raises(limits.BadField) as told:
            actions.save_upstream("u", URL, by=None, **{field: value})
        assert told.value.data["field"] == field
        assert told.value.sentence("zh") != told.value.sentence("en")
        assert not Upstream.objects.filter(name="u").exists()

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("https://{resource}.openai.azure.com/openai/v1", limits.UrlHasBlanks),
            ("https://user:password@host/v1", limits.UrlHasMore),
            ("https://host/v1?api-version=1", limits.UrlHasMore),
            ("https://host/v1#x", limits.UrlHasMore),
        ],
    )
    def test_an_address_that_would_lose_a_part_is_refused(self, installed, url: str, problem: type[BadRequest]):
        with pytest.raises(problem):
            actions.save_upstream("u", url, by=None)

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:10/v1", "https://127.0.0.1:9/v1", "http://evil.example:9/v1", "unix://model.sock/v1"]
    )
    def test_a_kept_key_goes_to_no_other_server(self, installed, url: str):
        actions.save_upstream("u", URL, by=None, secret="sk-1")
        sealed = upstream("u").secret
        with pytest.raises(limits.KeyForAnother) as told:
            actions.save_upstream("u", url, by=None)
        assert told.value.sentence("zh") != told.value.sentence("en")
        assert (upstream("u").url, upstream("u").secret) == (URL, sealed)
        actions.save_upstream("u", url, by=None, secret="sk-2")
        assert settings.KEYRING.unseal_secret(upstream("u").secret, "upstream:u") == "sk-2"
        actions.save_upstream("u", URL, by=None, secret="")
        assert upstream("u").secret == ""
        changes = [(act.before, act.after, act.detail.get("key")) for act in acts("upstreams.change")]
        assert changes == [(URL, url, "sealed"), (url, URL, "removed")]
        actions.save_upstream("u", url, by=None)  # no key, nothing to ask for

    @pytest.mark.parametrize(
        ("one", "other"),
        [("https://h/v1", "https://H:443/v2"), ("http://h", "http://h:80/"), ("http://[::1]:1/a", "http://[::1]:1/b")],
    )
    def test_the_same_server_is_known_however_it_is_written(self, one: str, other: str):
        assert limits.server(one) == limits.server(other)


class TestRoutes:
    @pytest.fixture
    def spare(self, installed) -> Upstream:
        actions.save_upstream("spare", URL, by=None)
        return Upstream.objects.get(name="spare")

    @pytest.fixture
    def service(self, installed) -> Service:
        return Service.objects.get(name="demo")

    def route(self, service: Service, spare: Upstream, **more: Any) -> ModelRoute:
        return ModelRoute(service=service, name=service.default_model, upstream=spare, model="own", **more)

    def test_a_model_leads_to_several_upstreams(self, service: Service, spare: Upstream):
        actions.save_route(self.route(service, spare, weight=3, order=1), by=None)
        found = [(r.upstream, r.model, r.weight, r.order) for r in published().services[0].models]
        assert found == [("embedded", service.default_model, 1, 0), ("spare", "own", 3, 1)]
        assert acts("services.route")[-1].detail == {"model": "own", "weight": "3", "order": "1"}

    @pytest.mark.parametrize("more", [{"weight": 0}, {"weight": 1001}, {"order": -1}, {"order": 100}])
    def test_a_share_has_its_bounds(self, service: Service, spare: Upstream, more: dict[str, int]):
        with pytest.raises(limits.BadField):
            actions.save_route(self.route(service, spare, **more), by=None)
        assert service.models.count() == 1

    def test_only_the_last_one_of_the_default_model_stays(self, service: Service, spare: Upstream):
        actions.save_route(self.route(service, spare), by=None)
        first, second = service.models.order_by("id")
        actions.remove_route(first, by=None)
        with pytest.raises(BadRequest):
            actions.remove_route(second, by=None)
        assert [r.upstream for r in published().services[0].models] == ["spare"]

    def test_an_upstream_added_with_a_model_joins_those_that_answer_it(self, service: Service):
        name = service.default_model
        for _ in range(2):
            actions.save_upstream("spare", URL, model=name, service=service, by=None)
        assert sorted(service.models.values_list("name", "upstream__name")) == [(name, "embedded"), (name, "spare")]

    def test_a_start_with_an_upstream_leaves_who_stands_in_for_it(self, service: Service):
        there = settings.GUIJU.with_values(upstream=URL, upstream_model="qwen", upstream_key="sk-1")
        first_start._data(there)
        embedded = Upstream.objects.get(url=EMBEDDED_URL)
        actions.save_route(
            ModelRoute(service=service, name="qwen", upstream=embedded, model="small", order=1, weight=5), by=None
        )
        first_start._data(there)
        kept = set(service.models.values_list("name", "upstream__name", "weight"))
        assert kept == {("qwen", "upstream", 1), ("qwen", "embedded", 5)}

    def test_an_upstream_whose_model_has_the_embedded_ones_name_takes_its_place(self, service: Service):
        first_start._data(settings.GUIJU.with_values(upstream=URL, upstream_model=service.default_model))
        assert list(service.models.values_list("upstream__name", flat=True)) == ["upstream"]


class TestPages:
    @pytest.fixture
    def admin(self, client_of) -> Client:
        return client_of(ADMINISTRATOR)

    def test_a_preset_fills_the_form_and_what_it_says_is_kept(self, admin: Client):
        page = admin.get(f"{NEW}?preset=azure-openai-deployment")
        form = page.context["form"]
        given = {"name": "azure", "secret": "sk-azure", "connect_timeout": "2.5"} | {
            name: form[name].value()
            for name in ("dialect", "offers", "key_header", "query", "unknown_fields", "vendor", "residency")
        }
        assert form["url"].value() == "https://{resource}.openai.azure.com/openai/deployments/{deployment}"
        assert "<details open" in page.content.decode()
        refused = admin.post(f"{NEW}?preset=azure-openai-deployment", given | {"url": form["url"].value()})
        assert "url" in refused.context["form"].errors
        given["url"] = "https://r.openai.azure.com/openai/deployments/d"
        assert admin.post(f"{NEW}?preset=azure-openai-deployment", given).status_code == 302
        kept = upstream("azure")
        assert (kept.offers, kept.key_header, kept.query) == (("openai",), "api-key", "api-version=2024-10-21")
        assert (kept.unknown_fields, kept.connect_timeout, kept.idle_timeout) == ("drop", 2.5, 60.0)
        row = Upstream.objects.get(name="azure")
        assert (row.vendor, row.residency) == ("Microsoft Azure", "")

    def test_a_preset_that_is_not_there_is_no_page(self, admin: Client):
        assert admin.get(f"{NEW}?preset=nowhere").status_code == 404

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("key_header", "host"), ("query", "?a=1"), ("connect_timeout", "0"), ("max_connections", "1.5"),
            ("residency", "XX"), ("filing", "x" * 101), ("offers", "chat"), ("unknown_fields", "keep"), ("url", "https://u:p@h/v1"),
        ],
    )  # fmt: skip
    def test_a_wrong_field_is_named_and_nothing_is_lost(self, admin: Client, field: str, value: str):
        given = {"name": "u", "url": URL, "dialect": "openai", "vendor": "某公司", "offers": ["openai"], field: value}
        page = admin.post(NEW, given)
        assert list(page.context["form"].errors) == [field]
        assert "某公司" in page.content.decode()
        assert not Upstream.objects.filter(name="u").exists()

    def test_all_of_it_can_be_changed_and_taken_back(self, admin: Client):
        actions.save_upstream("u", URL, by=None, offers="openai", residency="US", filing="京-1", idle_timeout=5.0)
        page = admin.get(f"{NEW}u/").context["form"]
        assert (page["offers"].value(), page["residency"].value(), page["idle_timeout"].value()) == (
            ["openai"],
            "US",
            5,
        )
        admin.post(f"{NEW}u/", {"url": URL, "dialect": "anthropic", "idle_timeout": ""})
        row = Upstream.objects.get(name="u")
        assert (row.dialect, row.offers, row.residency, row.filing) == ("anthropic", "", "", "")
        assert row.idle_timeout == 5.0  # a number that is left empty stays

    @pytest.mark.parametrize(("language", "said"), [("zh-hans", "另一台服务器"), ("en", "another server")])
    def test_another_server_asks_for_its_key_at_the_key(self, admin: Client, language: str, said: str):
        actions.save_upstream("u", URL, by=None, secret="sk-1")
        admin.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        given = {"url": "http://evil.example/v1", "dialect": "openai", "vendor": "某公司"}
        page = admin.post(f"{NEW}u/", given)
        assert said in page.context["form"].errors["secret"][0]
        assert "某公司" in page.content.decode()
        assert upstream("u").url == URL
        assert admin.post(f"{NEW}u/", given | {"no_secret": "on"}).status_code == 302
        assert (upstream("u").url, upstream("u").secret) == ("http://evil.example/v1", "")

    @pytest.mark.parametrize(("language", "said"), [("zh-hans", "去掉"), ("en", "left out")])
    def test_what_a_strict_one_is_not_sent_is_shown(self, admin: Client, language: str, said: str):
        admin.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        actions.save_upstream("u", URL, by=None)
        assert said not in admin.get("/console/services/").content.decode()
        assert "<details open" not in admin.get(f"{NEW}u/").content.decode()
        assert admin.post(f"{NEW}u/", {"url": URL, "dialect": "openai", "unknown_fields": "drop"}).status_code == 302
        assert upstream("u").unknown_fields == "drop"
        assert said in admin.get("/console/services/").content.decode()
        assert "<details open" in admin.get(f"{NEW}u/").content.decode()
        admin.post(f"{NEW}u/", {"url": URL, "dialect": "openai"})
        assert upstream("u").unknown_fields == "drop"

    def test_what_leaves_mainland_china_is_pointed_out(self, admin: Client):
        actions.save_upstream("inside", URL, by=None, residency="CN")
        actions.save_upstream("unsaid", URL, by=None)
        assert admin.get("/console/services/").context["outside"] == ""
        actions.save_upstream("abroad", URL, by=None, residency="US", filing="京-7", vendor="某公司")
        page = admin.get("/console/services/").content.decode()
        assert "发送给以下上游的内容会出境：abroad（美国）。" in page
        assert page.count("badge warn") == 1
        assert {"京-7", "某公司"} <= {word for word in ("京-7", "某公司") if word in page}
        admin.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
        assert "leaves mainland China: abroad (United States)." in admin.get("/console/services/").content.decode()

    def test_how_it_fares_is_told_of_every_worker_in_the_pages_language(
        self, admin: Client, monkeypatch: pytest.MonkeyPatch
    ):
        now = clock.epoch_ms()
        fine = {
            "state": "closed",
            "wait_ms": 0,
            "ok": 4,
            "failed": 0,
            "errors": 0,
            "last_error": {},
            "latency_ms": 12.3,
        }
        bad = fine | {"state": "open", "wait_ms": 5_000, "failed": 6, "errors": 6, "ok": 1}
        bad["last_error"] = {"zh": "连接被拒绝", "en": "Connection refused"}
        stats = {"n/0": {"upstreams": {"embedded": fine}}, "n/1": {"upstreams": {"embedded": bad}}}
        workers = {w: {"have": 1, "late": 0, "seen_ms": now, "stats": s} for w, s in stats.items()}
        history = health.History()
        for worker in stats:
            history.heard(worker, {"upstreams": {}}, now)
            history.heard(worker, stats[worker], now)
        monkeypatch.setattr(internal, "workers", workers)
        monkeypatch.setattr(internal, "history", history)
        page = admin.get("/console/services/").content.decode()
        for words in ("n/0", "n/1", "12.3 ms", "连续失败 6 次", "连接被拒绝", "起再试", "回答 5 次，失败 6 次"):
            assert words in page, words
        assert 'badge bad">已熔断，暂不请求' in page
        assert page.count('class="refused"') == 1
        home = admin.get("/console/").content.decode()
        assert 'badge bad">已熔断，暂不请求' in home
        admin.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
        page = admin.get("/console/services/").content.decode()
        assert "6 failures in a row" in page
        assert "Connection refused" in page
        assert "连接被拒绝" not in page

    def test_one_more_upstream_answers_a_model_and_its_share_is_changed(self, admin: Client):
        actions.save_upstream("spare", URL, by=None)
        service, spare = Service.objects.get(name="demo"), Upstream.objects.get(name="spare")
        name, page = service.default_model, "/console/services/demo/models/"
        given = {"name": name, "upstream": str(spare.pk), "model": "own", "order": "2", "weight": "", "input_price": ""}
        assert admin.post(page, given).status_code == 302
        again = admin.post(page, given)
        assert (again.status_code, list(again.context["route_form"].errors)) == (200, ["upstream"])
        row = service.models.get(upstream=spare)
        assert (row.order, row.weight, row.input_price) == (2, 1, 0)
        admin.post(f"{page}{row.pk}/", {"order": "0", "weight": "9"})
        for wrong in ({"order": "100", "weight": "9"}, {"order": "0", "weight": "0"}, {"order": "x", "weight": "1"}):
            admin.post(f"{page}{row.pk}/", wrong)
        row.refresh_from_db()
        assert (row.order, row.weight) == (0, 9)
        for route in service.models.order_by("id"):
            admin.post(f"{page}{route.pk}/", {"verb": "remove"})
        assert list(service.models.values_list("upstream__name", flat=True)) == ["spare"]

    def test_a_new_upstream_with_a_model_takes_its_prices(self, admin: Client):
        shown, priced = admin.get(NEW).context["form"], admin.get("/console/services/demo/").context["route_form"]
        for field in actions.PRICE_FIELDS:
            assert shown[field].label == priced[field].label
        service = Service.objects.get(name="demo")
        given = {"name": "u", "url": URL, "dialect": "openai", "model": "m", "service": str(service.pk)}
        for field, wrong in (("input_price", "-1"), ("output_price", "x"), ("output_price", "1000001")):
            page = admin.post(NEW, given | {"input_price": "0.5", field: wrong})
            assert list(page.context["form"].errors) == [field]
        assert admin.post(NEW, given | {"input_price": "0.5", "output_price": ""}).status_code == 302
        row = service.models.get(name="m")
        assert (row.input_price, row.output_price) == (0.5, 0.0)
        detail = acts("services.route")[-1].detail
        assert (detail["input_price"], "output_price" in detail) == ("0.5", False)
        assert {r.name: r.input_price for r in published().services[0].models}["m"] == 0.5
        assert not {"input_price", "output_price"} & set(admin.get(f"{NEW}u/").context["form"].fields)

    @pytest.mark.parametrize(("language", "said"), [("zh-hans", "价格属于模型"), ("en", "A price is a model’s")])
    def test_a_price_needs_its_model(self, admin: Client, language: str, said: str):
        admin.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        page = admin.post(NEW, {"name": "u", "url": URL, "dialect": "openai", "output_price": "8"})
        assert said in page.context["form"].errors["model"][0]
        assert 'value="8"' in page.content.decode()
        assert not Upstream.objects.filter(name="u").exists()

    def test_a_price_is_typed_shown_recorded_and_published(self, admin: Client):
        row = ModelRoute.objects.get()
        page, path = "/console/services/demo/", f"/console/services/demo/models/{row.pk}/"
        given = {"order": "0", "weight": "1", "input_price": "0.5", "output_price": "8"}
        admin.post(path, given)
        (route,) = published().services[0].models
        assert (route.input_price, route.output_price) == (0.5, 8.0)
        for wrong in ("-1", "x", "nan", "1000001"):
            told = admin.post(path, given | {"input_price": wrong}, follow=True).content.decode()
            assert "价格为不小于 0 的数" in told
        admin.post(path, given | {"output_price": ""})  # a number that is left empty stays
        row.refresh_from_db()
        assert (row.input_price, row.output_price) == (0.5, 8.0)
        detail = acts("services.route")[-1].detail
        assert (detail["input_price"], detail["output_price"]) == ("0.5", "8")
        shown = admin.get(page).content.decode()
        for value in ('name="input_price" min="0" max="1000000" step="any" value="0.5"', 'value="8"', "价格 (CNY)"):
            assert value in shown
        assert "输入 0.5，输出 8" in admin.get("/console/usage/").content.decode()
        admin.post(path, given | {"input_price": "0", "output_price": "0"})
        assert "未设价格" in admin.get("/console/usage/").content.decode()

    @pytest.mark.parametrize("role", [AUDITOR, REVIEWER])
    def test_others_change_nothing(self, client_of, role: str):
        client, row = client_of(role), ModelRoute.objects.get()
        path = f"/console/services/demo/models/{row.pk}/"
        assert client.post(path, {"order": "1", "weight": "9"}).status_code == 403
        assert client.post(path, {"verb": "remove"}).status_code == 403
        assert client.get(NEW).status_code == 403
        assert client.post(f"{NEW}embedded/", {"url": URL, "dialect": "openai"}).status_code == 403
        row.refresh_from_db()
        assert (row.order, row.weight, row.upstream.url) == (0, 1, EMBEDDED_URL)

    def test_an_auditor_reads_who_answers_what(self, client_of):
        client = client_of(AUDITOR)
        page = client.get("/console/services/demo/").content.decode()
        assert "顺位 0，份额 1" in page
        assert "未设价格" in page
        for field in ("weight", "input_price"):
            assert f'name="{field}" min' not in page
        assert NEW not in client.get("/console/services/").content.decode()
