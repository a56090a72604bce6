"""Requests and whole answers of chat/completions: every text with its place, nothing lost, nothing unread."""

import base64
import hashlib
import json
import re

import pytest

from guiju.errors import BadRequest, UpstreamRefused
from guiju.wire.openai_chat import DIALECT

ENGLISH = re.compile("[a-z]{2,} [a-z]{2,}")
PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = "data:image/png;base64," + base64.b64encode(PNG).decode()
LABEL = {"exchange": "ex_1"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "description": "City and country"}, "城市": {"type": "string"}},
            "required": ["place"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CONVERSATION = {
    "model": "gpt-4o",
    "temperature": 0.2,
    "max_completion_tokens": 200,
    "seed": 7,
    "service_tier": "auto",
    "user": "user-42",
    "messages": [
        {"role": "system", "content": "You help."},
        {"role": "user", "name": "Li", "content": [
            {"type": "text", "text": "这是什么？"},
            {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"RIFF").decode(), "format": "wav"}},
            {"type": "file", "file": {"filename": "报告.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function",
             "function": {"name": "get_weather", "arguments": r'{"place": "\u5317\u4eac"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "get_weather", "arguments": '{"place": "Paris"}'}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "晴，25℃"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "rain"}]},
    ],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "stop": ["END"],
    "metadata": {"topic": "travel plans"},
    "x_vendor": {"hint": "be brief"},
}  # fmt: skip


def read(headers=(), **body):
    return DIALECT.read(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}).encode(), dict(headers)
    )


def places(segments):
    return {".".join(map(str, s.path)): s.text for s in segments}


def answer(body, *, allow_opaque=False, **ask):
    return DIALECT.read_answer(json.dumps(body).encode(), read(**ask), dialect="openai", allow_opaque=allow_opaque)


def test_every_text_of_a_request_is_read_with_its_role_and_form():
    ask = read(**CONVERSATION)
    told = [(".".join(map(str, s.path)), s.text, s.role, s.form) for s in ask.segments]
    assert told == [
        ("messages.0.content", "You help.", "system", "text"),
        ("messages.1.name", "Li", "user", "text"),
        ("messages.1.content.0.text", "这是什么？", "user", "text"),
        ("messages.1.content.3.file.filename", "报告.pdf", "user", "text"),
        ("messages.2.tool_calls.0.function.name", "get_weather", "assistant", "name"),
        ("messages.2.tool_calls.0.function.arguments", r'{"place": "\u5317\u4eac"}', "assistant", "json"),
        ("messages.2.tool_calls.1.function.name", "get_weather", "assistant", "name"),
        ("messages.2.tool_calls.1.function.arguments", '{"place": "Paris"}', "assistant", "json"),
        ("messages.3.content", "晴，25℃", "tool", "text"),
        ("messages.4.content.0.text", "rain", "tool", "text"),
        ("tools.0.function.name", "get_weather", "", "name"),
        ("tools.0.function.description", "Get the weather at a place.", "", "text"),
        ("tools.0.function.parameters.properties.place", "place", "", "name"),
        ("tools.0.function.parameters.properties.place.type", "string", "", "text"),
        ("tools.0.function.parameters.properties.place.description", "City and country", "", "text"),
        ("tools.0.function.parameters.properties.城市", "城市", "", "name"),
        ("tools.0.function.parameters.properties.城市.type", "string", "", "text"),
        ("tools.0.function.parameters.required.0", "place", "", "text"),
        ("tool_choice.function.name", "get_weather", "", "name"),
        ("stop.0", "END", "", "text"),
        ("metadata.topic", "topic", "", "name"),
        ("metadata.topic", "travel plans", "", "text"),
        ("x_vendor", "x_vendor", "", "name"),
        ("x_vendor.hint", "hint", "", "name"),
        ("x_vendor.hint", "be brief", "", "text"),
    ]


def test_media_are_named_by_the_digest_of_their_bytes():
    found = {(".".join(map(str, m.path)), m.kind): m.digest for m in read(**CONVERSATION).media}
    assert found == {
        ("messages.1.content.1.image_url.url", "image"): hashlib.sha256(PNG).hexdigest(),
        ("messages.1.content.2.input_audio.data", "audio"): hashlib.sha256(b"RIFF").hexdigest(),
        ("messages.1.content.3.file.file_data", "file"): hashlib.sha256(b"%PDF").hexdigest(),
    }


@pytest.mark.parametrize("data", ["AAEC/w==", "AAEC/w", "AAEC\r\n/w==\n"])
def test_base64_may_be_broken_into_lines_and_lack_its_padding(data):
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    (medium,) = read(messages=[{"role": "user", "content": [part]}]).media
    assert medium.digest == hashlib.sha256(b"\0\1\2\xff").hexdigest()


@pytest.mark.parametrize("data", ["not base64!", "call 139", "AAEC_w==", "AAECw"])
def test_what_is_no_base64_may_be_text_and_is_refused(data):
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    with pytest.raises(BadRequest, match=r"image_url\.url: must be base64"):
        read(messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize("url", ["https://example.com/a.png", "data:,plain", "data:;base64,"])
def test_a_medium_that_was_not_sent_is_named_by_the_digest_of_its_address(url):
    part = {"type": "image_url", "image_url": {"url": url}}
    (medium,) = read(messages=[{"role": "user", "content": [part]}]).media
    assert medium.digest == hashlib.sha256(url.encode()).hexdigest()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (False, 1, False, False)),
        ({"stream": True}, (True, 1, False, False)),
        ({"stream": None, "n": None, "stream_options": None}, (False, 1, False, False)),
        ({"n": 3}, (False, 3, False, False)),
        ({"response_format": {"type": "json_object"}}, (False, 1, True, False)),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, (False, 1, True, False)),
        ({"response_format": {"type": "text"}}, (False, 1, False, False)),
        ({"stream": True, "stream_options": {"include_usage": True}}, (True, 1, False, True)),
        ({"stream": True, "stream_options": {"include_usage": False}}, (True, 1, False, False)),
    ],
)  # fmt: skip
def test_it_reads_how_the_answer_is_wanted(body, expected):
    ask = read(**body)
    assert (ask.stream, ask.choices, ask.json_mode, ask.include_usage) == expected


