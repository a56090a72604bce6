"""A streamed chat answer: every string is a channel, what is released is what was said, and nothing else leaves."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import DONE, LABEL, carry, chunk, data, machine, read, texts
from guiju.wire.openai_chat import DIALECT
from upstream_text import events, heard_openai

USAGE = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}


def stream(**ask):
    return machine(DIALECT, **ask)


def told(*chunks, **ask):
    return texts(stream(**ask), b"".join(chunks) + DONE)


def served(*chunks, hold=0, **ask):
    """The events that a client reads, without the label."""
    raw = carry(stream(**ask), b"".join(chunks) + DONE, hold=hold)
    return [{k: v for k, v in event.items() if k != "guiju"} for event in events(raw)]


def deltas(found, index=0):
    return [c["delta"] for event in found for c in event["choices"] if c["index"] == index]


def call(index=None, *, name=None, arguments=None, **more):
    """One entry of `tool_calls`."""
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return {"tool_calls": [{**({} if index is None else {"index": index}), **more, "function": function}]}


def calls_of(found, index=0):
    """What a client puts together: (id, name, arguments) of each tool call."""
    made = {}
    for delta in deltas(found, index):
        for entry in delta.get("tool_calls", []):
            one = made.setdefault(entry["index"], ["", "", ""])
            one[0] += entry.get("id") or ""
            one[1] += entry.get("function", {}).get("name") or ""
            one[2] += entry.get("function", {}).get("arguments") or ""
    return [tuple(made[number]) for number in sorted(made)]


# --- content ------------------------------------------------------------------------------------


def test_every_kind_of_text_is_a_channel_of_its_own():
    assert told(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"reasoning_content": "先想"}),
        chunk({"reasoning": "hm"}),
        chunk({"content": "你"}),
        chunk({"content": "好", "x_thoughts": {"deep": ["a"]}}),
        chunk({"content": "two"}, index=1),
        chunk({"refusal": "no"}, index=1),
        chunk({"x_thoughts": {"deep": ["b"]}}),
        chunk({}, "stop"),
        x_note="c",
    ) == {
        "0.reasoning_content:text": "先想",
        "0.reasoning:text": "hm",
        "0.content:text": "你好",
        "0.x_thoughts.deep.0:text": "ab",
        "x.x_thoughts#key:name": "x_thoughts",
        "x.deep#key:name": "deep",
        "1.content:text": "two",
        "1.refusal:text": "no",
    }


@pytest.mark.parametrize(
    "where",
    [
        chunk({"content": "a"}, x_note="hidden words"),
        chunk({"content": "a"}, created="hidden words"),
        chunk({"content": "a"}, created={"at": "hidden words"}),
        chunk({"content": "a"}, id="hidden words"),
        chunk({"content": "a"}, system_fingerprint="hidden words"),
        chunk({"content": "a"}, usage={"note": "hidden words"}),
        chunk({"content": "a"}, guiju={"note": "hidden words"}),
        chunk({"content": "a", "role": "hidden words"}),
        chunk({"content": {"parts": ["hidden words"]}}),
        chunk({"content": [{"type": "text", "text": "hidden words"}]}),
        chunk({"x": {"logprobs": {"y": "hidden words"}}}),
        chunk({"function_call": {"name": "hidden words"}}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "hidden words"}}]}),
        chunk({"tool_calls": {"name": "hidden words"}}),
        chunk({"tool_calls": "hidden words"}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"title": "hidden words"}}]}),
        chunk({"content": "a"}, "hidden words"),
        chunk("hidden words"),
        data({"choices": [{"index": 0, "message": {"content": "hidden words"}}]}),
        data({"choices": [{"index": 0, "delta": {}, "logprobs": "hidden words"}]}),
        data({"choices": [{"index": 0, "delta": {}, "logprobs": ["hidden words"]}]}),
        data({"choices": [{"index": 0, "delta": {}, "logprobs": {"note": "hidden words"}}]}),
        data({"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [{"token": "", "note": "hidden words"}]}}]}),
        data({"choices": [{"index": "hidden words", "delta": {}}]}),
        data({"choices": ["hidden words"]}),
        data({"choices": "hidden words"}),
        data({"choices": [], "error": {"message": "hidden words"}}),
        data({"error": {"message": "hidden words"}}),
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1718345013,"model":"gpt-4o","choices":'
        b'[{"index":0,"delta":{"content":"hidden words","content":"a"},"finish_reason":null}]}\n\n',
    ],
)  # fmt: skip
@pytest.mark.parametrize("asks_usage", [False, True])
def test_words_never_leave_unless_they_are_released(where, asks_usage):
    for first in (chunk({"role": "assistant", "content": ""}), b"", chunk({"content": "z"}, "stop")):
        answer = stream(stream_options={"include_usage": asks_usage})
        out = [event.write({}) for event in read(answer, first + where + chunk({"content": "b"}) + where + DONE)]
        out.append(answer.stop(finish="stop", replacement="", details=LABEL))
        assert b"hidden" not in b"".join(out)


@pytest.mark.parametrize("text", ["\\u0061ssistant", "\\u0069d", "gpt\\u002d4o", "\\u5927\\u9ebb", "a\\/b"])
def test_content_is_replaced_in_its_own_place_however_it_is_written(text):
    raw = chunk({"content": "{}"}).replace(b"{}", text.encode())
    answer = stream()
    first, second = read(answer, chunk({"role": "assistant", "content": ""}) + raw)
    first.write({"0.content": ""})
    assert deltas(events(second.write({"0.content": "[..]"}))) == [{"content": "[..]"}]


def test_a_plain_chunk_without_anything_to_say_does_not_leave():
    answer = stream()
    for event in read(answer, chunk({"role": "assistant", "content": ""}) + chunk({"content": "x"})):
        out = event.write({"0.content": ""})
    assert out == b""


@given(
    st.text(max_size=40), st.lists(st.integers(0, 3000), max_size=6), st.sampled_from([0, 1, 5, 1000]), st.booleans()
)
def test_text_arrives_whole_however_its_bytes_are_cut(text, cuts, hold, ascii_only):
    raw = chunk({"role": "assistant", "content": ""})
    for char in text:
        body = {"index": 0, "delta": {"content": char}, "logprobs": None, "finish_reason": None}
        raw += b"data: " + json.dumps({"choices": [body]}, ensure_ascii=ascii_only).encode() + b"\r\n\r\n"
    raw += b": comment\n\n" + chunk({}, "stop") + DONE
    assert heard_openai(carry(stream(), raw, cuts, hold=hold)).get("0.content", "") == text


def test_every_cut_of_a_rich_stream_gives_the_same_bytes():
    raw = b"".join((
        chunk({"role": "assistant", "content": ""}), chunk({"reasoning_content": "想"}), chunk({"content": "好🙂"}),
        chunk(call(0, id="call_1", name="find", arguments="")), chunk(call(0, arguments='{"q": "\\u')),
        chunk(call(0, arguments='6bd2"}')), chunk({}, "tool_calls"), chunk(usage=USAGE), DONE,
    )).replace(b"\n\n", b"\r\n\r\n")  # fmt: skip
    options = {"stream_options": {"include_usage": True}}
    whole = carry(stream(**options), raw)
    for cut in range(len(raw)):
        assert carry(stream(**options), raw, [cut]) == whole
    assert carry(stream(**options), raw, range(len(raw))) == whole


def test_a_choice_is_over_with_its_finish_reason():
    answer = stream(n=2)
    raw = (
        chunk({"content": "a"})
        + chunk({"content": "b"}, "stop")
        + chunk({"content": "c"})
        + chunk({"content": "d"}, index=1)
    )
    found = list(read(answer, raw))
    assert [e.ends for e in found] == [(), ("0.", "x.choices.0."), (), ()]
    assert [[t.text for t in e.texts if t.reading != "id"] for e in found] == [["a"], ["b"], [], ["d"]]
    assert answer.finish == "stop"
    assert answer.withheld == ["choices.0.delta"]


def test_what_is_held_leaves_before_the_finish_reason_or_with_it():
    found = served(chunk({"content": "abc"}), chunk({"content": "d"}, "length"), hold=2)
    assert [(c["delta"].get("content"), c["finish_reason"]) for e in found for c in e["choices"]] == [
        ("a", None),
        ("bcd", "length"),
    ]
    found = served(chunk({"content": "abc"}), chunk({}, "stop"), hold=2)
    assert [(c["delta"].get("content"), c["finish_reason"]) for e in found for c in e["choices"]] == [
        ("a", None), ("bc", None), (None, "stop"),
    ]  # fmt: skip


# --- an event of our own ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "channel", "choice"),
    [
        ({"delta": {"content": "a"}}, "0.content", {"delta": {"content": "new"}}),
        ({"delta": {"refusal": "a"}}, "0.refusal", {"delta": {"refusal": "new"}}),
        ({"delta": {"x": {"y": [{}, "a"]}}}, "0.x.y.1", {"delta": {"x": {"y": [{}, "new"]}}}),
        ({"delta": {"x": {"7": "a"}}}, "0.x.7", {"delta": {"x": {"7": "new"}}}),
        ({"delta": {"x": {"999999999": "a"}}}, "0.x.999999999", {"delta": {"x": {"999999999": "new"}}}),
        ({"delta": {"x": {"²": "a"}}}, "0.x.²", {"delta": {"x": {"²": "new"}}}),
        ({"delta": {"x.y": "a"}}, "0.x.y", {"delta": {"x.y": "new"}}),
        ({"delta": call(3, arguments="a")}, "0.tool_calls.3.arguments",
         {"delta": {"tool_calls": [{"index": 3, "function": {"arguments": "new"}}]}}),
        ({"delta": {"tool_calls": [{"index": 3, "custom": {"input": "a"}}]}}, "0.tool_calls.3.custom.input",
         {"delta": {"tool_calls": [{"index": 3, "custom": {"input": "new"}}]}}),
        ({"delta": {}, "message": {"content": "a"}}, "x.choices.0.message.content",
         {"delta": {}, "message": {"content": "new"}}),
    ],
)  # fmt: skip
def test_more_text_stands_where_the_channels_text_stands(said, channel, choice):
    answer = stream()
    (event,) = read(answer, data({"id": "c", "model": "m", "choices": [{"index": 0, **said}]}))
    assert channel in [t.channel for t in event.texts]
    event.write({t.channel: t.text for t in event.texts})
    (body,) = events(answer.more(channel, "new"))
    assert body["choices"] == [{"index": 0, "logprobs": None, "finish_reason": None, **choice}]
    assert (body["id"], body["model"]) == ("c", "m")


def test_more_text_outside_of_choices_stands_there_too():
    answer = stream()
    list(read(answer, chunk(x_note={"a": ["b"]})))
    (body,) = events(answer.more("x.x_note.a.0", "new"))
    assert (body["choices"], body["x_note"]) == ([], {"a": ["new"]})


def test_unknown_words_of_a_choice_are_told_apart_by_its_index():
    def said(index, text):
        return data({"choices": [{"index": index, "delta": {}, "text": text}]})

    assert told(said(0, "制"), said(1, "x"), said(0, "作")) == {
        "x.choices.0.text:text": "制作",
        "x.choices.1.text:text": "x",
    }


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_that_may_be_text_is_decided_before_it_leaves():
    first, second = read(stream(), 2 * chunk({"x": {"制作": 1}}))
    assert [(t.text, t.form) for t in first.texts if t.reading == "alone"] == [("x", "name"), ("制作", "name")]
    assert second.texts == []


def test_two_keys_are_never_one_channel():
    found = [e.texts[0].channel for e in read(stream(), chunk({"制": {"作": 1}}) + chunk({"制.作": 1}))]
    assert len(set(found)) == 2


# --- tools --------------------------------------------------------------------------------------


def test_a_tools_name_comes_out_whole_and_with_its_first_arguments():
    raw = (
        chunk(call(0, id="call_1", type="function", name="get_", arguments="")),
        chunk(call(0, name="weather")),
        chunk(call(0, arguments='{"place": ')),
        chunk(call(0, arguments='"北京"}')),
        chunk({}, "tool_calls"),
    )
    found = list(read(stream(), b"".join(raw)))
    assert [[(t.channel, t.text, t.form) for t in e.texts if t.reading != "id"] for e in found] == [
        [],
        [],
        [("0.tool_calls.0.name", "get_weather", "name"), ("0.tool_calls.0.arguments", '{"place": ', "json")],
        [("0.tool_calls.0.arguments", '"北京"}', "json")],
        [],
    ]
    assert found[2].texts[0].reading == "alone"
    assert calls_of(served(*raw)) == [("call_1", "get_weather", '{"place": "北京"}')]


PARALLEL = [
    ("call_1", "get_weather", '{"place": "Bogotá, Colombia"}'),
    ("call_2", "send_email", '{"to": "bob@email.com"}'),
]


@pytest.mark.parametrize(
    "raw",
    [
        [chunk(call(0, id="call_1", name="get_weather", arguments="")), chunk(call(0, arguments='{"place": "Bog')),
         chunk(call(0, arguments='otá, Colombia"}')), chunk(call(1, id="call_2", name="send_email", arguments="")),
         chunk(call(1, arguments='{"to": "bob@email.com"}'))],
        [chunk(call(i, id=c, name=n, arguments=a)) for i, (c, n, a) in enumerate(PARALLEL)],
        [chunk({"tool_calls": [call(i, id=c, name=n, arguments=a)["tool_calls"][0] for i, (c, n, a) in enumerate(PARALLEL)]})],
        [chunk({"tool_calls": [call(id=c, name=n, arguments=a)["tool_calls"][0] for c, n, a in PARALLEL]})],
        [chunk(call(0, id="call_1", name="get_weather")), chunk(call(1, id="call_2", name="send_email")),
         chunk(call(1, arguments='{"to": "bob')), chunk(call(0, arguments='{"place": "Bogotá, ')),
         chunk(call(1, arguments='@email.com"}')), chunk(call(0, arguments='Colombia"}'))],
        [chunk(call(0, id="call_1", name="get_weather", arguments='{"place": "Bogotá, ')),
         chunk(call(0, name="", arguments='Colombia"}')), chunk(call(1, id="call_2", name="send_email", arguments='{"to": ')),
         chunk(call(1, id=None, name=None, arguments='"bob@email.com"}'))],
    ],
    ids=["openai", "each in one chunk", "both in one chunk", "without an index", "interleaved", "with empty names"],
)  # fmt: skip
@pytest.mark.parametrize("hold", [0, 3, 1000])
def test_parallel_calls_keep_their_names_and_arguments(raw, hold):
    assert calls_of(served(*raw, chunk({}, "tool_calls"), hold=hold)) == PARALLEL


def test_a_call_without_arguments_leaves_when_another_begins_or_the_choice_ends():
    found = served(chunk(call(0, id="a", name="now")), chunk(call(1, id="b", name="here")), chunk({}, "tool_calls"))
    assert calls_of(found) == [("a", "now", ""), ("b", "here", "")]


def test_calls_of_two_choices_are_two():
    raw = [chunk(call(0, id=f"c{i}", name=f"f{i}", arguments="{}"), index=i) for i in (0, 1)]
    found = served(*raw, n=2)
    assert (calls_of(found, 0), calls_of(found, 1)) == ([("c0", "f0", "{}")], [("c1", "f1", "{}")])


def test_a_name_that_says_more_after_it_was_decided_does_not_leave():
    raw = [
        chunk(call(0, id="a", name="find", arguments="{")),
        chunk(call(0, name="制作", arguments="}")),
        chunk({}, "stop"),
    ]
    assert calls_of(served(*raw)) == [("a", "find", "{}")]


def test_a_waiting_name_is_not_told_after_a_stop():
    answer = stream()
    out = b"".join(event.write({}) for event in answer.feed(chunk(call(0, id="a", name="制作"))))
    out += answer.stop(finish="content_filter", replacement="no", details=LABEL)
    assert "制作".encode() not in out


def test_a_function_call_of_old_is_read_like_a_tools():
    raw = (
        chunk({"function_call": {"name": "find", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"q": 1}'}}),
    )
    assert told(*raw) == {"0.function_call.name:name": "find", "0.function_call.arguments:json": '{"q": 1}'}


def test_escapes_inside_of_arguments_stay_as_they_are():
    source = '{"q": "\\u6bd2\\u54c1 \\"x\\""}'
    assert (
        calls_of(served(*[chunk(call(0, name="f" if not i else None, arguments=c)) for i, c in enumerate(source)]))[0][
            2
        ]
        == source
    )


def test_content_in_json_mode_is_read_as_json():
    said = chunk({"content": "{}"})
    assert told(said, said, response_format={"type": "json_object"}) == {"0.content:json": "{}{}"}


# --- log probabilities --------------------------------------------------------------------------


def entry(token):
    return {"token": token, "logprob": -0.1, "bytes": list(token.encode()), "top_logprobs": []}


def probable(delta, *tokens):
    logprobs = {"content": [entry(token) for token in tokens]}
    return data({"id": "c", "choices": [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}]})


def tokens(found):
    return [[e["token"] for e in (c["logprobs"] or {}).get("content", [])] for event in found for c in event["choices"]]


def test_log_probabilities_pass_with_their_text():
    found = served(probable({"content": "ab"}, "a", "b"), probable({"content": "cd"}, "cd"), chunk({}, "stop"))
    assert tokens(found) == [["a", "b"], ["cd"], []]


def test_log_probabilities_wait_for_their_text():
    found = served(probable({"content": "abc"}, "a", "bc"), probable({"content": "d"}, "d"), chunk({}, "stop"), hold=1)
    assert [d.get("content") for d in deltas(found)] == ["ab", "c", "d", None]
    assert tokens(found) == [["a"], ["bc"], ["d"], []]


def test_log_probabilities_are_gone_once_the_text_was_changed():
    answer = stream()
    out = b""
    raw = probable({"content": "a"}, "a") + probable({"content": "secret"}, "secret") + probable({"content": "b"}, "b")
    for event, text in zip(read(answer, raw), ("a", "[..]", "b"), strict=True):
        out += event.write({"0.content": text})
    assert tokens(events(out)) == [["a"], [], []]


def test_a_chunk_without_log_probabilities_does_not_disturb_the_rest():
    found = served(probable({"content": "a"}, "a"), chunk({"content": "b"}), probable({"content": "c"}, "c"))
    assert tokens(found) == [["a"], [], ["c"]]


@pytest.mark.parametrize(
    "delta", [{"reasoning_content": "secret"}, call(0, name="f", arguments="secret"), {"content": ""}, {}]
)
def test_log_probabilities_of_other_texts_do_not_tell_them(delta):
    answer = stream()
    out = b"".join(e.write({}) for e in read(answer, probable(delta, "sec", "ret") + chunk({}, "stop")))
    assert b"sec" not in out


# --- usage --------------------------------------------------------------------------------------


def test_usage_that_only_we_asked_for_is_ours():
    answer = stream()
    out = carry(
        answer, chunk({"content": "a"}, usage=None) + chunk({}, "stop", usage=USAGE) + chunk(usage=USAGE) + DONE
    )
    assert answer.usage == (19, 10)
    assert [e.get("usage") for e in events(out)] == [None, None]
    assert out.endswith(DONE)


@pytest.mark.parametrize("last", [chunk(usage=USAGE), chunk({}, usage=USAGE)])
def test_usage_that_was_asked_for_is_served(last):
    found = served(chunk({"content": "a"}, usage=None), chunk({}, "stop"), last, stream_options={"include_usage": True})
    assert found[-1]["usage"] == USAGE


def test_usage_is_told_once_when_a_stream_breaks_off():
    for raw, times in ((chunk({}, "stop"), 1), (chunk({}, "stop") + chunk(usage=USAGE), 1)):
        answer = stream(stream_options={"include_usage": True})
        out = carry(answer, raw) + answer.stop(finish="stop", replacement="", details=LABEL)
        assert [e["usage"] for e in events(out) if e.get("usage")] == [
            USAGE if b"19" in raw else dict.fromkeys(USAGE, 0)
        ] * times


@pytest.mark.parametrize(
    "usage", ["many", [1], {"prompt_tokens": "many"}, {"prompt_tokens": [1], "completion_tokens": -1}]
)
def test_odd_usage_counts_nothing(usage):
    answer = stream()
    carry(answer, chunk({"content": "a"}) + chunk(usage=usage) + DONE)
    assert answer.usage in (None, (0, 0))


# --- beginning and end --------------------------------------------------------------------------


def test_the_label_is_in_the_first_event_and_in_the_last_ones():
    raw = (
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk({}, "stop"),
        chunk(usage=USAGE),
    )
    found = events(carry(stream(stream_options={"include_usage": True}), b"".join(raw) + DONE))
    assert [e.get("guiju") for e in found] == [LABEL, None, None, LABEL, LABEL]


def test_the_first_event_that_leaves_is_labelled_though_an_earlier_one_was_held():
    found = events(
        carry(stream(), chunk({"content": "a"}) + chunk({"content": "b"}) + chunk({}, "stop") + DONE, hold=1)
    )
    assert found[0]["guiju"] == LABEL
    assert deltas(found[:1]) == [{"content": "a"}]


def test_a_label_of_the_upstreams_own_is_not_passed_on_as_ours():
    found = events(
        carry(stream(), chunk({"content": "a"}, guiju={"a": 1}) + chunk({"content": "b"}, guiju={"a": 1}) + DONE)
    )
    assert [e.get("guiju") for e in found] == [LABEL, None]


def test_a_stop_ends_every_choice_that_is_open():
    answer = stream(n=3)
    out = carry(answer, chunk({"content": "a"}) + chunk({}, "stop") + chunk({"content": "b"}, index=1))
    ending = answer.stop(finish="content_filter", replacement="不", details={"action": "refuse"})
    found = events(ending)
    assert [(c["index"], c["delta"].get("content"), c["finish_reason"]) for e in found for c in e["choices"]] == [
        (1, "不", None), (1, None, "content_filter"), (2, "不", None), (2, None, "content_filter"),
    ]  # fmt: skip
    assert {e["id"] for e in events(out) + found} == {"chatcmpl-1"}
    assert [e.get("guiju") for e in found] == [{"action": "refuse"}] * 4
    assert ending.endswith(DONE)


def test_an_upstream_that_ends_without_its_last_event_has_said_its_reason():
    answer = stream()
    out = carry(answer, chunk({"content": "a"}) + chunk({}, "length").rstrip())
    assert (answer.finish, answer.done) == ("length", False)
    out += answer.stop(finish=answer.finish, replacement="", details=LABEL)
    assert [c["finish_reason"] for e in events(out) for c in e["choices"]] == [None, "length"]
    assert out.count(DONE) == 1


def test_padding_does_not_leave():
    padded = chunk({"content": "a"}, obfuscation="yJ0fG3zT"), chunk({"content": "b"}, obfuscation="Qx")
    assert told(*padded) == {"0.content:text": "ab"}
    assert [e for e in served(*padded) if "obfuscation" in e] == []


# --- identifiers --------------------------------------------------------------------------------


def test_an_identifier_that_every_chunk_repeats_is_read_once():
    raw = chunk({"role": "assistant", "content": ""}, system_fingerprint="fp_1")
    raw += 3 * chunk({"content": "a"}, system_fingerprint="fp_1")
    raw += chunk(call(0, id="call_1", name="f", arguments="{"), system_fingerprint="fp_1")
    raw += chunk(call(0, id="call_1", arguments="}"), system_fingerprint="fp_1")
    raw += chunk({}, "stop", system_fingerprint="fp_1") + chunk({"content": "b"}, index=1, id="chatcmpl-2")
    found = [t for e in read(stream(n=2), raw) for t in e.texts if t.reading == "id"]
    assert [(t.channel, t.text) for t in found] == [
        ("x.id", "chatcmpl-1"), ("x.model", "gpt-4o"), ("x.system_fingerprint", "fp_1"),
        ("0.tool_calls.0.id", "call_1"), ("x.id", "chatcmpl-2"),
    ]  # fmt: skip


def test_what_left_of_an_identifier_stands_for_it_in_every_chunk_and_in_our_own():
    answer, out = stream(), b""
    raw = chunk({"role": "assistant", "content": ""}) + 2 * chunk({"content": "a"}) + chunk(usage=USAGE)
    for event in read(answer, raw):
        out += event.write({t.channel: "[..]" if t.channel == "x.id" else t.text for t in event.texts})
    out += answer.more("0.content", "b") + answer.stop(finish="stop", replacement="", details=LABEL)
    assert {event["id"] for event in events(out)} == {"[..]"}
    assert {event["model"] for event in events(out)} == {"gpt-4o"}


def test_a_reason_that_was_hidden_is_not_said_of_another_choice():
    answer = stream(n=2)
    (event,) = read(answer, chunk({}, "sk-secret"))
    out = event.write({t.channel: "[..]" if t.text == "sk-secret" else t.text for t in event.texts})
    out += answer.stop(finish=answer.finish, replacement="", details=LABEL)
    assert b"sk-secret" not in out


def test_an_identifier_is_never_told_before_it_was_read():
    answer = stream()
    list(read(answer, chunk({"content": "a"})))
    assert b"chatcmpl-1" not in answer.more("0.content", "a") + answer.stop(
        finish="stop", replacement="", details=LABEL
    )


# --- what is read by itself, and what breaks off ------------------------------------------------


def test_a_number_stays_one_unless_something_of_it_is_hidden():
    raw = chunk({"content": "a"}, x={"n": 1718345013123}) + chunk({}, "stop") + DONE
    answer = stream()
    out = b"".join(e.write({t.channel: t.text for t in e.texts}) for e in read(answer, raw))
    assert events(out)[0]["x"] == {"n": 1718345013123}
    answer = stream()
    out = b"".join(e.write({t.channel: "[..]" for t in e.texts}) for e in read(answer, raw))
    assert events(out)[0]["x"] == {"n": "[..]"}


@pytest.mark.parametrize(
    ("body", "reading"),
    [
        ({"choices": [{"index": 0, "delta": {"content": "a"}}]}, "on"),
        ({"choices": [{"index": 0, "delta": {"reasoning_content": "a"}}]}, "on"),
        ({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "a"}}]}}]}, "on"),
        ({"choices": [{"index": 0, "delta": {"annotations": [{"text": "a"}]}}]}, "both"),
        ({"choices": [], "error_note": "a"}, "both"),
        ({"choices": [], "id": "a b"}, "alone"),
        ({"choices": [{"index": 0, "delta": {}, "stop_reason": 13812345678}]}, "alone"),
    ],
)
def test_an_unknown_string_is_read_both_by_itself_and_as_one_that_goes_on(body, reading):
    (event,) = read(stream(), data(body))
    assert [t.reading for t in event.texts if not t.channel.endswith("#key")] == [reading]


def test_a_call_whose_name_still_waits_is_told_though_no_reason_was_given():
    raw = chunk(call(0, id="a", name="now"))
    assert calls_of(served(raw)) == [("a", "now", "")]
    assert calls_of(events(carry(stream(), raw))) == [("a", "now", "")]


@pytest.mark.parametrize(
    "said",
    [
        data({"error": {"message": "hidden words", "code": "rate_limit_exceeded"}}),
        data({"error": {"message": "hidden words", "type": "rate_limit_exceeded"}}, "error"),
    ],
)
def test_an_upstream_that_breaks_off_says_why_in_a_word(said):
    answer = stream()
    out = carry(answer, chunk({"content": "a"}) + said + chunk({"content": "b"}) + DONE)
    assert (answer.failed, answer.done) == ("rate_limit_exceeded", False)
    assert heard_openai(out) == {"0.content": "a"}
    answer = stream()
    carry(answer, data({"error": {"code": "hidden words"}}))
    assert answer.failed
    assert "hidden" not in answer.failed


def token_of(token, **more):
    return {"token": token, "logprob": -0.1, "bytes": None, **more}


@pytest.mark.parametrize(
    "entries",
    [
        [token_of("hidden words")],
        [token_of("a", bytes=list(b"hidden words"))],
        [token_of("a"), token_of("hidden words")],
        [token_of("a", note="hidden words"), token_of("x")],
        [token_of("a", top_logprobs=[token_of("x", bytes=list(b"hidden words"))])],
    ],
)
def test_log_probabilities_that_say_anything_but_the_content_never_leave(entries):
    body = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": entries}, "finish_reason": None}
    out = carry(stream(), data({"choices": [body]}) + chunk({"content": "b"}) + chunk({}, "stop") + DONE)
    assert b"hidden words" not in out
    assert heard_openai(out) == {"0.content": "ab"}


def test_the_other_likely_tokens_do_not_leave_a_stream():
    """Those of successive tokens could spell what nobody has read."""
    told = {"content": [token_of("a", top_logprobs=[token_of("a"), token_of("hidden words")])]}
    raw = data({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": told, "finish_reason": None}]})
    out = carry(stream(), raw + chunk({}, "stop") + DONE)
    assert [c["logprobs"] for c in events(out)[0]["choices"]] == [{"content": [token_of("a", top_logprobs=[])]}]


def test_a_probability_that_is_a_telephone_number_does_not_leave():
    told = {"content": [token_of("a") | {"logprob": -13812345678.0}]}
    raw = data({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": told, "finish_reason": None}]})
    assert b"13812345678" not in carry(stream(), raw + chunk({}, "stop") + DONE)
