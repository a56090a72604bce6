"""Filters that every template may use."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guiju import errors

register = template.Library()

_ACTIONS = {"allow": "good", "mask": "warn", "refuse": "bad", "block": "bad", "escalate": "bad"}


@register.filter
def moment(ms):
    """Epoch milliseconds in the site's time zone."""
    if not ms:
        return "–"
    return timezone.localtime(datetime.fromtimestamp(int(ms) / 1000, UTC)).strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def clock(ms):
    """Epoch milliseconds as the site's time of the day."""
    return timezone.localtime(datetime.fromtimestamp(int(ms) / 1000, UTC)).strftime("%H:%M")


@register.filter
def plain(number):
    """A number as people write it, and as a field of a form reads it: 0.5, and 8 for 8.0."""
    return f"{number:.15g}"


@register.filter
def tone(action):
    """The colour of an action, an outcome or a state."""
    word = str(action)
    if word in _ACTIONS:
        return _ACTIONS[word]
    if word in ("served", "running", "active", "valid"):
        return "good"
    if word in ("masked", "waiting", "draft", "client_left", "sandbox"):
        return "warn"
    return (
        "bad"
        if word
        in (
            "suspended",
            "revoked",
            "refused",
            "blocked",
            "input_refused",
            "input_blocked",
            "upstream_error",
            "our_error",
            "interrupted",
            "rejected",
        )
        else ""
    )


@register.filter
def told(said):
    """The sentence of a pure room, in the page's language."""
    return errors.told(said, get_language() or "zh-hans")


@register.filter
def word(value):
    """A word of the records, for people."""
    return {
        "allow": _("allowed"), "mask": _("masked"), "refuse": _("refused"), "block": _("blocked"), "escalate": _("escalated"),
        "served": _("served"), "masked": _("masked"), "refused": _("stopped"), "blocked": _("blocked"),
        "input_refused": _("refused"), "input_blocked": _("blocked"), "client_left": _("client left"),
        "suspended": _("suspended"), "rejected": _("turned away"),
        "revoked": _("revoked"), "upstream_error": _("upstream failed"), "our_error": _("our failure"),
        "interrupted": _("interrupted"), "running": _("running"), "sandbox": _("sandbox"), "draft": _("draft"),
        "waiting": _("waits for a second person"), "active": _("in force"), "retired": _("retired"), "": _("running"),
        "low": _("low"), "middle": _("middle"), "high": _("high"), "input": _("prompt"), "output": _("answer"),
        "duplicate": _("duplicate"), "too_short": _("too short"), "over_broad": _("over-broad"), "shadowed": _("shadowed"),
        "allow_useless": _("useless allow-phrase"),
        "up": _("helpful"), "down": _("not helpful"), "wrong": _("it is wrong"), "unsafe": _("it is unsafe"),
        "not_helpful": _("it doesn’t help"), "refused_wrongly": _("it was refused wrongly"), "good": "",
        "other": _("something else"),
    }.get(str(value), value)  # fmt: skip


@register.filter
def did(verb):
    """An act's verb, for people."""
    return {
        "services.suspend": _("suspended a service"), "services.resume": _("resumed a service"),
        "services.create": _("created a service"), "services.change": _("changed a service"),
        "services.route": _("offered a model"), "services.unroute": _("took a model away"),
        "apps.create": _("created an app"), "apps.change": _("changed an app"),
        "keys.create": _("made a key"), "keys.revoke": _("revoked a key"), "keys.rotate": _("rotated a key"),
        "upstreams.create": _("added an upstream"), "upstreams.change": _("changed an upstream"),
        "detectors.create": _("added a detector"), "detectors.change": _("changed a detector"),
        "detectors.remove": _("removed a detector"),
        "upstreams.remove": _("removed an upstream"), "provider.change": _("changed the provider’s data"),
        "policies.save": _("saved a policy"), "policies.ask": _("asked for a second person"),
        "policies.activate": _("put a policy in force"), "lexicons.import": _("imported a lexicon"),
        "lexicons.activate": _("put a lexicon in force"), "people.link": _("made a sign-in link"),
        "people.sign_in_by_link": _("signed in by link"), "people.roles": _("changed roles"),
        "people.active": _("closed or reopened an account"), "contents.read": _("read contents"),
        "subjects.erase": _("erased a subject"), "nodes.admit": _("admitted a node"),
        "quotas.set": _("set a quota"), "quotas.remove": _("removed a quota"),
    }.get(verb, verb)  # fmt: skip
