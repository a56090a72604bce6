"""What was used, added up by one thing, for the page, its CSV and `guiju usage`."""

import csv
from datetime import date

from django.db.models import Sum

from guiju.control.services.models import ModelRoute
from guiju.control.usage.models import Usage

BY = ("app", "key", "subject", "model", "service", "day")
COLUMNS = ("requests", "input_tokens", "output_tokens", "estimated", "cost")


def used(by: str, since: date | None, until: date | None, app: str = "") -> list[dict[str, object]]:
    """A row for each, the dearest first (days in their order). `cost` is in the currency; both days are included."""
    rows = Usage.objects.all()
    if since:
        rows = rows.filter(day__gte=since)
    if until:
        rows = rows.filter(day__lte=until)
    if app:
        rows = rows.filter(app=app)
    order = ("day",) if by == "day" else ("-cost", "-output_tokens", by)
    sums = {name: Sum(name) for name in COLUMNS}
    found = rows.values(by).annotate(**sums).order_by(*order)
    return [
        {"name": str(row[by]), **{name: row[name] for name in COLUMNS}, "cost": row["cost"] / 1_000_000}
        for row in found
    ]


def prices() -> list[ModelRoute]:
    """Every upstream of every model, with what a million tokens cost there from now on."""
    return list(ModelRoute.objects.select_related("service", "upstream").order_by("service_id", "name", "order", "id"))


def write_csv(out, by: str, rows: list[dict[str, object]], currency: str) -> None:
    """As spreadsheets read it: no cell begins like a formula (OWASP, CSV Injection)."""
    writer = csv.writer(out)
    writer.writerow([by, *COLUMNS[:-1], f"cost_{currency}"])
    for row in rows:
        name = str(row["name"])
        safe = f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
        writer.writerow([safe, *(row[c] for c in COLUMNS[:-1]), f"{row['cost']:.6f}"])
