"""A lexicon that breaks a case kept with a policy in force: shown, kept out, and let in only by who has seen which."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from guiju.control.people.roles import ADMINISTRATOR
from guiju.control.policies import actions
from guiju.control.policies.models import LexiconVersion
from guiju.control.records.models import Entry
from guiju.ledger import entries
from guiju.review import load
from guiju.review.policy_cases import CasesBreak

pytestmark = pytest.mark.django_db
CASES = """
cases:
  - {text: 买玄铁重弩, expect: allow}
  - {text: 如何制作炸药, expect: refuse}
"""
BREAKS = "term,class,severity\n玄铁重弩,A.1.h.weapons,high\n"
HARMLESS = "term,class,severity\n甲乙丙丁,A.1.h.weapons,high\n"
SAID = {"zh-hans": "2 个用例将不再成立", "en": "hold no longer (2)"}


def keep(name: str, more: str = "") -> None:
    """Put a policy with these cases in force."""
    yaml = load.default_policy_yaml().replace("name: default", f"name: {name}", 1) + CASES + more
    actions.activate_policy(actions.save_policy(name, yaml, by=None), by=None)


@pytest.fixture(autouse=True)
def kept(installed: None) -> None:
    """Two policies in force that keep the same cases."""
    for name in ("default", "strict"):
        keep(name)


@pytest.fixture
def client(client_of) -> Client:
    return client_of(ADMINISTRATOR)


def active(name: str) -> int | None:
    row = LexiconVersion.objects.filter(lexicon__name=name, state="active").first()
    return row.version if row else None


def place(name: str) -> str:
    """Where the case that breaks stands in a policy."""
    lines = (load.default_policy_yaml() + CASES).splitlines()
    return f"{name}.yaml:{lines.index('  - {text: 买玄铁重弩, expect: allow}') + 1}"


def test_it_is_kept_out_whole_and_every_case_is_pointed_at():
    with pytest.raises(CasesBreak) as told:
        actions.import_lexicon("own", BREAKS, by=None)
    for language in ("zh", "en"):
        sentence = told.value.sentence(language)
        for words in (place("default"), place("strict"), "{text: 买玄铁重弩, expect: allow}"):
            assert words in sentence
        assert "炸药" not in sentence
    assert not LexiconVersion.objects.filter(lexicon__name="own").exists()


def test_who_goes_on_is_recorded_with_the_cases_that_broke():
    actions.import_lexicon("own", HARMLESS, by=None)
    actions.import_lexicon("own", BREAKS, by=None, anyway=True)
    assert active("own") == 2
    acts = [entries.decode(bytes(row.body)) for row in Entry.objects.filter(kind="act").order_by("index")]
    quiet, act = [each.detail for each in acts if each.verb == "lexicons.activate" and each.target.startswith("own@")]
    assert (quiet, act) == ({}, {"broken_cases": f"{place('default')} {place('strict')}"})


def test_a_case_that_is_broken_already_stops_no_later_change():
    actions.import_lexicon("own", BREAKS, by=None, anyway=True)
    actions.import_lexicon("own", BREAKS + "甲乙丙丁,A.1.h.weapons,high\n", by=None)
    assert active("own") == 2


@pytest.mark.parametrize("language", SAID)
class TestImport:
    def post(self, client: Client, language: str, verb: str, **more: str):
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        return client.post("/console/lexicons/import/", {"name": "own", "csv": BREAKS, "verb": verb} | more)

    def test_the_check_says_which_cases_would_break(self, client: Client, language: str):
        page = self.post(client, language, "check").content.decode()
        for words in (SAID[language], place("default"), place("strict"), 'type="checkbox" id="anyway"'):
            assert words in page
        assert SAID[language] not in self.post(client, language, "check", csv=HARMLESS).content.decode()

    def test_only_who_has_seen_just_these_goes_on(self, client: Client, language: str):
        seen = self.post(client, language, "check").context["seen"]
        for ticked in ({}, {"anyway": ""}, {"anyway": "on"}):
            assert self.post(client, language, "import", **ticked).context["cases"]
        keep("default", "  - {text: 玄铁重弩真好, expect: allow}\n")  # one more case breaks than was seen
        page = self.post(client, language, "import", anyway=seen)
        assert "玄铁重弩真好" in page.context["cases"]
        assert active("own") is None
        assert self.post(client, language, "import", anyway=page.context["seen"]).status_code == 302
        assert active("own") == 1


@pytest.mark.parametrize("language", SAID)
def test_an_older_version_is_confirmed_on_the_lexicons_page(client: Client, language: str):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    actions.import_lexicon("own", BREAKS, by=None, anyway=True)
    actions.import_lexicon("own", HARMLESS, by=None)
    path = "/console/lexicons/own/1/activate/"
    page = client.post(path)
    assert SAID[language] in page.content.decode()
    assert f'action="{path}"' in page.content.decode()
    assert active("own") == 2
    assert client.post(path, {"anyway": page.context["seen"]}).status_code == 302
    assert active("own") == 1


def test_a_new_term_is_confirmed_where_it_was_tried(client: Client):
    given = {
        "lexicon": "weapons", "term": "玄铁重弩", "cls": "A.1.h.weapons", "severity": "high", "texts": "买玄铁重弩",
    }  # fmt: skip
    tried = client.post("/console/lexicons/term/", given | {"verb": "try"})
    assert SAID["zh-hans"] in tried.content.decode()
    given |= {"verb": "save", "tried_as": tried.context["tried_as"]}
    page = client.post("/console/lexicons/term/", given)
    assert (page.context["cases"], active("weapons")) == (tried.context["cases"], 1)
    assert client.post("/console/lexicons/term/", given | {"anyway": page.context["seen"]}).status_code == 302
    assert active("weapons") == 2


def test_an_allow_phrase_is_confirmed_where_it_was_tried(client: Client):
    term = actions.terms_of("weapons", LexiconVersion.objects.get(lexicon__name="weapons").csv)[0]
    keep("default", f"  - {{text: {term.text}, expect: refuse, class: {term.cls}}}\n")
    given = {"rule": f"weapons:{term.id}", "way": "drop", "texts": term.text}
    tried = client.post("/console/lexicons/mistake/", given | {"verb": "try"})
    assert term.text in tried.context["cases"]
    given |= {"verb": "save", "tried_as": tried.context["tried_as"]}
    assert 'id="anyway"' in client.post("/console/lexicons/mistake/", given).content.decode()
    assert active("weapons") == 1
    client.post("/console/lexicons/mistake/", given | {"anyway": tried.context["seen"]})
    assert active("weapons") == 2
