"""record(): every verb that a person or a command carries out writes an entry, in the same transaction."""

from guiju import clock
from guiju.control.people.roles import name_of
from guiju.control.records import actions as records
from guiju.ledger import entries


def record(
    verb: str,
    *,
    by,
    target: str = "",
    before: str = "",
    after: str = "",
    reason: str = "",
    detail: dict[str, str] | None = None,
) -> int:
    """Append an `Act`; returns its time. `by`: the person; None is a command on this machine."""
    act = entries.Act(
        at_ms=clock.epoch_ms(),
        verb=verb,
        by=name_of(by),
        target=target,
        before=before,
        after=after,
        reason=reason,
        detail=detail or {},
    )
    records.append([records.Item(entries.encode(act))])
    return act.at_ms
