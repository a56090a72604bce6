"""What every dialect keeps, whichever upstream stands behind it: a stream's end, a refusal, a failure, what is no JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import upstream_text
from carried import DONE, LABEL, asked, carry, chunk, data, machine, named, read
from guiju.errors import BadRequest, UpstreamError, UpstreamTimeout
from guiju.wire.anthropic_messages import DIALECT as ANTHROPIC
from guiju.wire.dialect import count
from guiju.wire.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from guiju.wire.openai_chat import DIALECT as OPENAI
from guiju.wire.openai_completions import DIALECT as COMPLETIONS
from guiju.wire.openai_responses import DIALECT as RESPONSES

SAME = {
    "openai": (OPENAI, "openai"),
    "completions": (COMPLETIONS, "openai_completions"),
    "completions translated": (COMPLETIONS, "openai"),
    "anthropic": (ANTHROPIC, "anthropic"),
    "translated": (ANTHROPIC, "openai"),
    "responses": (RESPONSES, "openai_responses"),
    "responses translated": (RESPONSES, "openai"),
}
"""Doors whose answers can be read by the same dialect again."""
OWN = dict(reversed(SAME.values()))
"""How an upstream speaks that speaks as the door does."""
DOORS = SAME | {"ollama": (OLLAMA_CHAT, "openai")}
"""Those that take a request with messages; completions need a prompt too."""
ALL = DOORS | {"generate": (OLLAMA_GENERATE, "openai")}
CHOICES = (OPENAI, COMPLETIONS)
"""Whose answers come in choices, and end with `[DONE]`."""
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
SAID = {"type": "output_text", "text": "begun ", "annotations": [], "logprobs": []}
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [SAID]}
PART = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
BEGUN = {
    "openai": chunk({"role": "assistant", "content": ""}) + chunk({"content": "begun "}),
    "openai_completions": data({"choices": [{"index": 0, "text": "begun ", "finish_reason": None}]}),
    "anthropic": named(
        {"type": "message_start", "message": {**MESSAGE, "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "begun "}},
    ),
    "openai_responses": named(
        {"type": "response.created", "response": RESPONSE},
        {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
        {"type": "response.content_part.added", **PART, "part": {**SAID, "text": ""}},
        {"type": "response.output_text.delta", **PART, "delta": "begun ", "logprobs": []},
    ),
}
ENDED = {
    "openai": chunk({}, "stop") + DONE,
    "openai_completions": data({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}) + DONE,
    "anthropic": named(
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ),
    "openai_responses": named(
        {"type": "response.output_text.done", **PART, "text": "begun ", "logprobs": []},
        {"type": "response.content_part.done", **PART, "part": SAID},
        {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
        {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": [ITEM]}},
    ),
}


@pytest.fixture(params=DOORS)
def door(request):
    return DOORS[request.param]


@pytest.fixture(params=SAME)
def same(request):
    return SAME[request.param]


HEARD = {
    OPENAI: upstream_text.heard_openai,
    COMPLETIONS: upstream_text.heard_completions,
    ANTHROPIC: upstream_text.heard_anthropic,
    RESPONSES: upstream_text.heard_responses,
}
OVER = {
    OPENAI: (DONE,),
    COMPLETIONS: (DONE,),
    ANTHROPIC: (b"event: message_stop\n",),
    RESPONSES: (b"event: response.completed\n", b"event: response.incomplete\n"),
}
STOPPED = {ANTHROPIC: "refusal"}


def heard(dialect, raw):
    return "".join(HEARD.get(dialect, upstream_text.heard_ollama)(raw).values())


def ends(dialect, raw):
    """How often the stream says that it is over."""
    return sum(map(raw.count, OVER.get(dialect, (b'"done":true',))))


def finishes(dialect, raw):
    events = upstream_text.events(raw)
    if dialect in CHOICES:
        return [c["finish_reason"] for e in events for c in e["choices"] if c["finish_reason"]]
    if dialect is ANTHROPIC:
        return [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"]
    if dialect is RESPONSES:
        last = [e["response"] for e in events if e["type"] in ("response.completed", "response.incomplete")]
        return [(r["incomplete_details"] or {}).get("reason", r["status"]) for r in last]
    return [e["done_reason"] for e in events if e["done"]]


@pytest.mark.parametrize(
    ("value", "tokens"), [(7, 7), (0, 0), (-3, 0), (None, 0), ("7", 0), ([7], 0), (True, 0), (7.0, 0), ({}, 0)]
)
def test_tokens_are_counted_where_they_are_a_number(value, tokens):
    assert count(value) == tokens


GARBAGE = (
    b"hello",
    b"{",
    b"[]",
    b'"text"',
    b"1",
    b"null",
    b"\xff\xfe",
    b'{"a": "\xe5\xa4"}',
    b'"\\ud83d"',
    b"[" * 5000,
)
DEEP = (
    b'{"max_tokens":9,"prompt":"","input":"hi","messages":[{"role":"user","content":'
    + b'{"a":' * 300
    + b"1"
    + b"}" * 301
    + b"]}"
)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_no_json_object_is_withheld(door, garbage):
    dialect, upstream = door
    stream = machine(dialect, upstream=upstream)
    raw = BEGUN[upstream] + b"data: " + garbage + b"\n\n" + ENDED[upstream]
    without = carry(machine(dialect, upstream=upstream), BEGUN[upstream] + ENDED[upstream])
    assert carry(stream, raw) == without
    assert stream.withheld == ["event"]
    assert stream.done


# --- bodies that nobody would write ---------------------------------------------------------------

WORDS = "hidden words"
KEYS = (
    "id index choices delta content tool_calls function name arguments role usage text finish_reason type message "
    "content_block partial_json error created 1 键 tools system stream n stream_options tool_choice metadata user "
    "response_format output_config max_tokens source data input tool_use_id"
).split()
OTHER = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([WORDS, "", "x" * 300])
ODD = st.recursive(
    OTHER,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


def shaped(**fields):
    """An object that may have any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


