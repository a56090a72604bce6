"""The life of an exchange, through a whole Guiju with the official SDKs: what they get, and what is recorded."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx2 as httpx
import ollama
import openai
import pytest
from pydantic import BaseModel

from fake_upstream import DONE, Upstream, chunk, stream, whole
from guiju import plugins
from whole import Whole

PHONE, MASKED = "13812345678", "[phone number]"  # in the language of the prompt
BAD = "如何制作炸药"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def guiju(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("guiju")
    with Whole(home, "--upstream", upstream.url, "--model", "m", "--workers", "2") as running:
        yield running


@pytest.fixture
def client(guiju: Whole) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{guiju.url}/v1", api_key=guiju.key, max_retries=0)


@pytest.fixture
def claude(guiju: Whole) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=guiju.url, api_key=guiju.key, max_retries=0)


@pytest.fixture
def llama(guiju: Whole) -> Iterator[ollama.Client]:
    with ollama.Client(guiju.url, headers={"authorization": f"Bearer {guiju.key}"}) as running:
        yield running


def command(guiju: Whole, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`guiju …` beside the running one."""
    return subprocess.run(
        [sys.executable, "-m", "guiju.cli.main", *words],
        env=guiju.environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def explained(guiju: Whole, exchange: str) -> dict:
    """The closing entry of an exchange, as the operator sees it."""
    for _ in range(50):
        done = command(guiju, "explain", exchange, "--json")
        if done.returncode == 0:
            last = json.loads(done.stdout)["entries"][-1]
            if last["kind"] == "exchange.closed":
                return last
        time.sleep(0.2)
    raise AssertionError(done.stdout + done.stderr)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


class TestOpenAi:
    def test_an_answer_is_served_labelled_and_recorded(self, guiju: Whole, client: openai.OpenAI):
        raw = client.chat.completions.with_raw_response.create(model="m", messages=user("hello"), user="amei")
        answer = raw.parse()
        assert answer.choices[0].message.content == "You said: hello"
        assert answer.usage.total_tokens == 8
        exchange = raw.headers["x-guiju-exchange"]
        assert answer.model_extra["guiju"]["exchange"] == exchange
        assert answer.model_extra["guiju"]["label"]["AIGC"]["Label"] == "1"
        assert explained(guiju, exchange)["outcome"] == "served"

    def test_an_app_of_a_chinese_name_is_served_and_explained(self, guiju: Whole):
        key = command(guiju, "key", "create", "--app", "客服助手").stdout.strip()
        client = openai.OpenAI(base_url=f"{guiju.url}/v1", api_key=key, max_retries=0)
        raw = client.chat.completions.with_raw_response.create(model="m", messages=user("hello"), user="amei")
        assert all(value.isascii() for value in raw.headers.values())
        exchange = raw.headers["x-guiju-exchange"]
        explained(guiju, exchange)
        shown = command(guiju, "explain", exchange, "--contents", "--reason", "抽查一次").stdout
        assert "app 客服助手, service demo" in shown
        assert "You said: hello" in shown
        command(guiju, "key", "revoke", key)
        assert httpx.get(f"{guiju.url}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 401

    def test_a_stream_says_the_same_in_pieces(self, client: openai.OpenAI):
        pieces = list(client.chat.completions.create(model="m", messages=user("好 吧"), stream=True,
                                                     stream_options={"include_usage": True}))  # fmt: skip
        text = "".join(c.choices[0].delta.content or "" for c in pieces if c.choices)
        assert text == "Yousaid:好吧"
        assert len([c for c in pieces if c.choices and c.choices[0].delta.content]) >= 2
        assert pieces[-1].usage.prompt_tokens == 3
        assert "AIGC" in pieces[0].model_extra["guiju"]["label"]

    def test_usage_comes_only_where_it_was_asked_for(self, client: openai.OpenAI):
        pieces = list(client.chat.completions.create(model="m", messages=user("hi"), stream=True))
        assert all(piece.usage is None for piece in pieces)

    def test_a_bad_prompt_never_reaches_the_model(self, guiju: Whole, upstream: Upstream, client: openai.OpenAI):
        before = len(upstream.asked)
        answer = client.chat.completions.create(model="m", messages=user(BAD))
        assert answer.choices[0].finish_reason == "content_filter"
        assert "/objections/" in answer.choices[0].message.content
        assert len(upstream.asked) == before
        told = explained(guiju, answer.model_extra["guiju"]["exchange"])
        assert told["outcome"] == "input_refused"

    def test_a_refused_prompt_streams_its_refusal(self, client: openai.OpenAI):
        pieces = list(client.chat.completions.create(model="m", messages=user(BAD), stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in pieces if c.choices)
        assert [c.choices[0].finish_reason for c in pieces if c.choices][-1] == "content_filter"

    def test_a_bad_answer_is_stopped_in_mid_stream(self, upstream: Upstream, client: openai.OpenAI):
        upstream.says["stop me"] = stream("先说天气。", "有人问如", "何制作炸", "药", "，很简单")
        pieces = list(client.chat.completions.create(model="m", messages=user("stop me"), stream=True))
        text = "".join(c.choices[0].delta.content or "" for c in pieces if c.choices)
        assert text.startswith("先说天气。")
        assert "制作" not in text
        assert "很简单" not in text
        assert (
            pieces[-1].choices[0].finish_reason == "content_filter"
            or pieces[-2].choices[0].finish_reason == "content_filter"
        )

    def test_parse_raises_the_sdks_own_error_on_a_stop(self, upstream: Upstream, client: openai.OpenAI):
        class Weather(BaseModel):
            city: str

        upstream.says["parse"] = whole({"content": '{"city": "如何制作炸药"}'})
        with pytest.raises(openai.ContentFilterFinishReasonError):
            client.chat.completions.parse(model="m", messages=user("parse"), response_format=Weather)

    def test_a_number_is_masked_in_a_stream_however_it_is_cut(self, upstream: Upstream, client: openai.OpenAI):
        upstream.says["phone"] = stream("请拨打 ", *PHONE, "，谢谢。")
        pieces = client.chat.completions.create(model="m", messages=user("phone"), stream=True)
        text = "".join(c.choices[0].delta.content or "" for c in pieces if c.choices)
        assert text == f"请拨打 {MASKED}，谢谢。"

    def test_parallel_tool_calls_come_whole_and_masked(self, upstream: Upstream, client: openai.OpenAI):
        def call(index: int, **function: str) -> bytes:
            more = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
            return chunk({"tool_calls": [{"index": index, "function": function, **more}]})

        upstream.says["tools"] = [
            call(0, name="dial", arguments=""), call(0, arguments='{"number": "138'), call(0, arguments='12345678"}'),
            call(1, name="note", arguments='{"text": "ok \\u4f'), call(1, arguments='60"}'), chunk({}, "tool_calls"), DONE,
        ]  # fmt: skip
        tools = [
            {"type": "function", "function": {"name": n, "parameters": {"type": "object"}}} for n in ("dial", "note")
        ]
        with client.chat.completions.stream(model="m", messages=user("tools"), tools=tools) as running:
            for _ in running:
                pass
            calls = running.get_final_completion().choices[0].message.tool_calls
        assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
            ("dial", {"number": MASKED}),
            ("note", {"text": "ok 你"}),
        ]

    def test_several_choices_share_one_verdict(self, upstream: Upstream, client: openai.OpenAI):
        pieces: list[bytes | float] = []
        for text in ("天气", "很好", "。"):
            pieces += [chunk({"content": text}, choice=0), chunk({"content": text}, choice=1)]
        pieces += [chunk({"content": "如何制作炸药"}, choice=1), chunk({}, "stop"), chunk({}, "stop", choice=1), DONE]
        upstream.says["two"] = pieces
        heard = list(client.chat.completions.create(model="m", messages=user("two"), n=2, stream=True))
        finishes = {c.index: c.finish_reason for p in heard for c in p.choices if c.finish_reason}
        assert finishes == {0: "content_filter", 1: "content_filter"}

    def test_json_mode_and_images_pass(self, upstream: Upstream, client: openai.OpenAI):
        upstream.says["what is it"] = whole({"content": '{"animal": "cat"}'})
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        answer = client.chat.completions.create(
            model="m", response_format={"type": "json_object"},
            messages=[{"role": "user", "content": [{"type": "text", "text": "what is it"}, image]}],
        )  # fmt: skip
        assert json.loads(answer.choices[0].message.content) == {"animal": "cat"}
        assert upstream.asked[-1]["messages"][0]["content"][1] == image

    def test_logprobs_and_reasoning_pass(self, upstream: Upstream, client: openai.OpenAI):
        probabilities = {"content": [{"token": "好", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
        body = json.loads(whole({"content": "好", "reasoning_content": "想一想"}))
        body["choices"][0]["logprobs"] = probabilities
        upstream.says["probable"] = json.dumps(body).encode()
        answer = client.chat.completions.create(model="m", messages=user("probable"), logprobs=True)
        assert answer.choices[0].message.model_extra["reasoning_content"] == "想一想"
        assert answer.choices[0].logprobs.content[0].token == "好"

    def test_moderations_are_our_own_review(self, client: openai.OpenAI):
        results = client.moderations.create(input=["今天天气很好", BAD]).results
        assert [r.flagged for r in results] == [False, True]

    def test_models_are_those_of_the_app(self, client: openai.OpenAI):
        assert "m" in [model.id for model in client.models.list()]
        assert client.models.retrieve("m").id == "m"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("n")

    @pytest.mark.parametrize(
        ("key", "body", "error"),
        [
            ("gj-wrong", {}, openai.AuthenticationError),
            (None, {"messages": "no list"}, openai.BadRequestError),
            (None, {"model": "m", "messages": [{"role": "user", "content": "x" * 9_000_000}]}, openai.APIStatusError),
        ],
    )
    def test_errors_raise_the_official_classes(self, guiju: Whole, client, key, body, error):
        caller = client if key is None else client.with_options(api_key=key)
        with pytest.raises(error) as raised:
            caller.post("/chat/completions", body={"model": "m", "messages": user("hi")} | body, cast_to=object)
        assert raised.value.code

    def test_an_upstreams_own_error_text_stays_inside(self, upstream: Upstream, client: openai.OpenAI):
        upstream.says["limit"] = (429, b'{"error": {"message": "secret host 10.0.0.7", "code": "rate_limit_exceeded"}}')
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model="m", messages=user("limit"))
        assert "10.0.0.7" not in str(raised.value)

    def test_an_upstream_that_dies_in_mid_stream_is_told(self, guiju: Whole, upstream: Upstream, client: openai.OpenAI):
        upstream.says["die"] = [chunk({"content": "half "}), b"data: {brok"]
        with pytest.raises(openai.APIError) as raised:
            list(client.chat.completions.create(model="m", messages=user("die"), stream=True))
        assert raised.value.code == "upstream_unavailable"


class TestAnthropic:
    def test_a_message_and_its_stream(self, claude: anthropic.Anthropic):
        message = claude.messages.create(model="m", max_tokens=50, messages=user("hello"))
        assert message.content[0].text == "You said: hello"
        assert message.stop_reason == "end_turn"
        with claude.messages.stream(model="m", max_tokens=50, messages=user("a b")) as running:
            assert "".join(running.text_stream) == "Yousaid:ab"
            assert running.get_final_message().usage.output_tokens == 4

    def test_a_refused_prompt_is_a_refusal(self, claude: anthropic.Anthropic):
        message = claude.messages.create(model="m", max_tokens=50, messages=user(BAD))
        assert message.stop_reason == "refusal"

    def test_a_stopped_stream_ends_as_a_refusal(self, upstream: Upstream, claude: anthropic.Anthropic):
        upstream.says["stop claude"] = stream("好的。", "有人问如何制作", "炸药")
        with claude.messages.stream(model="m", max_tokens=50, messages=user("stop claude")) as running:
            text = "".join(running.text_stream)
            final = running.get_final_message()
        assert final.stop_reason == "refusal"
        assert text.startswith("好的。")
        assert "炸药" not in text

    def test_tools_are_translated_both_ways(self, upstream: Upstream, claude: anthropic.Anthropic):
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "dial", "arguments": f'{{"number": "{PHONE}"}}'},
        }
        upstream.says["call him"] = whole({"content": None, "tool_calls": [call]}, "tool_calls")
        tools = [{"name": "dial", "input_schema": {"type": "object", "properties": {"number": {"type": "string"}}}}]
        message = claude.messages.create(model="m", max_tokens=50, messages=user("call him"), tools=tools)
        assert message.stop_reason == "tool_use"
        assert (message.content[0].name, message.content[0].input) == ("dial", {"number": MASKED})
        assert upstream.asked[-1]["tools"][0]["function"]["name"] == "dial"

    def test_errors_raise_the_official_classes(self, claude: anthropic.Anthropic):
        with pytest.raises(anthropic.AuthenticationError):
            claude.with_options(api_key="gj-wrong").messages.create(model="m", max_tokens=5, messages=user("x"))
        with pytest.raises(anthropic.BadRequestError):
            claude.post("/v1/messages", body={"model": "m", "max_tokens": 5, "messages": 3}, cast_to=object)


class TestOllama:
    def test_what_it_asks_first(self, guiju: Whole, llama: ollama.Client):
        assert "m" in [model.model for model in llama.list().models]
        assert llama.show("m").capabilities[:2] == ["completion", "tools"]
        for method, said in (("GET", "Guiju is running"), ("HEAD", "")):
            answer = httpx.request(method, guiju.url)
            assert (answer.status_code, answer.text) == (200, said)
        assert httpx.get(f"{guiju.url}/api/version").json()["version"]

    def test_a_chat_and_its_stream(self, guiju: Whole, upstream: Upstream, llama: ollama.Client):
        answer = llama.chat("m", user("hello"), options={"num_predict": 9})
        assert (answer.message.content, answer.done_reason) == ("You said: hello", "stop")
        assert (answer.prompt_eval_count, answer.eval_count) == (3, 5)
        assert upstream.asked[-1]["max_tokens"] == 9
        pieces = list(llama.chat("m", user("a b"), stream=True))
        assert "".join(p.message.content for p in pieces) == "Yousaid:ab"
        assert [p.done for p in pieces] == [False] * (len(pieces) - 1) + [True]
        assert pieces[-1].eval_count == 4
        raw = httpx.post(
            f"{guiju.url}/api/chat", json={"model": "m", "messages": user("hi")},
            headers={"authorization": f"Bearer {guiju.key}"},
        )  # fmt: skip
        assert raw.headers["content-type"] == "application/x-ndjson"
        assert explained(guiju, raw.headers["x-guiju-exchange"])["outcome"] == "served"

    def test_a_generation_and_its_stream(self, upstream: Upstream, llama: ollama.Client):
        upstream.says["dial"] = stream("请拨打 ", *PHONE, "，谢谢。")
        assert llama.generate("m", "hello", system="be kind").response == "You said: hello"
        assert upstream.asked[-1]["messages"][0] == {"role": "system", "content": "be kind"}
        pieces = llama.generate("m", "dial", stream=True)
        assert "".join(p.response for p in pieces) == f"请拨打 {MASKED}，谢谢。"

    def test_a_bad_prompt_and_a_bad_answer_end_as_refusals(self, upstream: Upstream, llama: ollama.Client):
        answer = llama.chat("m", user(BAD))
        assert answer.done_reason == "content_filter"
        assert "/objections/" in answer.message.content
        upstream.says["stop llama"] = stream("好的。", "有人问如何制作", "炸药")
        pieces = list(llama.generate("m", "stop llama", stream=True))
        text = "".join(p.response for p in pieces)
        assert text.startswith("好的。")
        assert "炸药" not in text
        assert (pieces[-1].done, pieces[-1].done_reason) == (True, "content_filter")

    @pytest.mark.parametrize("streamed", [False, True])
    def test_tools_both_ways(self, upstream: Upstream, llama: ollama.Client, streamed: bool):
        def dial(number: str) -> str:
            """Dial a number."""
            return number

        function = {"name": "dial", "arguments": f'{{"number": "{PHONE}"}}'}
        calls = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
        if streamed:
            upstream.says["llama, dial"] = [chunk({"tool_calls": calls}), chunk({}, "tool_calls"), DONE]
            pieces = llama.chat("m", user("llama, dial"), tools=[dial], stream=True)
            message = next(p.message for p in pieces if p.message.tool_calls)
        else:
            upstream.says["llama, dial"] = whole({"content": None, "tool_calls": calls}, "tool_calls")
            message = llama.chat("m", user("llama, dial"), tools=[dial]).message
        assert [(c.function.name, c.function.arguments) for c in message.tool_calls] == [("dial", {"number": MASKED})]
        assert upstream.asked[-1]["tools"][0]["function"]["name"] == "dial"
        result = {"role": "tool", "tool_name": "dial", "content": "busy"}
        llama.chat("m", [*user("llama, dial"), message, result, *user("and?")])
        _, asked, told, _ = upstream.asked[-1]["messages"]
        assert (asked["tool_calls"][0]["id"], told["content"]) == (told["tool_call_id"], "busy")

    def test_a_schema_and_images_pass(self, upstream: Upstream, llama: ollama.Client):
        upstream.says["which animal"] = whole({"content": '{"animal": "cat"}'})
        schema = {"type": "object", "properties": {"animal": {"type": "string"}}}
        message = {"role": "user", "content": "which animal", "images": [b"\x89PNG\r\n\x1a\n"]}
        answer = llama.chat("m", [message], format=schema)
        assert json.loads(answer.message.content) == {"animal": "cat"}
        assert upstream.asked[-1]["response_format"]["json_schema"]["schema"] == schema
        image = upstream.asked[-1]["messages"][0]["content"][1]
        assert image == {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

    @pytest.mark.parametrize(
        ("status", "what"),
        [
            (400, lambda client: client.generate("m", "hi", raw=True)),
            (404, lambda client: client.show("nothing")),
            (404, lambda client: client.pull("m")),
            (429, lambda client: client.chat("m", user("llama, limit"))),
        ],
    )
    def test_errors_raise_the_clients_own_with_our_sentence(
        self, upstream: Upstream, llama: ollama.Client, status: int, what
    ):
        upstream.says["llama, limit"] = (429, b'{"error": {"message": "secret host 10.0.0.7"}}')
        with pytest.raises(ollama.ResponseError) as raised:
            what(llama)
        assert raised.value.status_code == status
        assert not raised.value.error.startswith("{")
        assert "10.0.0.7" not in raised.value.error

    def test_a_wrong_key_and_an_upstream_that_dies_are_told(
        self, guiju: Whole, upstream: Upstream, llama: ollama.Client
    ):
        with pytest.raises(ollama.ResponseError) as raised, ollama.Client(guiju.url) as nobody:
            nobody.list()
        assert raised.value.status_code == 401
        upstream.says["llama, die"] = [chunk({"content": "half "}), b"data: {brok"]
        with pytest.raises(ollama.ResponseError, match=r"model's server|模型服务"):
            list(llama.chat("m", user("llama, die"), stream=True))


class TestWhileItRuns:
    def test_a_client_that_leaves_cancels_the_upstream(self, guiju: Whole, upstream: Upstream):
        upstream.says["long"] = stream(*["word "] * 400, pause=0.02)
        with httpx.stream(
            "POST", f"{guiju.url}/v1/chat/completions", headers={"authorization": f"Bearer {guiju.key}"},
            json={"model": "m", "stream": True, "messages": user("long")},
        ) as answer:  # fmt: skip
            exchange = answer.headers["x-guiju-exchange"]
            next(answer.iter_raw())
        until(lambda: "long" in upstream.left, 3)
        told = explained(guiju, exchange)
        assert told["outcome"] == "client_left"

    @pytest.mark.parametrize("how", ["suspend", "revoke"])
    def test_suspension_and_revocation_end_a_running_stream_within_a_second(
        self, guiju: Whole, upstream: Upstream, how: str
    ):
        upstream.says["slow"] = stream(*["字"] * 600, pause=0.02)
        key = command(guiju, "key", "create", "--app", "demo").stdout.strip()
        heard: list[tuple[float, bytes]] = []
        threads = [threading.Thread(target=listen, args=(guiju, key, heard)) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(heard) > 8, 5)
        if how == "suspend":
            done = command(guiju, "service", "suspend", "demo", "--reason", "drill")
        else:
            done = command(guiju, "key", "revoke", key[:7])
        returned = time.monotonic()
        assert done.returncode == 0, done.stderr
        for thread in threads:
            thread.join(5)
        if how == "suspend":
            assert command(guiju, "service", "resume", "demo").returncode == 0
        assert max(at for at, _ in heard) < returned + 0.3  # the command returns once every worker has taken it
        said = b"".join(piece for _, piece in heard)
        assert said.count(b"[DONE]") == 4
        assert (b"service_suspended" if how == "suspend" else b"key_revoked") in said
        assert (
            b"service has been suspended" if how == "suspend" else b"key that was used here has been revoked"
        ) in said
        assert said.count(b'"objection":"http') >= 4

    def test_a_large_lexicon_acts_within_a_second_on_every_worker_and_no_stream_stalls(
        self, guiju: Whole, upstream: Upstream, tmp_path: Path
    ):
        terms = [
            f"{a}{b}{c}{d}"
            for a in "甲乙丙丁戊己庚辛壬癸"
            for b in "金木水火土山石田禾竹"
            for c in "东南西北上下左右前后子丑寅卯辰巳午未申酉戌亥"
            for d in "红橙黄绿青蓝紫黑白灰粉棕赤碧丹朱"
        ]
        terms = [f"{t}{n}" for t in terms for n in "一二三"][:100_000]
        file = tmp_path / "big.csv"
        file.write_text("term,class,severity\n" + "".join(f"{t},A.1.h.gambling,high\n" for t in terms))
        upstream.says["steady"] = stream(*["好"] * 700, pause=0.01)
        heard: list[tuple[float, bytes]] = []
        thread = threading.Thread(target=listen, args=(guiju, guiju.key, heard, "steady"))
        thread.start()
        until(lambda: len(heard) > 10, 5)
        done = command(guiju, "lexicon", "import", str(file), "--json")
        assert done.returncode == 0, done.stderr
        client = httpx.Client(headers={"authorization": f"Bearer {guiju.key}"})
        for _ in range(8):  # both workers
            answer = httpx.post(
                f"{guiju.url}/v1/chat/completions", headers=dict(client.headers),
                json={"model": "m", "messages": user(f"请说{terms[-1]}")},
            ).json()  # fmt: skip
            assert answer["choices"][0]["finish_reason"] == "content_filter"
        thread.join(20)
        gaps = [b - a for (a, _), (b, _) in itertools.pairwise(heard)]
        assert max(gaps) < 0.5  # the bound of 0.1 s is measured in bench/, where nothing else runs beside it


def listen(guiju: Whole, key: str, heard: list[tuple[float, bytes]], prompt: str = "slow") -> None:
    body = {"model": "m", "stream": True, "messages": user(prompt)}
    with httpx.stream(
        "POST", f"{guiju.url}/v1/chat/completions", headers={"authorization": f"Bearer {key}"}, json=body, timeout=30
    ) as answer:
        for piece in answer.iter_raw():
            heard.append((time.monotonic(), piece))


def until(true, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_ledger_proves_all_of_it(guiju: Whole):
    done = command(guiju, "ledger", "verify", "--json")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        *((path, "POST") for path in plugins.dialects()),
        ("/v1/moderations", "POST"),
        ("/v1/models", "GET, HEAD"),
        ("/api/show", "POST"),
        ("/api/tags", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_a_path_says_which_method_it_takes(guiju: Whole, path: str, takes: str, method: str):
    answer = httpx.request(method, guiju.url + path)
    if method in takes:
        assert answer.status_code == 401
        return
    assert (answer.status_code, answer.headers["allow"]) == (405, takes)
    assert answer.headers["x-guiju-exchange"].startswith("ex_")
    assert method == "HEAD" or "method_not_allowed" in answer.text


@pytest.mark.parametrize(
    ("language", "said"),
    [("zh-CN,zh;q=0.9", "n：须为 1 到 128 的整数"), ("en", "n: must be a whole number from 1 to 128")],
)
def test_what_is_wrong_with_a_request_is_told_in_its_language(guiju: Whole, language: str, said: str):
    headers = {"authorization": f"Bearer {guiju.key}", "accept-language": language}
    body = {"model": "m", "n": 0.5, "messages": [{"role": "user", "content": "hi"}]}
    answer = httpx.post(f"{guiju.url}/v1/chat/completions", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, said)


def test_an_exchange_leaves_one_line_in_the_log_and_no_contents(guiju: Whole, client: openai.OpenAI):
    answer = client.chat.completions.with_raw_response.create(model="m", messages=user("a secret of the client's"))
    exchange = answer.headers["x-guiju-exchange"]
    lines, deadline = [], time.monotonic() + 10
    while not lines and time.monotonic() < deadline:  # said once the answer has left
        logged = "".join(path.read_text() for path in (guiju.home / "logs").glob("gateway*.log"))
        lines = [line for line in logged.splitlines() if f"exchange={exchange}" in line]
    assert len(lines) == 1
    assert " door=openai_chat model=m outcome=served ms=" in lines[0]
    assert "a secret" not in logged


def test_metrics_tell_what_happened(guiju: Whole, client: openai.OpenAI):
    client.chat.completions.create(model="m", messages=user("hi"))
    assert (
        'guiju_exchanges_total{door="openai_chat",outcome="served",model="m"}' in httpx.get(f"{guiju.url}/metrics").text
    )
