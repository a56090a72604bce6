"""An installation with its first data, and the people of the console.

Django's models are imported in the fixtures: this file is read before Django is set up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

_first_rows: dict[type[Any], list[Any]] = {}
"""Model -> its rows of the first data, once a test has made them."""


@pytest.fixture
def installed(db: None) -> None:
    """As `guiju up` leaves it at its first start.

    Hundreds of tests begin with it: it is made once, and then the same rows are laid in again.
    """
    from django.conf import settings
    from django.db import transaction

    from guiju.control import first_start
    from guiju.control.policies.actions import place_blob
    from guiju.control.policies.models import LexiconVersion

    file = settings.GUIJU.run / "demo.key"
    if not _first_rows:
        settings.GUIJU.run.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        there = {model: {row.pk for row in rows} for model, rows in _rows()}
        first_start._data(settings.GUIJU)
        _first_rows.update((model, [row for row in rows if row.pk not in there[model]]) for model, rows in _rows())
        _kept_key.append(file.read_bytes())
        return
    with transaction.atomic():
        for model, rows in _first_rows.items():
            model._base_manager.bulk_create(rows)
    for row in _first_rows[LexiconVersion]:
        place_blob(row.digest, bytes(row.blob))
    settings.GUIJU.run.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_kept_key[0])


_kept_key: list[bytes] = []
"""The demo app's, of the first data."""


def _rows() -> Iterator[tuple[type[Any], list[Any]]]:
    """Every table, with all of its rows."""
    from django.apps import apps

    for model in apps.get_models(include_auto_created=True):
        yield model, list(model._base_manager.all())


@cache
def _hashed() -> str:
    """The password of everybody: to hash it is slow by design."""
    from django.contrib.auth.hashers import make_password

    return make_password("correct-horse-battery")


@pytest.fixture
def person(installed: None) -> Callable[..., Any]:
    """Makes somebody with roles, a password and a second factor."""
    from allauth.mfa.models import Authenticator
    from django.contrib.auth.models import Group

    from guiju.control.people.models import User

    def make(name: str, *roles: str) -> Any:
        user = User.objects.create(username=name, password=_hashed())
        user.groups.set(Group.objects.filter(name__in=roles))
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
        return user

    return make


@pytest.fixture
def client_of(person: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a signed-in browser of somebody with these roles."""
    from django.test import Client

    def make(*roles: str) -> Any:
        client = Client()
        client.force_login(person("_".join(("p", *roles)), *roles), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make