@pytest.mark.parametrize(
    ("body", "user"),
    [
        ({"user": "amei"}, "amei"),
        ({"safety_identifier": "sid"}, "sid"),
        ({"safety_identifier": "sid", "user": "amei"}, "sid"),
        ({"user": ""}, ""),
        ({}, ""),
    ],
)
def test_it_reads_whom_the_request_names(body, user):
    ask = read(headers={"x-guiju-subject": "ey.j.w"}, **body)
    assert (ask.claim.user, ask.claim.token) == (user, "ey.j.w")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "a"}, {"content": "b"}]}, "messages[1]"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"n": 0.5}, "n"),
        ({"n": 129}, "n"),
        ({"n": -1}, "n"),
        ({"n": True}, "n"),
        ({"stream_options": ["include_usage"]}, "stream_options"),
    ],
)
def test_what_is_wrong_is_named(body, field):
    with pytest.raises(BadRequest) as problem:
        read(**body)
    assert problem.value.data["field"] == field
    assert not ENGLISH.search(problem.value.sentence("zh").removeprefix(field))


def test_the_body_travels_on_with_all_that_nobody_knows():
    sent = json.loads(DIALECT.upstream_body(read(**CONVERSATION), model="gpt-4o", dialect="openai", masked={}))
    assert sent == CONVERSATION


def test_usage_of_a_stream_is_asked_for_in_any_case():
    ask = read(stream=True, stream_options={"include_obfuscation": False})
    sent = json.loads(DIALECT.upstream_body(ask, model="m", dialect="openai", masked={}))
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert not ask.include_usage


def test_a_masked_text_is_replaced_in_its_place_alone():
    ask = read(**CONVERSATION)
    masked = {("messages", 2, "tool_calls", 0, "function", "arguments"): '{"place": "[x]"}'}
    sent = json.loads(DIALECT.upstream_body(ask, model="up", dialect="openai", masked=masked))
    assert sent["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"place": "[x]"}'
    sent["messages"][2]["tool_calls"][0] = CONVERSATION["messages"][2]["tool_calls"][0]
    assert sent == {**CONVERSATION, "model": "up"}


# --- whole answers ------------------------------------------------------------------------------

LOGPROBS = {
    "content": [{"token": "你好", "logprob": -0.1, "bytes": [228, 189, 160, 229, 165, 189], "top_logprobs": []}],
    "refusal": None,
}
WHOLE = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "你好", "reasoning_content": "先想想", "refusal": None,
                                 "annotations": []}, "logprobs": LOGPROBS, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None, "refusal": "I can't.", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": r'{"q": "\u6bd2"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "open", "arguments": "{}"}},
        ]}, "logprobs": None, "finish_reason": "tool_calls"},
    ],
    "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
              "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}},
    "service_tier": "default",
    "system_fingerprint": "fp_44709d6fcb",
}  # fmt: skip


