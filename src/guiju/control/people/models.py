"""Accounts and their one-time sign-in links. Roles are Django groups; what each may do is roles.py."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person of the provider's who works in the console."""

    class Meta:
        db_table = "people_user"


class SignInLink(models.Model):
    """A link that signs its user in, once. Only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="links")
    sha256 = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True)
    reset_second_factor = models.BooleanField(default=False)
