"""What people of the console can have done to them: links, roles, the end of an account."""

import hashlib
import secrets
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from guiju import clock
from guiju.control import audit
from guiju.control.people.models import SignInLink, User
from guiju.control.people.roles import ADMINISTRATOR, ROLES, require
from guiju.errors import BadRequest

VALID = timedelta(minutes=15)


class BadUsername(BadRequest):
    text_en = "'{name}' is no user name: letters, digits and @ . + - _, 1 to 150 of them"
    text_zh = "“{name}”不能用作用户名：只能用文字、数字和 @ . + - _，1 到 150 个"


def prepare_roles() -> None:
    """The groups that stand for roles."""
    for name in ROLES:
        Group.objects.get_or_create(name=name)


@transaction.atomic
def make_link(username: str, *, by=None, reset_second_factor: bool = False, role: str = ADMINISTRATOR) -> str:
    """A one-time sign-in link's token for `username`, who is made if unknown. Recorded.

    Raises: PermissionDenied, BadUsername.
    """
    require(by, "people.change")
    try:
        User._meta.get_field("username").run_validators(username)
    except ValidationError:
        raise BadUsername(name=username) from None
    if not username:
        raise BadUsername(name=username)
    user, new = User.objects.get_or_create(username=username)
    if new:
        user.set_unusable_password()
        user.save()
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user,
        sha256=hashlib.sha256(token.encode()).hexdigest(),
        expires=clock.now() + VALID,
        reset_second_factor=reset_second_factor,
    )
    detail = {"reset_second_factor": str(reset_second_factor).lower()}
    audit.record("people.link", by=by, target=username, after=role if new else "", detail=detail)
    return token


@transaction.atomic
def use_link(token: str) -> User | None:
    """Consume a link; None where it is unknown, used or too old. A conditional update: two clicks, one winner."""
    digest, now = hashlib.sha256(token.encode()).hexdigest(), clock.now()
    if not SignInLink.objects.filter(sha256=digest, used=None, expires__gt=now).update(used=now):
        return None
    link = SignInLink.objects.select_related("user").get(sha256=digest)
    if not link.user.is_active:
        return None
    # Who needs a link has no password, or lost it: a new one is set next, and sessions of before end.
    link.user.set_unusable_password()
    link.user.save(update_fields=["password"])
    if link.reset_second_factor:
        Authenticator.objects.filter(user=link.user).delete()
    audit.record("people.sign_in_by_link", by=link.user, target=link.user.username)
    return link.user


def link_is_good(token: str) -> bool:
    """Whether a link could be used now; looking doesn't use it up."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return SignInLink.objects.filter(sha256=digest, used=None, expires__gt=clock.now()).exists()


@transaction.atomic
def set_roles(user: User, roles: list[str], *, by) -> None:
    """Give a person exactly these roles. Raises: PermissionDenied, ValueError for the last administrator."""
    require(by, "people.change")
    before = sorted(user.groups.values_list("name", flat=True))
    if ADMINISTRATOR in before and ADMINISTRATOR not in roles:
        others = User.objects.filter(groups__name=ADMINISTRATOR, is_active=True).exclude(pk=user.pk)
        if not others.exists():
            raise ValueError(_("The last administrator stays one."))
    user.groups.set(Group.objects.filter(name__in=roles))
    audit.record("people.roles", by=by, target=user.username, before=",".join(before), after=",".join(sorted(roles)))


@transaction.atomic
def set_active(user: User, active: bool, *, by) -> None:
    """Close or reopen an account. Raises: PermissionDenied, ValueError for one's own."""
    require(by, "people.change")
    if user == by:
        raise ValueError(_("Nobody closes their own account."))
    user.is_active = active
    user.save(update_fields=["is_active"])
    audit.record("people.active", by=by, target=user.username, after=str(active).lower())
