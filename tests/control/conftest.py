"""An installation with its first data, and the people of the console.

Django's models are imported in the fixtures: this file is read before Django is set up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def installed(db: None) -> None:
    """As `guiju up` leaves it at its first start."""
    from django.conf import settings

    from guiju.control import first_start

    settings.GUIJU.run.mkdir(parents=True, exist_ok=True)
    (settings.GUIJU.run / "demo.key").unlink(missing_ok=True)
    first_start._data(settings.GUIJU)


@pytest.fixture
def person(installed: None) -> Callable[..., Any]:
    """Makes somebody with roles, a password and a second factor."""
    from allauth.mfa.models import Authenticator
    from django.contrib.auth.models import Group

    from guiju.control.people.models import User

    def make(name: str, *roles: str) -> Any:
        user = User.objects.create_user(name, password="correct-horse-battery")
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
