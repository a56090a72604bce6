"""Home with live figures; exchanges: search, item, contents with a reason."""

from datetime import datetime

import msgspec
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from guiju import plugins
from guiju.control import internal, publish
from guiju.control.access import needs
from guiju.control.people.roles import permissions
from guiju.control.records import actions, charts, queries
from guiju.control.records.models import Exchange
from guiju.ledger import entries
from guiju.review.explain import for_operator
from guiju.types import Action


@needs("console.view")
def home(request):
    """The figures; htmx asks for the inner part every few seconds."""
    figures = queries.live_figures()
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    upstreams: dict[str, dict] = {}
    for worker in internal.live().values():
        for name, state in worker["stats"].get("upstreams", {}).items():
            if name not in upstreams or state["errors"] > upstreams[name]["errors"]:
                upstreams[name] = state
    context = {
        "figures": figures,
        "requests_chart": charts.bars([(at, n, r) for at, n, r in figures.minutes]),
        "classes": [
            (taxonomy.name(c, language), c, n, round(100 * n / max(x for _, x in figures.classes)))
            for c, n in figures.classes
        ],
        "workers": internal.live(),
        "version": publish.version(),
        "upstreams": upstreams,
    }
    inner = request.htmx and not request.htmx.boosted
    return render(request, "records/figures.html" if inner else "records/home.html", context)


@needs("records.view")
def search(request):
    """Exchanges by id, subject, class, app, action, time."""
    asked = {k: request.GET.get(k, "").strip() for k in ("text", "cls", "app", "action", "before", "since", "until")}
    rows, following = queries.search(
        text=asked["text"], cls=asked["cls"], app=asked["app"], action=asked["action"], before=asked["before"],
        since_ms=_ms(asked["since"]), until_ms=_ms(asked["until"]),
    )  # fmt: skip
    taxonomy = plugins.taxonomy()
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    shown = [{"row": r, "classes": [taxonomy.name(c, language) for c in r.classes.split()]} for r in rows]
    classes = [(c, f"{c} {taxonomy.name(c, language)}") for c in taxonomy.classes]
    query = request.GET.copy()
    query["before"] = following
    return render(
        request,
        "records/search.html",
        {
            "rows": shown, "asked": asked, "classes": classes, "apps": queries.apps(), "actions": [a.value for a in Action],
            "following": query.urlencode() if following else "",
        },
    )  # fmt: skip


def _ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((at if at.tzinfo else timezone.make_aware(at)).timestamp() * 1000)


def _item(request, exchange, contents=None):
    found = queries.entries_of(exchange)
    row = Exchange.objects.filter(pk=exchange).first()
    if not found or row is None:
        raise Http404
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    opened = next((e for _, e in found if isinstance(e, entries.Opened)), None)
    closed = next((e for _, e in found if isinstance(e, entries.Closed)), None)
    judged = [
        {"path": ".".join(map(str, t.path)), "part": part, "judged": j, "sentence": for_operator(j, taxonomy, language),
         "name": taxonomy.name(j.finding.cls, language)}
        for part, entry in (("input", opened), ("output", closed))
        if entry is not None
        for t in entry.texts
        for j in t.judged
    ]  # fmt: skip
    return render(
        request,
        "records/item.html",
        {
            "row": row, "found": found, "opened": opened, "closed": closed, "judged": judged, "contents": contents,
            "acts": [e for _, e in found if isinstance(e, entries.Act)],
            "label": msgspec.json.format(closed.label.encode()).decode() if closed and closed.label else "",
            "may_read": "contents.read" in permissions(request.user),
        },
    )  # fmt: skip


@needs("records.view")
def item(request, exchange):
    """An exchange: what was decided, and why."""
    return _item(request, exchange)


@require_POST
@needs("contents.read")
def contents(request, exchange):
    """What was asked and answered: with a reason, which is recorded."""
    try:
        found = actions.read_contents(exchange, by=request.user, reason=request.POST.get("reason", ""))
    except ValueError:
        messages.error(request, _("Say why the contents are read."))
        return redirect("records:item", exchange=exchange)
    return _item(request, exchange, {part: _readable(data) for part, data in found.items()})


def _readable(data: bytes) -> str:
    """Requests are JSON, answers a list of channels and texts; shown as people read them."""
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode("utf-8", "replace")
    if isinstance(value, list):
        return "\n\n".join(f"{channel}:\n{text}" for channel, text in value)
    messages_ = value.get("messages") if isinstance(value, dict) else None
    if isinstance(messages_, list) and all(
        isinstance(m, dict) and isinstance(m.get("content"), str) for m in messages_
    ):
        return "\n\n".join(f"{m.get('role')}:\n{m['content']}" for m in messages_)
    return msgspec.json.format(data, indent=2).decode("utf-8", "replace")
