"""Must hold whatever the upstream says and however it is cut: nothing that the policy hides reaches the client."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest

import upstream_text as said
from guiju import plugins
from guiju.gateway import stream
from guiju.label import notice
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.lexicon_blob import encode_terms
from guiju.review.policy_file import parse_policy
from guiju.wire.anthropic_messages import DIALECT as ANTHROPIC
from guiju.wire.ollama import OLLAMA_CHAT
from guiju.wire.openai_chat import DIALECT as OPENAI
from guiju.wire.openai_completions import DIALECT as COMPLETIONS
from guiju.wire.openai_responses import DIALECT as RESPONSES
from guiju.wire.strings import is_identifier
from identifiers import identifiers

POLICY = """
name: promise
title: {zh: 承诺, en: Promise}
rules:
  - {id: terms, class: [A.1, A.2, A.3, A.4], action: refuse}
  - {id: personal, class: [I.resident_id, I.mobile, I.email, I.api_key], action: mask}
"""
PLACEHOLDERS = {"resident_id": "[身份证号]", "mobile": "[手机号]", "email": "[邮箱]", "api_key": "[密钥]"}
LABEL = {"exchange": "ex_1", "label": {"AIGC": {}}}


@cache
def reviewer() -> Reviewer:
    taxonomy = load.taxonomy()
    policy = parse_policy(POLICY, taxonomy, file="promise.yaml", version=1)
    blobs = {name: encode_terms(terms) for name, terms in load.default_lexicons().items()}
    return plugins.reviewer(policy, blobs, taxonomy.placeholder)


def client_hears(dialect, upstream: str, text: said.Said, rng: random.Random) -> tuple[bytes, bool]:
    """The bytes that a client gets, and whether the answer was stopped."""
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    ask = dialect.read(json.dumps(body | {"prompt": "hi", "input": "hi"}).encode(), {})
    answer = dialect.read_stream(ask, dialect=upstream, label=LABEL, allow_opaque=False)
    relay = stream.Relay(
        answer, stream.gate_maker(reviewer(), language="zh"), place="interface", language="zh", notices=False
    )
    out = b""
    try:
        for chunk in said.chunked(rng, text.raw):
            out += b"".join(relay.feed(chunk))
        return out + b"".join(relay.close()) + relay.flush(), False
    except stream.Stopped as stop:
        return out + stop.out + answer.stop(finish="content_filter", replacement="", details=LABEL), True


def translated(rng: random.Random, kinds: list[str]) -> said.Said:
    """What an OpenAI upstream says to a client that hears messages: blocks are numbered as they come."""
    text = said.openai(rng, kinds, interleaved=False)
    inside = sorted({kind for kinds in text.secrets.values() for kind in kinds} - {"term"})
    blocks = {f"{block}.{place}": inside for block in range(4) for place in ("text", "thinking", "partial_json")}
    term = any("term" in text.secrets[name] for name in text.joined)
    return text._replace(joined={}, secrets=blocks | ({"": ["term"]} if term else {}))


def dressed(rng: random.Random, kinds: list[str]) -> said.Said:
    """The same to a client that hears Ollama's lines."""
    text = translated(rng, kinds)
    inside = text.secrets["0.text"]
    term = {"": text.secrets[""]} if "" in text.secrets else {}
    return text._replace(secrets={f"0.{name}": inside for name in ("content", "thinking", "arguments")} | term)


HEARD = {
    OPENAI: said.heard_openai,
    COMPLETIONS: said.heard_completions,
    ANTHROPIC: said.heard_anthropic,
    OLLAMA_CHAT: said.heard_ollama,
    RESPONSES: said.heard_responses,
}


