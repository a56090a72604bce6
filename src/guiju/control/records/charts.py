"""Plots as numbers for templates: the SVG itself is drawn there, without a script."""

from typing import NamedTuple


class Bar(NamedTuple):
    """A bar of the requests' plot, in units of the view box (600 x 120)."""

    x: float
    width: float
    y: float
    height: float
    refused_y: float
    refused_height: float
    at_ms: int
    count: int
    refused: int


def bars(minutes: list[tuple[int, int, int]], width: float = 600, height: float = 120) -> dict:
    """Bars, one a minute, and the axis's highest value."""
    top = max(4, max((n for _, n, _ in minutes), default=0))
    step = width / max(1, len(minutes))
    drawn = []
    for place, (at, count, refused) in enumerate(minutes):
        full, part = height * count / top, height * refused / top
        drawn.append(
            Bar(
                round(place * step, 1),
                round(step - 2, 1),
                round(height - full, 1),
                round(full, 1),
                round(height - part, 1),
                round(part, 1),
                at,
                count,
                refused,
            )
        )
    return {"bars": drawn, "top": top, "width": width, "height": height, "any": any(b.count for b in drawn)}


class Point(NamedTuple):
    """A minute of the latency plot, in units of the view box."""

    x: float
    y50: float
    y99: float
    at_ms: int
    p50: int
    p99: int


def latency(
    minutes: list[tuple[int, int, int]], first_ms: int, count: int, width: float = 600, height: float = 120
) -> dict:
    """Points, one for each minute with answers, on the axis of the last `count` minutes from `first_ms` on."""
    top = max(10, max((p99 for _, _, p99 in minutes), default=0))
    step = width / max(1, count)
    points = [
        Point(
            round(((at - first_ms) / 60_000 + 0.5) * step, 1),
            round(height - height * p50 / top, 1),
            round(height - height * p99 / top, 1),
            at,
            p50,
            p99,
        )
        for at, p50, p99 in minutes
    ]
    return {"points": points, "top": top, "any": bool(points)}
