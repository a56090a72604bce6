"""What became of an exchange, in words for whoever asked: what happened, what can be done, whether a person decided it.

It tells what the asker saw happen and no more: no name of an app, a key or an upstream, no code, no reason of the operator's.
Verdicts of review aren't here: for them the page names the class and its basis.
"""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from guiju.errors import ServiceSuspended


class Ending(NamedTuple):
    """How an exchange ended that wasn't refused."""

    happened: Promise
    remedy: Promise | str = ""
    decided: bool = False
    """Somebody's decision ended it: an objection makes sense, as against a verdict."""


_SERVED = Ending(_("Nothing was refused here."))
_RESUMED = _("Once it is resumed, ask again. If you think that it should not have been suspended, say so below.")
_OURS = Ending(
    _(
        "The service itself failed, so the answer is missing or broke off. Nothing that wasn’t reviewed was served instead."
    ),
    _("Ask again. If it happens again, tell whoever runs this service, with the number above."),
)
ENDINGS = {
    "": Ending(_("It is still being answered.")),
    "served": _SERVED,
    "masked": _SERVED,
    "suspended": Ending(
        _(
            "The service, or the program that asked it, was suspended while this was being answered; the answer ended there."
        ),
        _RESUMED,
        decided=True,
    ),
    "revoked": Ending(
        _("The key with which the program asked was revoked while this was being answered; the answer ended there."),
        _("Whoever runs the program needs a new key. If you think that it should not have been revoked, say so below."),
        decided=True,
    ),
    "rejected": Ending(
        _("The request was turned away before a model was asked: it could not be read, or its key may not ask that."),
        _("The error with this number says what to change. If it is wrong, tell whoever runs this service the number."),
    ),
    "upstream_error": Ending(
        _("The model gave no answer, or broke it off in the middle."),
        _("Ask again in a moment."),
    ),
    "our_error": _OURS,
    "interrupted": _OURS,
    "client_left": Ending(
        _("The connection was closed from the asking side before the answer was complete; it ended there."),
        _("Ask again, if you still need the answer."),
    ),
}
"""By outcome (ledger/entries.py: Closed), and of what was turned away (Rejected). The refusals aren't here."""
BARRED = {
    ServiceSuspended.code: Ending(
        _(
            "The service, or the program that asked it, was suspended: the request was turned away before a model was asked."
        ),
        _RESUMED,
        decided=True,
    ),
}
"""By the error's code, what was turned away because somebody had decided so."""