def translated_to_items(rng: random.Random, kinds: list[str]) -> said.Said:
    """What it says to a client that hears responses: items are numbered as they come, refusals have their own place."""
    text = said.openai(rng, kinds, interleaved=False)
    places = {"content": "0.text", "reasoning_content": "0.reasoning", "arguments": "arguments", "refusal": "0.refusal"}
    order = [name for name in text.joined if not name.endswith("x_thoughts")]
    # content and refusal that follow each other are two parts of one message
    joined, inside, item, before, part = {}, {}, -1, "", 0
    for name in order:
        channel = name.split(".")[1]
        kind = "message" if channel in ("content", "refusal") else channel
        item, part = (item, part + 1) if kind == before == "message" else (item + 1, 0)
        before = kind
        key = f"{item}.{places[channel].replace('0', str(part), 1)}"
        joined[key], inside[key] = text.joined[name], text.secrets[name]
    return text._replace(joined=joined, secrets=inside | thoughts(text))


def thoughts(text: said.Said) -> dict[str, list[str]]:
    """What is hidden in the field that nobody knows, which travels."""
    return {name: found for name, found in text.secrets.items() if name.endswith("x_thoughts")}


def without(text: str, kinds: list[str]) -> str:
    for kind in kinds:
        text = text.replace(said.SECRETS[kind], PLACEHOLDERS[kind])
    return text


def check(dialect, upstream: str, text: said.Said, rng: random.Random) -> None:
    raw, stopped = client_hears(dialect, upstream, text, rng)
    heard = HEARD[dialect](raw)
    everything = json.dumps(said.events(raw), ensure_ascii=False) + " ".join(heard.values())
    hidden = {kind for kinds in text.secrets.values() for kind in kinds}
    assert stopped == ("term" in hidden)
    for channel, words in heard.items():
        shown = decoded(words) if channel.endswith(("arguments", "partial_json")) else words
        for kind in text.secrets.get(channel, ()):
            secret = said.SECRETS[kind]
            assert secret not in shown
            assert not ends_with_beginning(shown, secret), (channel, shown[-40:])
    for kind in hidden:
        assert said.SECRETS[kind] not in everything
    if stopped:
        return
    for channel, source in text.joined.items():
        if channel.endswith(("arguments", "partial_json")):
            assert json.loads(heard[channel])["note"] == without(json.loads(source)["note"], text.secrets[channel])
        elif dialect in (OPENAI, COMPLETIONS, RESPONSES) or channel in heard:
            assert heard.get(channel, "") == without(source, text.secrets[channel])


def decoded(source: str) -> str:
    """The readable part of JSON that may be cut anywhere."""
    while source:
        for ending in ("", '"}', '": 0}', "}"):
            try:
                return json.dumps(json.loads(source + ending), ensure_ascii=False)
            except json.JSONDecodeError:
                pass
        source = source[:-1]
    return ""


def ends_with_beginning(text: str, secret: str) -> bool:
    """Whether a stopped text shows the first half of what it was stopped for."""
    return any(text.endswith("“" + secret[:n]) for n in range(1, len(secret)))


def completed(rng: random.Random, kinds: list[str]) -> said.Said:
    """What an OpenAI upstream's chat says to a client that hears completions: content, or a refusal in its place."""
    text = said.openai(rng, kinds, choices=rng.randint(1, 3), interleaved=False)
    spoken = [name for name in text.joined if name.endswith((".content", ".refusal"))]
    joined, inside = {}, {}
    for name in spoken:
        choice = name.split(".")[0] + ".text"
        joined[choice] = joined.get(choice, "") + text.joined[name]
        inside[choice] = inside.get(choice, []) + text.secrets[name]
    return text._replace(joined=joined, secrets=inside | thoughts(text))


DOORS = {
    "openai": lambda rng, kinds: (OPENAI, "openai", said.openai(rng, kinds, choices=rng.randint(1, 3))),
    "completions": lambda rng, kinds: (
        COMPLETIONS,
        "openai_completions",
        said.completions(rng, kinds, choices=rng.randint(1, 3)),
    ),
    "completions before a server of chat": lambda rng, kinds: (COMPLETIONS, "openai", completed(rng, kinds)),
    "anthropic": lambda rng, kinds: (ANTHROPIC, "anthropic", said.anthropic(rng, kinds)),
    "anthropic before an OpenAI upstream": lambda rng, kinds: (ANTHROPIC, "openai", translated(rng, kinds)),
    "ollama before an OpenAI upstream": lambda rng, kinds: (OLLAMA_CHAT, "openai", dressed(rng, kinds)),
    "responses": lambda rng, kinds: (RESPONSES, "openai_responses", said.responses(rng, kinds)),
    "responses before an OpenAI upstream": lambda rng, kinds: (RESPONSES, "openai", translated_to_items(rng, kinds)),
}
MASKED = ["resident_id", "mobile", "email", "api_key"]


