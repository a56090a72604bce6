"""Door x way x place of text x streamed x detector x action: real exchanges, and what client, upstream and record got.

Generated from plugins.dialects(), plugins.detector_factories() and the tables of matrix.py. Each cell also runs with its
guard switched off, and must fail then: a cell that can't fail says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import matrix as table
from gateway.test_every_dialect import DOORS, heard, named
from guiju import plugins
from guiju.ledger import entries
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.lexicon_blob import Term, encode_terms
from guiju.review.policy_file import parse_policy
from guiju.types import Action
from inside import Inside, body_of, request, status_of

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Cell(NamedTuple):
    """One exchange."""

    place: str
    stream: bool
    detector: str
    action: Action

    @property
    def bait(self) -> str:
        return table.BAIT[self.detector][self.action]


def reviewer(on: bool = True) -> Reviewer:
    policy = parse_policy(table.POLICY, load.taxonomy(), file="matrix.yaml", version=1)
    terms = [Term(text=text, cls=table.LEXICON[action]) for action, text in table.BAIT["lexicon"].items()]
    made = plugins.reviewer(policy, {"terms": encode_terms(terms)}, load.taxonomy().placeholder)
    if not on:
        made.detectors = ()
    return made


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("matrix")) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["guarded", "unguarded"])
def guarded(request: pytest.FixtureRequest, inside: Inside) -> bool:
    inside.gateway.current().reviewers["default"] = reviewer(request.param)  # type: ignore[index]
    return request.param


def cells(door: Any, places: Any) -> Iterator[Cell]:
    for place in places:
        for stream in (False, True) if door.stream_type else (False,):
            for detector, baits in table.BAIT.items():
                for action in baits:
                    yield Cell(place, stream, detector, action)


def exchange(inside: Inside, door: Any, way: str, body: dict, stream: bool, answer: bytes) -> tuple[bytes, list, bytes]:
    """What the client got, what was recorded, and what the upstream was sent."""
    inside.asked.clear()
    inside.entries.clear()
    inside.says = [answer]
    sent = {"model": table.MODELS[way], **body} | ({"stream": stream} if door.stream_type else {})
    raw = inside.send(request(door.paths[0], json.dumps(sent).encode()), wait=10)
    return raw, list(inside.entries), b"".join(inside.asked)


def words(raw: bytes) -> str:
    """All that a client reads, each place's strings joined; JSON inside strings with its escapes decoded."""
    said = list(heard(body_of(raw)).values())
    return "\n".join([*said, *(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), s) for s in said)])


def input_cell(inside: Inside, door: Any, way: str, cell: Cell) -> None:
    """Raises: AssertionError."""
    bait, action = cell.bait, cell.action
    source = json.dumps(table.REQUESTS[door.name][cell.place]).replace(table.AT, bait)
    path = door.upstream_path(way)
    answer = table.ANSWERS[path][table.BENIGN[path]]("好", cell.stream) if path else b""
    raw, recorded, sent = exchange(inside, door, way, json.loads(source), cell.stream, answer)
    opened, closed = recorded
    assert isinstance(opened, entries.Opened)
    assert isinstance(closed, entries.Closed)
    found = [j for text in opened.texts for j in text.judged]
    assert {(j.finding.detector, j.action) for j in found} == {(cell.detector, action)}
    assert opened.action is action
    upstream = sent.decode()
    upstream = upstream + json.dumps(json.loads(upstream.partition("\r\n\r\n")[2] or "{}"), ensure_ascii=False)
    if action.stops:
        error = action is Action.BLOCK or not door.stream_type
        assert closed.outcome == ("input_blocked" if error else "input_refused")
        assert status_of(raw) == (403 if error else 200)
        assert "/objections/" in words(raw)
        assert sent == b""
        assert bait not in words(raw)
        assert closed.queue == (action is Action.ESCALATE)
        return
    assert status_of(raw) == 200
    assert closed.outcome == "served"
    travels = (door.name, way, cell.place) not in table.NOT_SENT and path
    assert (bait in upstream) == bool(action is Action.ALLOW and travels)


