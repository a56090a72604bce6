"""What pages show of the ledger, without a query per row."""

import re
import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.db.models import Q

from guiju import clock
from guiju.control.records.models import Checkpoint, Entry, Exchange, Head
from guiju.control.services.models import App
from guiju.ledger import entries, seal
from guiju.types import Action

PAGE = 50
MINUTE = 60_000
_ID = re.compile("ex_[0-9A-HJKMNP-TV-Z]{26}")
_LOOK = 0.05


@dataclass
class Act:
    """An administrative act, read."""

    at_ms: int
    verb: str
    by: str
    target: str
    before: str
    after: str
    reason: str


def history(verbs: tuple[str, ...], on: tuple[str, ...] = (), under: str = "", limit: int = 20) -> list[Act]:
    """The latest acts whose verb begins so.

    Args:
        on: only those whose target is one of these,
        under: or begins so: `demo/` for the keys of the app demo, `default@` for the versions of a policy.
    """
    found = []
    rows = Entry.objects.filter(kind="act")
    if on or under:
        rows = rows.filter(Q(target__in=on) | (Q(target__startswith=under) if under else Q()))
    for body in rows.order_by("-index").values_list("body", flat=True)[:400]:
        act = entries.decode(bytes(body))
        if isinstance(act, entries.Act) and act.verb.startswith(verbs):
            found.append(Act(act.at_ms, act.verb, act.by, act.target, act.before, act.after, act.reason))
        if len(found) == limit:
            break
    return found


def search(
    *, text="", cls="", app="", action="", people="", before="", since_ms=0, until_ms=0
) -> tuple[list[Exchange], str]:
    """A page of exchanges, newest first, and where the next one begins ("" at the end).

    Args:
        text: an exchange's id or how it begins; a subject's pseudonym, or the id that its app gives it.
        people: `queue`, what a person is to look at; `feedback`, what users said something of: requests that were turned
            away too.
    """
    rows = Exchange.objects.all()
    aside = Entry.objects.filter(kind="exchange.rejected")
    if text:
        known = [seal.pseudonym(settings.KEYRING.pepper, name, text) for name in apps()]
        begin = "ex_" + text[3:].upper() if text[:3].lower() == "ex_" else text
        rows = rows.filter(Q(id__startswith=begin) | Q(subject__in=[text, *known]))
    if cls:
        rows = rows.filter(Q(classes__contains=f" {cls} ") | Q(classes__contains=f" {cls}."))
    if app:
        rows = rows.filter(app=app)
    if action:
        rows = rows.filter(action=action)
    if people == "queue":
        rows = rows.filter(queue=True)
    elif people == "feedback":
        said = Entry.objects.filter(kind="exchange.feedback").values("exchange")
        rows, aside = rows.filter(pk__in=said), aside.filter(exchange__in=said)
    if since_ms:
        rows, aside = rows.filter(at_ms__gte=since_ms), aside.filter(at_ms__gte=since_ms)
    if until_ms:
        rows, aside = rows.filter(at_ms__lt=until_ms), aside.filter(at_ms__lt=until_ms)
    if before:
        at, _, key = before.partition("-")
        if at.isdigit():
            rows = rows.filter(Q(at_ms__lt=int(at)) | Q(at_ms=int(at), id__lt=key))
            aside = aside.filter(Q(at_ms__lt=int(at)) | Q(at_ms=int(at), exchange__lt=key))
    page = list(rows.order_by("-at_ms", "-id")[: PAGE + 1])
    if people == "feedback" and not cls and not action:  # a request that was turned away has neither
        fits = (r for r in map(_turned_away, aside.order_by("-at_ms", "-exchange").iterator()) if app in ("", r.app))
        fits = (r for r in fits if not text or r.id.startswith(begin) or r.subject in {text, *known})
        page = sorted([*page, *islice(fits, PAGE + 1)], key=lambda r: (r.at_ms, r.id), reverse=True)[: PAGE + 1]
    if not page and _ID.fullmatch(begin := text.upper().replace("EX_", "ex_")) and (turned_away := _rejected(begin)):
        page = [turned_away]
    following = f"{page[PAGE - 1].at_ms}-{page[PAGE - 1].id}" if len(page) > PAGE else ""
    return page[:PAGE], following


def apps() -> list[str]:
    """Names of all apps: none is ever taken away."""
    return list(App.objects.order_by("name").values_list("name", flat=True))


