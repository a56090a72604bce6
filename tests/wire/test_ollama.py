"""Ollama's requests: what is reviewed, what travels to an OpenAI upstream, what is refused."""

import base64
import hashlib
import json

import pytest

from guiju.errors import BadRequest
from guiju.wire.ollama import OLLAMA_CHAT, OLLAMA_GENERATE

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0").decode()


def chat(*messages, **more):
    return OLLAMA_CHAT.read(json.dumps({"model": "m", "messages": messages, **more}).encode(), {})


def generate(prompt="hi", **more):
    return OLLAMA_GENERATE.read(json.dumps({"model": "m", "prompt": prompt, **more}).encode(), {})


def sent(ask, masked=None):
    dialect = OLLAMA_GENERATE if "prompt" in ask.body else OLLAMA_CHAT
    return json.loads(dialect.upstream_body(ask, model="up", dialect="openai", masked=masked or {}))


def user(text, **more):
    return {"role": "user", "content": text, **more}


# --- streams and options --------------------------------------------------------------------------


def test_a_stream_is_asked_for_where_nobody_says_anything_else():
    assert chat(user("a")).stream is chat(user("a"), stream=None).stream is generate().stream is True
    assert chat(user("a"), stream=False).stream is False
    assert sent(chat(user("a")))["stream_options"] == {"include_usage": True}
    assert sent(chat(user("a"), stream=False)) == {"model": "up", "messages": [user("a")], "stream": False}


def test_options_travel_under_openais_names_and_those_of_the_runner_stay_here():
    options = {
        "num_predict": 7, "temperature": 0.5, "top_p": 0.9, "seed": 13812345678, "stop": ["end"], "presence_penalty": 1,
        "frequency_penalty": 2, "top_k": 40, "num_ctx": 4096, "num_gpu": 1, "repeat_penalty": 1.1,
    }  # fmt: skip
    ask = generate(options=options, keep_alive="5m")
    assert {k: v for k, v in sent(ask).items() if k not in ("messages", "model", "stream", "stream_options")} == {
        "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 13812345678, "stop": ["end"], "presence_penalty": 1,
        "frequency_penalty": 2, "top_k": 40, "repeat_penalty": 1.1,
    }  # fmt: skip
    assert [s.text for s in ask.segments] == ["hi", "end"]


@pytest.mark.parametrize("limit", [-1, -2, 0])
def test_as_many_tokens_as_it_takes_is_no_limit(limit):
    assert "max_tokens" not in sent(generate(options={"num_predict": limit, "stop": []}))


@pytest.mark.parametrize(
    ("wanted", "travels"),
    [
        ("json", {"type": "json_object"}),
        ({"type": "object"}, {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}),
        ("", None),
        (None, None),
    ],
)
def test_a_format_is_json_mode(wanted, travels):
    ask = chat(user("a"), format=wanted)
    assert sent(ask).get("response_format") == travels
    assert ask.json_mode is (travels is not None)


def test_how_much_to_think_travels_where_it_is_a_word_of_openais():
    assert sent(chat(user("a"), think="low"))["reasoning_effort"] == "low"
    assert "reasoning_effort" not in sent(chat(user("a"), think=True)) | sent(chat(user("a"), think=False))


# --- texts and images -----------------------------------------------------------------------------


def test_every_string_is_reviewed_with_its_role():
    ask = generate("go", system="be kind", note={"deep": ["unheard of"]}, messages=[user("no")])
    assert [(s.path, s.text, s.role) for s in ask.segments if s.form == "text"] == [
        (("prompt",), "go", "user"),
        (("system",), "be kind", "system"),
        (("note", "deep", 0), "unheard of", ""),
        (("messages", 0, "content"), "no", ""),
    ]
    assert sent(ask)["messages"] == [{"role": "system", "content": "be kind"}, user("go")]
    assert sent(ask)["note"] == {"deep": ["unheard of"]}


def test_what_is_masked_travels_masked():
    ask = chat(user("call 13812345678"), options={"stop": ["13812345678"]})
    masked = {("messages", 0, "content"): "call [..]", ("options", "stop", 0): "[..]"}
    assert sent(ask, masked)["messages"] == [user("call [..]")]
    assert sent(ask, masked)["stop"] == ["[..]"]


