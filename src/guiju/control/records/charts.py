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
