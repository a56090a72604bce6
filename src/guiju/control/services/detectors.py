"""What can be done to detectors that are elsewhere: permission, transaction, write, entry, publish."""

import json

from django.conf import settings
from django.db import transaction

from guiju.control import audit, names
from guiju.control.people.roles import require
from guiju.control.publish import publish
from guiju.control.services import limits
from guiju.control.services.models import Detector
from guiju.errors import BadRequest, Said
from guiju.remote import ADAPTERS, adapter
from guiju.remote.adapter import Field

BOUNDS = {
    "timeout": (0.01, 600),
    "attempts": (1, 10),
    "budget": (0.01, 3600),
    "hedge": (0, 600),
    "quorum": (0, 100),
    "lead": (0, 10_000),
}
"""Least and most of each number."""
FIELDS = (*BOUNDS, "directions", "fails_open", "group", "observe")
"""How it is asked; see `guiju.review.policy.Asking`."""


@transaction.atomic
def save(name: str, kind: str, *, given: dict[str, str], by, **fields) -> int:
    """Add or change a detector. Returns the snapshot's version.

    Args:
        kind: of its adapter; "" keeps the one there is.
        given: values of the adapter's fields; what isn't given stays, secrets too, as long as the address leads to the same
            server. Of another adapter nothing stays.
        fields: of FIELDS.

    Raises: PermissionDenied, BadRequest.
    """
    require(by, "upstreams.change")
    name = names.checked(name)
    row = Detector.objects.filter(name=name).first() or Detector(name=name)
    new = row.pk is None
    kind = kind or row.adapter
    if kind not in ADAPTERS:
        said = Said("is unknown; there are: {there}", "不存在；可用：{there}", there=", ".join(ADAPTERS))
        raise BadRequest(field="adapter", problem=said)
    if row.adapter != kind:
        row.adapter, row.settings, row.secrets = kind, {}, ""
    _fill(row, given)
    for field, value in fields.items():
        low, high = BOUNDS.get(field, (0, 0))
        if field in BOUNDS and not low <= value <= high:
            said = Said("must be from {low} to {high}", "须在 {low} 与 {high} 之间", low=low, high=high)
            raise BadRequest(field=field, problem=said)
        if field in ("directions", "fails_open") and set(value.split()) - {"input", "output"}:
            raise BadRequest(field=field, problem=Said("is input, output or both", "须为 input、output 或两者"))
        setattr(row, field, value)
    row.save()
    changed = {field: str(value) for field, value in fields.items()} | {"settings": ", ".join(sorted(given))}
    audit.record("detectors.create" if new else "detectors.change", by=by, target=name, after=kind, detail=changed)
    return publish()


def _fill(row: Detector, given: dict[str, str]) -> None:
    known = {f.name: f for f in adapter(row.adapter).fields}
    for name, value in given.items():
        if name not in known:
            said = Said(
                "is no setting of {kind}; there are: {there}",
                "不是 {kind} 的设置；可用：{there}",
                kind=row.adapter,
                there=", ".join(known),
            )
            raise BadRequest(field=name, problem=said)
        if known[name].choices and value not in known[name].choices:
            said = Said("must be one of {there}", "须为 {there} 之一", there=", ".join(known[name].choices))
            raise BadRequest(field=name, problem=said)
    kept = opened(row)
    for name, value in kept.items():
        if value and name not in given and _server(row.settings, known) != _server(row.settings | given, known):
            said = Said(
                "is kept for another server: give it anew, or empty to take it away",
                "是为另一台服务器保存的：请重新提供，或留空以移除",
            )
            raise BadRequest(field=name, problem=said)
    secrets = kept | {n: v for n, v in given.items() if known[n].secret}
    row.settings = row.settings | {n: v for n, v in given.items() if not known[n].secret}
    sealed = settings.KEYRING.seal_secret(json.dumps(secrets), f"detector:{row.name}") if secrets else ""
    row.secrets = sealed
    for name, field in known.items():
        if field.default is None and name not in secrets and name not in row.settings:
            raise BadRequest(field=name, problem=Said("is missing", "缺少此字段"))


def _server(values: dict[str, str], known: dict[str, Field]) -> tuple[str, str, int]:
    address = known.get("url")
    return limits.server(values.get("url", address.default or "")) if address else ("", "", 0)


def opened(row: Detector) -> dict[str, str]:
    """Its secrets in the clear."""
    return json.loads(settings.KEYRING.unseal_secret(row.secrets, f"detector:{row.name}")) if row.secrets else {}


@transaction.atomic
def remove(row: Detector, *, by) -> int:
    """Forget a detector and its secrets. Raises: PermissionDenied."""
    require(by, "upstreams.change")
    audit.record("detectors.remove", by=by, target=row.name, before=row.adapter)
    row.delete()
    return publish()
