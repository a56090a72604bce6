"""What can be done to services, apps, keys and upstreams: permission, transaction, write, entry, publish."""

import hashlib
import secrets
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from guiju import clock
from guiju.control import audit, names
from guiju.control.people.roles import require
from guiju.control.publish import publish
from guiju.control.services.models import App, Key, ModelRoute, Provider, Service, Upstream
from guiju.errors import BadRequest, Said
from guiju.label.record import DEMO_CODE, valid_code


class BadUrl(BadRequest):
    text_en = "'{url}' is no base URL: it begins with http:// or https:// and names a host, as http://127.0.0.1:8000/v1"
    text_zh = "“{url}”不是有效的 base URL：应以 http:// 或 https:// 开头并写明主机，例如 http://127.0.0.1:8000/v1"


class BadSecret(BadRequest):
    text_en = "The upstream's API key holds characters that no HTTP header can carry; look at what was pasted."
    text_zh = "上游的 API 密钥含有 HTTP 头无法携带的字符，请检查所粘贴的内容。"


def _check_url(url: str) -> None:
    """Raises: BadUrl, for what would stop the gateway from taking any snapshot."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https", "unix") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address, a port beyond 65535
        whole = False
    if not whole or not url.isascii() or not url.isprintable() or " " in url or len(url) > 500:
        raise BadUrl(url=url)


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
    dialect: str = "openai",
    secret: str | None = None,
    model: str = "",
    service: Service | None = None,
    by,
) -> int:
    """Add or change an upstream; `secret` None keeps the one there is, "" removes it.

    Args:
        model: its model that `service` offers from now on, under the same name; the first one becomes the default.

    Raises: PermissionDenied, BadRequest.
    """
    require(by, "upstreams.change")
    name = names.checked(name)
    _check_url(url)
    if secret and not (secret.isascii() and secret.isprintable()):
        raise BadSecret
    upstream, new = Upstream.objects.get_or_create(name=name, defaults={"url": url})
    upstream.url, upstream.dialect = url.rstrip("/"), dialect
    if secret is not None:
        upstream.secret = settings.KEYRING.seal_secret(secret, f"upstream:{name}") if secret else ""
    upstream.save()
    audit.record("upstreams.create" if new else "upstreams.change", by=by, target=name, after=upstream.url)
    if model and service is not None:
        ModelRoute.objects.update_or_create(
            service=service, name=model, defaults={"upstream": upstream, "model": model}
        )
        service.default_model = model
        service.save(update_fields=["default_model"])
        audit.record("services.route", by=by, target=service.name, after=f"{model} -> {name}")
    return publish()


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
    """A model that a service offers."""
    require(by, "services.change")
    route.save()
    audit.record("services.route", by=by, target=route.service.name, after=f"{route.name} -> {route.upstream.name}")
    return publish()


@transaction.atomic
def remove_route(route: ModelRoute, *, by) -> int:
    """A service offers a model no longer. Raises: PermissionDenied, BadRequest for the one it answers with by itself."""
    require(by, "services.change")
    if route.service.default_model == route.name:
        raise BadRequest(
            field="model",
            problem=Said("is the service's default; name another one first", "是该服务的默认模型；请先另设默认模型"),
        )
    audit.record("services.unroute", by=by, target=route.service.name, before=f"{route.name} -> {route.upstream.name}")
    route.delete()
    return publish()


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
