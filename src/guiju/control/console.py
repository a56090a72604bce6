"""What every page of the console shows: the rooms that its visitor may enter (rooms.py lists them), and warnings."""

from django.conf import settings
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from guiju.control.people.roles import permissions
from guiju.control.rooms import ROOMS
from guiju.label.record import DEMO_CODE


def context(request):
    """What every template may use."""
    language = get_language() or "zh-hans"
    found = {"short_language": "zh" if language.startswith("zh") else "en"}
    if not request.path.startswith("/console/"):
        return found
    may = permissions(request.user) if hasattr(request, "user") else frozenset()
    found["may"] = {p.replace(".", "_"): True for p in may}
    found["rooms"] = [
        {
            "title": gettext(r.title),
            "href": f"/console/{r.path}",
            "current": request.path == "/console/" if not r.path else request.path.startswith(f"/console/{r.path}"),
        }
        for r in ROOMS
        if r.permission in may
    ]
    found["warnings"] = warnings() if may else []
    return found


def warnings():
    """What is shown in red on every page."""
    from guiju.control import internal
    from guiju.control.services import asked
    from guiju.control.services.models import App, Provider, Service

    found = []
    provider = Provider.objects.first()
    if provider is None or provider.code == DEMO_CODE:
        found.append(
            _("The provider's code isn't set: answers are labelled UNREGISTERED-DEMO, and only the demo service runs.")
        )
    observing = list(App.objects.filter(observe=True).values_list("name", flat=True))
    if observing:
        found.append(_("Observe mode: nothing is held back for %(apps)s.") % {"apps": ", ".join(observing)})
    for one in asked.everyone():
        if one.outside:
            holes = {"detector": one.name, "clause": one.clause}
            found.append(_("Outside the promise of review before serving: detector %(detector)s, %(clause)s.") % holes)
    suspended = list(Service.objects.filter(state="suspended").values_list("name", flat=True))
    if suspended:
        found.append(_("Suspended: %(services)s.") % {"services": ", ".join(suspended)})
    for name, worker in internal.live().items():
        if worker["late"] > 1:
            found.append(_("Worker %(worker)s hasn't taken the newest configuration yet.") % {"worker": name})
        if worker["stats"].get("journal", {}).get("failed"):
            found.append(_("Worker %(worker)s can't write its journal.") % {"worker": name})
        if worker["stats"].get("disk_free", 1 << 62) < settings.GUIJU["disk.warn_bytes"]:
            found.append(_("The disk is nearly full: new exchanges will be refused."))
    return found
