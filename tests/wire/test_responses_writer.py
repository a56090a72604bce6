"""What a client has been told of a response: what is open is closed, once, with what has left."""

from __future__ import annotations

import json
from typing import Any

import upstream_text
from carried import LABEL
from guiju.wire import responses_shape as shape
from guiju.wire.openai_responses import DIALECT
from guiju.wire.responses_writer import Writer


def writer(**more: Any) -> Writer:
    return Writer(DIALECT.read(json.dumps({"model": "m", "input": "hi", "stream": True, **more}).encode(), {}), LABEL)


def kinds(raw: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in upstream_text.events(raw)]


WHERE = ("response.output_text", {"item_id": "msg_1", "output_index": 2, "content_index": 0})


def test_events_are_numbered_and_begin_with_the_response():
    told = writer()
    out = told.event(
        {"type": "response.output_item.added", "output_index": 0, "item": shape.item("message", "m", "in_progress")}
    )
    assert kinds(out) == ["created", "output_item.added"]
    assert [e["sequence_number"] for e in upstream_text.events(out)] == [0, 1]


def test_a_text_is_opened_once_and_closed_once():
    told = writer()
    out = told.opened(WHERE) + told.opened(WHERE)
    told.left["2.0.text"] = ["Hel", "lo"]
    out += told.delta(WHERE, "Hello", [])
    assert told.is_open("2.0.text")
    out += told.shut(2)
    assert not told.is_open("2.0.text")
    assert told.open == set()
    assert kinds(out) == [
        "created", "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done",
    ]  # fmt: skip
    assert told.items[2]["content"][0]["text"] == "Hello"
    assert told.items[2]["status"] == "incomplete"


def test_a_part_that_nobody_opened_is_in_the_item_all_the_same():
    told = writer()
    told.event(
        {"type": "response.output_item.added", "output_index": 2, "item": shape.item("message", "m", "in_progress")}
    )
    told.left["2.0.text"] = ["Hello"]
    told.delta(WHERE, "Hello", [])
    found = upstream_text.events(told.stop(finish="stop", replacement="", usage=None))
    assert [e["type"] for e in found] == [
        "response.output_text.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_what_is_said_instead_is_an_item_of_its_own():
    told = writer()
    told.opened(WHERE)
    found = upstream_text.events(told.stop(finish="content_filter", replacement="No", usage=None))
    last = found[-1]["response"]
    assert [item["content"][0].get("text") for item in last["output"]] == ["", "No"]
    assert (last["status"], last["incomplete_details"], last["usage"]) == (
        "incomplete",
        {"reason": "content_filter"},
        None,
    )
    assert last["output"][1]["id"] == "msg_ex_1"
    assert last["guiju"] == LABEL


def test_where_json_was_asked_for_it_is_a_refusal():
    told = writer(text={"format": {"type": "json_object"}})
    found = upstream_text.events(told.stop(finish="content_filter", replacement="No", usage=None))
    assert found[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No"}]
    assert [e["delta"] for e in found if e["type"] == "response.refusal.delta"] == ["No"]