def test_every_text_of_an_answer_is_read_with_its_form():
    read_answer = answer(WHOLE)
    assert [(".".join(map(str, s.path)), s.text, s.form) for s in read_answer.segments if s.role] == [
        ("choices.0.message.content", "你好", "text"),
        ("choices.0.message.reasoning_content", "先想想", "text"),
        ("choices.1.message.refusal", "I can't.", "text"),
        ("choices.1.message.tool_calls.0.function.name", "find", "name"),
        ("choices.1.message.tool_calls.0.function.arguments", r'{"q": "\u6bd2"}', "json"),
        ("choices.1.message.tool_calls.1.function.name", "open", "name"),
        ("choices.1.message.tool_calls.1.function.arguments", "{}", "json"),
    ]
    assert {s.role for s in read_answer.segments} == {"assistant", ""}
    assert read_answer.usage == (19, 10)
    assert read_answer.finish == "stop"
    assert read_answer.content_paths == [("choices", 0, "message", "content")]
    assert read_answer.withheld == []


def test_an_identifier_is_read_and_has_no_role():
    found = {".".join(map(str, s.path)): s.text for s in answer(WHOLE).segments if not s.role}
    assert found["id"] == WHOLE["id"]
    assert found["model"] == WHOLE["model"]
    assert found["choices.1.message.tool_calls.0.id"] == "call_1"
    assert not found.keys() & {"object", "choices.0.message.role", "choices.0.finish_reason"}


def test_an_answer_is_served_as_it_came_and_labelled():
    assert json.loads(answer(WHOLE).write({}, LABEL)) == {**WHOLE, "guiju": LABEL}


def test_log_probabilities_of_a_touched_choice_go():
    two = {**WHOLE, "choices": [WHOLE["choices"][0], {**WHOLE["choices"][0], "index": 1}]}
    served = json.loads(answer(two).write({("choices", 0, "message", "content"): "[..]"}, LABEL))["choices"]
    assert served[0]["message"]["content"] == "[..]"
    assert "logprobs" not in served[0]
    assert served[1]["logprobs"] == LOGPROBS


@pytest.mark.parametrize(
    "said",
    [
        "hidden words",
        {"note": "hidden words"},
        {"tokens": ["hidden words"]},
        {"refusal": [{"token": "hidden words", "logprob": 0.0}]},
        {"content": [{"token": "hidden words", "logprob": 0.0}]},
        {"content": [{"token": "好", "logprob": 0.0, "bytes": list(b"hidden words")}]},
        {"content": [{"token": "hidden words", "logprob": 0.0, "bytes": list("好".encode())}]},
        {"content": [{"token": "好", "logprob": "hidden words"}]},
        {"content": [{"token": "好", "logprob": 0.0, "note": "hidden words"}]},
        {
            "content": [
                {"token": "好", "logprob": 0.0, "top_logprobs": [{"token": "x", "bytes": list(b"hidden words")}]}
            ]
        },
        {"content": [{"token": "好", "logprob": 0.0, "top_logprobs": [{"token": "x", "note": "hidden words"}]}]},
    ],
)
def test_log_probabilities_that_say_anything_but_the_content_go(said):
    choice = {"index": 0, "message": {"role": "assistant", "content": "好"}, "logprobs": said, "finish_reason": "stop"}
    out = answer({"choices": [choice]}).write({}, LABEL)
    assert b"hidden words" not in out
    assert str(list(b"hidden words"))[1:-1].replace(" ", "").encode() not in out


