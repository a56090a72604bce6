"""Policies and lexicons, each with its versions. An activated version never changes."""

from django.conf import settings
from django.db import models

from guiju.control.names import NameField

_STATES = [("draft", "draft"), ("waiting", "waiting"), ("active", "active"), ("retired", "retired")]


class Policy(models.Model):
    """A policy by name."""

    name = NameField()

    def __str__(self):
        return self.name


class PolicyVersion(models.Model):
    """One text of a policy."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    version = models.IntegerField()
    yaml = models.TextField()
    note = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=8, choices=_STATES, default="draft")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField()
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    activated = models.DateTimeField(null=True)

    class Meta:
        unique_together = [("policy", "version")]


class Lexicon(models.Model):
    """A list of terms by name."""

    name = NameField()

    def __str__(self):
        return self.name


class LexiconVersion(models.Model):
    """One text of a lexicon, with the blob that gateways load."""

    lexicon = models.ForeignKey(Lexicon, on_delete=models.PROTECT, related_name="versions")
    version = models.IntegerField()
    csv = models.TextField()
    blob = models.BinaryField()
    digest = models.CharField(max_length=64, db_index=True)
    terms = models.IntegerField()
    state = models.CharField(max_length=8, choices=_STATES, default="draft")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField()
    activated = models.DateTimeField(null=True)

    class Meta:
        unique_together = [("lexicon", "version")]
