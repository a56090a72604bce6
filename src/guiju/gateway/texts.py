"""Whole texts through review: those of a request, and those of an answer that isn't streamed. Streams go through stream.py.

A book in one request must not stop the streams of everybody else: large texts are judged in a thread, which yields to the
event loop every few milliseconds. Small ones, nearly all, are judged at once, since a thread costs more than they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from guiju import clock
from guiju.gateway import restoring, slow
from guiju.types import Direction, Segment, Verdict

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange

LARGE = 32_768
"""Characters, of all texts together: about two milliseconds of review."""
LARGE_BODY = 262_144
"""Bytes of JSON: about two milliseconds of reading."""

T = TypeVar("T")


async def aside(size: int, work: Callable[[], T]) -> T:
    """Do this with a body of that many bytes: at once, or in a thread where it is large."""
    return await asyncio.to_thread(work) if size > LARGE_BODY else work()


async def review(exchange: Exchange, segments: Sequence[Segment], direction: Direction) -> list[Verdict]:
    """The verdict on each text, by the policy of the exchange's service. What of an input may be restored is kept in
    `exchange.kept`. Raises: ReviewUnavailable (slow.py)."""
    since = clock.monotonic()
    random = restoring.drawn(exchange) if direction == "input" else b""
    if sum([len(s.text) for s in segments]) > LARGE:
        verdicts = await asyncio.to_thread(_judge, exchange, segments, direction, random)
    else:
        verdicts = _judge(exchange, segments, direction, random)
    if exchange.panel is not None:
        verdicts = await slow.texts(exchange, exchange.panel, segments, verdicts, direction)
    seconds = clock.monotonic() - since
    exchange.gateway.counts.reviewed(direction, seconds)
    if exchange.trace is not None:
        exchange.trace.reviewed(direction, seconds, [judged for v in verdicts for judged in v.judged])
    return verdicts


def _judge(exchange: Exchange, segments: Sequence[Segment], direction: Direction, random: bytes) -> list[Verdict]:
    admitted = exchange.admitted
    assert admitted is not None
    reviewer = exchange.compiled.reviewers[admitted.service.policy]
    kept = restoring.kept(exchange, segments, random) if random else None
    verdicts = [
        reviewer.review(
            s.text,
            direction=direction,
            audience=admitted.audience,
            form=s.form,
            language=exchange.language,
            sample=exchange.sample,
            kept=kept,
        )
        for s in segments
    ]
    if kept:
        exchange.kept = kept
    return verdicts
