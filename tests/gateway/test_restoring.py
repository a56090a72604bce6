"""Personal information stays with the gateway: the upstream sees placeholders, the client its own values, at every door."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

import upstream_text as said
from gateway.test_promise import DOORS, HEARD, LABEL, reviewer
from guiju.gateway import stream
from guiju.gateway.restoring import Restoring
from guiju.ledger import entries
from guiju.review import load
from guiju.review.restore import LONGEST, Kept
from inside import CUT, JSON, KEY, SSE, Inside

POLICY = """
name: default
rules:
  - {id: restored, class: [I.mobile, I.email], direction: input, action: mask, restore: true}
  - {id: for-good, class: I.resident_id, action: mask}
  - {id: out, class: [I.mobile, I.email], direction: output, action: mask}
  - {id: risks, class: [A.1, A.2, A.3, A.4], severity: high, action: refuse}
"""
PHONE, MAIL, ID = "13812345678", "amei@example.com", "11010519491231002X"
OTHER = "13987654321"
"""A number that only the model says."""
PLACEHOLDER = re.compile(r"\[[^\[\]]+-[0-9]+-(?:[a-z][2-9]){4}\]")
PROMPT = f"请联系{PHONE}，抄送 {MAIL}，再打{PHONE}；证件 {ID}"
ECHO = f"请联系{PHONE}，抄送 {MAIL}，再打{PHONE}；证件 [身份证号]"
"""What a model that says its prompt again comes to."""
ZH = {"accept-language": "zh"}
TOOL = {"name": "send", "description": "send", "parameters": {"type": "object", "properties": {}}}


# --- every dialect, cut anywhere ------------------------------------------------------------------


@given(st.sampled_from(sorted(DOORS)), st.integers(0, 1 << 32))
def test_a_stream_says_the_values_however_it_is_cut(door: str, seed: int):
    rng, kept = random.Random(seed), Kept("k7m3p9t2", load.taxonomy().placeholder, "zh")
    values = {kind: said.SECRETS[kind] for kind in ("mobile", "email", "resident_id")}
    placeholders = {kind: kept.placeholder(value, f"I.{kind}") for kind, value in values.items()}
    with pytest.MonkeyPatch.context() as patch:
        for kind, placeholder in placeholders.items():
            patch.setitem(said.SECRETS, kind, placeholder)
        dialect, upstream, text = DOORS[door](rng, list(values))
    raw, relay = relayed(dialect, upstream, text.raw, rng, kept)
    heard, told = HEARD[dialect](raw), relay.told()
    reviewed = {entries.channel(channel): words for channel, words in told["contents"]}
    for at in told["insertions"]:  # the record says where, in what is sealed
        if at.channel in reviewed and "arguments" not in at.channel:
            assert reviewed[at.channel][at.offset : at.offset + at.length] in placeholders.values()
    assert not [value for value in values.values() if value in json.dumps(told["contents"])]
    for channel, source in text.joined.items():
        if channel.endswith(("arguments", "partial_json")):
            assert json.loads(heard[channel])["note"] == unmasked(json.loads(source)["note"], placeholders, values)
        else:
            assert heard.get(channel, "") == unmasked(source, placeholders, values)
    if not text.joined:  # a translation that numbers anew: nothing of a placeholder is left anywhere
        assert "k7m3p9t2" not in json.dumps(heard)


def unmasked(text: str, placeholders: dict[str, str], values: dict[str, str]) -> str:
    for kind, placeholder in placeholders.items():
        text = text.replace(placeholder, values[kind])
    return text


def relayed(dialect: Any, upstream: str, raw: bytes, rng: random.Random, kept: Kept) -> tuple[bytes, stream.Relay]:
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    ask = dialect.read(json.dumps(body | {"prompt": "hi", "input": "hi"}).encode(), {})
    answer = dialect.read_stream(ask, dialect=upstream, label=LABEL, allow_opaque=False)
    relay = stream.Relay(
        answer, stream.gate_maker(reviewer(), language="zh"), place="interface", language="zh", notices=False,
        restoring=Restoring(kept),
    )  # fmt: skip
    out = b""
    for chunk in said.chunked(rng, raw):
        out += b"".join(relay.feed(chunk))
    return out + b"".join(relay.close()) + relay.flush(), relay


def test_no_more_is_held_than_may_become_a_placeholder():
    kept = Kept("k7m3p9t2", load.taxonomy().placeholder, "zh")
    kept.placeholder(PHONE, "I.mobile")
    restoring = Restoring(kept)
    restoring.open("0.content", "text")
    sent = left = 0
    for piece in ["[", *" " * 500, "[手", "机号-", "[1]", *"[手机号-1-k7m3p9t2"]:
        sent, left = sent + len(piece), left + len(restoring.feed("0.content", piece, last=False))
        assert sent - left <= LONGEST + 1
    [(channel, held)] = restoring.cut()
    assert (channel, held, sent) == ("0.content", "[手机号-1-k7m3p9t2", left + len(held))


def test_names_are_left_as_they_are():
    kept = Kept("k7m3p9t2", load.taxonomy().placeholder, "zh")
    placeholder = kept.placeholder(PHONE, "I.mobile")
    restoring = Restoring(kept)
    restoring.open("0.tool_calls.0.name", "name")
    assert restoring.feed("0.tool_calls.0.name", placeholder, last=True) == placeholder


# --- a whole gateway, official SDKs ---------------------------------------------------------------


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("restoring"), policy=POLICY) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(inside: Inside) -> None:
    inside.asked.clear()
    inside.entries.clear()
    inside.says = [parrot]


@pytest.fixture
def client(inside: Inside) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{inside.url}/v1", api_key=KEY, max_retries=0, default_headers=ZH)


@pytest.fixture
def claude(inside: Inside) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=inside.url, api_key=KEY, max_retries=0, default_headers=ZH)


@pytest.fixture
def llama(inside: Inside) -> ollama.Client:
    return ollama.Client(host=inside.url, headers=ZH | {"authorization": f"Bearer {KEY}"})


def sse(*events: Any, done: bool = True, named: bool = False) -> bytes:
    out = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events]
    return SSE + "".join(out).encode() + (b"data: [DONE]\n\n" if done else b"")


def parrot(request: bytes) -> bytes:
    """An upstream that says the newest text of its request again, a character an event, and calls a tool with it."""
    head, _, raw = request.partition(b"\r\n\r\n")
    path, body = head.decode().split(" ")[1], json.loads(raw)
    text, calls = newest(body), bool(body.get("tools"))
    arguments = json.dumps({"text": text, "n": 1})
    make = {"/v1/chat/completions": chat, "/v1/completions": completion, "/v1/messages": message,
            "/v1/responses": response}[path]  # fmt: skip
    return make(text, arguments if calls else "", bool(body.get("stream")))


def newest(body: Any) -> str:
    if "prompt" in body:
        return body["prompt"]
    content = (body.get("messages") or body["input"])[-1] if not isinstance(body.get("input"), str) else body["input"]
    content = content["content"] if isinstance(content, dict) else content
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def chat(text: str, arguments: str, streamed: bool) -> bytes:
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    head = {"id": "c1", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if not streamed:
        said = {"role": "assistant", "content": text, "reasoning_content": text} | (
            {"tool_calls": [call]} if arguments else {}
        )
        logprobs = {"content": [{"token": c, "logprob": 0.0, "bytes": None, "top_logprobs": []} for c in text]}
        choice = {"index": 0, "message": said, "finish_reason": "stop", "logprobs": logprobs}
        return JSON + json.dumps(head | {"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"reasoning_content": c} for c in text),
                         *({"content": c} for c in text)]  # fmt: skip
    if arguments:
        deltas.append({"tool_calls": [{"index": 0, **call, "function": {"name": "send", "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": c}}]} for c in arguments]
    choices = [{"index": 0, "delta": d, "finish_reason": None} for d in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    return sse(*(head | {"object": "chat.completion.chunk", "choices": [c]} for c in choices))


def completion(text: str, _: str, streamed: bool) -> bytes:
    head = {"id": "c1", "object": "text_completion", "created": 1, "model": "m"}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    if not streamed:
        return JSON + json.dumps(head | {"choices": [choice | {"text": text, "finish_reason": "stop"}]}).encode()
    events = [head | {"choices": [choice | {"text": c}]} for c in text]
    return sse(*events, head | {"choices": [choice | {"text": "", "finish_reason": "stop"}]})


def message(text: str, arguments: str, streamed: bool) -> bytes:
    head = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    tool = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}}
    if not streamed:
        blocks: list[Any] = [{"type": "text", "text": text}]
        blocks += [tool | {"input": json.loads(arguments)}] if arguments else []
        return JSON + json.dumps(head | {"content": blocks, "stop_reason": "end_turn"}).encode()
    events: list[Any] = [{"type": "message_start", "message": head | {"content": []}}]
    parts = [({"type": "text", "text": ""}, "text_delta", "text", text)]
    parts += [(tool, "input_json_delta", "partial_json", arguments)] if arguments else []
    for index, (block, kind, field, whole) in enumerate(parts):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": {"type": kind, field: c}} for c in whole]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}}, {"type": "message_stop"}]
    return sse(*events, done=False, named=True)


def response(text: str, arguments: str, streamed: bool) -> bytes:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "error": None, "tools": [],
            "parallel_tool_calls": True, "tool_choice": "auto", "incomplete_details": None, "metadata": {}}  # fmt: skip
    part = {"type": "output_text", "text": text, "annotations": []}
    items: list[Any] = [{"id": "i0", "type": "message", "role": "assistant", "status": "completed", "content": [part]}]
    if arguments:
        call = {"id": "i1", "type": "function_call", "call_id": "c1", "name": "send", "arguments": arguments}
        items.append(call | {"status": "completed"})
    whole = head | {"status": "completed", "output": items}
    if not streamed:
        return JSON + json.dumps(whole).encode()
    events: list[Any] = [{"type": "response.created", "response": head | {"status": "in_progress", "output": []}}]
    for index, item in enumerate(items):
        where, field = {"item_id": item["id"], "output_index": index}, "content" if index == 0 else "arguments"
        events.append({"type": "response.output_item.added", "output_index": index,
                       "item": item | {field: [] if index == 0 else "", "status": "in_progress"}})  # fmt: skip
        if index == 0:
            where["content_index"] = 0
            events.append({"type": "response.content_part.added", **where, "part": part | {"text": ""}})
            events += [{"type": "response.output_text.delta", **where, "delta": c, "logprobs": []} for c in text]
            events.append({"type": "response.output_text.done", **where, "text": text, "logprobs": []})
            events.append({"type": "response.content_part.done", **where, "part": part})
        else:
            events += [{"type": "response.function_call_arguments.delta", **where, "delta": c} for c in arguments]
            events.append({"type": "response.function_call_arguments.done", **where, "arguments": arguments})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return sse(*(e | {"sequence_number": n} for n, e in enumerate(events)), done=False, named=True)


def check(inside: Inside, text: str, arguments: Any = None) -> None:
    """The client has its values, the upstream and the record have none of them."""
    assert text == ECHO
    if arguments is not None:
        assert (json.loads(arguments) if isinstance(arguments, str) else arguments) == {"text": ECHO, "n": 1}
    upstream = inside.asked[-1].decode()
    upstream += json.dumps(json.loads(upstream.partition("\r\n\r\n")[2]), ensure_ascii=False)
    assert not [value for value in (PHONE, MAIL, ID) if value in upstream]
    assert len(set(PLACEHOLDER.findall(upstream))) == 2
    closed = inside.closed()
    [opened] = [e for e in inside.entries if isinstance(e, entries.Opened)]
    assert opened.reversible == ("I.email", "I.mobile")
    assert closed.outcome == "served"
    assert len([i for i in closed.insertions if i.kind == "restored"]) >= 3
    recorded = b"".join(entries.encode(e) for e in inside.entries)
    assert not [value for value in (PHONE, MAIL, ID) if value.encode() in recorded]


class TestDoors:
    def test_chat(self, inside: Inside, client: openai.OpenAI):
        answer = client.chat.completions.create(
            model="openai", messages=[{"role": "user", "content": PROMPT}], tools=[{"type": "function", "function": TOOL}],
            logprobs=True,
        )  # fmt: skip
        said = answer.choices[0].message
        check(inside, said.content, said.tool_calls[0].function.arguments)
        assert said.reasoning_content == ECHO
        assert answer.choices[0].logprobs is None  # they would say the placeholder

    def test_chat_streamed(self, inside: Inside, client: openai.OpenAI):
        text, thought, arguments = "", "", ""
        for chunk in client.chat.completions.create(
            model="openai", messages=[{"role": "user", "content": PROMPT}], stream=True,
            tools=[{"type": "function", "function": TOOL}],
        ):  # fmt: skip
            delta = chunk.choices[0].delta
            text += delta.content or ""
            thought += getattr(delta, "reasoning_content", "") or ""
            for call in delta.tool_calls or ():
                arguments += call.function.arguments or ""
        check(inside, text, arguments)
        assert thought == ECHO

    @pytest.mark.parametrize("model", ["anthropic", "openai"])
    def test_messages(self, inside: Inside, claude: anthropic.Anthropic, model: str):
        tools: Any = [{"name": "send", "input_schema": {"type": "object"}}]
        asked: Any = {
            "model": model,
            "max_tokens": 9,
            "tools": tools,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        for answer in (claude.messages.create(**asked), self.streamed(inside, claude, asked)):
            blocks = {block.type: block for block in answer.content}
            check(inside, blocks["text"].text, blocks["tool_use"].input)

    def streamed(self, inside: Inside, claude: anthropic.Anthropic, asked: Any) -> Any:
        inside.entries.clear()
        with claude.messages.stream(**asked) as events:
            return events.get_final_message()

    @pytest.mark.parametrize("model", ["responses", "openai"])
    def test_responses(self, inside: Inside, client: openai.OpenAI, model: str):
        tools: Any = [{"type": "function", **TOOL, "strict": False}]
        answer = client.responses.create(model=model, input=PROMPT, tools=tools)
        check(inside, answer.output_text, answer.output[-1].arguments)
        inside.entries.clear()
        events = list(client.responses.create(model=model, input=PROMPT, tools=tools, stream=True))
        check(inside, "".join(e.delta for e in events if e.type == "response.output_text.delta"))
        check(inside, events[-1].response.output_text, events[-1].response.output[-1].arguments)

    @pytest.mark.parametrize("model", ["base", "openai"])
    def test_completions(self, inside: Inside, client: openai.OpenAI, model: str):
        check(inside, client.completions.create(model=model, prompt=PROMPT).choices[0].text)
        inside.entries.clear()
        check(
            inside,
            "".join(c.choices[0].text for c in client.completions.create(model=model, prompt=PROMPT, stream=True)),
        )

    def test_ollama(self, inside: Inside, llama: ollama.Client):
        asked: Any = {"model": "openai", "messages": [{"role": "user", "content": PROMPT}]}
        asked["tools"] = [{"type": "function", "function": TOOL}]
        said = llama.chat(**asked).message
        check(inside, said.content, said.tool_calls[0].function.arguments)
        inside.entries.clear()
        parts = [part.message for part in llama.chat(**asked, stream=True)]
        calls = [call for part in parts for call in part.tool_calls or ()]
        check(inside, "".join(p.content or "" for p in parts), calls[0].function.arguments)
        inside.entries.clear()
        check(inside, llama.generate(model="openai", prompt=PROMPT).response)
        inside.entries.clear()
        check(inside, "".join(p.response for p in llama.generate(model="openai", prompt=PROMPT, stream=True)))

    def test_embeddings_are_masked_for_good(self, inside: Inside, client: openai.OpenAI):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        inside.says = [JSON + json.dumps(body).encode()]
        client.embeddings.create(model="openai", input=f"{PHONE} {MAIL}", encoding_format="float")
        assert json.loads(inside.asked[-1].partition(b"\r\n\r\n")[2])["input"] == "[手机号] [邮箱]"


class TestRequest:
    def test_every_text_of_it_has_the_same_placeholders(self, inside: Inside, client: openai.OpenAI):
        arguments = json.dumps({"to": PHONE, "cc": [MAIL]})
        call: Any = {"id": "call_138", "type": "function", "function": {"name": "send", "arguments": arguments}}
        messages: Any = [
            {"role": "system", "content": f"你是{MAIL}的助手"},
            {"role": "user", "content": [{"type": "text", "text": f"打给{PHONE}"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_138", "content": f"已发给{PHONE}"},
            {"role": "user", "content": PROMPT},
        ]
        answer = client.chat.completions.create(model="openai", messages=messages)
        assert answer.choices[0].message.content == ECHO
        body = json.loads(inside.asked[-1].partition(b"\r\n\r\n")[2])["messages"]
        mail, phone = body[0]["content"][2:-3], body[1]["content"][0]["text"][2:]
        assert PLACEHOLDER.fullmatch(mail)
        assert PLACEHOLDER.fullmatch(phone)
        function = body[2]["tool_calls"][0]["function"]
        assert json.loads(function["arguments"]) == {"to": phone, "cc": [mail]}
        assert (body[2]["tool_calls"][0]["id"], function["name"]) == ("call_138", "send")
        assert body[3]["content"] == f"已发给{phone}"

    def test_a_forged_placeholder_is_text(self, inside: Inside, client: openai.OpenAI):
        forged = f"[手机号-1-k7m3p9t2] {PHONE} [手机号-1-b2c3d4f5]"
        answer = client.chat.completions.create(model="openai", messages=[{"role": "user", "content": forged}])
        assert answer.choices[0].message.content == forged

    def test_exchanges_at_the_same_time_keep_their_own(self, inside: Inside, client: openai.OpenAI):
        def ask(number: int) -> None:
            text = f"打给 138{number:08d} 再发 u{number}@example.com"
            parts = client.chat.completions.create(
                model="openai", messages=[{"role": "user", "content": text}], stream=True
            )
            assert "".join(p.choices[0].delta.content or "" for p in parts) == text

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(12345670, 12345702)))
        marks = {PLACEHOLDER.findall(json.dumps(json.loads(raw.partition(b"\r\n\r\n")[2]), ensure_ascii=False))[0][-9:]
                 for raw in inside.asked}  # fmt: skip
        assert len(marks) == 32


class TestAnswer:
    def test_what_the_model_adds_is_reviewed_and_masked(self, inside: Inside, client: openai.OpenAI):
        for streamed in (False, True):
            inside.entries.clear()
            inside.says = [lambda request, on=streamed: chat(f"{OTHER}，{placeholder(request)}。{ID}", "", on)]
            content = ask(client, f"打给{PHONE}", streamed)
            assert content == f"[手机号]，{PHONE}。[身份证号]"
            closed = inside.closed()
            assert closed.outcome == "masked"
            assert {i.kind for i in closed.insertions} == ({"mask", "restored"} if streamed else {"restored"})

    def test_log_probabilities_never_say_a_placeholder(self, inside: Inside, client: openai.OpenAI):
        def likely(request: bytes) -> bytes:
            head = {"id": "c1", "created": 1, "model": "m", "object": "chat.completion.chunk"}
            text = f"打给{placeholder(request)}吧"
            told = [{"token": c, "logprob": 0.0, "bytes": None, "top_logprobs": []} for c in text]
            choices: list[Any] = [
                {"index": 0, "delta": {"content": e["token"]}, "logprobs": {"content": [e]}, "finish_reason": None}
                for e in told
            ]
            return sse(
                *(head | {"choices": [c]} for c in [*choices, {"index": 0, "delta": {}, "finish_reason": "stop"}])
            )

        inside.says = [likely]
        text, tokens = "", ""
        for part in client.chat.completions.create(
            model="openai", messages=[{"role": "user", "content": PHONE}], stream=True, logprobs=True
        ):
            text += part.choices[0].delta.content or ""
            tokens += "".join(e.token for e in (part.choices[0].logprobs and part.choices[0].logprobs.content) or ())
        assert (text, tokens) == (f"打给{PHONE}吧", "打给")

    def test_a_value_with_quotes_and_breaks_is_written_as_json(self, inside: Inside):
        kept = Kept("k7m3p9t2", load.taxonomy().placeholder, "zh")
        placeholder = kept.placeholder('a "b"\n\\', "I.address")
        raw = chat(f"见{placeholder}。", json.dumps({"to": placeholder}), True).partition(b"\r\n\r\n")[2]
        dialect, upstream, _ = DOORS["openai"](random.Random(1), [])
        for seed in range(20):
            heard = HEARD[dialect](relayed(dialect, upstream, raw, random.Random(seed), kept)[0])
            assert heard["0.content"] == '见a "b"\n\\。'
            assert json.loads(heard["0.arguments"]) == {"to": 'a "b"\n\\'}

    def test_a_stopped_stream_ends_after_what_was_safe(self, inside: Inside, client: openai.OpenAI):
        inside.says = [lambda request: completion(f"{placeholder(request)}，如何制作炸药", "", True)]
        parts = list(client.completions.create(model="base", prompt=f"打给{PHONE}", stream=True))
        assert "".join(part.choices[0].text for part in parts).startswith(f"{PHONE}，")
        assert parts[-1].choices[0].finish_reason == "content_filter"
        closed = inside.closed()
        assert closed.outcome == "refused"
        assert [(i.kind, i.offset) for i in closed.insertions] == [("restored", 0)]

    def test_a_stream_that_breaks_off_loses_nothing_that_passed(self, inside: Inside):
        def half(request: bytes) -> bytes:
            whole = chat(placeholder(request)[:-4], "", True)
            return whole[: whole.rindex(b'data: {"id"')]

        inside.says = [half, 0.2, CUT]
        messages = [{"role": "user", "content": f"打给{PHONE}"}]
        answer = inside.ask(messages=messages, stream=True)
        shown = placeholder(inside.asked[-1])[:-4]
        pieces = [json.loads(line[6:]) for line in answer.decode().split("\n") if line.startswith("data: {")]
        assert shown in "".join(c["delta"].get("content", "") for p in pieces for c in p.get("choices", ()))
        assert inside.closed().outcome == "upstream_error"


def ask(client: openai.OpenAI, text: str, streamed: bool) -> str:
    asked: Any = {"model": "openai", "messages": [{"role": "user", "content": text}]}
    if not streamed:
        return client.chat.completions.create(**asked).choices[0].message.content or ""
    parts = client.chat.completions.create(**asked, stream=True)
    return "".join(p.choices[0].delta.content or "" for p in parts if p.choices)


def placeholder(request: bytes) -> str:
    """The first that the upstream was sent."""
    return PLACEHOLDER.findall(newest(json.loads(request.partition(b"\r\n\r\n")[2])))[0]


def test_where_no_rule_restores_nothing_is_kept(tmp_path: Path):
    with Inside(tmp_path, policy=POLICY.replace(", restore: true", "")) as plain:
        plain.says = [parrot]
        answer = plain.ask(messages=[{"role": "user", "content": PHONE}])
        assert "[手机号]" in answer.decode()
        assert [e.reversible for e in plain.entries if isinstance(e, entries.Opened)] == [()]
