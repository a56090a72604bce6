"""What happens when allauth says that something has happened."""

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver


@receiver(authenticator_added)
def proven(request, user, **_):
    """Who has just shown a second factor isn't asked for it again to see the recovery codes."""
    record_authentication(request, user, method="mfa", reauthenticated=True)
