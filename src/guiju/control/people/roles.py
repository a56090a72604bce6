"""Who may do what: one table, and what rooms with permissions of their own add in control/rooms.py.

Names of permissions are `<room>.<verb>`; actions.py of each room asks for them.
"""

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from guiju.control.rooms import ROOMS

ADMINISTRATOR, POLICY_EDITOR, REVIEWER, AUDITOR = "administrator", "policy_editor", "reviewer", "auditor"

NAMES = {
    ADMINISTRATOR: _("Administrator"),
    POLICY_EDITOR: _("Policy editor"),
    REVIEWER: _("Reviewer"),
    AUDITOR: _("Auditor"),
}

_EVERYBODY = {"console.view", "records.view"}
_SHIPPED: dict[str, frozenset[str]] = {
    ADMINISTRATOR: frozenset(
        _EVERYBODY
        | {"services.view", "services.change", "keys.change", "upstreams.change", "policies.view", "policies.activate"}
        | {"policies.edit", "lexicons.edit", "people.change", "provider.change"}
    ),
    POLICY_EDITOR: frozenset(_EVERYBODY | {"policies.view", "policies.edit", "policies.activate", "lexicons.edit"}),
    REVIEWER: frozenset(_EVERYBODY | {"contents.read", "policies.view", "lexicons.edit"}),
    AUDITOR: frozenset(_EVERYBODY | {"contents.read", "services.view", "policies.view", "ledger.verify"}),
}


ROLES: dict[str, frozenset[str]] = {
    role: shipped.union(*(room.grants.get(role, frozenset()) for room in ROOMS)) for role, shipped in _SHIPPED.items()
}


def permissions(user) -> frozenset[str]:
    """All that a person may do: the union of their roles; a superuser is an administrator and auditor at once."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return frozenset()
    if not hasattr(user, "_guiju_permissions"):
        names = set(user.groups.values_list("name", flat=True))
        if user.is_superuser:
            names |= {ADMINISTRATOR, AUDITOR}
        user._guiju_permissions = frozenset().union(*(ROLES.get(n, frozenset()) for n in names))
    return user._guiju_permissions


def require(user, permission: str) -> None:
    """Raises: PermissionDenied. A command on this machine acts as `None` and may do everything: it can read the keys."""
    if user is not None and permission not in permissions(user):
        raise PermissionDenied(permission)


def name_of(user) -> str:
    """How an entry names who acted."""
    if user is None:
        import getpass

        return f"cli:{getpass.getuser()}"
    return user.get_username() or "system"