def test_images_are_media_and_travel_with_their_type():
    parts = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{JPEG}"}},
    ]
    for ask, path in (
        (chat(user("what is it", images=[PNG, JPEG])), ("messages", 0, "images", 0)),
        (generate("what is it", images=[PNG, JPEG]), ("images", 0)),
    ):
        assert [(m.path, m.kind) for m in ask.media] == [(path, "image"), ((*path[:-1], 1), "image")]
        assert ask.media[0].digest == hashlib.sha256(base64.b64decode(PNG)).hexdigest()
        assert [s.text for s in ask.segments] == ["what is it"]
        assert sent(ask)["messages"] == [{"role": "user", "content": parts}]


# --- tools ------------------------------------------------------------------------------------------


def called(name, arguments, **more):
    return {"function": {"name": name, "arguments": arguments}, **more}


def test_tools_and_their_results_find_each_other_without_ids():
    tools = [{"type": "function", "function": {"name": "dial", "parameters": {"type": "object"}}}]
    calls = [called("dial", {"n": 1.1}), called("note", {}), called("dial", {})]
    ask = chat(
        user("go"),
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "note", "content": "noted"},
        {"role": "tool", "tool_name": "dial", "content": "first"},
        {"role": "tool", "content": "second"},
        {"role": "tool", "content": "of nothing"},
        tools=tools,
    )
    body = sent(ask)
    assert body["tools"] == tools
    asked = body["messages"][1]
    assert asked["content"] is None
    assert [(c["id"], c["type"], c["function"]["name"], c["function"]["arguments"]) for c in asked["tool_calls"]] == [
        ("call_1_0", "function", "dial", '{"n":1.1}'),
        ("call_1_1", "function", "note", "{}"),
        ("call_1_2", "function", "dial", "{}"),
    ]
    assert [(m["tool_call_id"], m["content"]) for m in body["messages"][2:]] == [
        ("call_1_1", "noted"), ("call_1_0", "first"), ("call_1_2", "second"), ("call_5", "of nothing"),
    ]  # fmt: skip
    assert {s.text for s in ask.segments if s.form == "name"} >= {"dial", "note"}


def test_tools_and_their_results_find_each_other_by_ids():
    calls = [called("dial", {}, id="a"), called("dial", {}, id="b")]
    body = sent(
        chat(
            user("go"),
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "tool", "tool_name": "dial", "content": "1"},
        )
    )
    assert [m["tool_call_id"] for m in body["messages"][2:]] == ["b", "a"]


# --- refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages.0"),
        ({"messages": [user(["hi"])]}, "messages.0.content"),
        ({"messages": [user("hi", images="x")]}, "messages.0.images"),
        ({"messages": [user("hi", images=["no base64!"])]}, "messages.0.images.0"),
        ({"messages": [user("hi", images=[{"say": "x"}])]}, "messages.0.images.0"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"name": "f"}]}]}, "messages.0.tool_calls.0"),
        ({"messages": [{"role": "assistant", "tool_calls": ["f"]}]}, "messages.0.tool_calls"),
        ({"messages": [user("hi")], "tools": "f"}, "tools"),
        ({"messages": [user("hi")], "format": "xml"}, "format"),
        ({"messages": [user("hi")], "options": [1]}, "options"),
        ({"messages": [user("hi")], "stream": "yes"}, "stream"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(more, field):
    with pytest.raises(BadRequest) as problem:
        OLLAMA_CHAT.read(json.dumps(more).encode(), {})
    assert problem.value.data["field"] == field


@pytest.mark.parametrize(
    ("name", "value", "nothing"),
    [("raw", True, False), ("template", "{{ .Prompt }}", ""), ("suffix", "end", ""), ("context", [1, 2], []),
     ("prompt", "", "hi"), ("system", {"a": 1}, None)],
)  # fmt: skip
def test_what_would_change_the_answer_is_not_left_out_in_silence(name, value, nothing):
    with pytest.raises(BadRequest) as problem:
        generate(**{name: value})
    assert problem.value.data["field"] == name
    assert sent(generate(**{name: nothing}))["messages"] == [user("hi")]
