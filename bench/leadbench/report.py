"""Table and plots of a run, from its JSON and nothing else. Pure."""

from __future__ import annotations

from typing import Any

from bench.guardbench import plots, table

Run = dict[str, Any]
Row = dict[str, Any]


def speeds(run: Run) -> list[int]:
    """Characters a second at which the model spoke."""
    return sorted({row["speed"] for row in run["rows"]})


def rows_of(run: Run, speed: int) -> dict[int, list[Row]]:
    """Delay of a verdict -> the rows of one speed, by lead."""
    found: dict[int, list[Row]] = {}
    for row in sorted(run["rows"], key=lambda row: (row["delay_ms"], row["lead"])):
        if row["speed"] == speed:
            found.setdefault(row["delay_ms"], []).append(row)
    return found


def lead(row: Row) -> str:
    return "no limit" if row["lead"] >= 1000 else str(row["lead"])


def share(row: Row) -> float:
    """Of a hundred forbidden characters, those that were delivered."""
    return 100 * row["leaked"] / row["forbidden"]


def late(row: Row) -> float:
    """Seconds that a character comes later than without the detector, mean; never below zero, where noise would take it."""
    return max(0.0, row["added_lag_ms"]["mean"] / 1000)


def small(run: Run, speed: int) -> str:
    """One speed in a line for each lead: what leaks, and what a character is late."""
    delays = rows_of(run, speed)
    body = [
        [lead(rows[0]), *(f"{share(row):.0f} % · {late(row):.2f} s" for row in rows)]
        for rows in zip(*delays.values(), strict=True)
    ]
    return table.rows(["lead", *(f"verdict after {delay} ms" for delay in delays)], body)


def large(run: Run, speed: int) -> str:
    """All figures of one speed."""
    header = ["verdict after, lead", "answers that leak", "forbidden characters delivered", "stopped by a verdict",
              "first text later, p50 ms", "p99", "a character later, mean ms", "p50", "p99"]  # fmt: skip
    body = []
    for delay, rows in rows_of(run, speed).items():
        for row in rows:
            first, lag = row["added_first_ms"], row["added_lag_ms"]
            figures = [first["p50"], first["p99"], lag["mean"], lag["p50"], lag["p99"]]
            body.append([
                f"{delay} ms, {lead(row)}", f"{row['leaking']} of {row['streams']}",
                f"{row['leaked']} of {row['forbidden']} ({share(row):.1f} %)", f"{row['stopped']} of {row['streams']}",
                *(table.number(value, 0) for value in figures),
            ])  # fmt: skip
    return table.rows(header, body)


def measured(run: Run) -> str:
    """How much was measured, and where."""
    streams = sum(row["streams"] for row in run["rows"])
    return f"{streams:,} streams, {len(run['rows'])} settings. {table.conditions(run)}"


def written(run: Run) -> str:
    """The whole page."""
    parts = ["# Leak against delay: results", "Written by `make leadbench ARGS=report` from the JSON beside it."]
    parts.append(measured(run))
    for speed in speeds(run):
        parts += [f"## A model of {speed} characters a second", small(run, speed), large(run, speed)]
    return "\n\n".join(parts) + "\n"


def drawn(run: Run) -> dict[str, str]:
    """File name without its ending -> drawing, for each speed."""
    found = {}
    for speed in speeds(run):
        series = {
            f"verdict after {delay} ms": [(late(row), share(row)) for row in rows]
            for delay, rows in rows_of(run, speed).items()
        }
        found[f"leak-{speed}"] = plots.lines(
            f"Forbidden characters delivered, of a hundred; model of {speed} characters a second", series,
            x_title=f"seconds that a character is later, mean; from the right, leads of {leads(run)}",
            across=plots.steps, up=plots.steps,
        )  # fmt: skip
    return found


def leads(run: Run) -> str:
    """Every lead, from the right of a plot to the left."""
    first = next(iter(rows_of(run, speeds(run)[0]).values()))
    return ", ".join(map(lead, first))