def output_cell(inside: Inside, door: Any, way: str, cell: Cell) -> None:
    """Raises: AssertionError."""
    bait, action = cell.bait, cell.action
    path = door.upstream_path(way)
    answer = table.ANSWERS[path][cell.place](bait, cell.stream)
    body = json.loads(json.dumps(next(iter(table.REQUESTS[door.name].values()))).replace(table.AT, "好"))
    raw, recorded, _ = exchange(inside, door, way, body, cell.stream, answer)
    opened, closed = recorded
    assert opened.action is Action.ALLOW
    shown = words(raw)
    assert action is Action.ALLOW or bait not in shown
    if action is Action.MASK and cell.place == "tool name":
        action = Action.BLOCK  # a name can't be masked
    found = [j for text in closed.texts for j in text.judged]
    assert {(j.finding.detector, j.action) for j in found} == {(cell.detector, action)}
    if not action.stops:
        assert status_of(raw) == 200
        assert closed.outcome == ("masked" if action is Action.MASK else "served")
        assert (bait in shown) == (action is Action.ALLOW)
        assert action is Action.ALLOW or "[" in shown
        return
    error = action is Action.BLOCK or not door.stream_type
    assert closed.outcome == ("blocked" if error else "refused")
    assert status_of(raw) == (403 if error and not cell.stream else 200)
    assert closed.queue == (cell.action is Action.ESCALATE)


def run(cell_of: Any, inside: Inside, door: Any, way: str, todo: list[Cell], guarded: bool) -> None:
    """Every cell holds with its guard, and none without."""
    wrong = []
    for cell in todo:
        try:
            cell_of(inside, door, way, cell)
            held, why = True, ""
        except (AssertionError, ValueError) as problem:
            held, why = False, str(problem).partition("\n")[0]
        if held != guarded:
            wrong.append(f"{cell.place} stream={cell.stream} {cell.detector} {cell.action}: {why}")
    assert not wrong, f"{len(wrong)} of {len(todo)} cells:\n" + "\n".join(wrong[:40])


@pytest.mark.parametrize("pair", named(DOORS))
def test_what_is_asked(inside: Inside, guarded: bool, pair: Any):
    door, way = pair
    run(input_cell, inside, door, way, list(cells(door, table.REQUESTS[door.name])), guarded)


@pytest.mark.parametrize("pair", named([p for p in DOORS if p[0].upstream_path(p[1])]))
def test_what_is_answered(inside: Inside, guarded: bool, pair: Any):
    door, way = pair
    places = [p for p in table.ANSWERS[door.upstream_path(way)] if (door.name, way, p) not in table.NOT_SERVED]
    run(output_cell, inside, door, way, list(cells(door, places)), guarded)


def test_every_door_and_every_detector_has_its_row():
    assert set(table.REQUESTS) == {door.name for door, _ in DOORS}
    assert {door.upstream_path(way) for door, way in DOORS} - {""} <= set(table.ANSWERS)
    assert {d.name for d in reviewer().detectors} == set(table.BAIT)
    assert len(plugins.detector_factories()) == len(table.BAIT)
    assert all(set(baits) == set(Action) for baits in table.BAIT.values())


@pytest.mark.parametrize("excuse", table.NOT_SERVED)
def test_what_is_said_not_to_be_served_is_not(inside: Inside, excuse: tuple[str, str, str]):
    inside.gateway.current().reviewers["default"] = reviewer()  # type: ignore[index]
    name, way, place = excuse
    door = next(door for door, _ in DOORS if door.name == name)
    body = json.loads(json.dumps(next(iter(table.REQUESTS[name].values()))).replace(table.AT, "好"))
    for stream in (False, True):
        answer = table.ANSWERS[door.upstream_path(way)][place]("harmless", stream)
        raw, _, _ = exchange(inside, door, way, body, stream, answer)
        assert "harmless" not in words(raw)
