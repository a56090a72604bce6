"""The provider, services, apps, keys, upstreams. Fields mean what guiju.snapshot says."""

from django.db import models

from guiju.control.names import NameField


class Provider(models.Model):
    """One row."""

    name = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=27, default="UNREGISTERED-DEMO")
    contact = models.CharField(max_length=200, blank=True)


class Upstream(models.Model):
    """A server that runs models. Its secret is sealed under the master key and never shown again."""

    name = NameField()
    url = models.CharField(max_length=500)
    dialect = models.CharField(
        max_length=10, choices=[("openai", "OpenAI"), ("anthropic", "Anthropic")], default="openai"
    )
    secret = models.TextField(blank=True)
    offers = models.CharField(max_length=200, blank=True)
    """Parted by spaces."""
    key_header = models.CharField(max_length=64, blank=True)
    query = models.CharField(max_length=500, blank=True)
    unknown_fields = models.CharField(max_length=4, choices=[("send", "send"), ("drop", "drop")], default="send")
    connect_timeout = models.FloatField(default=10.0)
    first_byte_timeout = models.FloatField(default=120.0)
    idle_timeout = models.FloatField(default=60.0)
    max_connections = models.PositiveIntegerField(default=10_000)
    # for the registers; no gateway knows of these
    vendor = models.CharField(max_length=100, blank=True)
    residency = models.CharField(max_length=2, blank=True)
    """Where what it is sent is processed: residency.PLACES; "" where nobody has said."""
    filing = models.CharField(max_length=100, blank=True)
    """Filing or registration number of its model as a generative-AI service."""

    def __str__(self):
        return self.name


class Detector(models.Model):
    """A detector that is elsewhere. Its secrets are sealed under the master key and never shown again."""

    name = NameField()
    adapter = models.CharField(max_length=40)
    settings = models.JSONField(default=dict)
    secrets = models.TextField(blank=True)
    directions = models.CharField(max_length=20, default="input output")
    """Parted by spaces, as `fails_open`."""
    timeout = models.FloatField(default=3.0)
    attempts = models.PositiveSmallIntegerField(default=2)
    budget = models.FloatField(default=60.0)
    hedge = models.FloatField(default=0.0)
    group = models.CharField(max_length=60, blank=True)
    quorum = models.PositiveSmallIntegerField(default=0)
    fails_open = models.CharField(max_length=20, blank=True)
    lead = models.PositiveIntegerField(default=0)
    observe = models.BooleanField(default=False)

    def __str__(self):
        return self.name


class Service(models.Model):
    """What the public is told about."""

    name = NameField()
    title_zh = models.CharField(max_length=200, blank=True)
    title_en = models.CharField(max_length=200, blank=True)
    state = models.CharField(
        max_length=10,
        choices=[("running", "running"), ("sandbox", "sandbox"), ("suspended", "suspended")],
        default="running",
    )
    state_reason = models.CharField(max_length=500, blank=True)
    demo = models.BooleanField(default=False)
    audience = models.CharField(
        max_length=12,
        choices=[("general", "general"), ("minors", "minors"), ("professional", "professional")],
        default="general",
    )
    policy = models.ForeignKey("policies.Policy", on_delete=models.PROTECT)
    default_model = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=2, default="zh")

    def __str__(self):
        return self.name


class ModelRoute(models.Model):
    """A model name that a service offers, and one upstream that answers it; several rows of a name stand in for each other."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=200)
    upstream = models.ForeignKey(Upstream, on_delete=models.PROTECT)
    model = models.CharField(max_length=200)
    weight = models.PositiveSmallIntegerField(default=1)
    order = models.PositiveSmallIntegerField(default=0)
    input_price = models.FloatField(default=0.0)
    output_price = models.FloatField(default=0.0)

    class Meta:
        unique_together = [("service", "name", "upstream", "model")]


class App(models.Model):
    """One client of one service."""

    name = NameField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="apps")
    refusal_style = models.CharField(max_length=8, choices=[("answer", "answer"), ("error", "error")], default="answer")
    finish_reason = models.CharField(
        max_length=16, choices=[("content_filter", "content_filter"), ("stop", "stop")], default="content_filter"
    )
    notice = models.CharField(
        max_length=10, choices=[("interface", "interface"), ("begin", "begin"), ("end", "end")], default="interface"
    )
    observe = models.BooleanField(default=False)
    allow_media = models.BooleanField(default=False)
    allow_opaque = models.BooleanField(default=False)
    allowed_models = models.CharField(max_length=1000, blank=True)
    subject_key = models.TextField(blank=True)

    def __str__(self):
        return self.name


class Key(models.Model):
    """A credential of one app; the key itself was shown once."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="keys")
    prefix = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField()
    expires = models.DateTimeField(null=True)
    revoked = models.DateTimeField(null=True)

    @property
    def quota_name(self):
        """What its quota goes by: `Key.id` of the snapshot."""
        return f"key{self.pk}"


class Quota(models.Model):
    """How much somebody may use; 0 is no limit. Whom `scope` and `name` mean: guiju.snapshot."""

    scope = models.CharField(max_length=8)
    name = models.CharField(max_length=80)
    requests_per_minute = models.PositiveBigIntegerField(default=0)
    tokens_per_minute = models.PositiveBigIntegerField(default=0)
    streams = models.PositiveIntegerField(default=0)
    tokens_per_day = models.PositiveBigIntegerField(default=0)
    tokens_per_month = models.PositiveBigIntegerField(default=0)
    cost_per_day = models.FloatField(default=0.0)
    cost_per_month = models.FloatField(default=0.0)

    class Meta:
        unique_together = [("scope", "name")]


class SnapshotVersion(models.Model):
    """What is published: one row, replaced whole."""

    version = models.BigIntegerField(default=0)
    body = models.BinaryField(default=b"")
