"""A streamed response, read and written: what a text says again is what has left of it, whatever the upstream says."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

import response_events as events
import upstream_text
from carried import LABEL, carry, machine, read, texts
from gateway.test_promise import reviewer
from guiju.errors import UpstreamTimeout
from guiju.gateway import stream as gateway
from guiju.wire.openai_responses import DIALECT

PHONE, MASKED = "13812345678", "[手机号]"
WHERE = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
OPENED, MESSAGE = events.message(0, "Call ", PHONE, " now")


def responses(**more: Any) -> Any:
    return machine(DIALECT, upstream="openai_responses", **more)


def served(*happened: dict[str, Any], place: str = "interface", **more: Any) -> tuple[list[Any], Any]:
    """The events that a client gets, each byte sent alone, under a policy that masks and refuses; and the relay."""
    label = dict(LABEL)
    ask = DIALECT.read(json.dumps({"model": "m", "input": "hi", "stream": True, **more}).encode(), {})
    answer = DIALECT.read_stream(ask, dialect="openai_responses", label=label, allow_opaque=False)
    relay = gateway.Relay(
        answer, gateway.gate_maker(reviewer(), language="zh"), place=place, language="zh", notices=True, label=label
    )
    out, raw = b"", events.written(happened)
    try:
        for at in range(0, len(raw), 3):
            out += b"".join(relay.feed(raw[at : at + 3]))
        out += b"".join(relay.close()) + relay.flush()
    except gateway.Stopped as stop:
        out += stop.out + answer.stop(finish="content_filter", replacement="不予提供", details=LABEL)
    assert PHONE.encode() not in out
    found = upstream_text.events(out)
    assert [e["sequence_number"] for e in found if e["type"] != "error"] == list(range(len(found)))
    return found, relay


def said(found: list[Any], kind: str, field: str = "delta") -> list[Any]:
    return [e[field] for e in found if e["type"] == kind]


def done(*items: Any, kind: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": events.whole(*items, **({"status": kind} | more))}


EVERY: list[dict[str, Any]] = [
    {"type": "response.queued", "response": events.HEAD},
    {"type": "response.output_text.annotation.added", **WHERE, "annotation_index": 0, "annotation": {
        "type": "url_citation", "start_index": 0, "end_index": 4, "title": f"call {PHONE}", "url": f"https://a.b/{PHONE}"}},
    {"type": "response.web_search_call.searching", "item_id": "ws", "output_index": 0},
    {"type": "response.file_search_call.in_progress", "item_id": "fs", "output_index": 0},
    {"type": "response.code_interpreter_call.interpreting", "item_id": "ci", "output_index": 0},
    {"type": "response.mcp_list_tools.failed", "item_id": "mcp", "output_index": 0},
    {"type": "response.image_generation_call.generating", "item_id": "ig", "output_index": 0},
    {"type": "response.compaction.compacting", "item_id": "cmp", "output_index": 0},
    {"type": "response.audio.transcript.delta", "delta": f"call {PHONE[:6]}"},
    {"type": "response.audio.transcript.delta", "delta": f"{PHONE[6:]} now"},
    {"type": "response.audio.transcript.done"},
    {"type": "response.shell_call_output_content.delta", "item_id": "sh", "output_index": 0, "command_index": 0,
     "delta": {"stdout": f"call {PHONE}"}},
    {"type": "response.shell_call_output_content.done", "item_id": "sh", "output_index": 0, "command_index": 0,
     "output": [{"stdout": f"call {PHONE}", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
]  # fmt: skip
GROWING = [
    ("custom_tool_call", "input", "custom_tool_call_input", "input", {}),
    ("mcp_call", "arguments", "mcp_call_arguments", "arguments", {}),
    ("code_interpreter_call", "code", "code_interpreter_call_code", "code", {}),
    ("reasoning", "", "reasoning_text", "text", {"content_index": 0}),
    ("shell_call", "", "shell_call_command", "command", {"command_index": 0}),
]


@pytest.mark.parametrize(("kind", "key", "base", "field", "where"), GROWING)
def test_every_text_that_grows_is_followed_to_where_it_is_said_again(
    kind: str, key: str, base: str, field: str, where: dict[str, int]
):
    place = {"item_id": "it_0", "output_index": 0, **where}
    text = f'{{"to": "{PHONE}"}}' if field == "arguments" else f"call {PHONE} now"
    item: dict[str, Any] = {"id": "it_0", "type": kind, "status": "completed", **({key: text} if key else {})}
    if kind == "reasoning":
        item |= {"summary": [], "content": [{"type": "reasoning_text", "text": text}]}
    if kind == "shell_call":
        item |= {"call_id": "c", "action": {"commands": [text]}}
    found, _ = served(
        *events.begun(),
        {"type": "response.output_item.added", "output_index": 0, "item": {"id": "it_0", "type": kind}},
        *({"type": f"response.{base}.delta", **place, "delta": piece} for piece in text),
        {"type": f"response.{base}.done", **place, field: text},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        done(([], item)),
    )  # fmt: skip
    masked = text.replace(PHONE, MASKED)
    assert "".join(said(found, f"response.{base}.delta")) == masked
    assert said(found, f"response.{base}.done", field) == [masked]
    assert masked.replace('"', '\\"') in json.dumps(found[-2]["item"], ensure_ascii=False)
    assert found[-1]["response"]["output"] == [found[-2]["item"]]
    assert found[-2]["item"] == json.loads(json.dumps(item).replace(PHONE, json.dumps(MASKED)[1:-1]))


def test_every_other_event_of_the_api_passes_without_what_is_hidden():
    found, _ = served(*events.begun(), *OPENED[:-1], *EVERY, OPENED[-1], done((OPENED, MESSAGE)))
    kinds = [e["type"] for e in found]
    assert {e["type"] for e in EVERY} <= set(kinds)
    assert said(found, "response.output_text.annotation.added", "annotation")[0]["title"] == f"call {MASKED}"
    assert "".join(said(found, "response.audio.transcript.delta")) == f"call {MASKED} now"
    known = TypeAdapter(ResponseStreamEvent)
    for event in found:
        assert known.validate_python(event).type == event["type"]


def test_the_upstreams_own_words_are_never_repeated_where_they_contradict_the_deltas():
    lies = [
        json.loads(json.dumps(event).replace("Call ", "Ring ")) if ".delta" not in event["type"] else event
        for event in OPENED
    ]
    found, relay = served(*events.begun(), *lies, done(([], lies[-1]["item"])))
    assert said(found, "response.output_text.done", "text") == [f"Call {MASKED} now"]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == f"Call {MASKED} now"
    assert "0.0.text" in relay.answer.withheld


def test_what_a_done_event_says_beyond_the_deltas_comes_as_a_delta_first():
    without = [e for e in OPENED if e["type"] != "response.output_text.delta"]
    found, _ = served(*events.begun(), *without, done((OPENED, MESSAGE)))
    assert said(found, "response.output_text.delta") == [f"Call {MASKED} now"]
    assert said(found, "response.output_text.done", "text") == [f"Call {MASKED} now"]
    upstream_text.heard_responses(b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in found))


@pytest.mark.parametrize("bare", [0, 1, 2])
def test_a_response_of_which_only_the_end_was_told_is_whole(bare: int):
    found, _ = served(*events.begun()[:bare], done((OPENED, MESSAGE)))
    assert found[0]["type"] == "response.created"
    assert found[0]["response"]["id"] == found[-1]["response"]["id"]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == f"Call {MASKED} now"


def test_an_item_that_no_event_ended_is_ended_before_the_response():
    found, _ = served(*events.begun(), *OPENED[:3], done((OPENED, MESSAGE)))
    assert [e["type"] for e in found[-5:]] == [
        "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done",
        "response.completed",
    ]  # fmt: skip
    assert found[-2]["item"] == found[-1]["response"]["output"][0]
    assert found[-2]["item"]["status"] == "completed"


@pytest.mark.parametrize("at", range(2, 12))
def test_a_stop_closes_what_is_open_wherever_it_comes(at: int):
    """The official SDK follows every one of them."""
    items = [events.reasoning(0, "I ", "think"), events.message(1, "Hel", "lo"), events.call(2, "send", '{"a"', ": 1}")]
    happened = [*events.begun(), *(event for made, _ in items for event in made)]
    stream = responses()
    out = carry(stream, events.written(happened[:at]))
    out += stream.stop(finish="content_filter", replacement="instead", details=LABEL)
    found = upstream_text.events(out)
    state: ResponseStreamState[None] = ResponseStreamState(text_format=omit, input_tools=omit)
    known = TypeAdapter(ResponseStreamEvent)
    for event in found:
        state.handle_event(known.validate_python(event))
    added, ended = (said(found, f"response.output_item.{when}", "output_index") for when in ("added", "done"))
    assert sorted(added) == sorted(ended)
    last = found[-1]["response"]
    assert last["status"] == "incomplete"
    assert last["output"] == [e["item"] for e in found if e["type"] == "response.output_item.done"]
    assert last["output"][-1]["content"][0]["text"] == "instead"
    upstream_text.heard_responses(out)


def test_a_stop_in_the_middle_of_arguments_says_no_more_of_them_than_has_left():
    made, item = events.call(0, "send", '{"a": "x', f'{upstream_text.TERM}"}}')
    found, _ = served(*events.begun(), *made, done((made, item)))
    call, message = found[-1]["response"]["output"]
    assert (call["status"], call["arguments"]) == ("incomplete", '{"a": "x')
    assert said(found, "response.function_call_arguments.done", "arguments") == ['{"a": "x']
    assert message["content"][0]["text"] == "不予提供"
    assert upstream_text.TERM not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("place", ["begin", "end"])
def test_a_notice_is_said_again_where_the_text_is(place: str):
    made, item = events.message(0, "Hel", "lo")
    found, _ = served(*events.begun(), *made, done((made, item)), place=place)
    told = "".join(said(found, "response.output_text.delta"))
    assert told.replace("Hello", "") != ""
    assert said(found, "response.output_text.done", "text") == [told]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == told


TOKENS = [{"token": t, "logprob": -0.1, "bytes": list(t.encode()), "top_logprobs": []} for t in ("Hel", "lo")]


def test_log_probabilities_leave_with_their_text_and_are_said_again_with_it():
    made, item = events.message(0, "Hel", "lo")
    deltas = [e for e in made if e["type"].endswith(".delta")]
    for event, token in zip(deltas, TOKENS, strict=True):
        event["logprobs"] = [token]
    item["content"][0]["logprobs"] = TOKENS
    found, _ = served(*events.begun(), *made, done((made, item)))
    assert [t["token"] for e in said(found, "response.output_text.delta", "logprobs") for t in e] == ["Hel", "lo"]
    assert said(found, "response.output_text.done", "logprobs") == [TOKENS]
    assert found[-1]["response"]["output"][0]["content"][0]["logprobs"] == TOKENS


@pytest.mark.parametrize("likely", [False, True])
def test_log_probabilities_of_what_is_hidden_never_leave(likely: bool):
    made, item = events.message(0, "at ", PHONE)
    tokens = [{"token": t, "logprob": 0.0, "top_logprobs": []} for t in ("at ", PHONE)]
    if likely:
        tokens[0]["top_logprobs"] = [{"token": PHONE, "logprob": -1.0}]
    for event, token in zip([e for e in made if e["type"].endswith(".delta")], tokens, strict=True):
        event["logprobs"] = [token]
    found, _ = served(*events.begun(), *made, done((made, item)))
    assert "".join(said(found, "response.output_text.delta")) == f"at {MASKED}"
    told = said(found, "response.output_text.done", "logprobs")
    assert [(t["token"], t["top_logprobs"]) for t in told[0]] == [("at ", [])]


def test_what_a_response_repeats_of_the_request_is_the_callers_own_words():
    asked = {
        "instructions": "call 13912345679",
        "metadata": {"a": "13912345679"},
        "tools": [{"type": "function", "name": "f"}],
    }
    echoed = events.HEAD | {
        "instructions": PHONE,
        "metadata": {"b": PHONE},
        "tools": [{"type": "function", "name": PHONE}],
    }
    found, _ = served(
        {"type": "response.created", "response": echoed}, done(**asked | {"instructions": PHONE}), **asked
    )
    for event in found:
        assert {name: event["response"][name] for name in asked} == asked
    found, _ = served({"type": "response.created", "response": echoed | {"tools": []}}, done())
    assert found[0]["response"]["instructions"] == MASKED
    assert found[0]["response"]["metadata"] == {"b": MASKED}


@pytest.mark.parametrize("allowed", [True, False])
def test_what_cannot_be_followed_is_left_out_unless_it_is_allowed(allowed: bool):
    made, item = events.reasoning(0, "I think")
    image = {
        "id": "ig_1",
        "type": "image_generation_call",
        "status": "completed",
        "result": "AAAA",
        "revised_prompt": "a cat",
    }
    partial = {"type": "response.image_generation_call.partial_image", "item_id": "ig_1", "output_index": 1,
               "partial_image_index": 0, "partial_image_b64": "AAAA"}  # fmt: skip
    program = {"id": "p", "type": "program_output", "call_id": "c", "result": "text", "status": "completed"}
    ended = [{"type": "response.output_item.done", "output_index": n, "item": i} for n, i in ((1, image), (2, program))]
    stream = responses(allow_opaque=allowed)
    raw = events.written([*events.begun(), *made, partial, *ended, done((made, item), ([], image), ([], program))])
    found = upstream_text.events(carry(stream, raw))
    assert ("gAAAAAB" in json.dumps(found)) == allowed
    assert ("AAAA" in json.dumps(found).replace("gAAAAAB", "")) == allowed
    assert said(found, "response.image_generation_call.partial_image", "partial_image_b64") == (
        ["AAAA"] if allowed else []
    )
    assert [i.get("result") for i in found[-1]["response"]["output"]] == [None, "AAAA" if allowed else None, "text"]
    assert found[-1]["response"]["output"][1]["revised_prompt"] == "a cat"
    assert bool(stream.withheld) != allowed


def test_an_item_that_nobody_knows_is_read_wherever_it_stands():
    odd = {"id": "o", "type": "odd", "words": {"deep": [f"call {PHONE}"]}, "0": {"text": PHONE}, "number": int(PHONE)}
    found, _ = served(
        *events.begun(),
        {"type": "response.output_item.added", "output_index": 0, "item": odd},
        {"type": "response.odd.delta", "output_index": 0, "of": f"or {PHONE[:4]}"},
        {"type": "response.odd.delta", "output_index": 0, "of": PHONE[4:]},
        {"type": "response.output_item.done", "output_index": 0, "item": odd},
        done(([], odd), x_note=PHONE),
    )
    for item in (e["item"] for e in found if "item" in e):
        assert item == odd | {"words": {"deep": [f"call {MASKED}"]}, "0": {"text": MASKED}, "number": MASKED}
    assert "".join(e["of"] for e in found if e["type"] == "response.odd.delta") == f"or {MASKED}"
    assert found[-1]["response"]["output"] == [e["item"] for e in found if e["type"] == "response.output_item.done"]
    assert found[-1]["response"]["x_note"] == MASKED


def test_a_name_in_which_something_is_found_ends_the_answer():
    made, item = events.call(0, "call_" + PHONE, "{}")
    found, _ = served(*events.begun(), *made, done((made, item)))
    assert found[-1]["type"] == "response.incomplete"
    assert [i["type"] for i in found[-1]["response"]["output"]] == ["message"]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "response.created", "response": events.HEAD},
        {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
        {"type": "response.output_item.added", "output_index": -1, "item": MESSAGE},
        {"type": "response.output_item.added", "output_index": 1, "item": "words"},
        {"type": "response.output_text.delta", **WHERE, "output_index": 7, "delta": "words"},
        {"type": "response.output_text.delta", **WHERE, "content_index": "0", "delta": "words"},
        {
            "type": "response.content_part.added",
            **WHERE,
            "content_index": None,
            "part": {"type": "output_text", "text": "words"},
        },
        {"type": "two words"},
        {"no": "type"},
    ],
)
def test_what_does_not_fit_is_left_out_and_named(odd: dict[str, Any]):
    stream = responses()
    raw = events.written(
        [*events.begun(), *OPENED[:3], odd | {"type": odd.get("type", "")}, *OPENED[3:], done((OPENED, MESSAGE))]
    )
    out = carry(stream, raw)
    assert stream.withheld == [odd["type"] if odd.get("type", "").startswith("response.") else "event"]
    assert b"words" not in out
    assert upstream_text.heard_responses(out) == {"0.0.text": f"Call {PHONE} now"}


def test_what_comes_after_an_item_has_ended_is_left_out():
    late = {"type": "response.output_text.delta", **WHERE, "delta": "words"}
    stream = responses()
    out = carry(stream, events.written([*events.begun(), *OPENED, late, done((OPENED, MESSAGE))]))
    assert b"words" not in out
    assert stream.withheld == ["response.output_text.delta"]


def test_channels_have_the_names_and_forms_that_the_record_knows():
    items = [events.reasoning(0, "I think"), events.message(1, "Hello"), events.message(2, "No", kind="refusal"),
             events.call(3, "send", "{}")]  # fmt: skip
    found = texts(responses(), events.stream(*items))
    assert (
        found.pop("3.item.name:name") == "sendsend"
    )  # read without being written, nothing is known of it the second time
    assert found == {
        "0.summary.0.text:text": "I think", "1.0.text:text": "Hello", "2.0.refusal:text": "No",
        "3.arguments:json": "{}",
    }  # fmt: skip
    wanted = responses(text={"format": {"type": "json_object"}})
    assert "1.0.text:json" in texts(wanted, events.stream(*items))


def test_the_finish_and_the_usage_are_known_from_the_last_event():
    for kind, reason, finish in (
        ("completed", None, "completed"),
        ("incomplete", "max_output_tokens", "max_output_tokens"),
    ):
        stream = responses()
        last = done((OPENED, MESSAGE), kind=kind, incomplete_details=reason and {"reason": reason})
        out = carry(stream, events.written([*events.begun(), *OPENED, last]))
        assert (stream.finish, stream.usage, stream.done) == (finish, (37, 11), True)
        assert upstream_text.events(out)[-1]["type"] == f"response.{kind}"


def test_the_label_stands_in_the_first_response_and_in_the_last():
    found = upstream_text.events(carry(responses(), events.stream((OPENED, MESSAGE))))
    assert [e["type"] for e in found if LABEL in (e.get("response") or {}).values()] == [
        "response.created",
        "response.completed",
    ]


def test_a_failure_says_what_was_told_so_far():
    stream = responses()
    carry(stream, events.written([*events.begun(), *OPENED[:4]]))
    failed, error = upstream_text.events(
        stream.fault(UpstreamTimeout(upstream="v", seconds=3), exchange="ex_1", language="en")
    )
    assert failed["response"]["error"]["code"] == error["code"] == error["error"]["code"] == "upstream_timeout"
    assert failed["response"]["output"][0]["content"][0]["text"] == f"Call {PHONE}"
    assert (failed["response"]["status"], failed["response"]["output"][0]["status"]) == ("failed", "incomplete")
    fresh = responses().fault(UpstreamTimeout(upstream="v", seconds=3), exchange="ex_1", language="en")
    assert [e["type"] for e in upstream_text.events(fresh)] == ["error"]


def test_done_after_the_end_is_nothing():
    stream = responses()
    raw = events.stream((OPENED, MESSAGE)) + b"data: [DONE]\n\n"
    assert len(list(read(stream, raw))) == len(OPENED) + 3
    assert stream.withheld == []
    early = responses()
    list(read(early, b"data: [DONE]\n\n"))
    assert early.withheld == []


def test_a_string_that_is_said_again_is_judged_and_recorded_once():
    item = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": PHONE},
    }
    ended = {"type": "response.output_item.done", "output_index": 0, "item": item}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    found, relay = served(*events.begun(), added, ended, done(([], item)))
    assert [e["item"]["action"]["query"] for e in found[2:4]] == [MASKED, MASKED]
    assert [(i.channel, i.removed) for i in relay.told()["insertions"]] == [("0.item.action.query", 11)]


def test_an_item_that_ends_lets_go_of_its_texts_first():
    made = [e for e in OPENED if not e["type"].endswith(("text.done", "part.done"))]
    found, _ = served(*events.begun(), *made, done((OPENED, MESSAGE)))
    assert (
        found[-2]["item"]["content"][0]["text"]
        == "".join(said(found, "response.output_text.delta"))
        == f"Call {MASKED} now"
    )


def test_text_that_nobody_knows_in_an_event_that_all_know_keeps_it_whole():
    """What of it waits leaves in an event that the SDK can read."""
    made = [e | {"x_note": "or 138"} if e["type"] == "response.output_text.delta" else e for e in OPENED]
    found, _ = served(*events.begun(), *made, done((OPENED, MESSAGE)))
    known = TypeAdapter(ResponseStreamEvent)
    for event in found:
        assert known.validate_python(event).type == event["type"]
    assert "".join(e.get("x_note", "") for e in found) == "or 138" * 3


def test_an_identifier_in_which_something_is_found_leaves_nowhere_not_in_our_own_events_either():
    """One of an item stands in events of ours too."""
    key = upstream_text.SECRETS["api_key"]
    made, item = events.message(0, "Hel", "lo", name=key)
    head = {"type": "response.created", "response": events.HEAD | {"id": f"resp_{key}", "model": key}}
    for happened in (
        [head, *made, done((made, item), id=f"resp_{key}")],
        [*made[:4]],
        [done((made, item), id=f"resp_{key}")],
    ):
        found, relay = served(*happened)
        found += upstream_text.events(relay.answer.stop(finish="stop", replacement="", details=LABEL))
        assert key not in json.dumps(found)
        assert {e.get("item_id") for e in found if e["type"].endswith(".delta")} <= {"[密钥]"}
        assert len({e["response"]["id"] for e in found if "response" in e}) == 1


def test_what_waits_of_an_unknown_text_leaves_without_an_identifier_that_did_not():
    odd = {"type": "response.odd.delta", "output_index": 0, "item_id": upstream_text.SECRETS["api_key"], "of": "or 138"}
    found, _ = served(*events.begun(), odd)
    assert "".join(e.get("of", "") for e in found) == "or 138"
    assert upstream_text.SECRETS["api_key"] not in json.dumps(found)


@pytest.mark.parametrize("name", [None, 7, ["x"], {"x": 1}])
def test_what_waits_leaves_where_the_items_name_is_no_string(name):
    made, item = events.message(0, "or 138")
    made = [e | {"item_id": name} if "item_id" in e else e for e in made]
    found, _ = served(*events.begun(), *made, done((made, item)))
    said = [e for e in found if e["type"] == "response.output_text.delta"]
    assert "".join(e["delta"] for e in said) == "or 138"


@pytest.mark.parametrize("seed", range(100))
def test_events_that_are_missing_doubled_or_out_of_order_make_a_response_all_the_same(seed: int):
    rng = random.Random(seed)
    happened = upstream_text.events(upstream_text.responses(rng, ["term"] if seed % 3 == 0 else ["mobile"]).raw)
    for _ in range(rng.randint(1, 4)):
        at, to = rng.randrange(len(happened)), rng.randrange(len(happened))
        moved = happened.pop(at)
        happened[to:to] = [[], [moved], [moved, json.loads(json.dumps(moved))]][rng.randrange(3)]
    label, out = dict(LABEL), b""
    answer = responses()
    relay = gateway.Relay(
        answer, gateway.gate_maker(reviewer(), language="zh"), place="end", language="zh", notices=True, label=label
    )
    try:
        for piece in upstream_text.chunked(rng, events.written(happened)):
            out += b"".join(relay.feed(piece))
        out += b"".join(relay.close()) + relay.flush()
        if not answer.done:
            out += answer.stop(finish="stop", replacement="", details=LABEL)
    except gateway.Stopped as stop:
        out += stop.out + answer.stop(finish="content_filter", replacement="不予提供", details=LABEL)
    found = upstream_text.events(out)
    assert [e["sequence_number"] for e in found] == list(range(len(found)))
    ends = [n for n, e in enumerate(found) if e["type"] in ("response.completed", "response.incomplete")]
    assert (found[0]["type"], ends) == ("response.created", [len(found) - 1])
    assert len({e["response"]["id"] for e in found if "response" in e}) == 1
