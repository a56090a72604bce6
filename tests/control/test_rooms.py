"""What every room of control/rooms.py keeps, a new one too: who gets in, and that its pages are in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver, path
from django.utils.translation import gettext, override

from guiju.control import rooms
from guiju.control.access import guard
from guiju.control.people.roles import ROLES
from guiju.control.rooms import ROOMS, Room

pytestmark = pytest.mark.django_db
CONTROL = Path(rooms.__file__).parent


def pages(room: Room) -> Iterator[str]:
    """Paths of all pages of a room, with something in each hole."""
    for found in get_resolver().url_patterns:
        if (
            not isinstance(found, URLPattern)
            and str(found.pattern) == f"console/{room.path}"
            and (found.urlconf_name.__name__ == room.urls)
        ):
            for page in found.url_patterns:
                yield f"/console/{room.path}" + re.sub(r"<(?:(\w+):)?\w+>", hole, str(page.pattern))


def hole(found: re.Match[str]) -> str:
    return "1" if found[1] == "int" else "x"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.path or "home")
@pytest.mark.parametrize("role", [*ROLES, ""])
def test_a_room_is_shown_to_and_opens_for_those_who_may(client_of, room: Room, role: str):
    client = client_of(*([role] if role else []))
    may = bool(role) and room.permission in ROLES[role]
    assert client.get(f"/console/{room.path}").status_code == (200 if may else 403)
    if role:
        assert (f'href="/console/{room.path}"' in client.get("/console/").content.decode().split("<main")[0]) >= may


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.path or "home")
def test_each_of_its_pages_is_closed_to_everybody_else(client_of, room: Room):
    found = list(pages(room))
    assert found
    stranger, nobody = client_of(), Client()
    for page in found:
        assert nobody.get(page)["location"].startswith("/console/account/login/"), page
        assert stranger.get(page).status_code == stranger.post(page).status_code == 403, page


def test_a_page_that_forgot_to_ask_is_closed_too(person):
    page = path("new/", lambda request: HttpResponse("open"))
    guard([page], "people.change")
    request = RequestFactory().get("/console/new/")
    request.user = person("heshen", "reviewer")
    with pytest.raises(PermissionDenied):
        page.callback(request)


def test_what_a_room_grants_exists_as_a_role():
    assert {role for room in ROOMS for role in room.grants} <= set(ROLES)
    for room in ROOMS:
        assert any(room.permission in may for may in ROLES.values()), f"nobody may enter {room.path}"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.path or "home")
def test_its_title_is_chinese_too(room: Room):
    with override("zh-hans"):
        assert re.search("[\u4e00-\u9fff]", gettext(room.title)), f"{room.title}: run `make messages`"


@pytest.mark.parametrize("catalogue", sorted(CONTROL.rglob("*.po")), ids=lambda p: p.relative_to(CONTROL).parts[0])
def test_every_sentence_of_the_console_has_its_chinese(catalogue: Path):
    entries = catalogue.read_text(encoding="utf-8").split("\n\n")[1:]
    live = [entry for entry in entries if "msgid" in entry and not entry.startswith("#~")]
    assert [e for e in live if re.search(r'msgstr(?:\[0\])? ""\Z', e.strip()) or "#, fuzzy" in e] == []
    assert catalogue.with_suffix(".mo").stat().st_size > 100, "run `make messages`"
