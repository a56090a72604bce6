"""Text completions: what is read of a request, which log probabilities leave, what a server of chat is asked for."""

import json

import pytest

import upstream_text
from carried import DONE, LABEL, carry, data
from guiju.errors import BadRequest
from guiju.wire.openai_completions import DIALECT

NATIVE = "openai_completions"


def asked(**body):
    return DIALECT.read(json.dumps({"model": "m", "prompt": "hi"} | body).encode(), {})


def answered(*choices, upstream=NATIVE, **more):
    body = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": list(choices)} | more
    return DIALECT.read_answer(json.dumps(body).encode(), asked(), dialect=upstream, allow_opaque=False)


def streamed(*choices, hold=0, upstream=NATIVE):
    stream = DIALECT.read_stream(asked(stream=True, n=3), dialect=upstream, label=LABEL, allow_opaque=False)
    out = carry(stream, b"".join(data({"choices": [choice]}) for choice in choices) + DONE, hold=hold)
    lines = [json.loads(line[6:]) for line in out.decode().splitlines() if line.startswith("data: {")]
    return stream, [choice for line in lines for choice in line["choices"]]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"prompt": "a"}, [("prompt",)]),
        ({"prompt": ["a", "b"], "suffix": "c"}, [("prompt", 0), ("prompt", 1), ("suffix",)]),
        ({"prompt": "", "stop": ["x"], "user": "amei", "new": "y"}, [("stop", 0), ("new",)]),
    ],
)
def test_every_string_that_the_model_may_read_is_a_segment(body, places):
    assert [s.path for s in asked(**body).segments if s.form != "name"] == places


def test_each_prompt_has_its_choices():
    assert asked(prompt=["a", "b"], n=3).choices == 6
    assert asked(prompt=[[1], [2]]).choices == 2
    assert asked(prompt=[1, 2]).choices == 1


@pytest.mark.parametrize("given", [{"prompt": [1]}, {"prompt_embeds": "AAAA"}, {"prompt_embeds": ["AAAA", "BBBB"]}])
def test_what_nobody_can_read_of_a_prompt_is_media(given):
    ask = asked(**given)
    assert {m.kind for m in ask.media} == {"tokens"}
    assert "AAAA" not in [s.text for s in ask.segments]
    with pytest.raises(BadRequest):
        DIALECT.upstream_body(ask, model="up", dialect="openai", masked={})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", None), ("prompt", 7), ("prompt", []), ("prompt", ["a", 1]), ("prompt", [[]]), ("prompt", [True]),
        ("prompt", ["a"] * 2049), ("n", 129), ("n", "2"), ("stream", "yes"), ("stream_options", 1), ("logprobs", True),
        ("logprobs", -1),
    ],
)  # fmt: skip
def test_what_is_wrong_names_its_field(field, value):
    with pytest.raises(BadRequest) as wrong:
        asked(**{field: value})
    assert wrong.value.data["field"] == field


def probabilities(tokens, others=None):
    return {
        "tokens": tokens,
        "token_logprobs": [-0.5] * len(tokens),
        "top_logprobs": others,
        "text_offset": list(range(len(tokens))),
    }


def test_log_probabilities_of_a_whole_answer_travel_where_they_say_the_text():
    found = probabilities(["He", "llo"], [{"He": -0.5, "She": -2}, None])
    answer = answered({"index": 0, "text": "Hello", "logprobs": found, "finish_reason": "stop"})
    choice = json.loads(answer.write({}, LABEL))["choices"][0]
    assert choice["logprobs"] == {
        "tokens": ["He", "llo"],
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": None,  # in a row they could spell what nobody reviewed
        "text_offset": [0, 2],
    }


def test_the_other_likely_tokens_of_a_single_one_are_text():
    found = probabilities(["yes"], [{"yes": -0.5, "no": -2}])
    answer = answered({"index": 0, "text": "yes", "logprobs": found, "finish_reason": "stop"})
    assert ("choices", 0, "logprobs") in [s.path for s in answer.segments]
    choice = json.loads(answer.write({}, LABEL))["choices"][0]
    assert choice["logprobs"]["top_logprobs"] == [{"yes": -0.5, "no": -2}]


@pytest.mark.parametrize(
    "found",
    [
        probabilities(["other", "words"]),
        probabilities(["Hel"]),
        {**probabilities(["Hello"]), "words": "more"},
        {**probabilities(["Hello"]), "token_logprobs": ["words"]},
        {**probabilities(["Hello"]), "token_logprobs": []} | {"top_logprobs": [{"a": "words"}]},
        {"tokens": "Hello"},
        "words",
        ["words"],
    ],
)
def test_log_probabilities_that_say_anything_else_are_withheld(found):
    answer = answered({"index": 0, "text": "Hello", "logprobs": found, "finish_reason": "stop"})
    assert json.loads(answer.write({}, LABEL))["choices"][0]["logprobs"] is None
    assert answer.withheld == ["choices.*.logprobs"]


def test_log_probabilities_of_a_masked_text_are_gone():
    answer = answered({"index": 0, "text": "138", "logprobs": probabilities(["1", "38"]), "finish_reason": "stop"})
    choice = json.loads(answer.write({("choices", 0, "message", "content"): "[..]"}, LABEL))["choices"][0]
    assert (choice["text"], choice["logprobs"]) == ("[..]", None)


