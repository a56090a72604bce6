"""Upstreams: how they stand in lists, their page, and the verbs as buttons."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guiju import clock
from guiju.control import internal
from guiju.control.access import needs, posts
from guiju.control.records import charts
from guiju.control.services import actions, limits, residency
from guiju.control.services.models import Upstream
from guiju.control.services.presets import presets
from guiju.control.services.upstream_forms import WAY_NAMES, UpstreamForm
from guiju.errors import BadRequest, told
from guiju.snapshot import OFFERS


def _joined(words):
    """A list in the page's language."""
    return ("、" if (get_language() or "zh").startswith("zh") else ", ").join(map(str, words))


def abroad(upstreams):
    """Those of `listed` whose data leaves mainland China, for a sentence; "" where there are none."""
    language = get_language() or "zh"
    shape = "{}（{}）" if language.startswith("zh") else "{} ({})"
    return _joined(shape.format(u["row"].name, told(u["place"], language)) for u in upstreams if u["outside"])


def listed():
    """Every upstream for a list: its row, what it offers, where data goes, how it fares, its last hour."""
    health, now = internal.upstreams(), clock.epoch_ms()
    found = []
    for row in Upstream.objects.order_by("id"):
        hour = internal.history.minutes(row.name, now)
        found.append(
            {
                "row": row,
                "ways": _joined(WAY_NAMES[way] for way in row.offers.split() or OFFERS[row.dialect]),
                "place": residency.PLACES.get(row.residency),
                "outside": residency.outside(row.residency),
                "health": health.get(row.name),
                "answers": sum(m.answers for m in hour),
                "failures": sum(m.failures for m in hour),
                "chart": charts.bars([(m.at_ms, m.answers + m.failures, m.failures) for m in hour], 600, 60),
            }
        )
    return found


@needs("upstreams.change")
def upstream(request, name=None):
    """Add or change an upstream; `?preset=` fills in what is known of a vendor."""
    row = get_object_or_404(Upstream, name=name) if name else None
    preset = presets().get(request.GET.get("preset", "")) if row is None else None
    if preset is None and row is None and "preset" in request.GET:
        raise Http404
    form = UpstreamForm(request.POST or None, upstream=row, preset=preset)
    if request.method == "POST" and form.is_valid():
        if row is None and Upstream.objects.filter(name=form.cleaned_data["name"]).exists():
            form.add_error("name", _("There is an upstream of that name already."))
        elif _saved(request, form):
            messages.success(request, _("Saved. Every gateway worker has it within a second."))
            return redirect("services:overview")
    context = {
        "form": form, "upstream": row, "preset": preset, "presets": [] if row else presets().values(),
        "title": _("Upstream") if row else _("New upstream"),
    }  # fmt: skip
    return render(request, "services/upstream.html", context)


def _saved(request, form):
    """Whether it was; what is wrong stands at its field."""
    data = form.cleaned_data
    secret = "" if data.get("no_secret") else data["secret"] or None
    try:
        actions.save_upstream(
            data["name"], data["url"], secret=secret, model=data.get("model", ""), service=data.get("service"),
            prices=form.prices(), by=request.user, **form.given(),
        )  # fmt: skip
    except limits.KeyForAnother:
        problem = _(
            "This address leads to another server than the kept key is for: give its key, or take the kept one away."
        )
        form.add_error("secret", problem)
    except limits.BadSecret as problem:
        form.add_error("secret", problem.sentence(request.LANGUAGE_CODE))
    except limits.BadField as problem:
        form.add_error(problem.data["field"], told(problem.data["problem"], request.LANGUAGE_CODE))
    except BadRequest as problem:
        form.add_error("url", problem.sentence(request.LANGUAGE_CODE))
    else:
        return True
    return False


@posts("upstreams.change")
def remove_upstream(request, name):
    """Forget an upstream and its secret."""
    row = get_object_or_404(Upstream, name=name)
    try:
        actions.remove_upstream(row, by=request.user)
    except BadRequest:
        messages.error(request, _("A service offers a model of this upstream: take the model away first."))
        return redirect("services:upstream", name=name)
    messages.success(request, _("The upstream and its key are gone."))
    return redirect("services:overview")
