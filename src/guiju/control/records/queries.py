"""What pages show of the ledger, without a query per row."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Q

from guiju import clock
from guiju.control.records.models import Checkpoint, Entry, Exchange, Head
from guiju.ledger import entries

PAGE = 50
MINUTE = 60_000


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


def history(verbs: tuple[str, ...], target: str = "", limit: int = 20) -> list[Act]:
    """The latest acts whose verb begins so."""
    found = []
    rows = Entry.objects.filter(kind="act")
    if target:
        rows = rows.filter(target__startswith=target)
    for body in rows.order_by("-index").values_list("body", flat=True)[:400]:
        act = entries.decode(bytes(body))
        if isinstance(act, entries.Act) and act.verb.startswith(verbs):
            found.append(Act(act.at_ms, act.verb, act.by, act.target, act.before, act.after, act.reason))
        if len(found) == limit:
            break
    return found


def search(
    *, text="", cls="", app="", action="", outcome="", before="", since_ms=0, until_ms=0
) -> tuple[list[Exchange], str]:
    """A page of exchanges, newest first, and where the next one begins ("" at the end)."""
    rows = Exchange.objects.all()
    if text:
        rows = rows.filter(Q(id=text) | Q(subject=text) | Q(id__startswith=text))
    if cls:
        rows = rows.filter(Q(classes__contains=f" {cls} ") | Q(classes__contains=f" {cls}."))
    if app:
        rows = rows.filter(app=app)
    if action:
        rows = rows.filter(action=action)
    if outcome:
        rows = rows.filter(outcome=outcome)
    if since_ms:
        rows = rows.filter(at_ms__gte=since_ms)
    if until_ms:
        rows = rows.filter(at_ms__lt=until_ms)
    if before:
        at, _, key = before.partition("-")
        if at.isdigit():
            rows = rows.filter(Q(at_ms__lt=int(at)) | Q(at_ms=int(at), id__lt=key))
    page = list(rows.order_by("-at_ms", "-id")[: PAGE + 1])
    following = f"{page[PAGE - 1].at_ms}-{page[PAGE - 1].id}" if len(page) > PAGE else ""
    return page[:PAGE], following


def apps() -> list[str]:
    """Names of apps that exchanges name."""
    return sorted(Exchange.objects.values_list("app", flat=True).distinct())


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
    classes: list[tuple[str, int]]
    p50: int
    p99: int
    entries: int
    checkpoint: Checkpoint | None
    queue: int


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
    times = sorted(r[4] for r in rows if r[1])
    for at, outcome, found, action, _ in rows:
        minute = at // MINUTE
        counts[minute] += 1
        if outcome in REFUSED:
            refused[minute] += 1
        if action != "allow":
            classes.update(found.split())
    first = now // MINUTE - 59
    head = Head.objects.filter(pk=1).first()
    return Figures(
        total=len(rows),
        refused=sum(refused.values()),
        masked=sum(1 for r in rows if r[1] == "masked"),
        minutes=[((first + i) * MINUTE, counts[first + i], refused[first + i]) for i in range(60)],
        classes=classes.most_common(8),
        p50=times[len(times) // 2] if times else 0,
        p99=times[min(len(times) - 1, len(times) * 99 // 100)] if times else 0,
        entries=head.size if head else 0,
        checkpoint=Checkpoint.objects.order_by("-size").first(),
        queue=Exchange.objects.filter(queue=True, at_ms__gte=now - 24 * 60 * MINUTE).aggregate(n=Count("id"))["n"],
    )