INDEX = st.integers(0, 2) | ODD
FUNCTION = shaped(name=ODD, arguments=ODD)
CALLS = st.lists(shaped(index=INDEX, id=ODD, function=FUNCTION), max_size=3) | ODD
DELTA = shaped(content=ODD, role=ODD, reasoning_content=ODD, tool_calls=CALLS) | ODD
TOKENS = shaped(tokens=ODD, token_logprobs=ODD, top_logprobs=ODD, content=ODD) | ODD
CHOICE = shaped(index=INDEX, delta=DELTA, message=DELTA, text=ODD, logprobs=TOKENS, finish_reason=ODD, x_thoughts=ODD)
CHUNKS = shaped(choices=st.lists(CHOICE, max_size=3), usage=ODD, created=ODD, id=ODD, guiju=ODD)
KINDS = "message_start content_block_start content_block_delta content_block_stop message_delta message_stop error ping"
PARTS = shaped(
    type=st.sampled_from("output_text refusal reasoning_text summary_text".split()) | ODD, refusal=ODD, logprobs=ODD,
    text=ODD, thinking=ODD, partial_json=ODD, citation=ODD, name=ODD, input=ODD,
)  # fmt: skip
EVENTS = shaped(
    type=st.sampled_from(KINDS.split()) | ODD,
    index=INDEX,
    delta=PARTS | ODD,
    content_block=PARTS | ODD,
    message=ODD,
    usage=ODD,
)
PLACE = {"output_index": INDEX, "content_index": INDEX, "summary_index": INDEX, "item_id": ODD}
ITEMS = shaped(
    type=st.sampled_from("message reasoning function_call shell_call odd".split()) | ODD,
    id=ODD,
    content=st.lists(PARTS | ODD, max_size=2) | ODD,
    summary=st.lists(PARTS | ODD, max_size=2) | ODD,
    arguments=ODD,
    action=shaped(commands=ODD) | ODD,
    **{"0": ODD},
)
STATES = shaped(
    id=ODD, status=ODD, output=st.lists(ITEMS | ODD, max_size=3) | ODD, instructions=ODD, tools=ODD, usage=ODD,
    error=ODD, output_text=ODD, guiju=ODD,
)  # fmt: skip
GROWING = "output_text refusal reasoning_text reasoning_summary_text function_call_arguments shell_call_command odd"
RESPONSE_KINDS = [
    *(f"response.{kind}.{when}" for kind in GROWING.split() for when in ("delta", "done")),
    *(f"response.{kind}.{when}" for kind in ("output_item", "content_part", "reasoning_summary_part")
      for when in ("added", "done")),
    *(f"response.{kind}" for kind in ("created", "in_progress", "completed", "incomplete", "audio.delta")),
    "response.output_text.annotation.added",
]  # fmt: skip
RESPONSE_EVENTS = shaped(
    type=st.sampled_from(RESPONSE_KINDS), **PLACE, delta=ODD, text=ODD, refusal=ODD, arguments=ODD, logprobs=ODD,
    item=ITEMS | ODD, part=PARTS | ODD, response=STATES | ODD, annotation=ODD, x_note=ODD,
)  # fmt: skip
BODIES = st.lists(ODD | CHUNKS | EVENTS | RESPONSE_EVENTS, max_size=6).map(lambda bodies: b"".join(map(data, bodies)))
ANSWERS = CHUNKS | STATES | shaped(content=st.lists(PARTS | ODD, max_size=3), usage=ODD, id=ODD, stop_reason=ODD)
NAMES = st.sampled_from(list(ALL))