def exchange(id: str, *, patience: float = 0.0) -> Exchange | None:
    """An exchange; with `patience`, one that has just ended is waited for: the journal is read a moment later.

    Of a request that was turned away there is no row: it gets one here that isn't kept, with the outcome `rejected`.
    """
    until = clock.monotonic() + patience
    while (row := Exchange.objects.filter(pk=id).first() or _rejected(id)) is None or not row.outcome:
        if not _ID.fullmatch(id) or clock.monotonic() > until:
            break
        time.sleep(_LOOK)
    return row


def _rejected(id: str) -> Exchange | None:
    found = Entry.objects.filter(exchange=id, kind="exchange.rejected").first()
    return _turned_away(found) if found is not None else None


def _turned_away(found: Entry) -> Exchange:
    entry = entries.decode(bytes(found.body))
    assert isinstance(entry, entries.Rejected)
    told = {"door": entry.door, "app": entry.app, "subject": entry.subject}
    row = Exchange(id=entry.exchange, at_ms=entry.at_ms, action=Action.ALLOW.value, outcome="rejected", **told)
    row.code = entry.code
    return row


def lexicons_of(exchange: str) -> tuple[str, ...]:
    """`name@version` of the lexicons that an exchange was reviewed with."""
    row = Entry.objects.filter(exchange=exchange, kind="exchange.opened").first()
    entry = entries.decode(bytes(row.body)) if row else None
    return entry.lexicons if isinstance(entry, entries.Opened) else ()


def entries_of(exchange: str) -> list[tuple[int, entries.Entry]]:
    """Everything that the ledger says of an exchange."""
    rows = Entry.objects.filter(Q(exchange=exchange) | Q(kind="act", target=exchange)).order_by("index")
    return [(row.index, entries.decode(bytes(row.body))) for row in rows]


@dataclass
class Figures:
    """What the home page shows."""

    total: int
    refused: int
    masked: int
    minutes: list[tuple[int, int, int]]
    """(minute's epoch ms, exchanges, refused) of the last hour."""
    latency: list[tuple[int, int, int]]
    """(minute's epoch ms, p50, p99) in milliseconds; only minutes in which something was answered."""
    classes: list[tuple[str, int]]
    p50: int
    p99: int
    entries: int
    checkpoint: Checkpoint | None
    queue: int

    @property
    def uncovered(self) -> int:
        """Entries that came after the newest checkpoint: seconds of work, unless the background process is away."""
        return self.entries - (self.checkpoint.size if self.checkpoint else 0)

    @property
    def root(self) -> str:
        """The tree's root at that checkpoint, as its note says (C2SP tlog-checkpoint: the third line)."""
        lines = self.checkpoint.note.splitlines() if self.checkpoint else []
        return lines[2] if len(lines) > 2 else ""


REFUSED = ("refused", "blocked", "input_refused", "input_blocked")


def live_figures() -> Figures:
    """The last hour."""
    now = clock.epoch_ms()
    since = now - 60 * MINUTE
    rows = list(
        Exchange.objects.filter(at_ms__gte=since).values_list("at_ms", "outcome", "classes", "action", "total_ms")[
            :100_000
        ]
    )
    counts: Counter[int] = Counter()
    refused: Counter[int] = Counter()
    classes: Counter[str] = Counter()
    times: dict[int, list[int]] = {}
    for at, outcome, found, action, took in rows:
        minute = at // MINUTE
        counts[minute] += 1
        if outcome:
            times.setdefault(minute, []).append(took)
        if outcome in REFUSED:
            refused[minute] += 1
        if action != "allow":
            classes.update(found.split())
    first = now // MINUTE - 59
    everything = [t for found in times.values() for t in found]
    head = Head.objects.filter(pk=1).first()
    return Figures(
        total=len(rows),
        refused=sum(refused.values()),
        masked=sum(1 for r in rows if r[3] == "mask"),  # in the question or in the answer
        minutes=[((first + i) * MINUTE, counts[first + i], refused[first + i]) for i in range(60)],
        classes=classes.most_common(8),
        latency=[(m * MINUTE, quantile(t, 50), quantile(t, 99)) for m, t in sorted(times.items()) if m >= first],
        p50=quantile(everything, 50),
        p99=quantile(everything, 99),
        entries=head.size if head else 0,
        checkpoint=Checkpoint.objects.order_by("-size").first(),
        queue=Exchange.objects.filter(queue=True, at_ms__gte=now - 24 * 60 * MINUTE).count(),
    )


def quantile(numbers: list[int], percent: int) -> int:
    """The number below which so many percent lie; 0 of none."""
    found = sorted(numbers)
    return found[min(len(found) - 1, len(found) * percent // 100)] if found else 0
