"""What can be done to services, apps, keys, upstreams and routes: permission, transaction, write, entry, publish.

What the fields of upstreams and routes may hold: limits.py.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from django.conf import settings
from django.db import transaction

from guiju import clock
from guiju.control import audit, names
from guiju.control.people.roles import require
from guiju.control.publish import publish
from guiju.control.services import limits
from guiju.control.services.models import App, Key, ModelRoute, Provider, Quota, Service, Upstream
from guiju.errors import BadRequest, Said
from guiju.label.record import DEMO_CODE, valid_code

UPSTREAM_FIELDS = (
    "dialect", "offers", "key_header", "query", "unknown_fields", "connect_timeout", "first_byte_timeout", "idle_timeout",
    "max_connections", "vendor", "residency", "filing",
)  # fmt: skip
"""What `save_upstream` sets beside name, address and key."""

QUOTA_FIELDS = (
    "requests_per_minute", "tokens_per_minute", "streams", "tokens_per_day", "tokens_per_month", "cost_per_day",
    "cost_per_month",
)  # fmt: skip
"""What a quota may limit."""

PRICE_FIELDS = ("input_price", "output_price")
"""Of a million tokens of a model at an upstream."""


@transaction.atomic
def suspend(service: Service, *, by, reason: str) -> int:
    """Stop a service: running answers end within a second. Returns the snapshot's version."""
    require(by, "services.change")
    return _set_state(service, "suspended", reason, by, "services.suspend")


@transaction.atomic
def resume(service: Service, *, by, reason: str = "") -> int:
    """Let a service run again."""
    require(by, "services.change")
    return _set_state(service, "running", reason, by, "services.resume")


def _set_state(service: Service, state: str, reason: str, by, verb: str) -> int:
    before, service.state = service.state, state
    service.state_reason = reason if state == "suspended" else ""
    service.save(update_fields=["state", "state_reason"])
    audit.record(verb, by=by, target=service.name, before=before, after=state, reason=reason)
    return publish()


@transaction.atomic
def save_service(service: Service, *, by, what: str) -> int:
    """Create or change a service. `what`: the fields that changed, for the entry."""
    require(by, "services.change")
    service.name = names.checked(service.name)
    new = service.pk is None
    service.save()
    audit.record("services.create" if new else "services.change", by=by, target=service.name, after=what)
    return publish()


@transaction.atomic
def save_app(app: App, *, by, what: str) -> int:
    """Create or change an app."""
    require(by, "services.change")
    app.name = names.checked(app.name)
    new = app.pk is None
    app.save()
    audit.record("apps.create" if new else "apps.change", by=by, target=app.name, after=what)
    return publish()


@transaction.atomic
def create_key(app: App, *, by, expires: datetime | None = None) -> tuple[str, Key, int]:
    """A new key: shown once, kept as a hash. Returns the key itself, its row and the snapshot's version."""
    require(by, "keys.change")
    secret = "gj-" + secrets.token_urlsafe(32)
    row = keep_key(app, secret, expires)
    audit.record("keys.create", by=by, target=f"{app.name}/{row.prefix}", after=expires.isoformat() if expires else "")
    return secret, row, publish()


