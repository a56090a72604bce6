"""Home with live figures; exchanges: search, item, contents with a reason."""

from datetime import datetime

import msgspec
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from guiju import plugins
from guiju.control import internal, publish
from guiju.control.access import needs, posts
from guiju.control.people.roles import permissions
from guiju.control.records import actions, charts, queries
from guiju.control.records.reading import around, readable, text_at
from guiju.ledger import entries
from guiju.review.explain import for_operator
from guiju.types import Action


@needs("console.view")
def home(request):
    """The figures; htmx asks for the inner part every few seconds."""
    figures = queries.live_figures()
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    context = {
        "figures": figures,
        "requests_chart": charts.bars(figures.minutes),
        "latency_chart": charts.latency(figures.latency, figures.minutes[0][0], len(figures.minutes)),
        "times": [*(at for at, _, _ in figures.minutes[::15]), figures.minutes[-1][0]],
        "classes": [
            (taxonomy.name(c, language), c, n, round(100 * n / max(x for _, x in figures.classes)))
            for c, n in figures.classes
        ],
        "workers": internal.live(),
        "version": publish.version(),
        "upstreams": internal.upstreams(),
    }
    inner = request.htmx and not request.htmx.boosted
    return render(request, "records/figures.html" if inner else "records/home.html", context)


@needs("records.view")
def search(request):
    """Exchanges by id, subject, class, app, action, time, and what people are asked for."""
    names = ("text", "cls", "app", "action", "people", "before", "since", "until")
    asked = {k: request.GET.get(k, "").strip().replace("\x00", "") for k in names}
    rows, following = queries.search(
        text=asked["text"], cls=asked["cls"], app=asked["app"], action=asked["action"], people=asked["people"],
        before=asked["before"],
        since_ms=_ms(asked["since"]), until_ms=_ms(asked["until"]),
    )  # fmt: skip
    taxonomy = plugins.taxonomy()
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    shown = [{"row": r, "classes": [taxonomy.name(c, language) for c in r.classes.split()]} for r in rows]
    classes = [(c, f"{c} {taxonomy.name(c, language)}") for c in taxonomy.classes]
    query = request.GET.copy()
    query["before"] = ""
    newest = query.urlencode()
    query["before"] = following
    return render(
        request,
        "records/search.html",
        {
            "rows": shown, "asked": asked, "classes": classes, "apps": queries.apps(), "actions": [a.value for a in Action],
            "following": query.urlencode() if following else "", "newest": newest,
        },
    )  # fmt: skip


def _ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((at if at.tzinfo else timezone.make_aware(at)).timestamp() * 1000)


def _item(request, exchange, raw=None):
    found = queries.entries_of(exchange)
    row = queries.exchange(exchange)
    if not found or row is None:
        raise Http404
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    opened = next((e for _, e in found if isinstance(e, entries.Opened)), None)
    closed = next((e for _, e in found if isinstance(e, entries.Closed)), None)
    rejected = next((e for _, e in found if isinstance(e, entries.Rejected)), None)
    contents = None if raw is None else {part: readable(data) for part, data in raw.items()}
    judged = []
    for part, entry in (("input", opened), ("output", closed)):
        for t in entry.texts if entry is not None else ():
            text = text_at((raw or {}).get(part, b""), t.path)
            for j in t.judged:
                shown = {
                    "path": ".".join(map(str, t.path)),
                    "part": part,
                    "judged": j,
                    "name": taxonomy.name(j.finding.cls, language),
                    "sentence": for_operator(j, taxonomy, language, text or None),
                    "text": text,
                    "phrase": around(text, j.finding.start, j.finding.end),
                }
                judged.append(shown)
    return render(
        request,
        "records/item.html",
        {
            "row": row, "found": found, "opened": opened, "closed": closed, "rejected": rejected, "judged": judged,
            "contents": contents,
            "acts": [e for _, e in found if isinstance(e, entries.Act)],
            "sealed": any(getattr(e, "commitment", "") for _, e in found),
            "label": msgspec.json.format(closed.label.encode()).decode() if closed and closed.label else "",
            "may_read": "contents.read" in permissions(request.user),
        },
    )  # fmt: skip


@needs("records.view")
def item(request, exchange):
    """An exchange: what was decided, and why."""
    return _item(request, exchange)


@posts("contents.read")
def contents(request, exchange):
    """What was asked and answered: with a reason, which is recorded."""
    try:
        found = actions.read_contents(exchange, by=request.user, reason=request.POST.get("reason", ""))
    except ValueError:
        messages.error(request, _("Say why the contents are read."))
        return redirect("records:item", exchange=exchange)
    return _item(request, exchange, found)
