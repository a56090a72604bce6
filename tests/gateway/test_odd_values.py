"""An upstream's answer with a value of another type anywhere: the client gets an answer or an upstream's error, never ours.

The answers are those of matrix.py; each value of theirs, whole or in an event of a stream, is replaced in turn.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

import matrix as table
from gateway.test_every_dialect import DOORS, named
from gateway.test_matrix import exchange, inside  # noqa: F401 — the fixture
from guiju.ledger import entries
from inside import Inside

ODD: tuple[Any, ...] = (None, True, 7, -1, 1.5, 10**30, "odd", [], ["odd"], [None], {}, {"odd": 1})

SHARE = 23
"""In CI one of so many answers; all of them, 40,000, in `make soak`."""


def changed(value: Any) -> Iterator[Any]:
    """The value with one thing in it odd, for each thing and each kind of odd; and with each thing missing."""

    def places(at: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        for key, inner in at.items() if isinstance(at, dict) else enumerate(at) if isinstance(at, list) else ():
            yield (*way, key)
            yield from places(inner, (*way, key))

    for *way, last in places(value, ()):
        for odd in ODD:
            copied = copy.deepcopy(value)
            at = copied
            for key in way:
                at = at[key]
            at[last] = odd
            yield copied
        copied = copy.deepcopy(value)
        at = copied
        for key in way:
            at = at[key]
        del at[last]
        yield copied


def answers(raw: bytes) -> Iterator[bytes]:
    """An upstream's raw answer, odd in one place each."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if not body.startswith((b"data:", b"event:")):
        for made in changed(json.loads(body)):
            yield head + b"\r\n\r\n" + json.dumps(made).encode()
        return
    events = body.split(b"\n\n")
    for number, event in enumerate(events):
        name, mark, data = event.rpartition(b"data: ")
        if mark and data != b"[DONE]":
            for made in changed(json.loads(data)):
                odd = name + mark + json.dumps(made).encode()
                yield head + b"\r\n\r\n" + b"\n\n".join([*events[:number], odd, *events[number + 1 :]])


@pytest.mark.parametrize("every", [SHARE, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pair", named([p for p in DOORS if p[0].upstream_path(p[1])]))
def test_it_is_the_upstreams_fault_and_never_ours(inside: Inside, pair: Any, every: int):  # noqa: F811
    door, way = pair
    body = json.loads(json.dumps(next(iter(table.REQUESTS[door.name].values()))).replace(table.AT, "好"))
    number = 0
    wrong, seen = [], set()
    for stream in (False, True) if door.stream_type else (False,):
        for place in table.ANSWERS[door.upstream_path(way)]:
            for answer in answers(table.ANSWERS[door.upstream_path(way)][place]("好", stream)):
                number += 1
                if number % every or answer in seen:
                    continue
                seen.add(answer)
                raw, recorded, _ = exchange(inside, door, way, body, stream, answer)
                closed = recorded[-1]
                if not isinstance(closed, entries.Closed) or closed.outcome not in ("served", "upstream_error"):
                    wrong.append((place, stream, closed, answer[-300:], raw[:200]))
    assert not wrong, f"{len(wrong)} of {len(seen)}:\n" + "\n".join(map(str, wrong[:10]))
