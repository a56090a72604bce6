"""Tokens and cost of a period, by app, key, subject or model; the same as CSV."""

from datetime import date, timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from guiju.control.access import needs
from guiju.control.records.queries import apps
from guiju.control.usage import queries


def _asked(request):
    """What the query says: by, since, until, app. What can't be read is left out."""
    today = timezone.localdate()
    by = request.GET.get("by", "")
    return {
        "by": by if by in queries.BY else "app",
        "since": _day(request.GET.get("since", "")) or today - timedelta(days=30),
        "until": _day(request.GET.get("until", "")) or today,
        "app": request.GET.get("app", "").replace("\x00", ""),
    }


def _day(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@needs("usage.view")
def usage(request):
    """The table."""
    asked = _asked(request)
    rows = queries.used(**asked)
    titles = {
        "app": _("App"), "key": _("Key"), "subject": _("Subject"), "model": _("Model"), "service": _("Service"),
        "day": _("Day"),
    }  # fmt: skip
    context = {
        "rows": rows, "asked": asked, "titles": titles.items(), "title": titles[asked["by"]], "apps": apps(),
        "currency": settings.GUIJU["usage.currency"], "query": request.GET.urlencode(),
        "prices": queries.prices(),
        "total": {c: sum(row[c] for row in rows) for c in queries.COLUMNS},
    }  # fmt: skip
    return render(request, "usage/usage.html", context)


@needs("usage.view")
def download(request):
    """The table as CSV, in UTF-8 with a mark that spreadsheets look for."""
    asked = _asked(request)
    name = f"usage-{asked['by']}-{asked['since']}-{asked['until']}.csv"
    answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    answer["content-disposition"] = f'attachment; filename="{name}"'
    queries.write_csv(answer, asked["by"], queries.used(**asked), settings.GUIJU["usage.currency"])
    return answer
