"""Closing entries become usage: called where entries are appended, in the same transaction, so that each counts once."""

from collections import defaultdict
from datetime import UTC, datetime

from django.db.models import F
from django.utils import timezone

from guiju.control.records.models import Entry
from guiju.control.usage.models import Usage
from guiju.ledger import entries

_SUMS = ("requests", "input_tokens", "output_tokens", "estimated", "cost")


def tally(found: list[entries.Entry]) -> None:
    """Add up what these entries say was used. Call it before their rows are written, or after."""
    opened = {e.exchange: e for e in found if isinstance(e, entries.Opened)}
    closed = [e for e in found if isinstance(e, entries.Closed)]
    missing = [e.exchange for e in closed if e.exchange not in opened]
    for body in Entry.objects.filter(exchange__in=missing, kind="exchange.opened").values_list("body", flat=True):
        entry = entries.decode(bytes(body))
        if isinstance(entry, entries.Opened):
            opened[entry.exchange] = entry
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * len(_SUMS))
    for end in closed:
        begin = opened.get(end.exchange)
        if begin is None or begin.door == "moderations":
            continue
        day = timezone.localtime(datetime.fromtimestamp(end.at_ms / 1000, UTC)).date()
        model = begin.model if begin.model not in ("", "?") else begin.upstream_model
        who = (
            day,
            begin.service[:80],
            begin.app[:80],
            begin.key[:40],
            begin.subject[:64],
            model.replace("\x00", "")[:200],
        )
        more = (1, end.input_tokens, end.output_tokens, int(end.tokens_estimated), end.cost)
        sums[who] = [a + b for a, b in zip(sums[who], more, strict=True)]
    for who, more in sorted(sums.items()):
        row, _ = Usage.objects.get_or_create(
            **dict(zip(("day", "service", "app", "key", "subject", "model"), who, strict=True))
        )
        Usage.objects.filter(pk=row.pk).update(**{name: F(name) + n for name, n in zip(_SUMS, more, strict=True)})
