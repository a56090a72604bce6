"""Table and plots are made from the raw JSON alone, and the published page says what it says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from bench.leadbench import report
from bench.leadbench.__main__ import RESULTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "two-speeds.md"
CONDITIONS = {
    "when": "2026-11-25T09:00:00+00:00", "cpu": "A CPU", "cores": 2, "load_average_before": (0.1, 0.2, 0.3),
    "kernel": "6", "python": "3.11.7",
}  # fmt: skip


def row(delay_ms: int, lead: int, leaked: int, late_ms: float) -> dict[str, Any]:
    shares = {"p50": late_ms, "p99": late_ms * 2, "mean": late_ms}
    return {"speed": 40, "delay_ms": delay_ms, "lead": lead, "streams": 9, "stopped": 9, "leaking": min(leaked, 9),
            "leaked": leaked, "forbidden": 50, "added_first_ms": shares, "added_lag_ms": shares}  # fmt: skip


RUN = {
    "conditions": CONDITIONS, "load_average_after": (0.4, 0.5, 0.6),
    "rows": [row(500, 0, 0, 900), row(50, 0, 0, 400), row(50, 40, 20, 100), row(500, 40, 25, 700),
             row(50, 10_000, 50, -1), row(500, 10_000, 50, 3)],
}  # fmt: skip


def test_the_small_table_has_a_line_for_each_lead_and_a_column_for_each_delay():
    assert report.small(RUN, 40).splitlines() == [
        "| lead | verdict after 50 ms | verdict after 500 ms |",
        "| --- | ---: | ---: |",
        "| 0 | 0 % · 0.40 s | 0 % · 0.90 s |",
        "| 40 | 40 % · 0.10 s | 50 % · 0.70 s |",
        "| no limit | 100 % · 0.00 s | 100 % · 0.00 s |",
    ]


def test_the_page_has_every_figure_and_where_it_was_measured():
    text = report.written(RUN)
    for line in ("54 streams, 6 settings", "2 cores, A CPU", "load average 0.10, 0.20, 0.30 before",
                 "| 500 ms, 40 | 9 of 9 | 25 of 50 (50.0 %) | 9 of 9 | 700 | 1,400 | 700 | 700 | 1,400 |"):  # fmt: skip
        assert line in text, line


def test_a_plot_has_a_line_for_each_delay_that_rises_as_the_delay_falls():
    drawing = ET.fromstring(report.drawn(RUN)["leak-40"])
    svg = "{http://www.w3.org/2000/svg}"
    lines = [
        [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        for line in drawing.iter(f"{svg}polyline")
    ]
    assert [len(line) for line in lines] == [3, 3]
    for line in lines:
        assert line == sorted(line, key=lambda point: -point[0])  # less delay with each lead
        assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)  # and more leak: upwards
    assert {"verdict after 50 ms", "verdict after 500 ms"} <= {text.text for text in drawing.iter(f"{svg}text")}


@pytest.fixture
def published() -> dict[str, Any]:
    run: dict[str, Any] = json.loads((RESULTS / "lead.json").read_text())
    return run


def test_what_is_published_was_made_from_its_json(published: dict[str, Any]):
    assert (RESULTS / "table.md").read_text() == report.written(published)
    for name, drawing in report.drawn(published).items():
        assert (RESULTS / f"{name}.svg").read_text() == drawing


def test_the_document_shows_what_was_measured(published: dict[str, Any]):
    text = PAGE.read_text(encoding="utf-8")
    assert not published["conditions"]["quick"]
    assert report.measured(published) in text
    for speed in report.speeds(published):
        assert report.small(published, speed) in text
        assert f"leak-{speed}.svg" in text
    assert all(row["leaked"] == 0 for row in published["rows"] if not row["lead"])