def many(seed: int, rounds: int, door: str) -> None:
    rng = random.Random(seed)
    for number in range(rounds):
        inner = random.Random(rng.getrandbits(64))
        kinds = MASKED if number % 3 else [*MASKED, "term"]
        dialect, upstream, text = DOORS[door](inner, kinds)
        try:
            check(dialect, upstream, text, inner)
        except AssertionError as problem:
            raise AssertionError(f"seed {seed}, round {number}: {problem}") from problem


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("seed", range(5))
def test_nothing_hidden_leaves_and_the_rest_is_untouched(seed: int, door: str):
    many(seed, 500, door)


@pytest.mark.soak
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("seed", range(1000, 1026))
def test_a_million_chunkings(seed: int, door: str):
    many(seed, 5000, door)


@pytest.mark.parametrize("kind", said.SECRETS)
@pytest.mark.parametrize("channel", said.CHANNELS)
def test_every_single_cut(kind: str, channel: str):
    """One secret, one channel, each of the wire's byte positions as the only cut."""
    rng = random.Random(1)
    source = f"前文“{said.SECRETS[kind]}”后文"
    if channel == "arguments":
        source = f'{{"note": "{said.escaped(rng, source)}"}}'
        delta = {
            "tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": source}}]
        }
    else:
        delta = {channel: source}
    chunks = [
        said.HEAD | {"choices": [{"index": 0, "delta": d, "finish_reason": f}]}
        for d, f in ((delta, None), ({}, "stop"))
    ]  # fmt: skip
    for ascii_only in (True, False):
        raw = b"".join(b"data: " + json.dumps(c, ensure_ascii=ascii_only).encode() + b"\n\n" for c in chunks)
        raw += b"data: [DONE]\n\n"
        text = said.Said(raw, {f"0.{channel}": source}, {f"0.{channel}": [kind]})
        for cut in range(1, len(raw), 3):
            check(OPENAI, "openai", text, Cut(cut))


class Cut(random.Random):
    """Makes `chunked` cut once, at a given place."""

    def __new__(cls, at: int):
        return super().__new__(cls, at)

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.sizes = iter([at])

    def choice(self, options):
        if isinstance(options[0], tuple):
            return (1,)
        return next(self.sizes, 1 << 30)


# --- places that no generator above makes ---------------------------------------------------------

PHONE = said.SECRETS["mobile"]


def heard(dialect, upstream: str, events: list, **more) -> tuple[list, bool]:
    """The events that a client gets of an answer, cut at every byte; and whether it was stopped."""
    ask = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}], **more}
    answer = dialect.read_stream(
        dialect.read(json.dumps(ask).encode(), {}), dialect=upstream, label=LABEL, allow_opaque=False
    )
    gates = stream.gate_maker(reviewer(), language="zh")
    relay = stream.Relay(answer, gates, place="end", language="zh", notices=False)
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    out = b""
    try:
        for at in range(len(raw)):
            out += b"".join(relay.feed(raw[at : at + 1]))
        out += b"".join(relay.close()) + relay.flush()
    except stream.Stopped as stop:
        return said.events(out + stop.out), True
    assert PHONE.encode() not in out
    return said.events(out), False


def chunks(*choices: dict, **more) -> list:
    return [said.HEAD | {"choices": [{"index": 0, "delta": {}, "finish_reason": None, **c}]} | more for c in choices]


