"""guiju.control.names: names of every script, and none that hides something; one name is one string wherever it is typed."""

from __future__ import annotations

import unicodedata

import pytest
from django.core.exceptions import ValidationError

from guiju.control import names
from guiju.control.people.roles import ADMINISTRATOR
from guiju.errors import BadRequest, InputFileError

ADMITTED = ["demo", "a-b_9", "客服助手", "百度智能云-2号", "〇一二", "アプリー", "दिल्ली", "x" * 80, "词" * 80]
REFUSED = {
    "nothing": "",
    "too long": "词" * 81,
    "a space": "客服 助手",
    "a wide space": "客服\u3000助手",
    "a narrow one": "客服\u00a0助手",
    "one of no width": "客服\u200b助手",
    "a joiner": "客服\u2060助手",
    "a filler that Unicode calls a letter": "客服\u3164助手",
    "a variation selector": "客服\ufe0f助手",
    "a blank of braille": "客服\u2800助手",
    "a line": "客服\n助手",
    "a separator of lines": "客服\u2028",
    "NUL": "客服\x00",
    "another direction": "客服\u202e助手",
    "a slash": "../客服",
    "a wide slash": "客服／助手",
    "a quote": '客服"',
    "a brace": "{客服}",
    "a picture": "客服😀",
    "a mark without its letter": "\u0301a",
    "half a character": "\udcff",
}
DECOMPOSED = unicodedata.normalize("NFD", "Café-ガイド")


@pytest.mark.parametrize("name", ADMITTED)
def test_a_name_is_taken(name: str):
    assert names.checked(name) == name
    names.validate(name)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_what_is_no_name_is_refused(name: str):
    with pytest.raises(names.BadName):
        names.checked(name)
    with pytest.raises(ValidationError):
        names.validate(name)


def test_one_name_is_one_string(installed):
    from guiju.control.services import actions
    from guiju.control.services.models import App, Service

    actions.save_app(App(name=DECOMPOSED, service=Service.objects.get()), by=None, what="")
    for typed in (DECOMPOSED, "Café-ガイド"):
        assert App.objects.get(name=typed).name == "Café-ガイド"


def test_an_app_of_a_chinese_name_lives_in_the_console(client_of):
    from guiju.control.publish import build
    from guiju.control.records import queries
    from guiju.control.services.models import Service

    client = client_of(ADMINISTRATOR)
    settings = {
        "name": "客服助手", "service": Service.objects.get().pk, "refusal_style": "answer", "finish_reason": "stop",
        "notice": "begin", "given_key": "", "allowed_models": "",
    }  # fmt: skip
    answer = client.post("/console/services/apps/new/", settings)
    assert answer["location"] == "/console/services/apps/%E5%AE%A2%E6%9C%8D%E5%8A%A9%E6%89%8B/"
    assert "客服助手" in client.get(answer["location"]).content.decode()
    assert "gj-" in client.post(f"{answer['location']}keys/", {"days": "3"}).content.decode()
    assert "客服助手" in client.get("/console/services/").content.decode()
    assert [a.verb for a in queries.history(("apps.", "keys."), on=("客服助手",), under="客服助手/")] == [
        "keys.create",
        "apps.create",
    ]
    assert "客服助手" in {app.name for app in build(1).apps}
    again = client.post("/console/services/apps/new/", settings | {"name": "客服 助手"}).content.decode()
    assert 'id="id_name_error"' in again


@pytest.mark.parametrize("path", ["services/apps/客服 助手/", "services/客\u3000服/", "policies/a b/", "lexicons/a b/"])
def test_a_path_that_names_nothing_is_not_there(client_of, path: str):
    assert client_of(ADMINISTRATOR).get(f"/console/{path}").status_code == 404


def test_policies_and_lexicons_have_such_names_too(client_of):
    from guiju.control.policies import actions

    yaml = f"name: {DECOMPOSED}\nrules:\n  - {{class: A.1.a, action: refuse}}\n"
    row = actions.save_policy("Café-ガイド", yaml, by=None)
    actions.import_lexicon("未成年人用语", "term,class\n甲乙丙丁,A.1.h.gambling\n", by=None)
    client = client_of(ADMINISTRATOR)
    for path, text in (
        ("policies/", row.policy.name),
        ("lexicons/", "未成年人用语"),
        ("lexicons/未成年人用语/", "甲乙"),
    ):
        assert text in client.get(f"/console/{path}").content.decode()
    with pytest.raises(BadRequest, match="is no name"):
        actions.import_lexicon("my list", "term,class\n甲乙,A.1.h.gambling\n", by=None)
    with pytest.raises((BadRequest, InputFileError), match="is no name"):
        actions.save_policy("my policy", yaml, by=None)
