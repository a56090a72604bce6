"""A page that fails says whether the database is away or the fault is ours, in the reader's language."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from guiju.control import failures
from guiju.control.portal import views


def failing(problem: Exception, monkeypatch: pytest.MonkeyPatch, language: str):
    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(views, "render", fail)
    return Client(raise_request_exception=False).get("/", headers={"accept-language": language})


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "sentence"), [("zh", "数据库暂时无法访问"), ("en", "The database is away")])
@pytest.mark.parametrize("problem", [OperationalError("refused"), InterfaceError("the connection is closed")])
def test_a_database_that_is_away_is_said_so(installed, monkeypatch, problem, language: str, sentence: str):
    answer = failing(problem, monkeypatch, language)
    assert (answer.status_code, answer["retry-after"]) == (503, "5")
    assert sentence in answer.text
    assert "refused" not in answer.text


@pytest.mark.django_db
def test_any_other_failure_is_ours(installed, monkeypatch):
    answer = failing(ValueError("boom"), monkeypatch, "en")
    assert answer.status_code == 500
    assert "Something broke here" in answer.text
    assert "boom" not in answer.text


def test_no_page_of_a_failure_asks_the_database(rf):
    """Without `django_db` a question to it fails."""
    try:
        raise OperationalError("refused")
    except OperationalError:
        assert failures.failed(rf.get("/")).status_code == 503
    assert failures.failed(rf.get("/")).status_code == 500