@pytest.mark.parametrize("content", ["a", "Hello", "今天"])
def test_an_answer_that_is_held_until_its_end_gets_the_notice_too(content: str):
    answer = OPENAI.read_stream(
        OPENAI.read(json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode(), {}),
        dialect="openai", label=LABEL, allow_opaque=False,
    )  # fmt: skip
    relay = stream.Relay(answer, stream.gate_maker(reviewer(), language="zh"), place="end", language="zh", notices=True)
    made = chunks({"delta": {"content": content}}, {"finish_reason": "stop"})
    out = b"".join(relay.feed("".join(f"data: {json.dumps(event)}\n\n" for event in made).encode()))
    assert said.heard_openai(out)["0.content"] == content + notice.end("zh")
    assert relay.notices == [("0.content", len(content), len(notice.end("zh")))]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_whole_secret_in_an_unknown_field_of_every_chunk_is_hidden_each_time(times: int):
    events, _ = heard(
        OPENAI, "openai", chunks(*[{"delta": {"content": "好"}}] * times, x_note=PHONE, x_number=int(PHONE))
    )
    assert "".join(e.get("x_note", "") for e in events) == "[手机号]" * times
    assert [e["x_number"] for e in events if "x_number" in e and e["choices"][0]["delta"]] == ["[手机号]"] * times


def test_a_secret_that_grows_in_an_unknown_field_is_one():
    pieces = [
        {"delta": {"x_note": piece}} for piece in ("mail wang.fang@example", ".com", ".cn or 138", "12345678 now")
    ]
    events, _ = heard(OPENAI, "openai", chunks(*pieces))
    text = "".join(c["delta"].get("x_note", "") for e in events for c in e["choices"])
    assert text == "mail [邮箱] or [手机号] now"


@pytest.mark.parametrize("where", ["key", "name", "identifier", "float", "likely", "token", "reason"])
def test_a_secret_in_an_odd_place_never_leaves(where: str):
    token = {"token": "好", "logprob": 0.0, "bytes": None}
    secret = {**token, "token": PHONE}
    odd = {
        "key": {"delta": {"x": {PHONE: 1}}},
        "name": {"delta": {"tool_calls": [{"index": 0, "function": {"name": "call " + PHONE, "arguments": "{}"}}]}},
        "identifier": {"delta": {"tool_calls": [{"index": 0, "id": PHONE, "function": {"name": "f", "arguments": ""}}]}},
        "float": {"delta": {"x": float(PHONE)}},
        "likely": {"delta": {"content": "好"}, "logprobs": {"content": [{**token, "top_logprobs": [secret]}]}},
        "token": {"delta": {"content": "好"}, "logprobs": {"content": [secret]}},
        "reason": {"finish_reason": PHONE},
    }  # fmt: skip
    events, _ = heard(OPENAI, "openai", chunks({"delta": {"content": "a"}}, odd[where], {"finish_reason": "stop"}))
    assert PHONE not in json.dumps(events)


@pytest.mark.parametrize(
    "prose", ["how to make a bomb", '"how" to "make" a bomb', "Sure: how to make a bomb", "如何 制作 炸药"]
)
@pytest.mark.parametrize("place", ["json mode", "arguments"])
def test_prose_where_json_was_wanted_is_read_as_prose(prose: str, place: str):
    if place == "arguments":
        deltas = [{"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": prose}}]}]
    else:
        deltas = [{"content": piece} for piece in prose]
    _, stopped = heard(
        OPENAI, "openai", chunks(*[{"delta": d} for d in deltas]), response_format={"type": "json_object"}
    )
    assert stopped


def test_in_prose_where_json_was_wanted_a_number_alone_is_masked():
    events, _ = heard(
        OPENAI, "openai", chunks(*[{"delta": {"content": c}} for c in f"请拨打{PHONE}谢谢"]),
        response_format={"type": "json_object"},
    )  # fmt: skip
    assert said.heard_openai(b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)) == {
        "0.content": "请拨打[手机号]谢谢"
    }