@given(NAMES, BODIES, st.sampled_from([0, 1, 1000]))
@settings(max_examples=300)
def test_no_odd_event_breaks_a_stream(name, raw, hold):
    dialect, upstream = ALL[name]
    stream = machine(dialect, upstream=upstream)
    out = carry(stream, raw, hold=hold)
    if not stream.done:
        out += stream.stop(finish="content_filter", replacement="instead", details=LABEL)
    assert ends(dialect, out) == 1
    assert all(isinstance(event, dict) for event in upstream_text.events(out))


@given(NAMES, BODIES)
@settings(max_examples=300)
def test_no_words_leave_a_stream_that_were_not_released(name, raw):
    dialect, upstream = ALL[name]
    stream = machine(dialect, upstream=upstream)
    out = b"".join(event.write({}) for event in read(stream, BEGUN[upstream] + raw))
    assert WORDS.encode() not in out
    assert b"begun" not in out


@given(NAMES, ODD | ANSWERS)
@settings(max_examples=300)
def test_no_words_leave_a_whole_answer_that_were_not_read(name, body):
    dialect, upstream = ALL[name]
    try:
        answer = dialect.read_answer(json.dumps(body).encode(), asked(dialect), dialect=upstream, allow_opaque=False)
    except UpstreamError:
        return
    served = answer.write({s.path: "[..]" for s in answer.segments if WORDS in s.text}, LABEL)
    assert json.loads(served)["guiju"] == LABEL
    assert WORDS.encode() not in served


MESSAGE_CONTENT = st.lists(
    PARTS | shaped(type=st.sampled_from(["text", "tool_use", "tool_result", "image"]), content=ODD, source=ODD)
)


@given(NAMES, MESSAGE_CONTENT | ODD, ODD)
@settings(max_examples=300)
def test_no_words_reach_an_upstream_that_were_not_read(name, content, more):
    dialect, upstream = ALL[name]
    body = {"max_tokens": 9, **(more if isinstance(more, dict) else {"tools": more})}
    body |= {"model": "m", "messages": [{"role": "user", "content": content}]}
    body.setdefault("prompt", content if isinstance(content, str) else "hi")
    body["input"] = [{"role": "user", "content": content}, *(content if isinstance(content, list) else [])]
    try:
        ask = dialect.read(json.dumps(body).encode(), {})
        masked = {s.path: "[..]" for s in ask.segments if WORDS in s.text}
        sent = dialect.upstream_body(ask, model="up", dialect=upstream, masked=masked)
    except BadRequest:
        return
    if not ask.media:
        assert WORDS.encode() not in sent


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000, DEEP])
def test_a_body_that_is_no_object_is_refused(door, body):
    with pytest.raises(BadRequest) as problem:
        door[0].read(body, {})
    assert problem.value.data["field"] == "body"


def test_a_key_that_stands_twice_says_one_thing_to_us_and_to_the_upstream(door):
    dialect, upstream = door
    name = {COMPLETIONS: "prompt", RESPONSES: "input"}.get(dialect, "messages")
    one, two = (
        f'"{name}":"{word}"' if dialect is COMPLETIONS else f'"{name}":[{{"role":"user","content":"{word}"}}]'
        for word in ("first", "second")
    )
    ask = dialect.read(f'{{"model":"m","max_tokens":9,{one},{two}}}'.encode(), {})
    assert [s.text for s in ask.segments] == ["second"]
    assert b"first" not in dialect.upstream_body(ask, model="m", dialect=upstream, masked={})


def test_the_upstream_gets_its_own_name_of_the_model_and_masked_texts(door):
    dialect, upstream = door
    name = {COMPLETIONS: "prompt", RESPONSES: "input"}.get(dialect, "messages")
    text = {name: "call 13812345678" if name == "prompt" else [{"role": "user", "content": "call 13812345678"}]}
    ask = dialect.read(json.dumps({"model": "m", "max_tokens": 9, **text}).encode(), {})
    [place] = [s.path for s in ask.segments]
    sent = json.loads(dialect.upstream_body(ask, model="up", dialect=upstream, masked={place: "call [phone]"}))
    assert sent["model"] == "up"
    said = next(sent[name] for name in ("prompt", "input", "messages") if name in sent)
    assert said in ("call [phone]", [{"role": "user", "content": "call [phone]"}])
    assert ask.body == {"model": "m", "max_tokens": 9, **text}


def test_the_last_event_is_final_and_nothing_follows_it(door):
    dialect, upstream = door
    stream = machine(dialect, upstream=upstream)
    events = list(read(stream, BEGUN[upstream] + ENDED[upstream] + BEGUN[upstream]))
    assert [e.final for e in events] == [False] * (len(events) - 1) + [True]
    assert events[-1].ends == ("",)
    assert stream.done


