"""Doors beside chat and messages, with the official SDKs: text completions, embeddings, counted tokens."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import fake_upstream
from guiju.gateway import texts
from guiju.ledger import entries
from guiju.wire import vectors
from inside import JSON, KEY, SSE, Inside

PHONE, MASKED = "13812345678", "[手机号]"
ID, ID_MASKED = "11010519491231002X", "[身份证号]"  # what the shipped policy masks on the way in, too
BAD = "如何制作炸药"
ZH = {"accept-language": "zh"}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("doors")) as running:
        yield running


@pytest.fixture
def client(inside: Inside) -> openai.OpenAI:
    inside.asked.clear()
    inside.entries.clear()
    return openai.OpenAI(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0, default_headers=ZH)


@pytest.fixture
def claude(inside: Inside) -> anthropic.Anthropic:
    inside.asked.clear()
    inside.entries.clear()
    return anthropic.Anthropic(base_url=inside.url, api_key=KEY, max_retries=0, default_headers=ZH)


def asked(inside: Inside) -> tuple[str, Any]:
    """The path and the body of the one request that the upstream got."""
    [raw] = inside.asked
    head, _, body = raw.partition(b"\r\n\r\n")
    return head.decode().split(" ")[1], json.loads(body)


def completion(*texts: str, **more: Any) -> bytes:
    choices = [{"text": text, "index": i, "logprobs": None, "finish_reason": "stop"} for i, text in enumerate(texts)]
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    body = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "up",
        "choices": choices,
        "usage": usage,
    }
    return JSON + json.dumps(body | more).encode()


class TestCompletions:
    def test_an_answer_is_reviewed_labelled_and_recorded(self, inside: Inside, client: openai.OpenAI):
        inside.says = [completion(f"电话 {PHONE}。", "好")]
        answer = client.completions.create(model="base", prompt="你好", n=2, stop=["\n"], max_tokens=9, suffix="完")
        assert [(c.index, c.text) for c in answer.choices] == [(0, f"电话 {MASKED}。"), (1, "好")]
        assert answer.object == "text_completion"
        assert answer.usage.total_tokens == 8
        assert answer.model_extra["guiju"]["action"] == "mask"
        path, body = asked(inside)
        assert path == "/v1/completions"
        assert body == {"model": "base", "prompt": "你好", "n": 2, "stop": ["\n"], "max_tokens": 9, "suffix": "完"}
        closed = inside.closed()
        assert (closed.outcome, closed.input_tokens, len(closed.content_ids)) == ("masked", 3, 2)

    def test_several_prompts_have_an_answer_each(self, inside: Inside, client: openai.OpenAI):
        inside.says = [completion("甲", "乙")]
        answer = client.completions.create(model="base", prompt=["一", f"二 {ID}"])
        assert [c.text for c in answer.choices] == ["甲", "乙"]
        assert asked(inside)[1]["prompt"] == ["一", f"二 {ID_MASKED}"]

    @pytest.mark.parametrize("model", ["base", "openai"])
    def test_a_stream_is_held_back_choice_by_choice(self, inside: Inside, client: openai.OpenAI, model: str):
        def piece(index: int, text: str, finish: str | None = None) -> bytes:
            if model == "openai":
                return fake_upstream.chunk({"content": text}, finish, index)
            choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
            return (
                b"data: " + json.dumps({"id": "c", "created": 1, "model": "m", "choices": [choice]}).encode() + b"\n\n"
            )

        inside.says = [SSE, piece(0, "打 138"), piece(1, "1234"), piece(0, "1234"), piece(1, "好"), piece(0, "5678 吧")]
        inside.says += [piece(0, "", "stop"), piece(1, "", "length"), fake_upstream.DONE]
        texts, finishes = ["", ""], {}
        for event in client.completions.create(model=model, prompt="你好", n=2, stream=True):
            assert event.object == "text_completion"
            for choice in event.choices:
                texts[choice.index] += choice.text
                finishes |= {choice.index: choice.finish_reason} if choice.finish_reason else {}
        assert texts == [f"打 {MASKED} 吧", "1234好"]
        assert finishes == {0: "stop", 1: "length"}

    def test_a_server_of_chat_is_asked_for_a_chat(self, inside: Inside, client: openai.OpenAI):
        inside.says = [JSON + fake_upstream.whole({"content": "巴黎", "reasoning_content": "想"}, "length")]
        answer = client.completions.create(model="openai", prompt="法国的首都是", temperature=0, logprobs=2)
        assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("巴黎", "length")
        path, body = asked(inside)
        assert path == "/v1/chat/completions"
        message = {"role": "user", "content": "法国的首都是"}
        assert body == {
            "model": "openai", "messages": [message], "temperature": 0, "max_tokens": 16, "logprobs": True,
            "top_logprobs": 2,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("field", "value"),
        [("suffix", "x"), ("echo", True), ("best_of", 3), ("prompt", ["a", "b"])],
    )
    def test_what_chat_has_no_word_for_is_refused(self, inside: Inside, client: openai.OpenAI, field: str, value: Any):
        with pytest.raises(openai.BadRequestError, match="其服务不提供文本补全") as refused:
            client.completions.create(**{"model": "openai", "prompt": "hi"} | {field: value})
        assert refused.value.param == field
        assert inside.asked == []

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_bad_prompt_gets_a_refusal_in_every_choice(self, inside: Inside, client: openai.OpenAI, stream: bool):
        answers: Any = client.completions.create(model="base", prompt=["好", BAD], n=2, stream=stream)
        choices = [c for a in (answers if stream else [answers]) for c in a.choices]
        assert {c.index for c in choices if "/objections/" in c.text} == {0, 1, 2, 3}
        assert {c.finish_reason for c in choices} - {None} == {"content_filter"}
        assert inside.asked == []

    def test_token_numbers_are_refused_as_unread(self, inside: Inside, client: openai.OpenAI):
        with pytest.raises(openai.BadRequestError, match="词元编号") as refused:
            client.completions.create(model="base", prompt=[1, 2, 3])
        assert refused.value.code == "media_not_allowed"
        assert inside.asked == []


def test_an_app_may_let_token_numbers_through_and_they_are_recorded_as_unread(tmp_path: Path):
    with Inside(tmp_path, app={"allow_opaque": True, "allow_media": False}) as inside:
        client = openai.OpenAI(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0)
        inside.says = [completion("a", "b")]
        client.completions.create(model="base", prompt=[[1, 2], [13812345678]])
        assert asked(inside)[1]["prompt"] == [[1, 2], [13812345678]]
        [opened] = [e for e in inside.entries if isinstance(e, entries.Opened)]
        assert [(m.path, m.kind) for m in opened.media] == [(("prompt",), "tokens")]


TOLD = [16, 18, 23, 17]
"""Tokens that spell what is masked."""


def told_again(path: str, stream: bool) -> list[bytes]:
    """An answer as vLLM writes it where it is asked for `return_token_ids` and `prompt_logprobs`."""
    likely = [None, {"16": {"logprob": -0.5, "rank": 1, "decoded_token": "1"}}]
    numbers = {"prompt_token_ids": TOLD, "prompt_logprobs": likely}
    said = {"text": PHONE} if path == "/v1/completions" else {"delta" if stream else "message": {"content": PHONE}}
    choice = {"index": 0, **said, "finish_reason": None if stream else "stop", "token_ids": TOLD, **numbers}
    body = {"id": "c1", "created": 1, "model": "m", "choices": [choice], "token_ids": TOLD, **numbers}
    if not stream:
        return [JSON + json.dumps(body).encode()]
    last = {
        "index": 0,
        **({"text": ""} if "text" in said else {"delta": {}}),
        "finish_reason": "stop",
        "token_ids": None,
    }
    events = (body, {**body, "choices": [last]})
    return [SSE, *(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events), b"data: [DONE]\n\n"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "model"), [("/v1/chat/completions", "openai"), ("/v1/completions", "base")])
def test_tokens_that_tell_an_answer_again_are_withheld_unless_the_app_lets_them_through(
    tmp_path: Path, path: str, model: str, stream: bool
):
    for allowed in (False, True):
        with Inside(tmp_path / str(allowed), app={"allow_opaque": allowed}) as inside:
            inside.says = told_again(path, stream)
            more = {"prompt": "hi"} if model == "base" else {}
            answer = inside.ask(path, model=model, stream=stream, **more)
            closed = inside.closed()
        assert (closed.outcome, PHONE.encode() in answer) == ("masked", False)
        assert (json.dumps(TOLD, separators=(",", ":")).encode() in answer) is allowed
        assert (b"decoded_token" in answer) is allowed
        names = ("prompt_logprobs", "prompt_token_ids", "token_ids")
        expected = {f"{place}{name}" for place in ("", "choices.*.") for name in names}
        assert set(closed.withheld) == (set() if allowed else expected)


NUMBERS = [0.25, -1.5, 3.0]
PACKED = base64.b64encode(struct.pack("<3f", *NUMBERS)).decode()


def embedded(*vectors: Any, **more: Any) -> bytes:
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return JSON + json.dumps({"object": "list", "data": data, "model": "m", "usage": usage} | more).encode()


class TestEmbeddings:
    def test_the_sdk_asks_for_base64_and_gets_numbers(self, inside: Inside, client: openai.OpenAI):
        inside.says = [embedded(PACKED, PACKED)]
        raw = client.embeddings.with_raw_response.create(model="openai", input=["你好", f"我是 {ID}"])
        answer = raw.parse()
        assert [item.embedding for item in answer.data] == [NUMBERS, NUMBERS]
        assert asked(inside) == (
            "/v1/embeddings",
            {"model": "openai", "input": ["你好", f"我是 {ID_MASKED}"], "encoding_format": "base64"},
        )
        exchange = answer.model_extra["guiju"]["exchange"]
        assert raw.headers["x-guiju-exchange"] == exchange
        assert json.loads(raw.headers["x-guiju-label"]) == answer.model_extra["guiju"]["label"]
        closed = inside.closed()
        assert (closed.outcome, closed.input_tokens, closed.output_tokens) == ("served", 7, 0)

    def test_numbers_arrive_as_numbers_where_they_were_asked_for(self, inside: Inside, client: openai.OpenAI):
        inside.says = [embedded(NUMBERS)]
        answer = client.embeddings.create(
            model="openai", input="hi", encoding_format="float", dimensions=3, user="amei"
        )
        assert answer.data[0].embedding == NUMBERS
        assert asked(inside)[1]["encoding_format"] == "float"

    def test_a_server_that_gives_numbers_although_base64_was_asked_for(self, inside: Inside, client: openai.OpenAI):
        inside.says = [embedded(NUMBERS)]
        assert client.embeddings.create(model="openai", input="hi").data[0].embedding == NUMBERS

    def test_a_large_answer_is_read_beside_the_loop(
        self, inside: Inside, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
    ):
        read_in: list[str] = []
        lift = vectors.lift
        monkeypatch.setattr(
            vectors, "lift", lambda body: (read_in.append(threading.current_thread().name), lift(body))[1]
        )
        inside.says = [embedded(NUMBERS, padding=" " * texts.LARGE_BODY)]
        assert client.embeddings.create(model="openai", input="hi").data[0].embedding == NUMBERS
        assert read_in[0].startswith("asyncio_")
        inside.says = [embedded(NUMBERS)]
        client.embeddings.create(model="openai", input="hi")
        assert not read_in[1].startswith("asyncio_")

    def test_a_refusal_is_an_error(self, inside: Inside, client: openai.OpenAI):
        with pytest.raises(openai.PermissionDeniedError, match="/objections/") as refused:
            client.embeddings.create(model="openai", input=["好", BAD])
        assert refused.value.code == "content_blocked"
        assert refused.value.body["guiju"]["action"] == "refuse"
        assert inside.asked == []
        assert inside.closed().outcome == "input_blocked"

    def test_words_beside_the_vectors_are_reviewed(self, inside: Inside, client: openai.OpenAI):
        inside.says = [embedded(PACKED, note=f"call {PHONE}")]
        answer = client.embeddings.create(model="openai", input="hi")
        assert answer.model_extra["note"] == f"call {MASKED}"
        inside.says = [embedded(PACKED, note=BAD)]
        with pytest.raises(openai.PermissionDeniedError):
            client.embeddings.create(model="openai", input="hi")

    @pytest.mark.parametrize("vector", ["aGVsbG8h", PHONE, [1e9], None, {"a": 1}], ids=str)
    def test_what_is_no_vector_is_the_upstreams_error(self, inside: Inside, client: openai.OpenAI, vector: Any):
        inside.says = [embedded(NUMBERS, vector)]
        with pytest.raises(openai.InternalServerError, match="并非数值向量"):
            client.embeddings.create(model="openai", input=["a", "b"])
        assert inside.closed().outcome == "upstream_error"

    def test_token_numbers_are_refused_as_unread(self, client: openai.OpenAI):
        with pytest.raises(openai.BadRequestError, match="词元编号"):
            client.embeddings.create(model="openai", input=[1, 2])

    def test_a_server_without_embeddings_is_not_asked(self, client: openai.OpenAI):
        with pytest.raises(openai.BadRequestError, match="/v1/completions") as refused:
            client.embeddings.create(model="base", input="hi")
        assert refused.value.code == "wrong_endpoint"


class TestCountedTokens:
    def test_an_anthropic_server_counts(self, inside: Inside, claude: anthropic.Anthropic):
        inside.says = [JSON + b'{"input_tokens": 14}']
        count = claude.messages.count_tokens(
            model="anthropic", system="s", messages=[{"role": "user", "content": f"我是 {ID}"}]
        )
        assert count.input_tokens == 14
        assert "estimated" not in count.model_extra["guiju"]
        path, body = asked(inside)
        assert path == "/v1/messages/count_tokens"
        assert body["messages"] == [{"role": "user", "content": f"我是 {ID_MASKED}"}]
        closed = inside.closed()
        assert (closed.outcome, closed.input_tokens) == ("served", 0)

    def test_before_any_other_server_it_is_an_estimate_and_nobody_is_asked(
        self, inside: Inside, claude: anthropic.Anthropic
    ):
        count = claude.messages.count_tokens(model="openai", messages=[{"role": "user", "content": "一" * 100}])
        assert count.input_tokens == 64
        assert count.model_extra["guiju"]["estimated"] is True
        assert inside.asked == []
        assert inside.closed().outcome == "served"

    @pytest.mark.parametrize("model", ["anthropic", "openai"])
    def test_a_refusal_is_an_error(self, inside: Inside, claude: anthropic.Anthropic, model: str):
        with pytest.raises(anthropic.PermissionDeniedError, match="/objections/"):
            claude.messages.count_tokens(model=model, messages=[{"role": "user", "content": BAD}])
        assert inside.asked == []

    def test_an_estimate_is_no_second_try_of_a_count(self, inside: Inside, claude: anthropic.Anthropic):
        inside.says = [b"HTTP/1.1 503 Later\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]
        with pytest.raises(anthropic.APIStatusError):
            claude.messages.count_tokens(model="mixed", messages=[{"role": "user", "content": "hi"}])
        assert {raw.split(b" ")[1] for raw in inside.asked} == {b"/v1/messages/count_tokens"}

    def test_what_is_no_number_is_the_upstreams_error(self, inside: Inside, claude: anthropic.Anthropic):
        inside.says = [JSON + b'{"input_tokens": "14"}']
        with pytest.raises(anthropic.InternalServerError, match="词元数"):
            claude.messages.count_tokens(model="anthropic", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("stray", [f"call {PHONE}", "cal"])
@pytest.mark.parametrize(("path", "model"), [("/v1/chat/completions", "openai"), ("/v1/completions", "base")])
def test_a_text_that_nobody_knows_in_a_choice_ends_with_it(inside: Inside, path: str, model: str, stray: str):
    said = {"text": "hi"} if model == "base" else {"delta": {"content": "hi"}}
    ended = {"text": ""} if model == "base" else {"delta": {}}
    events = [
        {"index": 0, **said, "note": stray, "finish_reason": None},
        {"index": 0, **ended, "finish_reason": "stop"},
    ]
    inside.says = [
        SSE,
        *(b"data: " + json.dumps({"choices": [c]}).encode() + b"\n\n" for c in events),
        b"data: [DONE]\n\n",
    ]
    answer = inside.ask(path, model=model, stream=True, **({"prompt": "hi"} if model == "base" else {}))
    lines = answer.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n").split(b"\n")
    found = [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]
    choices = [event["choices"][0] for event in found]
    assert "".join(c.get("note") or "" for c in choices) == stray.replace(PHONE, "[phone number]")
    assert [c["finish_reason"] for c in choices][-1] == "stop"
    assert found[-1]["guiju"].get("action") == ("mask" if PHONE in stray else None)