def test_an_unknown_delta_and_an_unknown_event_arrive_whole_but_for_what_is_hidden():
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    odd = {"type": "content_block_delta", "index": 0}
    events, _ = heard(ANTHROPIC, "anthropic", [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "odd"}},
        *[{**odd, "delta": {"type": "odd_delta", "odd": {"of": piece}}} for piece in ("call 138", "12345678", " or 13")],
        {"type": "strange", "note": "or 139"},
        {"type": "strange", "note": PHONE},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_stop"},
    ])  # fmt: skip
    deltas = [e["delta"]["odd"]["of"] for e in events if e["type"] == "content_block_delta"]
    assert "".join(deltas) == "call [手机号] or 13"
    assert "".join(e["note"] for e in events if e["type"] == "strange") == "or 139[手机号]"
    assert [e["type"] for e in events][-1] == "message_stop"


# --- identifiers -----------------------------------------------------------------------------------

KEY, LATIN_TERM = said.SECRETS["api_key"], "ransomware"
HEADS = ("id", "object", "model", "system_fingerprint", "service_tier", "provider")


def openai_with(place: str, secret: str) -> list:
    """A stream with a secret in the place of an identifier."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    more = {place: secret} if place in HEADS else {"x_groq": {"id": secret}} if place == "x_groq" else {}
    if place in call:
        call[place] = secret
    finish = secret if place == "finish_reason" else "tool_calls"
    deltas = [{"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"}, {"tool_calls": [call]}]
    return chunks(*[{"delta": delta} for delta in deltas], {"finish_reason": finish}, **more)


def anthropic_with(place: str, secret: str) -> list:
    """The same of messages."""
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    part = {"type": "input_json_delta", "partial_json": "{}"}
    ended = {"stop_reason": "tool_use"}
    for holder in (message, block, part, ended):
        holder |= {key: secret for key in holder if key == place}
    return [
        {"type": "message_start", "message": message},
        {"type": secret if place == "event" else "ping", "note": "a"},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": part},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


WITH = [
    *((OPENAI, openai_with, place) for place in (*HEADS, "x_groq", "type", "finish_reason")),
    *((ANTHROPIC, anthropic_with, place) for place in ("id", "model", "role", "type", "stop_reason", "event")),
]


@pytest.mark.parametrize("secret", [KEY, LATIN_TERM])
@pytest.mark.parametrize(("dialect", "events_with", "place"), WITH)
def test_a_secret_in_the_place_of_an_identifier_never_leaves_a_stream(dialect, events_with, place: str, secret: str):
    upstream = "openai" if dialect is OPENAI else "anthropic"
    found, stopped = heard(dialect, upstream, events_with(place, secret))
    assert secret not in json.dumps(found)
    assert stopped == (secret == LATIN_TERM)


def test_a_masked_head_is_the_same_in_every_chunk():
    found, _ = heard(OPENAI, "openai", openai_with("id", KEY))
    assert {event["id"] for event in found} == {PLACEHOLDERS["api_key"]}
    assert "".join(c["delta"].get("content", "") for e in found for c in e["choices"]) == "ab"


@pytest.mark.parametrize("secret", [KEY, LATIN_TERM])
@pytest.mark.parametrize("place", [*HEADS, "x_groq", "call", "role", "finish_reason"])
def test_a_secret_in_the_place_of_an_identifier_is_read_in_a_whole_answer(place: str, secret: str):
    call = {"id": secret if place == "call" else "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": secret if place == "role" else "assistant", "content": "a", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": secret if place == "finish_reason" else "stop"}
    more = {place: secret} if place in HEADS else {"x_groq": {"id": secret}} if place == "x_groq" else {}
    body = {**said.HEAD, "choices": [choice]} | more
    answer = OPENAI.read_answer(
        json.dumps(body).encode(),
        OPENAI.read(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', {}),
        dialect="openai",
        allow_opaque=False,
    )
    verdicts = [reviewer().review(s.text, direction="output", form=s.form) for s in answer.segments]
    replaced = {s.path: v.text for s, v in zip(answer.segments, verdicts, strict=True) if v.text is not None}
    stopped = any(not v.serves for v in verdicts)
    assert stopped == (secret == LATIN_TERM)
    assert stopped or secret.encode() not in answer.write(replaced, LABEL)


def test_real_identifiers_are_left_alone():
    """But for a UUID that ends in a telephone number, one in thousands: that has never counted as an identifier."""
    strict = reviewer()
    made = list(identifiers(7, 4000))
    touched = [i for i in made if strict.review(i, direction="output").judged]
    assert [i for i in touched if is_identifier(i)] == []
    assert len(touched) <= 1
    assert sum(map(strict.clear, made)) > 0.75 * len(made)


def test_identifiers_are_no_text_that_was_served():
    ask = OPENAI.read(b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}', {})
    answer = OPENAI.read_stream(ask, dialect="openai", label=LABEL, allow_opaque=False)
    gates = stream.gate_maker(reviewer(), language="zh")
    relay = stream.Relay(answer, gates, place="end", language="zh", notices=False)
    said_first, *rest = chunks(
        {"delta": {"role": "assistant"}}, {"delta": {"content": "ab"}}, {"finish_reason": "stop"}
    )
    assert b'"c1"' in relay.feed(f"data: {json.dumps(said_first)}\n\n".encode())[0]
    assert relay.delivered == 0
    for event in rest:
        relay.feed(f"data: {json.dumps(event)}\n\n".encode())
    assert relay.delivered == 2
    assert relay.told()["contents"] == [["0.content", "ab"]]


# --- other likely tokens ----------------------------------------------------------------------------


def likely(*tokens: str) -> list:
    """Log probabilities of a content of `好`s: beside each one of these tokens."""
    alone = {"logprob": -1.0, "bytes": None}
    return [{"token": "好", **alone, "top_logprobs": [{"token": t, **alone}]} for t in tokens]


@pytest.mark.parametrize("secret", [said.TERM, PHONE])
def test_no_text_is_spelled_by_the_other_likely_tokens_of_successive_tokens(secret: str):
    """By rank, or together with the content: `好` and `作炸药的配方` beside `制`."""
    whole = chunks({"delta": {"content": "好" * len(secret)}, "logprobs": {"content": likely(*secret)}})
    parted = chunks(*[{"delta": {"content": "好"}, "logprobs": {"content": likely(char)}} for char in secret])
    for events in (whole, parted):
        found, _ = heard(OPENAI, "openai", [*events, *chunks({"finish_reason": "stop"})])
        spelled = [e for c in found for e in ((c["choices"][0].get("logprobs") or {}).get("content") or ())]
        assert [e["token"] for e in spelled] == ["好"] * len(secret)
        assert all(e["top_logprobs"] == [] for e in spelled)


def served_whole(content: str, probabilities: list) -> tuple[list, list]:
    """What a whole answer asks to be reviewed, and the log probabilities that it serves."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    body = {**said.HEAD, "choices": [{**choice, "logprobs": {"content": probabilities}}]}
    ask = OPENAI.read(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', {})
    answer = OPENAI.read_answer(json.dumps(body).encode(), ask, dialect="openai", allow_opaque=False)
    texts = [s.text for s in answer.segments if s.role]
    return texts, json.loads(answer.write({}, LABEL))["choices"][0]["logprobs"]["content"]


def test_the_other_likely_tokens_leave_where_the_answer_is_a_single_one():
    """A classification. The end of its turn is no other token."""
    mark = {"token": "<|im_end|>", "logprob": 0.0, "bytes": None, "top_logprobs": likely("no")[0]["top_logprobs"]}
    texts, entries = served_whole("好", [*likely("坏"), mark])
    assert texts == ["坏", "好"]
    assert [[o["token"] for o in e["top_logprobs"]] for e in entries] == [["坏"], []]
    texts, entries = served_whole("好好", likely("坏", "坏"))
    assert texts == ["好好"]
    assert [e["top_logprobs"] for e in entries] == [[], []]