def test_the_other_likely_tokens_are_text():
    tops = [{"token": t, "logprob": -1.0, "bytes": list(t.encode())} for t in ("好", "坏", "毒")]
    said = {"content": [{"token": "好", "logprob": 0.0, "bytes": None, "top_logprobs": tops}]}
    choice = {"index": 0, "message": {"role": "assistant", "content": "好"}, "logprobs": said, "finish_reason": "stop"}
    given = answer({"choices": [choice]})
    assert [s.text for s in given.segments] == ["坏\n毒", "好"]
    assert "logprobs" not in json.loads(given.write({given.segments[0].path: "坏\n[..]"}, LABEL))["choices"][0]


def test_content_in_json_mode_is_read_as_json():
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": r'{"a": "\u6bd2"}'}}]}
    assert [s.form for s in answer(body, response_format={"type": "json_object"}).segments] == ["json"]
    assert [s.form for s in answer(body).segments] == ["text"]


@pytest.mark.parametrize(
    "where",
    [
        {"created": "hidden words"},
        {"usage": {"note": "hidden words"}},
        {"usage": {"prompt_tokens": "hidden words"}},
        {"id": "hidden words"},
        {"x_thoughts": {"deep": ["hidden words"]}},
        {"guiju_note": "hidden words"},
        {"choices": [{"index": 0, "text": "hidden words"}]},
        {"choices": [{"index": 0, "message": "hidden words"}]},
        {"choices": [{"index": 0, "finish_reason": "hidden words"}]},
        {"choices": [{"index": 0, "message": {"content": [{"type": "text", "text": "hidden words"}]}}]},
        {"choices": [{"index": 0, "message": {"function_call": {"name": "f", "arguments": "hidden words"}}}]},
        {"choices": [{"index": 0, "message": {"audio": {"id": "a", "expires_at": 1741569952, "transcript": "hidden words"}}}]},
        {"choices": [{"index": 0, "message": {"tool_calls": [{"type": "custom", "custom": {"input": "hidden words"}}]}}]},
    ],
)  # fmt: skip
def test_words_are_read_wherever_they_stand_and_can_be_replaced(where):
    given = answer({"choices": [], **where})
    (path,) = [s.path for s in given.segments if s.text == "hidden words"]
    assert b"hidden words" not in given.write({path: "[..]"}, LABEL)


def test_times_and_counts_are_no_text():
    body = {
        "created": 1741569952,
        "choices": [],
        "usage": {"prompt_tokens": 12_345_678, "completion_tokens": 1, "total_tokens": 12_345_679},
    }
    assert answer(body).segments == []
    assert answer(body).usage == (12_345_678, 1)


def test_what_cannot_be_followed_is_withheld_unless_it_is_allowed():
    message = {"role": "assistant", "content": None, "audio": {"id": "audio_1", "data": "UklGRg==", "transcript": "hi"}}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    withheld = answer(body)
    assert withheld.withheld == ["choices.*.message.audio.data"]
    assert json.loads(withheld.write({}, LABEL))["choices"][0]["message"]["audio"] == {
        "id": "audio_1",
        "transcript": "hi",
    }
    passed = answer(body, allow_opaque=True)
    assert passed.withheld == []
    assert json.loads(passed.write({}, LABEL)) == {**body, "guiju": LABEL}


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"choices": null}', b'{"choices": {}}', b'{"choices": ["text"]}',
     b'{"error": {"message": "overloaded"}}', b"[" * 5000, b'{"choices": [], "x": ' + b"[" * 300 + b"]" * 300 + b"}"],
)  # fmt: skip
def test_what_is_no_answer_is_the_upstreams_failure(body):
    with pytest.raises(UpstreamRefused):
        DIALECT.read_answer(body, read(), dialect="openai", allow_opaque=False)


@pytest.mark.parametrize(
    "usage", [None, "many", [], {"prompt_tokens": "many"}, {"prompt_tokens": {}, "completion_tokens": -1}]
)
def test_odd_usage_counts_nothing(usage):
    assert answer({"choices": [], "usage": usage}).usage in (None, (0, 0))


def test_a_refusal_has_every_choice_that_was_asked_for():
    body = DIALECT.refusal(read(n=3), exchange="ex_1", created=7, text="不", finish="content_filter", label=LABEL)
    refusal = json.loads(body)
    assert [c["index"] for c in refusal["choices"]] == [0, 1, 2]
    assert {(c["message"]["content"], c["finish_reason"]) for c in refusal["choices"]} == {("不", "content_filter")}
    assert (refusal["object"], refusal["created"], refusal["guiju"]) == ("chat.completion", 7, LABEL)
