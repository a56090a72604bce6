"""Must hold whatever the upstream says and however it is cut: nothing that the policy hides reaches the client."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest

import upstream_text as said
from guiju import plugins
from guiju.gateway import stream
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.lexicon import encode_terms
from guiju.review.policy_file import parse_policy
from guiju.wire.anthropic_messages import DIALECT as ANTHROPIC
from guiju.wire.openai_chat import DIALECT as OPENAI

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
    ask = dialect.read(
        json.dumps(
            {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        ).encode(),
        {},
    )
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
    heard = [name for name in text.joined if not name.endswith(("x_thoughts",))]
    term = any("term" in text.secrets[name] for name in heard)
    return text._replace(joined={}, secrets=blocks | ({"": ["term"]} if term else {}))


def without(text: str, kinds: list[str]) -> str:
    for kind in kinds:
        text = text.replace(said.SECRETS[kind], PLACEHOLDERS[kind])
    return text


def check(dialect, upstream: str, text: said.Said, rng: random.Random) -> None:
    raw, stopped = client_hears(dialect, upstream, text, rng)
    heard = said.heard_openai(raw) if dialect is OPENAI else said.heard_anthropic(raw)
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
        elif dialect is OPENAI or channel in heard:
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


DOORS = {
    "openai": lambda rng, kinds: (OPENAI, "openai", said.openai(rng, kinds, choices=rng.randint(1, 3))),
    "anthropic": lambda rng, kinds: (ANTHROPIC, "anthropic", said.anthropic(rng, kinds)),
    "anthropic before an OpenAI upstream": lambda rng, kinds: (ANTHROPIC, "openai", translated(rng, kinds)),
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
@pytest.mark.parametrize("seed", range(10))
def test_nothing_hidden_leaves_and_the_rest_is_untouched(seed: int, door: str):
    many(seed, 500, door)


@pytest.mark.soak
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("seed", range(1000, 1100))
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
