"""Responses: what of a request is text, and of a whole answer; what stands in neither is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

import response_events as events
from carried import LABEL
from guiju.errors import BadRequest, UpstreamRefused
from guiju.wire.openai_responses import DIALECT

PHONE = "13812345678"
PIXEL = "data:image/png;base64,AAAA"


def asked(**more: Any) -> Any:
    return DIALECT.read(json.dumps({"model": "m", "input": "hi", **more}).encode(), {"x-guiju-subject": "jwt"})


def answered(body: dict[str, Any], *, allow_opaque: bool = False, **more: Any) -> Any:
    raw = json.dumps(body).encode()
    return DIALECT.read_answer(raw, asked(**more), dialect="openai_responses", allow_opaque=allow_opaque)


def texts(ask: Any) -> dict[str, tuple[str, str, str]]:
    return {".".join(map(str, s.path)): (s.text, s.role, s.form) for s in ask.segments}


def spoken(answer: Any) -> dict[str, tuple[str, str, str]]:
    """The texts of an answer, without its identifiers."""
    return {place: text for place, text in texts(answer).items() if text[1]}


# --- requests -------------------------------------------------------------------------------------


def test_every_string_that_the_model_may_read_is_a_text_with_its_role_and_form():
    ask = asked(
        instructions="be brief",
        input=[
            {"role": "user", "content": "one"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "two"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "three", "annotations": [{"type": "url_citation", "title": "four"}]},
                {"type": "refusal", "refusal": "five"},
            ]},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "send", "arguments": '{"six": 6}'},
            {"type": "function_call_output", "call_id": "c", "output": "seven"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "eight"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "nine"}]},
            {"type": "custom_tool_call", "call_id": "c", "name": "free", "input": "ten"},
            {"type": "program_output", "id": "p", "call_id": "c", "result": "eleven", "status": "completed"},
            {"type": "odd", "of": {"words": ["twelve"]}},
        ],
        tools=[{"type": "function", "name": "send", "description": "thirteen", "parameters": {
            "type": "object", "properties": {"to": {"description": "fourteen"}}}}],
        text={"format": {"type": "json_schema", "name": "Answer", "schema": {"title": "fifteen"}}, "verbosity": "low"},
        prompt={"id": "pmpt_1", "version": "2", "variables": {"city": "sixteen"}},
        metadata={"note": "seventeen"},
        x_extra="eighteen",
    )  # fmt: skip
    found = texts(ask)
    place = "input.2.content.0"
    assert found["instructions"] == ("be brief", "system", "text")
    assert found["input.0.content"] == ("one", "user", "text")
    assert found["input.1.content.0.text"] == ("two", "developer", "text")
    assert found[f"{place}.text"] == ("three", "assistant", "text")
    assert found[f"{place}.annotations.0.title"] == ("four", "assistant", "text")
    assert found["input.2.content.1.refusal"] == ("five", "assistant", "text")
    assert found["input.3.arguments"] == ('{"six": 6}', "assistant", "json")
    assert found["input.3.name"] == ("send", "assistant", "name")
    assert found["input.4.output"] == ("seven", "tool", "text")
    assert found["input.5.output.0.text"] == ("eight", "tool", "text")
    assert found["input.6.summary.0.text"] == ("nine", "assistant", "text")
    assert found["input.7.input"] == ("ten", "assistant", "text")
    assert found["input.8.result"][0] == "eleven"
    assert found["input.9.of.words.0"][0] == "twelve"
    assert found["tools.0.description"][0] == "thirteen"
    assert found["tools.0.name"] == ("send", "", "name")
    assert found["tools.0.parameters.properties.to.description"][0] == "fourteen"
    assert found["text.format.schema.title"][0] == "fifteen"
    assert found["prompt.variables.city"][0] == "sixteen"
    assert found["metadata.note"][0] == "seventeen"
    assert found["x_extra"][0] == "eighteen"
    listed = {
        "model",
        "input.0.role",
        "input.2.id",
        "input.3.call_id",
        "text.format.type",
        "text.verbosity",
        "prompt.version",
    }
    assert not listed & set(found)
    assert [(m.kind, m.path) for m in ask.media] == [("reference", ("prompt", "id"))]


def test_one_text_is_the_users():
    assert texts(asked(input="hello")) == {"input": ("hello", "user", "text")}


@pytest.mark.parametrize(
    ("more", "kind", "path"),
    [
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]}, "image",
         ("input", 0, "content", 0, "image_url")),
        ({"input": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]}, "image",
         ("input", 0, "content", 0, "image_url", "url")),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": PIXEL}]}]}, "file",
         ("input", 0, "content", 0, "file_data")),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}, "file",
         ("input", 0, "content", 0, "file_id")),
        ({"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}]},
         "audio", ("input", 0, "content", 0, "input_audio", "data")),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "x", "image_url": PIXEL}]}]},
         "image", ("input", 0, "output", 0, "image_url")),
        ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "s", "image_url": PIXEL}}]}, "image",
         ("input", 0, "output", "image_url")),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "reference", ("input", 0, "id")),
        ({"input": [{"id": "msg_1"}]}, "reference", ("input", 0, "id")),
        ({"input": [{"type": "odd", "encrypted_content": "words"}]}, "reference", ("input", 0, "encrypted_content")),
        ({"previous_response_id": "resp_1"}, "reference", ("previous_response_id",)),
        ({"conversation": "conv_1"}, "reference", ("conversation",)),
        ({"conversation": {"id": "conv_1"}}, "reference", ("conversation", "id")),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "reference", ("tools", 0, "vector_store_ids", 0)),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "reference", ("tools", 0, "container")),
    ],
)  # fmt: skip
def test_what_cannot_be_read_here_is_a_medium(more: dict[str, Any], kind: str, path: tuple[Any, ...]):
    assert [(m.kind, m.path) for m in asked(**more).media] == [(kind, path)]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA"},
    ],
)
def test_what_the_upstream_has_signed_comes_back_as_it_was(item: dict[str, Any]):
    ask = asked(input=[item])
    assert (ask.segments, ask.media) == ([], [])


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 1}, "input"),
        ({"input": ["words"]}, "input.0"),
        ({"stream": "yes"}, "stream"),
        ({"background": True}, "background"),
        ({"model": 1}, "model"),
        (
            {"prompt": {"id": "p", "variables": {"face": {"type": "input_image", "image_url": PIXEL}}}},
            "prompt.variables.face",
        ),
    ],
)
def test_what_is_no_request_is_refused_by_name(more: dict[str, Any], field: str):
    with pytest.raises(BadRequest) as refused:
        asked(**more)
    assert refused.value.data["field"] == field


@pytest.mark.parametrize("kept", ["prompt", "previous_response_id", "conversation"])
def test_the_input_may_be_what_the_upstream_keeps(kept: str):
    ask = DIALECT.read(json.dumps({"model": "m", kept: {"id": "x"} if kept == "prompt" else "x"}).encode(), {})
    assert ask.media[0].kind == "reference"


def test_who_asks_and_for_json():
    assert asked(user="u").claim.user == "u"
    assert (asked(user="u", safety_identifier="s").claim.user, asked().claim.token) == ("s", "jwt")
    assert [asked(text={"format": {"type": kind}}).json_mode for kind in ("text", "json_object", "json_schema")] == [
        False, True, True,
    ]  # fmt: skip


# --- whole answers --------------------------------------------------------------------------------

SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "who"}}
CODE = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "container_id": "cntr_1", "code": "print(1)",
        "outputs": [{"type": "logs", "logs": "1"}, {"type": "image", "url": "https://a.b/c.png"}]}  # fmt: skip


def test_every_string_of_an_answer_is_read_or_named():
    items = [events.reasoning(0, "think"), ([], SEARCH), ([], CODE), events.message(3, "Hello"),
             events.message(4, "No", kind="refusal"), events.call(5, "send", '{"a": 1}')]  # fmt: skip
    answer = answered(events.whole(*items, x_note="odd"))
    assert spoken(answer) == {
        "output.0.summary.0.text": ("think", "assistant", "text"),
        "output.1.action.query": ("who", "assistant", "text"),
        "output.2.code": ("print(1)", "assistant", "text"),
        "output.2.outputs.0.logs": ("1", "assistant", "text"),
        "output.3.content.0.text": ("Hello", "assistant", "text"),
        "output.4.content.0.refusal": ("No", "assistant", "text"),
        "output.5.arguments": ('{"a": 1}', "assistant", "json"),
        "output.5.name": ("send", "assistant", "name"),
        "x_note": ("odd", "assistant", "text"),
    }
    assert answer.withheld == ["output.*.encrypted_content", "output.*.outputs.*.url"]
    assert answer.content_paths == [("output", 3, "content", 0, "text")]
    assert (answer.usage, answer.finish) == ((37, 11), "completed")
    served = json.loads(answer.write({("output", 3, "content", 0, "text"): "[..]"}, LABEL))
    assert served["output"][3]["content"][0]["text"] == "[..]"
    assert served["guiju"] == LABEL
    assert "gAAAAAB" not in json.dumps(served)


def test_what_cannot_be_followed_passes_where_it_is_allowed():
    answer = answered(events.whole(events.reasoning(0, "think"), ([], CODE)), allow_opaque=True)
    served = json.loads(answer.write({}, LABEL))
    assert served["output"] == [events.reasoning(0, "think")[1], CODE]
    assert answer.withheld == []


def test_json_that_was_asked_for_is_read_as_json():
    answer = answered(events.whole(events.message(0, '{"a": "\\u0062"}')), text={"format": {"type": "json_object"}})
    assert texts(answer)["output.0.content.0.text"][2] == "json"


def test_an_answer_repeats_the_callers_own_words_and_no_others():
    own = {"instructions": f"call {PHONE}", "metadata": {"a": PHONE}}
    answer = answered(
        events.whole(events.message(0, "Hi")) | {"instructions": "other", "metadata": {"a": "other"}}, **own
    )
    served = json.loads(answer.write({}, LABEL))
    assert (served["instructions"], served["metadata"]) == (own["instructions"], own["metadata"])
    assert set(spoken(answer)) == {"output.0.content.0.text"}
    assert texts(answered(events.whole() | {"instructions": "other"}))["instructions"][0] == "other"


def test_the_joined_text_says_what_its_parts_say():
    answer = answered(events.whole(events.message(0, "one "), events.message(1, "two"), output_text="one two"))
    assert [text for text, *_ in spoken(answer).values()] == ["one ", "two"]
    served = json.loads(answer.write({("output", 1, "content", 0, "text"): "[..]"}, LABEL))
    assert served["output_text"] == "one [..]"
    assert "output_text" not in json.loads(answered(events.whole(events.message(0, "one"))).write({}, LABEL))


def likely(*tokens: str, also: str = "") -> list[dict[str, Any]]:
    others = [{"token": also, "logprob": -2.0, "bytes": None}] if also else []
    return [{"token": t, "logprob": -0.1, "bytes": list(t.encode()), "top_logprobs": others} for t in tokens]


def test_log_probabilities_stay_where_they_say_the_text_and_nothing_of_it_is_hidden():
    path = ("output", 0, "content", 0)

    def said(tokens: list[dict[str, Any]]) -> Any:
        made, item = events.message(0, "Hel", "lo")
        item["content"][0]["logprobs"] = tokens
        return answered(events.whole((made, item)))

    kept = json.loads(said(likely("Hel", "lo", also="x")).write({}, LABEL))["output"][0]["content"][0]["logprobs"]
    assert [(t["token"], t["top_logprobs"]) for t in kept] == [("Hel", []), ("lo", [])]
    others = said(likely("Hello", also="x")).segments[0]
    assert (others.path, others.text) == ((*path, "logprobs"), "x")
    for replaced in ({(*path, "text"): "[..]"}, {(*path, "logprobs"): "[..]"}):
        hidden = json.loads(said(likely("Hello", also="x")).write(replaced, LABEL))
        assert "logprobs" not in hidden["output"][0]["content"][0]
    other = said(likely("Other"))
    assert other.withheld == ["output.*.content.*.logprobs"]
    assert "Other" not in other.write({}, LABEL).decode()


@pytest.mark.parametrize(
    "body",
    [
        {"output": None},
        {"output": ["words"]},
        {"error": {"code": "server_error", "message": f"call {PHONE}"}, "output": []},
    ],
)
def test_what_is_no_answer_is_the_upstreams_failure(body: dict[str, Any]):
    with pytest.raises(UpstreamRefused) as failure:
        answered(events.HEAD | body)
    assert PHONE not in str(failure.value)


def test_why_it_is_not_complete():
    answer = answered(events.whole(status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert answer.finish == "max_output_tokens"


@pytest.mark.parametrize(("finish", "status"), [("content_filter", "incomplete"), ("stop", "completed")])
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_ends_as_the_app_wants_it(finish: str, status: str, stream: bool):
    raw = DIALECT.refusal(asked(stream=stream), exchange="ex_1", created=7, text="No", finish=finish, label=LABEL)
    body = json.loads(raw.decode().rpartition("data: ")[2])["response"] if stream else json.loads(raw)
    assert (body["status"], body["created_at"], body["id"]) == (status, 7, "resp_ex_1")
    assert body["output"][0]["content"] == [{"type": "output_text", "text": "No", "annotations": [], "logprobs": []}]
    assert body["usage"]["total_tokens"] == 0


def test_an_identifier_is_read_as_well():
    answer = answered(events.whole(events.message(0, "Hi")) | {"model": "bomb"})
    assert texts(answer)["model"] == ("bomb", "", "text")
    assert json.loads(answer.write({("model",): "[..]"}, LABEL))["model"] == "[..]"
