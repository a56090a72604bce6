"""No page of the console opens before its person has a password and a second factor."""

from allauth.mfa.models import Authenticator
from django.shortcuts import redirect
from django.urls import reverse

_FREE = ("/console/account/", "/console/link/", "/console/second-factor/")


def has_second_factor(user):
    """Whether a code or a passkey is set up (recovery codes alone are none)."""
    strong = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return Authenticator.objects.filter(user=user, type__in=strong).exists()


class SecondFactor:
    """Sends who has none to where it is set up."""

    def __init__(self, get_response):
        self._get_response = get_response

    def __call__(self, request):
        if (
            request.path.startswith("/console/")
            and not request.path.startswith(_FREE)
            and request.user.is_authenticated
        ):
            if not request.user.has_usable_password():
                return redirect(reverse("account_set_password"))
            if not has_second_factor(request.user):
                return redirect(reverse("second_factor"))
        return self._get_response(request)
