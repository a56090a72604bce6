"""Which upstreams a request may go to, and in which order.

Pure. A model name of a service may lead to several upstreams. Those of the lowest `order` are asked first, among them each
in its share (`weight`); one that is paused by its breaker, or asked to be left alone, comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from guiju.snapshot import ModelRoute


class Target(NamedTuple):
    """One upstream that can answer."""

    upstream: str
    model: str
    """Its own name of the model."""
    way: str
    """How the door asks it (`Dialect.upstreams`)."""


def plan(
    routes: Sequence[tuple[ModelRoute, str]], wait: Callable[[str], float], draw: Callable[[], float]
) -> list[Target]:
    """The order in which to try.

    Args:
        routes: with the way that the door asks each.
        wait: upstream -> seconds until it may be asked; 0 is now.
        draw: numbers drawn evenly from [0, 1).
    """
    if len(routes) == 1:
        ((route, way),) = routes
        return [Target(route.upstream, route.model, way)]
    # Weighted sampling without replacement: Efraimidis and Spirakis 2006, the larger u^(1/w) first.
    ranked = [
        (wait(route.upstream), route.order, -(draw() ** (1 / max(route.weight, 1))), route, way)
        for route, way in routes
    ]
    ranked.sort(key=lambda r: r[:3])
    return [Target(route.upstream, route.model, way) for *_, route, way in ranked]


def following(targets: Sequence[Target], tried: Sequence[Target], wait: Callable[[str], float]) -> Target | None:
    """The next one to try at once: not tried yet, and not paused. None where there is none."""
    return next((t for t in targets if t not in tried and not wait(t.upstream)), None)