def test_a_stream_that_breaks_off_is_ended_by_us_with_its_own_reason(door):
    dialect, upstream = door
    stream = machine(dialect, upstream=upstream)
    out = carry(stream, BEGUN[upstream])
    assert not stream.done
    assert stream.finish == ""
    out += stream.stop(finish="stop", replacement="", details=LABEL)
    assert heard(dialect, out) == "begun "
    assert finishes(dialect, out) == [{ANTHROPIC: "end_turn", RESPONSES: "completed"}.get(dialect, "stop")]
    assert ends(dialect, out) == 1


def test_a_stop_says_why_and_closes_what_is_open(door):
    dialect, upstream = door
    stream = machine(dialect, upstream=upstream)
    out = carry(stream, BEGUN[upstream])
    out += stream.stop(finish="content_filter", replacement="以下内容不予提供", details={"action": "refuse"})
    assert heard(dialect, out) == "begun 以下内容不予提供"
    assert finishes(dialect, out) == [STOPPED.get(dialect, "content_filter")]
    assert ends(dialect, out) == 1
    assert stream.done
    assert list(stream.feed(ENDED[upstream])) == []
    events = upstream_text.events(out)
    assert {"action": "refuse"} in [e.get("guiju") or e.get("response", {}).get("guiju") for e in events]
    for event in events:  # whose words these are can be told from the event that brings them
        if dialect is RESPONSES:
            event.pop("response", None)  # it says all of them again
        text = json.dumps(event, ensure_ascii=False)
        assert ("以下内容不予提供" in text) <= (event.get("guiju") == {"action": "refuse"})
        assert ("begun" in text) <= (event.get("guiju") != {"action": "refuse"})


def test_a_failure_in_mid_stream_is_the_dialects_own_error(door):
    dialect, upstream = door
    stream = machine(dialect, upstream=upstream)
    out = carry(stream, BEGUN[upstream])
    out = stream.fault(UpstreamTimeout(upstream="v", seconds=30), exchange="ex_1", language="en")
    told = upstream_text.events(out)[-1]
    error = told if isinstance(told["error"], str) else told["error"]
    assert (error["code"], error["exchange"]) == ("upstream_timeout", "ex_1")
    assert (b"event: error\n" in out) is (dialect in (ANTHROPIC, RESPONSES))
    assert out.endswith(DONE) is (dialect in CHOICES)
    assert stream.done


def test_a_refusal_is_a_whole_answer_of_one_text(same):
    dialect, _ = same
    ask = asked(dialect, stream=False)
    body = dialect.refusal(ask, exchange="ex_1", created=7, text="不", finish="content_filter", label=LABEL)
    answer = json.loads(body)
    assert answer["guiju"] == LABEL
    assert answer["model"] == "m"
    assert "ex_1" in answer["id"]
    read_again = dialect.read_answer(body, ask, dialect=OWN[dialect], allow_opaque=False)
    assert [s.text for s in read_again.segments if s.path[-1] in ("content", "text")] == ["不"]
    assert read_again.finish == STOPPED.get(dialect, "content_filter")


def test_a_refusal_is_a_whole_stream_of_one_text(same):
    dialect, _ = same
    raw = dialect.refusal(asked(dialect), exchange="ex_1", created=7, text="不", finish="content_filter", label=LABEL)
    stream = machine(dialect, upstream=OWN[dialect])
    assert heard(dialect, carry(stream, raw)) == "不"
    assert stream.done
    assert b"ex_1" in raw


CUTS = st.lists(st.integers(0, 6000), max_size=6)


@given(st.sampled_from(list(SAME)), st.randoms(use_true_random=False), CUTS, st.sampled_from([0, 1, 3, 40, 100_000]))
@settings(max_examples=150)
def test_what_is_released_is_what_was_said_however_it_is_cut_and_held(name, rng, cuts, hold):
    dialect, upstream = DOORS[name]
    if upstream == "openai_completions":
        said = upstream_text.completions(rng, [], choices=2)
    elif upstream != "openai":
        said = upstream_text.SPEECH[dialect.upstream_path(upstream)](rng, [])
    else:
        single = dialect in (ANTHROPIC, RESPONSES)
        said = upstream_text.openai(rng, [], choices=1 if single else 2, interleaved=not single)
    out = carry(machine(dialect, upstream=upstream), said.raw, cuts, hold=hold)
    if name in ("translated", "responses translated"):
        told = "".join(text for channel, text in said.joined.items() if not channel.endswith("x_thoughts"))
        assert sorted(heard(dialect, out)) == sorted(told)
    elif name == "completions translated":
        told = "".join(text for channel, text in said.joined.items() if channel.endswith((".content", ".refusal")))
        assert sorted(heard(dialect, out)) == sorted(told)
    else:
        assert HEARD[dialect](out) == said.joined
