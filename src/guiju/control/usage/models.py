"""Tokens and cost, rolled up per day: a copy of what closing entries say, never proof."""

from django.db import models


class Usage(models.Model):
    """What was used on one day (Beijing's) by one subject with one key of one app, of one model."""

    day = models.DateField(db_index=True)
    service = models.CharField(max_length=80)
    app = models.CharField(max_length=80)
    key = models.CharField(max_length=40)
    subject = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200)
    requests = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(default=0)
    """Requests whose tokens are an estimate."""
    cost = models.BigIntegerField(default=0)
    """Millionths of the currency."""

    class Meta:
        unique_together = [("day", "service", "app", "key", "subject", "model")]
