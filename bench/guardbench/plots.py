"""Plots as SVG, written by hand: horizontal bars, and lines, on logarithmic or even scales. Pure: raw JSON in, text out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from html import escape
from typing import NamedTuple

from bench.guardbench import figures
from bench.guardbench.figures import Run

WIDTH, LABEL, BAR, MARGIN = 760, 250, 26, 40
COLOURS = ("#999999", "#1f77b4", "#d95f02", "#7570b3", "#e7298a", "#444444", "#a6761d", "#66a61e", "#17becf")
OURS = "#0b6e4f"


def frame(height: float, title: str, inside: Iterable[str]) -> str:
    """A drawing of its own that says what it shows; white, so that it can be read on any page."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>", f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>',
        f'<text x="12" y="22" font-size="14" font-weight="bold">{escape(title)}</text>', *inside, "</svg>", "",
    ])  # fmt: skip


def decades(values: list[float]) -> tuple[int, int]:
    """Powers of ten below and above all of these positive values."""
    low, high = math.ceil(math.log10(min(values))) - 1, math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def figure(value: float) -> str:
    """A value as a person reads it: three digits that matter, thousands apart."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def power(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:g}"


def bars(title: str, values: dict[str, float], *, whole: float | None = None) -> str:
    """One bar for each name, on a logarithmic scale, where zero has no bar; or as parts of a `whole`."""
    if whole is None:
        low, high = decades([value for value in values.values() if value > 0] or [1.0])
        ticks = [((exponent - low) / (high - low), power(exponent)) for exponent in range(low, high + 1)]
        shares = [(math.log10(value) - low) / (high - low) if value > 0 else 0.0 for value in values.values()]
    else:
        ticks = [(quarter / 4, figure(whole * quarter / 4)) for quarter in range(5)]
        shares = [value / whole for value in values.values()]
    room, bottom, inside = WIDTH - LABEL - 90, MARGIN + BAR * len(values), []
    for share, text in ticks:
        x = LABEL + room * share
        inside.append(f'<line x1="{x:.1f}" y1="{MARGIN - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        inside.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555">{text}</text>')
    for row, ((name, value), share) in enumerate(zip(values.items(), shares, strict=True)):
        y, length = MARGIN + BAR * row, room * share
        colour = OURS if name == "Guiju" else "#8a9aa9"
        inside.append(f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        inside.append(f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{BAR - 8}" fill="{colour}"/>')
        inside.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 15}">{figure(value)}</text>')
    return frame(bottom + 28, title, inside)


class Scale(NamedTuple):
    """Values along one side of a plot."""

    share: Callable[[float], float]
    """Value -> its place, 0 to 1."""
    ticks: list[tuple[float, str]]


def steps(values: list[float]) -> Scale:
    """Even, from zero to a round number beyond these."""
    size = max(*values, 1e-9)
    step = next(s for e in range(-9, 10) for m in (1, 2, 5) if (s := m * 10.0**e) * 5 >= size)
    count = math.ceil(size / step)
    return Scale(lambda value: value / step / count, [(step * n, f"{step * n:g}") for n in range(count + 1)])


def powers(values: list[float]) -> Scale:
    """Logarithmic, from a power of ten to another; of positive values."""
    low, high = decades(values)
    ticks = [(10.0**exponent, power(exponent)) for exponent in range(low, high + 1)]
    return Scale(lambda value: (math.log10(value) - low) / (high - low), ticks)


def values_alone(values: list[float]) -> Scale:
    """Logarithmic, from the least to the greatest, with a tick at each; of positive values."""
    xs = sorted(set(values))
    first, last = math.log10(xs[0]), math.log10(xs[-1]) if len(xs) > 1 else math.log10(xs[0]) + 1
    return Scale(lambda value: (math.log10(value) - first) / (last - first), [(x, f"{x:g}") for x in xs])


def lines(
    title: str, series: dict[str, list[tuple[float, float]]], *, x_title: str,
    across: Callable[[list[float]], Scale] = values_alone, up: Callable[[list[float]], Scale] = powers,
) -> str:  # fmt: skip
    """A line for each name through its points."""
    points = [point for line in series.values() for point in line]
    if not points:
        return frame(MARGIN, title, ())
    height, left, right = 420, 70, 210
    x_scale, y_scale = across([x for x, _ in points]), up([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x_scale.share(x) * (WIDTH - left - right), height - 50 - y_scale.share(y) * (height - 50 - MARGIN)

    inside = []
    for value, text in y_scale.ticks:
        _, y = place(x_scale.ticks[0][0], value)
        inside.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - right}" y2="{y:.1f}" stroke="#ddd"/>')
        inside.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{text}</text>')
    for value, text in x_scale.ticks:
        x, _ = place(value, y_scale.ticks[0][0])
        inside.append(f'<text x="{x:.1f}" y="{height - 32}" text-anchor="middle" fill="#555">{text}</text>')
    inside.append(f'<text x="{left}" y="{height - 12}" fill="#555">{escape(x_title)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = OURS if name == "Guiju" else COLOURS[number % len(COLOURS)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        inside.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        inside += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (place(*p) for p in line)]
        y = MARGIN + 18 * number
        inside.append(f'<rect x="{WIDTH - right + 16}" y="{y}" width="12" height="12" fill="{colour}"/>')
        inside.append(f'<text x="{WIDTH - right + 34}" y="{y + 10}">{escape(name)}</text>')
    return frame(height, title, inside)


def way(speed: Run, name: str) -> list[tuple[float, float]]:
    """(streams, p99 of a chunk's lag in milliseconds) of a peer, as far as it came."""
    points = [(float(count), figures.delay(speed, name, count, "lag_ms", "p99")) for count in figures.levels(speed)]
    return [(count, max(value, 0.001)) for count, value in points if value is not None]


def drawn(speed: Run | None, leaks: Run | None) -> dict[str, str]:
    """File name without its ending -> drawing, of what has been run."""
    found = {}
    if speed:
        titles = {name: peer["title"] for name, peer in speed["peers"].items()}
        request = {titles[name]: value for name in titles if name != "direct"
                   and (value := figures.of_whole(speed, name, "cpu_us_per_request")) is not None}  # fmt: skip
        found["cpu"] = bars("CPU microseconds per request (logarithmic)", request)
        lag = {title: line for name, title in titles.items() if (line := way(speed, name))}
        title = "A chunk's way in milliseconds, p99 (logarithmic)"
        found["lag"] = lines(
            title, lag, x_title=f"open streams, a chunk every {speed['conditions']['pace_seconds']} s each"
        )
    if leaks:
        shares = {
            peer["title"]: 100 * of["delivered"] / of["characters"]
            for name, peer in leaks["peers"].items()
            if (of := figures.leaked(leaks, name))["characters"]
        }
        found["leaks"] = bars("Forbidden characters delivered, of a hundred", shares, whole=100)
    return found
