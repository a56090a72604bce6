"""Tables -> Snapshot. Called at the end of every verb that a gateway must know of, in its transaction."""

import base64
import os
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch

from guiju import snapshot as snapshots
from guiju.control.policies.models import LexiconVersion, PolicyVersion
from guiju.control.services.models import (
    App,
    Detector,
    Key,
    ModelRoute,
    Provider,
    Quota,
    Service,
    SnapshotVersion,
    Upstream,
)

woken = []
"""Callbacks of this process (internal.py): a new version has been committed."""


def build(version: int) -> snapshots.Snapshot:
    """What the tables say now."""
    provider = Provider.objects.first() or Provider()
    routes = ModelRoute.objects.select_related("upstream").order_by("id")
    return snapshots.Snapshot(
        version=version,
        provider=snapshots.Provider(
            name=provider.name, code=provider.code, contact=provider.contact, base_url=settings.GUIJU.base_url
        ),
        services=tuple(
            _service(s)
            for s in Service.objects.select_related("policy")
            .prefetch_related(Prefetch("models", routes))
            .order_by("id")
        ),
        apps=tuple(_app(a) for a in App.objects.select_related("service").order_by("id")),
        keys=tuple(_key(k) for k in Key.objects.select_related("app").order_by("id")),
        quotas=tuple(_quota(q) for q in Quota.objects.order_by("id")),
        upstreams=tuple(_upstream(u) for u in Upstream.objects.order_by("id")),
        policies=tuple(
            snapshots.PolicyRef(name=p.policy.name, version=p.version, yaml=p.yaml)
            for p in PolicyVersion.objects.filter(state="active").select_related("policy").order_by("policy_id")
        ),
        lexicons=tuple(
            snapshots.LexiconRef(name=x.lexicon.name, version=x.version, digest=x.digest, terms=x.terms)
            for x in LexiconVersion.objects.filter(state="active")
            .select_related("lexicon")
            .defer("csv", "blob")
            .order_by("lexicon_id")
        ),
        detectors=tuple(detector(d) for d in Detector.objects.order_by("id")),
        chat_key=base64.b64encode(settings.KEYRING.chat_public).decode(),
    )


def _service(row: Service) -> snapshots.Service:
    return snapshots.Service(
        name=row.name, title_zh=row.title_zh, title_en=row.title_en, state=row.state, state_reason=row.state_reason,
        demo=row.demo, audience=row.audience, policy=row.policy.name, default_model=row.default_model, language=row.language,
        models=tuple(
            snapshots.ModelRoute(name=m.name, upstream=m.upstream.name, model=m.model, weight=m.weight, order=m.order,
                                 input_price=m.input_price, output_price=m.output_price)
            for m in row.models.all()
        ),
    )  # fmt: skip


def _upstream(row: Upstream) -> snapshots.Upstream:
    return snapshots.Upstream(
        name=row.name, url=row.url, dialect=row.dialect, offers=tuple(row.offers.split()), secret=row.secret,
        key_header=row.key_header, query=row.query, unknown_fields=row.unknown_fields,
        connect_timeout=row.connect_timeout, first_byte_timeout=row.first_byte_timeout, idle_timeout=row.idle_timeout,
        max_connections=row.max_connections,
    )  # fmt: skip


def detector(row: Detector) -> snapshots.Detector:
    """As gateways have it."""
    return snapshots.Detector(
        name=row.name, adapter=row.adapter, settings=tuple(sorted(row.settings.items())), secrets=row.secrets,
        directions=tuple(row.directions.split()), timeout=row.timeout, attempts=row.attempts, budget=row.budget,
        hedge=row.hedge, group=row.group, quorum=row.quorum, fails_open=tuple(row.fails_open.split()), lead=row.lead,
        observe=row.observe,
    )  # fmt: skip


def _app(row: App) -> snapshots.App:
    return snapshots.App(
        name=row.name, service=row.service.name, refusal_style=row.refusal_style, finish_reason=row.finish_reason,
        notice=row.notice, observe=row.observe, allow_media=row.allow_media, allow_opaque=row.allow_opaque,
        allowed_models=tuple(row.allowed_models.split()), subject_key=row.subject_key,
    )  # fmt: skip


def _key(row: Key) -> snapshots.Key:
    return snapshots.Key(
        id=f"key{row.pk}",
        app=row.app.name,
        prefix=row.prefix,
        sha256=row.sha256,
        expires_ms=int(row.expires.timestamp() * 1000) if row.expires else 0,
        revoked=row.revoked is not None,
    )


def _quota(row: Quota) -> snapshots.Quota:
    return snapshots.Quota(**{name: getattr(row, name) for name in snapshots.Quota.__struct_fields__})


@transaction.atomic
def publish() -> int:
    """Compute, compare, and raise the version where something differs. Returns the version in force."""
    SnapshotVersion.objects.get_or_create(pk=1)
    row = SnapshotVersion.objects.select_for_update().get(pk=1)
    built = build(row.version)
    if snapshots.encode(built) == bytes(row.body):
        return row.version
    row.version += 1
    row.body = snapshots.encode(msgspec.structs.replace(built, version=row.version))
    row.save()
    transaction.on_commit(lambda: [wake() for wake in woken])
    return row.version


def current() -> tuple[int, bytes]:
    """Version and JSON of the snapshot in force; (0, b"") before the first."""
    row = SnapshotVersion.objects.filter(pk=1).first()
    return (row.version, bytes(row.body)) if row else (0, b"")


def keep(file: Path) -> None:
    """Lay the snapshot in force where a gateway of this machine starts from it; whole or not at all."""
    _, body = current()
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(body)
    draft.replace(file)


def version() -> int:
    """The version in force: one small query."""
    return SnapshotVersion.objects.filter(pk=1).values_list("version", flat=True).first() or 0


def read(body: bytes) -> snapshots.Snapshot:
    """For pages that show what gateways hold."""
    return msgspec.json.decode(body, type=snapshots.Snapshot)
