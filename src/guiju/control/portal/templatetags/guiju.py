"""Filters that every template may use."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

register = template.Library()

_ACTIONS = {"allow": "good", "mask": "warn", "refuse": "bad", "block": "bad", "escalate": "bad"}


@register.filter
def moment(ms):
    """Epoch milliseconds in the site's time zone."""
    if not ms:
        return "–"
    return timezone.localtime(datetime.fromtimestamp(int(ms) / 1000, UTC)).strftime("%Y-%m-%d %H:%M:%S")


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
        )
        else ""
    )


@register.filter
def word(value):
    """A word of the records, for people."""
    return {
        "allow": _("allowed"), "mask": _("masked"), "refuse": _("refused"), "block": _("blocked"), "escalate": _("escalated"),
        "served": _("served"), "masked": _("masked"), "refused": _("stopped"), "blocked": _("blocked"),
        "input_refused": _("refused"), "input_blocked": _("blocked"), "client_left": _("client left"),
        "suspended": _("suspended"),
        "revoked": _("revoked"), "upstream_error": _("upstream failed"), "our_error": _("our failure"),
        "interrupted": _("interrupted"), "running": _("running"), "sandbox": _("sandbox"), "draft": _("draft"),
        "waiting": _("waits for a second person"), "active": _("in force"), "retired": _("retired"), "": _("running"),
        "low": _("low"), "middle": _("middle"), "high": _("high"), "input": _("prompt"), "output": _("answer"),
        "duplicate": _("duplicate"), "too_short": _("too short"), "over_broad": _("over-broad"), "shadowed": _("shadowed"),
        "allow_useless": _("useless allow-phrase"),
    }.get(str(value), value)  # fmt: skip