def keep_key(app: App, secret: str, expires: datetime | None = None) -> Key:
    """The row of a key."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Key.objects.create(app=app, prefix=secret[:7], sha256=digest, created=clock.now(), expires=expires)


@transaction.atomic
def revoke_key(key: Key, *, by, reason: str = "") -> int:
    """At once: running answers of this key end within a second."""
    require(by, "keys.change")
    if key.revoked is None:
        key.revoked = clock.now()
        key.save(update_fields=["revoked"])
        audit.record("keys.revoke", by=by, target=f"{key.app.name}/{key.prefix}", reason=reason)
    return publish()


@transaction.atomic
def rotate_key(key: Key, *, by, until: datetime) -> tuple[str, Key, int]:
    """A new key for the same app, with as long a life as the old one had; the old one ends at `until`, or before.

    Raises: PermissionDenied, BadRequest: a key that has ended is not brought back.
    """
    require(by, "keys.change")
    now = clock.now()
    if key.revoked is not None or (key.expires is not None and key.expires <= now):
        raise BadRequest(field="key", problem=Said("has ended; make a new one", "已失效，请新建密钥"))
    life = key.expires - key.created if key.expires else None
    key.expires = min(until, key.expires) if key.expires else until
    key.save(update_fields=["expires"])
    audit.record("keys.rotate", by=by, target=f"{key.app.name}/{key.prefix}", after=key.expires.isoformat())
    return create_key(key.app, by=by, expires=now + life if life else None)


@transaction.atomic
def save_upstream(
    name: str,
    url: str,
    *,
    secret: str | None = None,
    model: str = "",
    service: Service | None = None,
    prices: Mapping[str, float] = MappingProxyType({}),
    by,
    **fields: str | float,
) -> int:
    """Add or change an upstream; `secret` None keeps the one there is, "" removes it. Whoever may change an address must
    not learn the key by it: another server gets no key that was kept.

    Args:
        model: its model that `service` answers with from now on, as its default. Where other upstreams answer a model of
            that name already, this one joins them.
        prices: that model's, by PRICE_FIELDS; what isn't given stays as it is.
        fields: others of UPSTREAM_FIELDS; what isn't given stays as it is.

    Raises: PermissionDenied, BadRequest: BadUrl, BadSecret, KeyForAnother, BadField.
    """
    require(by, "upstreams.change")
    name = names.checked(name)
    limits.check_url(url)
    limits.check_secret(secret or "")
    if "key_header" in fields:  # headers are the same however they are written
        fields["key_header"] = str(fields["key_header"]).lower()
    for field, value in fields.items():
        if field not in UPSTREAM_FIELDS:
            raise TypeError(field)
        limits.check(field, value)
    if "offers" in fields:
        fields["offers"] = " ".join(dict.fromkeys(str(fields["offers"]).split()))
    upstream, new = Upstream.objects.get_or_create(name=name, defaults={"url": url})
    before = "" if new else upstream.url
    if secret is None and upstream.secret and limits.server(before) != limits.server(url):
        raise limits.KeyForAnother(url=url)
    changed = {field: str(value) for field, value in fields.items() if new or getattr(upstream, field) != value}
    upstream.url = url.rstrip("/")
    for field, value in fields.items():
        setattr(upstream, field, value)
    if secret is not None:
        upstream.secret = settings.KEYRING.seal_secret(secret, f"upstream:{name}") if secret else ""
        changed["key"] = "sealed" if secret else "removed"
    upstream.save()
    verb = "upstreams.create" if new else "upstreams.change"
    audit.record(verb, by=by, target=name, before=before, after=upstream.url, detail=changed)
    if model and service is not None:
        _answer_with(service, model, upstream, prices, by)
    return publish()


def _answer_with(service: Service, model: str, upstream: Upstream, prices: Mapping[str, float], by) -> None:
    there = {"service": service, "name": model, "upstream": upstream, "model": model}
    route = ModelRoute.objects.filter(**there).first() or ModelRoute(**there)
    if route.pk is None or any(getattr(route, field) != price for field, price in prices.items()):
        for field, price in prices.items():
            setattr(route, field, price)
        _keep_route(route, by=by)
    if service.default_model != model:
        service.default_model = model
        service.save(update_fields=["default_model"])
        audit.record("services.change", by=by, target=service.name, after=f"default_model = {model}")


@transaction.atomic
def remove_upstream(upstream: Upstream, *, by) -> int:
    """Forget an upstream and its secret. Raises: PermissionDenied, BadRequest while a service offers a model of it."""
    require(by, "upstreams.change")
    if upstream.modelroute_set.exists():
        raise BadRequest(
            field="upstream", problem=Said("is in use: a service offers a model of it", "正在使用：有服务提供其模型")
        )
    audit.record("upstreams.remove", by=by, target=upstream.name, before=upstream.url)
    upstream.delete()
    return publish()


@transaction.atomic
def save_route(route: ModelRoute, *, by) -> int:
    """A model that a service offers, and an upstream that answers it; several of one name stand in for each other.

    Raises: PermissionDenied, BadField: a share or an order out of bounds.
    """
    require(by, "services.change")
    _keep_route(route, by=by)
    return publish()


def _keep_route(route: ModelRoute, *, by) -> None:
    """Its row and its entry."""
    for field in ("weight", "order", *PRICE_FIELDS):
        limits.check(field, getattr(route, field))
    route.save()
    after = f"{route.name} -> {route.upstream.name}"
    share = {"model": route.model, "weight": str(route.weight), "order": str(route.order)}
    share |= {field: f"{price:g}" for field in PRICE_FIELDS if (price := getattr(route, field))}
    audit.record("services.route", by=by, target=route.service.name, after=after, detail=share)


@transaction.atomic
def remove_route(route: ModelRoute, *, by) -> int:
    """An upstream answers a model of a service no longer; without its last one the service offers the model no longer.

    Raises: PermissionDenied, BadRequest for the last one of the model that the service answers with by itself.
    """
    require(by, "services.change")
    others = ModelRoute.objects.filter(service=route.service, name=route.name).exclude(pk=route.pk)
    if route.service.default_model == route.name and not others.exists():
        raise BadRequest(
            field="model",
            problem=Said("is the service's default; name another one first", "是该服务的默认模型；请先另设默认模型"),
        )
    audit.record("services.unroute", by=by, target=route.service.name, before=f"{route.name} -> {route.upstream.name}")
    route.delete()
    return publish()


@transaction.atomic
def set_quota(scope: str, name: str, *, by, **limited: float) -> int:
    """Limit how much a key (`key12`), an app, a service, or each user of an app may use; 0 takes one limit away, what isn't
    named stays. Where no limit is left, the quota is gone.

    Raises: PermissionDenied, BadField, BadRequest where there is nobody of that name.
    """
    require(by, "services.change")
    known = {
        "key": lambda: name[3:].isdecimal() and Key.objects.filter(pk=int(name[3:])).exists(),
        "app": lambda: App.objects.filter(name=name).exists(),
        "subject": lambda: App.objects.filter(name=name).exists(),
        "service": lambda: Service.objects.filter(name=name).exists(),
    }[scope]
    if not known():
        raise BadRequest(field=scope, problem=Said("there is no '{name}'", "没有“{name}”", name=name))
    row = Quota.objects.filter(scope=scope, name=name).first() or Quota(scope=scope, name=name)
    before = quota_words(row)
    for field, value in limited.items():
        limits.check(field, value)
        setattr(row, field, value)
    after = quota_words(row)
    if after:
        row.save()
    elif row.pk is not None:
        row.delete()
    if before != after:
        audit.record(
            "quotas.set" if after else "quotas.remove", by=by, target=f"{scope}:{name}", before=before, after=after
        )
    return publish()


def quota_words(row: Quota) -> str:
    """Its limits, for an entry: `requests_per_minute=60 streams=4`."""
    return " ".join(f"{field}={value:.15g}" for field in QUOTA_FIELDS if (value := getattr(row, field)))


@transaction.atomic
def set_provider(*, name: str, code: str, contact: str, by) -> int:
    """The provider's own data. Raises: BadRequest where the code doesn't hold (TC260-PG-20252A)."""
    require(by, "provider.change")
    if code != DEMO_CODE and not valid_code(code):
        raise BadRequest(
            field="code",
            problem=Said(
                "isn't a provider code: 27 characters, with the credit code's check character",
                "不是有效的服务提供者编码：应为 27 位，且统一社会信用代码的校验位正确",
            ),
        )
    row = Provider.objects.first() or Provider()
    before = row.code
    row.name, row.code, row.contact = name, code, contact
    row.save()
    audit.record("provider.change", by=by, target=name, before=before, after=code)
    return publish()
