"""Pages and their verbs, by hand-made requests: what is typed wrongly is said and kept, what isn't tried doesn't act."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from guiju import clock
from guiju.control.people import actions as people
from guiju.control.people.models import User
from guiju.control.people.roles import ADMINISTRATOR, AUDITOR, POLICY_EDITOR, REVIEWER
from guiju.control.policies import actions as policies
from guiju.control.policies.models import Lexicon, LexiconVersion, Policy, PolicyVersion
from guiju.control.portal import actions as portal
from guiju.control.portal import views
from guiju.control.portal.templatetags.guiju import did
from guiju.control.records import actions as records
from guiju.control.records import queries
from guiju.control.records.models import Entry, Exchange
from guiju.control.records.reading import around, text_at
from guiju.control.services import actions as services
from guiju.control.services.models import App, Key, Service, Upstream
from guiju.errors import BadRequest
from guiju.ledger import entries, seal
from guiju.review import load
from guiju.types import Action

pytestmark = pytest.mark.django_db
ID = "ex_01M87Z000000000000000000{:02d}"


def exchange(number: int = 0, asked: str = "", answered: str = "", **more: object) -> str:
    """An exchange in the ledger, with its contents."""
    name = ID.format(number)
    put = [seal.commit(t.encode(), bytes([number + 1]) * seal.KEY) if t else None for t in (asked, answered)]
    seals = [{"commitment": p.commitment} if p else {} for p in put]
    opened = entries.Opened(at_ms=clock.epoch_ms(), exchange=name, app="demo", service="demo", **seals[0], **more)  # type: ignore[arg-type]
    closed = entries.Closed(at_ms=clock.epoch_ms(), exchange=name, outcome="served", **seals[1])  # type: ignore[arg-type]
    for entry, sealed in zip((opened, closed), put, strict=True):
        records.append([records.Item(entries.encode(entry), sealed.payload if sealed else b"", "s")])
    return name


class TestFeedback:
    def send(self, **told: str):
        return Client().post("/control/v1/feedback", msgspec.json.encode(told), content_type="application/json")

    def test_it_is_kept(self, installed):
        assert self.send(exchange=exchange(), thumb="down", reason="wrong", words="数字不对").json() == {"kept": True}
        kept = entries.decode(bytes(Entry.objects.get(kind="exchange.feedback").body))
        assert (kept.thumb, kept.reason) == ("down", "wrong")
        assert "数字不对".encode() not in bytes(Entry.objects.get(kind="exchange.feedback").body)

    def test_a_record_that_comes_late_is_waited_for(self, installed, monkeypatch: pytest.MonkeyPatch):
        looked = []
        monkeypatch.setattr(queries.time, "sleep", lambda _: looked.append(1) or len(looked) < 3 or exchange())
        assert self.send(exchange=ID.format(0), thumb="up").status_code == 200
        assert len(looked) == 3

    @pytest.mark.parametrize("told", [{}, {"exchange": "x"}, {"exchange": "x", "thumb": "sideways"}])
    def test_what_is_no_thumb_says_so(self, installed, told: dict[str, str]):
        answer = self.send(**told)
        assert (answer.status_code, bool(answer.json()["problem"])) == (400, True)

    def test_a_record_that_never_comes_says_so(self, installed, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(views, "PATIENCE", 0.1)
        answer = self.send(exchange=ID.format(7), thumb="up")
        assert (answer.status_code, bool(answer.json()["problem"])) == (404, True)

    def test_one_exchange_has_its_share(self, installed, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(portal, "MOST", 2)
        name = exchange()
        assert [self.send(exchange=name, thumb="up").status_code for _ in range(3)] == [200, 200, 400]

    def test_words_of_an_objection_stand_beside_the_answer(self, client_of):
        """They once stood in its place."""
        name = exchange(asked='{"messages":[]}', answered='[["content","答"]]', action=Action.MASK)
        Client().post(f"/objections/{name}/", {"words": "这是化学课的作业"})
        page = client_of(AUDITOR).post(f"/console/exchanges/{name}/contents/", {"reason": "an inspection"})
        for text in ("这是化学课的作业", "答"):
            assert text in page.content.decode()


class TestSearch:
    def found(self, **asked: str) -> set[str]:
        return {row.pk for row in queries.search(**asked)[0]}

    def test_by_the_id_that_the_app_gives_a_subject(self, installed):
        name = exchange(1, subject=seal.pseudonym(settings.KEYRING.pepper, "demo", "user-17"))
        exchange(2, subject=seal.pseudonym(settings.KEYRING.pepper, "demo", "user-18"))
        assert self.found(text="user-17") == {name}
        assert self.found(text=name.lower()) == {name}
        assert self.found(text=name[:20]) == {name, ID.format(2)}

    def test_what_waits_for_people(self, installed):
        first, second = exchange(1), exchange(2)
        Exchange.objects.filter(pk=second).update(queue=True)
        portal.keep_feedback(Exchange.objects.get(pk=first), thumb="down")
        assert (self.found(people="feedback"), self.found(people="queue")) == ({first}, {second})

    def test_thousands_of_rows_page_without_a_gap(self, client_of):
        at = clock.epoch_ms()
        made = [Exchange(id=f"ex_{n:026d}", at_ms=at - n // 3, app="demo", action="allow") for n in range(620)]
        Exchange.objects.bulk_create(made)
        client, seen, query = client_of(REVIEWER), [], ""
        while True:
            page = client.get(f"/console/exchanges/?{query}").content.decode()
            seen += re.findall(r'class="mono" href="/console/exchanges/(ex_\w+)/', page)
            following = re.findall(r'href="\?([^"]*before=[^"]+)"[^>]*>(?:更早|Older)', page)
            if not following:
                break
            query = following[0].replace("&amp;", "&")
        assert len(seen) == len(set(seen)) == 620


class TestMistake:
    def given(self, **more: str) -> dict[str, str]:
        term = policies.terms_of("weapons", LexiconVersion.objects.get(lexicon__name="weapons").csv)[0]
        return {"rule": f"weapons:{term.id}", "phrase": f"小说{term.text}", "texts": f"小说{term.text}"} | more

    def test_only_what_was_tried_just_so_acts(self, client_of):
        client, path = client_of(REVIEWER), "/console/lexicons/mistake/"
        assert LexiconVersion.objects.filter(lexicon__name="weapons").count() == 1
        client.post(path, self.given(verb="save"))
        client.post(path, self.given(verb="save", texts=""))
        tried = client.post(path, self.given(verb="try"))
        client.post(
            path, self.given(verb="save", tried_as=tried.context["tried_as"], phrase=self.given()["phrase"] + "甲")
        )
        assert LexiconVersion.objects.filter(lexicon__name="weapons").count() == 1
        assert tried.context["tried"][0]["verdict"].action == Action.ALLOW
        client.post(path, self.given(verb="save", tried_as=tried.context["tried_as"]))
        assert LexiconVersion.objects.filter(lexicon__name="weapons", state="active").get().version == 2

    @pytest.mark.parametrize("phrase", ["毫不相干", "{}|乙"])
    def test_a_phrase_that_does_nothing_is_told(self, client_of, phrase: str):
        term = self.given()["phrase"].removeprefix("小说")
        page = client_of(REVIEWER).post(
            "/console/lexicons/mistake/", self.given(verb="try", phrase=phrase.format(term))
        )
        assert term in str(page.context["problem"])

    def test_a_term_can_be_taken_out(self, client_of):
        client, given = client_of(POLICY_EDITOR), self.given(way="drop")
        tried = client.post("/console/lexicons/mistake/", given | {"verb": "try"})
        client.post("/console/lexicons/mistake/", given | {"verb": "save", "tried_as": tried.context["tried_as"]})
        before, after = LexiconVersion.objects.filter(lexicon__name="weapons").order_by("version")
        assert after.terms == before.terms - 1
        # The rule of an exchange is a place in the list of then: it must not name the term that moved up.
        name = exchange(lexicons=("weapons@1",))
        assert (
            client.get("/console/lexicons/mistake/", {"rule": given["rule"], "exchange": name}).context["term"] is None
        )

    def test_a_missing_term_is_tried_and_acts(self, client_of):
        client = client_of(REVIEWER)
        given = {
            "lexicon": "weapons",
            "term": "玄铁重弩",
            "cls": "A.1.h.weapons",
            "severity": "high",
            "texts": "买玄铁重弩",
        }
        tried = client.post("/console/lexicons/term/", given | {"verb": "try"})
        assert tried.context["tried"][0]["verdict"].action != Action.ALLOW
        client.post("/console/lexicons/term/", given | {"verb": "save", "tried_as": tried.context["tried_as"]})
        active = LexiconVersion.objects.get(lexicon__name="weapons", state="active")
        assert policies.terms_of("weapons", active.csv)[-1].text == "玄铁重弩"
        again = client.post("/console/lexicons/term/", given | {"verb": "try"})
        assert again.context["form"].errors["term"]

    def test_the_phrase_begins_with_what_was_read(self):
        asked = msgspec.json.encode({"messages": [{"role": "user", "content": "你好，小说大麻哈鱼怎么做。谢谢"}]})
        text = text_at(asked, ("messages", 0, "content"))
        assert around(text, 5, 7) == "小说大麻哈鱼怎么做"
        assert text_at(b'[["choices.0","x"]]', ("choices", 0)) == "x"
        assert text_at(b"no json", ("messages", 0)) == text_at(asked, ("messages", 5)) == ""


class TestForms:
    """What is typed wrongly is said, and nothing that was typed is lost."""

    @pytest.mark.parametrize(
        ("path", "given", "field"),
        [
            ("services/new/", {"name": "名 字", "title_zh": "标题甲"}, "name"),
            ("services/new/", {"name": "new", "title_zh": "标题甲"}, "name"),
            ("services/apps/new/", {"name": "a b", "allowed_models": "标题甲"}, "name"),
            ("services/apps/demo/", {"given_key": "short", "allowed_models": "标题甲"}, "given_key"),
            ("services/upstreams/", {"name": "u", "url": "ftp://x", "dialect": "anthropic"}, "url"),
            ("services/upstreams/", {"name": "u", "url": "http://[x", "dialect": "anthropic"}, "url"),
            ("services/upstreams/", {"name": "u", "url": "http://h/v1", "model": "标题甲"}, "service"),
            ("services/provider/", {"code": "123", "name": "标题甲"}, "code"),
            ("lexicons/import/", {"name": "词 库", "csv": "标题甲"}, "name"),
            ("lexicons/import/", {"name": "import", "csv": "标题甲"}, "name"),
            ("people/invite/", {"username": "9 x", "role": "auditor"}, "username"),
        ],
    )
    def test_a_wrong_field_is_named(self, client_of, path: str, given: dict[str, str], field: str):
        page = client_of(ADMINISTRATOR).post(f"/console/{path}", given)
        assert page.status_code == 200
        assert page.context["form"].errors[field]
        for value in given.values():
            assert value in page.content.decode()

    def test_a_list_with_a_wrong_line_points_there(self, client_of):
        given = {"name": "own", "csv": "term,class\n某某词条,A.9.z\n", "verb": "import"}
        page = client_of(ADMINISTRATOR).post("/console/lexicons/import/", given).content.decode()
        assert "A.9.z" in page
        assert "某某词条" in page
        assert not Lexicon.objects.filter(name="own").exists()

    def test_a_policy_with_a_wrong_line_keeps_what_was_typed(self, client_of):
        given = {"yaml": "name: default\nrules: [{typed: here}]", "note": "我的理由", "verb": "save"}
        page = client_of(POLICY_EDITOR).post("/console/policies/default/", given).content.decode()
        assert "typed: here" in page
        assert "我的理由" in page

    @pytest.mark.parametrize(("language", "at"), [("zh-hans", 0), ("en", 1)])
    def test_what_is_wrong_in_a_file_is_told_in_the_pages_language(self, installed, client_of, language: str, at: int):
        client = client_of(ADMINISTRATOR)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        given = {"yaml": "name: default\nrules: 5\n", "verb": "save", "note": ""}
        page = client.post("/console/policies/default/", given).content.decode()
        assert ("此处应为列表", "a list belongs here")[at] in page
        assert ("此处应为列表", "a list belongs here")[1 - at] not in page
        listed = {"name": "mine", "csv": "term,class\na,A.1.h.fraud", "verb": "check"}
        page = client.post("/console/lexicons/import/", listed).content.decode()
        assert ("未收入：词条至少两个字符", "left out: a term has at least two characters")[at] in page

    @pytest.mark.parametrize(
        "path", ["lexicons/import/", "people/invite/", "services/demo/state/", "services/apps/demo/keys/"]
    )
    def test_a_verb_loaded_anew_leads_back(self, client_of, path: str):
        answer = client_of(ADMINISTRATOR).get(f"/console/{path}", follow=True)
        assert answer.status_code == 200

    @pytest.mark.parametrize("days", ["0", "-1", "999999999999", "x"])
    def test_a_key_lives_for_a_number_of_days(self, client_of, days: str):
        before = Key.objects.count()
        page = client_of(ADMINISTRATOR).post("/console/services/apps/demo/keys/", {"days": days})
        assert (page.status_code, Key.objects.count()) == (200, before or 1)


class TestKeys:
    def test_rotation_never_lengthens_a_life(self, installed):
        app = App.objects.get(name="demo")
        _, soon, _ = services.create_key(app, by=None, expires=clock.now() + timedelta(hours=1))
        ends = soon.expires
        _, new, _ = services.rotate_key(soon, by=None, until=clock.now() + timedelta(days=1))
        assert soon.expires == ends
        assert new.expires - new.created == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))

    def test_a_key_that_has_ended_stays_so(self, installed):
        _, key, _ = services.create_key(App.objects.get(name="demo"), by=None, expires=clock.now())
        with pytest.raises(BadRequest):
            services.rotate_key(key, by=None, until=clock.now() + timedelta(days=1))
        _, key, _ = services.create_key(App.objects.get(name="demo"), by=None)
        services.revoke_key(key, by=None)
        with pytest.raises(BadRequest):
            services.rotate_key(key, by=None, until=clock.now() + timedelta(days=1))


class TestServices:
    def test_an_upstream_is_changed_and_its_secret_never_shown(self, client_of):
        client, path = client_of(ADMINISTRATOR), "/console/services/upstreams/own/"
        given = {"name": "own", "url": "http://h/v1", "dialect": "openai", "secret": "sk-very-secret"}
        client.post("/console/services/upstreams/", given)
        sealed = Upstream.objects.get(name="own").secret
        assert sealed
        client.post(path, {"url": "http://h/v2", "dialect": "openai", "secret": ""})
        assert (Upstream.objects.get(name="own").url, Upstream.objects.get(name="own").secret) == (
            "http://h/v2",
            sealed,
        )
        for page in (path, "/console/services/"):
            assert "sk-very-secret" not in client.get(page).content.decode()
        client.post(path, {"url": "http://h/v2", "dialect": "openai", "no_secret": "on"})
        assert not Upstream.objects.get(name="own").secret
        client.post(path + "remove/")
        assert not Upstream.objects.filter(name="own").exists()

    def test_what_is_in_use_stays(self, client_of):
        client = client_of(ADMINISTRATOR)
        client.post("/console/services/upstreams/embedded/remove/")
        assert Upstream.objects.filter(name="embedded").exists()
        default = Service.objects.get(name="demo").models.get(name=Service.objects.get(name="demo").default_model)
        client.post(f"/console/services/demo/models/{default.pk}/", {"verb": "remove"})
        assert Service.objects.get(name="demo").models.filter(pk=default.pk).exists()

    def test_a_service_is_made_offers_a_model_and_is_changed(self, client_of):
        client = client_of(ADMINISTRATOR)
        policy = str(Policy.objects.get(name="default").pk)
        given = {"name": "own", "title_zh": "自有", "audience": "minors", "policy": policy, "language": "zh"}
        client.post("/console/services/new/", given)
        upstream = str(Upstream.objects.get(name="embedded").pk)
        client.post("/console/services/own/models/", {"name": "m", "upstream": upstream, "model": "real"})
        client.post("/console/services/own/", given | {"title_zh": "改了", "default_model": "m"})
        row = Service.objects.get(name="own")
        assert (row.title_zh, row.audience, row.default_model) == ("改了", "minors", "m")

    def test_a_subject_key_is_set_and_never_shown(self, client_of):
        client, key = client_of(ADMINISTRATOR), "0123456789" * 4
        given = {"service": str(Service.objects.get(name="demo").pk), "refusal_style": "error", "notice": "end"}
        given |= {"finish_reason": "stop"}
        client.post("/console/services/apps/demo/", given | {"given_key": key})
        assert App.objects.get(name="demo").subject_key == key
        assert key not in client.get("/console/services/apps/demo/").content.decode()
        client.post("/console/services/apps/demo/", given)
        assert App.objects.get(name="demo").subject_key == key
        client.post("/console/services/apps/demo/", given | {"no_key": "on"})
        assert App.objects.get(name="demo").subject_key == ""

    def test_an_auditor_sees_settings_and_changes_none(self, client_of):
        client = client_of(AUDITOR)
        for path in ("apps/demo/", "demo/"):
            assert all(f.disabled for f in client.get(f"/console/services/{path}").context["form"].fields.values())
        before = App.objects.values().get(name="demo")
        assert client.post("/console/services/apps/demo/", {"observe": "on"}).status_code in (200, 403)
        assert App.objects.values().get(name="demo") == before


class TestCases:
    """What a policy keeps as its cases is asked before it acts."""

    def saved(self, expect: str) -> PolicyVersion:
        cases = f"\ncases:\n  - text: 你好\n    expect: allow\n  - text: 如何制作炸药\n    expect: {expect}\n"
        return policies.save_policy("default", load.default_policy_yaml() + cases, by=None)

    @pytest.mark.parametrize(
        ("language", "said"), [("zh-hans", "2 个用例中有 1 个不成立"), ("en", "1 of 2 cases don&#x27;t hold")]
    )
    def test_one_that_does_not_hold_keeps_the_policy_out(self, client_of, language: str, said: str):
        row, client = self.saved("allow"), client_of(ADMINISTRATOR)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        page = client.post(f"/console/policies/default/{row.version}/activate/").content.decode()
        at = next(number for number, line in enumerate(row.yaml.splitlines(), 1) if "text: 如何制作炸药" in line)
        for words in (said, f"default.yaml:{at}:5", "- text: 如何制作炸药"):
            assert words in page
        row.refresh_from_db()
        assert row.state == "draft"
        assert queries.history(("policies.activate",), on=(f"default@{row.version}",)) == []

    def test_those_that_hold_let_it_act(self, client_of):
        row = self.saved("refuse")
        client_of(ADMINISTRATOR).post(f"/console/policies/default/{row.version}/activate/")
        row.refresh_from_db()
        assert row.state == "active"


class TestHistory:
    def of(self, client: Client, path: str) -> list[tuple[str, str]]:
        return [(act.verb, act.target) for act in client.get(f"/console/services/{path}").context["history"]]

    def test_a_page_tells_what_was_done_to_its_row_and_its_quotas_alone(self, client_of):
        client, demo, policy = client_of(ADMINISTRATOR), Service.objects.get(name="demo"), Policy.objects.first()
        services.save_service(Service(name="demo2", policy=policy), by=None, what="")
        services.save_app(App(name="demo2", service=demo), by=None, what="")
        services.create_key(App.objects.get(name="demo2"), by=None)
        key = Key.objects.filter(app__name="demo").first()
        for scope, name in (
            ("app", "demo"),
            ("subject", "demo"),
            ("service", "demo"),
            ("key", key.quota_name),
            ("app", "demo2"),
        ):
            services.set_quota(scope, name, by=None, streams=3)
        app = self.of(client, "apps/demo/")
        assert {target for verb, target in app if verb == "quotas.set"} == {
            "app:demo", "subject:demo", f"key:{key.quota_name}"
        }  # fmt: skip
        assert ("keys.create", f"demo/{key.prefix}") in app
        assert not any("demo2" in target for _, target in app)
        assert self.of(client, "demo/")[0] == ("quotas.set", "service:demo")
        assert not any("demo2" in target for _, target in self.of(client, "demo/"))
        assert ("apps.create", "demo2") in self.of(client, "")

    def test_every_verb_that_is_recorded_has_words(self, installed):
        calls = r'audit\.record\(\s*"([a-z_.]+)"(?: if \w+ else "([a-z_.]+)")?'
        sources = Path(queries.__file__).parents[2].rglob("*.py")
        verbs = {verb for path in sources for found in re.findall(calls, path.read_text()) for verb in found if verb}
        assert len(verbs) > 20
        with translation.override("zh-hans"):
            assert [verb for verb in sorted(verbs) if did(verb).isascii()] == []


class TestPeople:
    def test_a_link_stands_in_place_of_the_password_alone(self, person):
        person("heshen", POLICY_EDITOR)
        client = Client()
        answer = client.post(f"/console/link/{people.make_link('heshen', by=None)}/")
        assert "/2fa/authenticate/" in answer["location"]
        assert client.get("/console/")["location"].startswith("/console/account/login/")
        assert not User.objects.get(username="heshen").has_usable_password()  # it was lost: a new one is set next

    def test_an_administrator_resets_a_second_factor(self, client_of, person):
        user = person("heshen", POLICY_EDITOR)
        page = client_of(ADMINISTRATOR).post(f"/console/people/{user.pk}/", {"verb": "reset"})
        link = re.search(r"/console/link/[\w-]+/", page.content.decode())
        assert link
        Client().post(link[0])
        assert not user.authenticator_set.exists()

    def test_an_invitation_is_for_new_names(self, client_of, person):
        person("heshen", POLICY_EDITOR)
        page = client_of(ADMINISTRATOR).post("/console/people/invite/", {"username": "heshen", "role": "auditor"})
        assert page.context["form"].errors["username"]


class TestSecondPerson:
    @pytest.fixture
    def two(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(settings, "GUIJU", settings.GUIJU.with_values(console__two_persons=True))

    def test_who_wrote_a_policy_only_asks(self, two, client_of):
        editor, other = client_of(POLICY_EDITOR), client_of(ADMINISTRATOR)
        given = {"yaml": load.default_policy_yaml() + "\n# changed\n", "note": "n", "verb": "save"}
        editor.post("/console/policies/default/", given)
        path = "/console/policies/default/2/activate/"
        for _ in range(2):
            editor.post(path)
            assert PolicyVersion.objects.get(version=2).state == "waiting"
        tried = other.post("/console/policies/default/2/", {"texts": "如何制作炸药", "verb": "try"})
        assert tried.context["tried"][0]["verdict"].action == Action.REFUSE
        other.post(path)
        assert PolicyVersion.objects.get(version=2).state == "active"

    def test_a_new_policy_begins_as_a_copy(self, client_of):
        client = client_of(POLICY_EDITOR)
        page = client.get("/console/policies/strict/")
        assert "name: strict" in page.context["yaml"]
        client.post("/console/policies/strict/", {"yaml": page.context["yaml"], "verb": "save"})
        assert Policy.objects.get(name="strict").versions.get().state == "draft"


class TestWhatTheBrowserIsTold:
    @pytest.mark.parametrize("path", ["/", "/about/", "/console/", "/nothing", "/console/nothing/"])
    def test_headers(self, client_of, path: str):
        answer = client_of(ADMINISTRATOR).get(path)
        assert "frame-ancestors 'none'" in answer["content-security-policy"]
        assert "unsafe" not in answer["content-security-policy"]
        assert answer["x-content-type-options"] == "nosniff"
        assert ("no-store" in answer.get("cache-control", "")) == path.startswith("/console/")

    def test_cookies(self, installed):
        client = Client()
        client.post(f"/console/link/{people.make_link('laogui', by=None)}/")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    @pytest.mark.parametrize("path", ["/i18n/setlang/", "/console/account/login/"])
    def test_nobody_is_led_elsewhere(self, person, path: str):
        person("heshen", POLICY_EDITOR).authenticator_set.all().delete()
        given = {
            "login": "heshen",
            "password": "correct-horse-battery",
            "language": "en",
            "next": "https://evil.example/",
        }
        assert "evil" not in Client().post(path, given).get("location", "")

    @pytest.mark.parametrize("path", ["email", "signup", "password/reset", "password/reset/done", "confirm-email"])
    def test_there_is_no_way_in_by_mail(self, client_of, path: str):
        for client in (Client(), client_of(ADMINISTRATOR)):
            for answer in (client.get(f"/console/account/{path}/"), client.post(f"/console/account/{path}/", {})):
                assert answer.status_code == 404

    @pytest.mark.parametrize("path", ["/control/v1/feedback", "/control/v1/chat-token", "/i18n/setlang/"])
    def test_a_form_of_another_site_does_nothing(self, installed, path: str):
        answer = Client(enforce_csrf_checks=True).post(path)
        assert answer.status_code == 403
        assert "guiju.css" in answer.content.decode()

    @pytest.mark.parametrize(("language", "text"), [("zh-hans", "这里没有内容"), ("en", "Nothing is here")])
    def test_an_error_speaks_the_readers_language(self, client_of, language: str, text: str):
        client = client_of(REVIEWER)
        for path in ("/nothing", "/console/nothing/", f"/console/exchanges/{ID.format(9)}/"):
            answer = client.get(path, headers={"accept-language": language})
            assert answer.status_code == 404
            assert text in answer.content.decode()

    def test_our_own_failure_has_a_page(self, client_of, monkeypatch: pytest.MonkeyPatch):
        client = client_of(ADMINISTRATOR)
        client.raise_request_exception = False
        monkeypatch.setattr(queries, "live_figures", lambda: 1 / 0)
        answer = client.get("/console/", headers={"accept-language": "zh-hans"})
        assert answer.status_code == 500
        assert "系统出错了" in answer.content.decode()


def test_every_sentence_has_its_chinese():
    folder = Path(settings.LOCALE_PATHS[0]) / "zh_Hans" / "LC_MESSAGES"
    text = (folder / "django.po").read_text(encoding="utf-8")
    assert "fuzzy" not in text
    assert not re.findall(r'(?m)^msgstr(?:\[0\])? ""\n(?!")', text)
    compiled = (folder / "django.mo").read_bytes()
    written = re.findall(r'(?m)^msgstr(?:\[0\])? "(.+)"$', text)
    assert written
    assert [w for w in written if w.replace(r"\"", '"').encode() not in compiled] == [], "make messages compiles it"
