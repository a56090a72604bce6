"""How accounts work here: nobody signs up, nobody gets mail; an administrator, or `guiju admin link`, makes accounts."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context

from guiju.control.people.middleware import has_second_factor


class Accounts(DefaultAccountAdapter):
    """See allauth."""

    def is_open_for_signup(self, request):
        return False

    def is_reauthentication_required(self, *, app):
        # Who has no second factor yet came by a one-time link a moment ago, and can do nothing but set one up.
        return has_second_factor(context.request.user)

    def get_password_change_redirect_url(self, request):
        return "/console/"
