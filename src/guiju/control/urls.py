"""Paths of control. The gateway hands over everything that is no API."""

from django.urls import include, path, re_path

from guiju.control import internal
from guiju.control.access import guard
from guiju.control.people import views as people
from guiju.control.portal import views as portal
from guiju.control.rooms import ROOMS


def opened(room):
    """A room's path and pages, each of them guarded."""
    pages = path(f"console/{room.path}", include(room.urls))
    guard(pages.url_patterns, room.permission)
    return pages


handler500 = "guiju.control.failures.failed"

urlpatterns = [
    path("_internal/poll", internal.poll),
    path("_internal/blob/<str:digest>", internal.blob),
    path("_internal/workers", internal.status),
    path("_internal/poke", internal.poke),
    path("", portal.chat, name="chat"),
    path("about/", portal.about, name="about"),
    path("objections/<str:exchange>/", portal.objection, name="objection"),
    path("control/v1/chat-token", portal.chat_token),
    path("control/v1/feedback", portal.feedback),
    path("i18n/", include("django.conf.urls.i18n")),
    re_path(r"^console/account/(email|confirm-email|signup|password/reset)/", people.nothing),
    path("console/account/", include("allauth.urls")),
    path("console/link/<str:token>/", people.link, name="link"),
    path("console/second-factor/", people.second_factor, name="second_factor"),
    *map(opened, ROOMS),
]