@pytest.mark.parametrize("hold", [0, 3, 100])
def test_in_a_stream_they_leave_with_their_text(hold):
    choices = [
        {"index": i, "text": text, "logprobs": probabilities([text]), "finish_reason": None}
        for text in ("He", "llo", " you")
        for i in (0, 1)
    ]
    ends = [{"index": i, "text": "", "logprobs": None, "finish_reason": "stop"} for i in (0, 1)]
    stream, seen = streamed(*choices, *ends, hold=hold)
    assert stream.withheld == []
    for index in (0, 1):
        mine = [c for c in seen if c["index"] == index]
        assert "".join(c["text"] for c in mine) == "Hello you"
        told = [c["logprobs"] for c in mine if c["logprobs"]]
        assert [t for one in told for t in one["tokens"]] == ["He", "llo", " you"]
        assert [t for one in told for t in one["text_offset"]] == [0, 2, 5]
        shown = 0
        for choice in mine:
            shown += len(choice["text"])
            assert all(at < shown for at in (choice["logprobs"] or {}).get("text_offset", ()))


def test_unknown_fields_travel_and_are_read():
    _, seen = streamed(
        {"index": 2, "text": "a", "finish_reason": None, "note": "b"}, {"index": 2, "text": "", "finish_reason": "stop"}
    )
    assert seen[0] == {"text": "a", "index": 2, "finish_reason": None, "note": "b", "logprobs": None}
    answer = answered({"index": 0, "text": "a", "note": "b"}, more="c")
    assert [s.text for s in answer.segments if s.role] == ["note", "b", "a", "more", "c"]


@pytest.mark.parametrize("place", ["delta", "message"])
def test_what_stands_where_no_completion_has_it_is_withheld(place):
    odd = {"index": 0, "text": {"a": "words"}, place: {"content": "words"}, "finish_reason": "stop"}
    if place == "delta":
        reader, seen = streamed(odd)
        assert "words" not in json.dumps(seen)
    else:
        reader = answered(odd)
        assert b"words" not in reader.write({}, LABEL)
    assert reader.withheld == ["choices.*.text", f"choices.*.{place}"]


def test_of_a_chat_its_text_is_a_completion_and_what_nobody_knows_travels():
    message = {"role": "assistant", "content": "a", "reasoning_content": "b", "tool_calls": [{"id": "c"}], "x": "d"}
    answer = answered(
        {"index": 0, "message": message, "finish_reason": "tool_calls", "y": "e"}, upstream="openai", z="f"
    )
    assert [s.text for s in answer.segments if s.role] == ["z", "f", "y", "e", "x", "d", "a"]
    shown = json.loads(answer.write({("choices", 0, "message", "x"): "[..]"}, LABEL))
    assert shown["choices"] == [
        {"text": "a", "index": 0, "finish_reason": "stop", "logprobs": None, "x": "[..]", "y": "e"}
    ]
    assert set(shown) == {"id", "created", "model", "choices", "guiju", "object", "z"}


def test_no_field_that_nobody_knows_takes_the_place_of_the_text():
    message = {"content": "a", "text": "b", "index": 7, "finish_reason": "c", "message": "d"}
    shown = json.loads(answered({"message": message, "text": "e"}, upstream="openai").write({}, LABEL))
    assert shown["choices"] == [{"text": "a", "finish_reason": None, "logprobs": None}]


def test_in_a_stream_of_chat_they_travel_as_they_come():
    stream = DIALECT.read_stream(asked(stream=True), dialect="openai", label=LABEL, allow_opaque=False)
    raw = b"".join(
        event.write({t.channel: t.text for t in event.texts})
        for piece in ("b", "c")
        for event in stream.feed(data({"choices": [{"index": 0, "delta": {"content": "a", "x": piece}}]}))
    )
    shown = [event["choices"][0] for event in upstream_text.events(raw + stream.more("0.x", "d"))]
    assert [(choice["text"], choice["x"]) for choice in shown] == [("a", "b"), ("a", "c"), ("", "d")]


def test_chunks_that_differ_in_their_content_alone_are_completions_too():
    stream = DIALECT.read_stream(asked(stream=True), dialect="openai", label=LABEL, allow_opaque=False)
    for text in ("a", "b", "c"):
        chunk = data({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        [event] = stream.feed(chunk)
        shown = json.loads(event.write({t.channel: t.text for t in event.texts})[6:])
        assert (shown["object"], shown["choices"][0]["text"]) == ("text_completion", text)


def test_the_usage_of_a_stream_is_asked_for_and_kept_to_ourselves():
    for upstream in DIALECT.upstreams:
        sent = DIALECT.upstream_body(asked(stream=True), model="up", dialect=upstream, masked={})
        assert json.loads(sent)["stream_options"] == {"include_usage": True}


def test_a_chat_says_what_the_completion_asked():
    ask = asked(prompt=["call 138"], seed=7, logprobs=0, best_of=1, echo=False, suffix="", max_tokens=5, top_k=3)
    sent = DIALECT.upstream_body(ask, model="up", dialect="openai", masked={("prompt", 0): "call [..]"})
    assert json.loads(sent) == {
        "model": "up", "messages": [{"role": "user", "content": "call [..]"}], "seed": 7, "logprobs": True,
        "max_tokens": 5, "top_k": 3,
    }  # fmt: skip
