"""The states of an exchange, and which may follow which. The order of the product's promise, as a table."""

from __future__ import annotations

RECEIVED, ADMITTED, JUDGED, OPENED, SERVING, CLOSED = "received", "admitted", "judged", "opened", "serving", "closed"

MAY: dict[str, frozenset[str]] = {
    RECEIVED: frozenset((ADMITTED, CLOSED)),
    ADMITTED: frozenset((JUDGED, CLOSED)),
    JUDGED: frozenset((OPENED, CLOSED)),
    OPENED: frozenset((SERVING, CLOSED)),
    SERVING: frozenset((CLOSED,)),
    CLOSED: frozenset(),
}
"""Which state may follow which: nothing is served that isn't recorded, nothing recorded that isn't judged."""
