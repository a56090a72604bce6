"""What an upstream may say, for tests: secrets in every place of every dialect, written as the wire writes it."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]
TERM = "制作炸药的配方"
ID_NUMBER = "11010519491231002X"
SECRETS: dict[str, str] = {
    "term": TERM,
    "resident_id": ID_NUMBER,
    "mobile": "13812345678",
    "email": "wang.fang@example.com.cn",
    "api_key": "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z",
}
PROSE = (
    "今天的天气很好，我们去公园散步。", "Let me think about it for a while. ", "他说：", "the answer is ", "\n\n", "🙂",
    "共计 3 项，", "请联系 ", "编号 42。", "é ", "“好的”", "C:\\\\temp ", "如下：\n- 一\n- 二\n",
)  # fmt: skip
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CHANNELS = ("content", "reasoning_content", "arguments", "x_thoughts", "refusal")


class Said(NamedTuple):
    """One upstream stream."""

    raw: bytes
    joined: dict[str, str]
    """(choice.channel) -> all of its text; of arguments the JSON source."""
    secrets: dict[str, list[str]]
    """The same keys -> kinds of secrets inside."""


def prose(rng: random.Random, secrets: list[str]) -> str:
    """Some text with these secrets at random places, each between things that aren't part of it."""
    parts = [rng.choice(PROSE) for _ in range(rng.randint(1, 6))]
    for kind in secrets:
        parts.insert(rng.randint(0, len(parts)), f"“{SECRETS[kind]}”")
    return "".join(parts)


def escaped(rng: random.Random, text: str) -> str:
    """A JSON string's inside, some characters as `\\u` escapes."""
    out = []
    for char in text:
        if rng.random() < 0.4 or char in '"\\' or ord(char) < 32:
            units = char.encode("utf-16-be")
            out += [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
        else:
            out.append(char)
    return "".join(out)


def pieces(rng: random.Random, text: str) -> Iterator[str]:
    """A text cut at random places, often into single characters."""
    at = 0
    while at < len(text):
        size = rng.choice((1, 1, 1, 2, 3, 5, 8, 20))
        yield text[at : at + size]
        at += size


def channels_of(rng: random.Random, kinds: list[str], choices: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Texts for some channels of each choice."""
    joined: dict[str, str] = {}
    inside: dict[str, list[str]] = {}
    for choice in range(choices):
        for channel in rng.sample(CHANNELS, rng.randint(1, 3)):
            picked = rng.sample(kinds, rng.randint(0, min(2, len(kinds)))) if kinds else []
            text = prose(rng, picked)
            if channel == "arguments":
                text = f'{{"note": "{escaped(rng, text)}", "n": 3}}'
            joined[f"{choice}.{channel}"] = text
            inside[f"{choice}.{channel}"] = picked
    return joined, inside


def openai(rng: random.Random, kinds: list[str], *, choices: int = 1, interleaved: bool = True) -> Said:
    """A streamed chat completion; its channels come at the same time, or one after the other."""
    joined, inside = channels_of(rng, kinds, choices)
    events = []
    running = {name: list(pieces(rng, text)) for name, text in joined.items()}
    begun: set[str] = set()
    while running:
        name = rng.choice(list(running)) if interleaved else next(iter(running))
        choice, channel = name.split(".")
        piece = running[name].pop(0)
        if not running[name]:
            del running[name]
        if channel == "arguments":
            call: dict[str, Any] = {"index": 0, "function": {"arguments": piece}}
            if name not in begun:
                call |= {"id": "call_1", "type": "function"}
                call["function"]["name"] = "write_note"
            delta: dict[str, Any] = {"tool_calls": [call]}
        else:
            delta = {channel: piece}
        begun.add(name)
        events.append({**HEAD, "choices": [{"index": int(choice), "delta": delta, "finish_reason": None}]})
    for choice in range(choices):
        events.append({**HEAD, "choices": [{"index": choice, "delta": {}, "finish_reason": "stop"}]})
    return Said(written(rng, [("", event) for event in events]) + b"data: [DONE]\n\n", joined, inside)


def anthropic(rng: random.Random, kinds: list[str]) -> Said:
    """A streamed message: blocks one after the other."""
    joined, inside = channels_of(rng, kinds, 1)
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    events: list[tuple[str, Any]] = [
        ("message_start", {"message": message | {"usage": {"input_tokens": 3, "output_tokens": 1}}})
    ]
    kept_text: dict[str, str] = {}
    kept: dict[str, list[str]] = {}
    blocks = [(name.split(".")[1], name, text) for name, text in joined.items()]
    for index, (channel, name, text) in enumerate(blocks):
        kind = {"content": "text", "reasoning_content": "thinking", "arguments": "tool_use"}.get(channel, "text")
        start: dict[str, Any] = {"type": kind, **({"text": ""} if kind == "text" else {})}
        if kind == "thinking":
            start |= {"thinking": "", "signature": ""}
        if kind == "tool_use":
            start |= {"id": "toolu_1", "name": "write_note", "input": {}}
        field = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}[kind]
        delta = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}[kind]
        events.append(("content_block_start", {"index": index, "content_block": start}))
        events += [
            ("content_block_delta", {"index": index, "delta": {"type": delta, field: piece}})
            for piece in pieces(rng, text)
        ]
        events.append(("content_block_stop", {"index": index}))
        kept_text[f"{index}.{field}"] = text
        kept[f"{index}.{field}"] = inside[name]
    events.append(
        ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}})
    )
    events.append(("message_stop", {}))
    return Said(written(rng, [(name, {"type": name} | body) for name, body in events]), kept_text, kept)


def responses(rng: random.Random, kinds: list[str]) -> Said:
    """A streamed response: items one after the other, each text said again by all that ends."""
    joined, inside = channels_of(rng, kinds, 1)
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "error": None, "tools": []}
    begun = head | {"status": "in_progress", "output": [], "usage": None}
    events: list[Any] = [{"type": f"response.{kind}", "response": begun} for kind in ("created", "in_progress")]
    kept_text: dict[str, str] = {}
    kept: dict[str, list[str]] = {}
    output: list[Any] = []
    for index, (name, text) in enumerate(joined.items()):
        channel = name.split(".")[1]
        said, item, key = _item(rng, channel, index, text)
        events += said
        output.append(item)
        kept_text[f"{index}.{key}"], kept[f"{index}.{key}"] = text, inside[name]
    usage = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    events.append(
        {"type": "response.completed", "response": head | {"status": "completed", "output": output, "usage": usage}}
    )
    numbered = [event | {"sequence_number": number} for number, event in enumerate(events)]
    return Said(written(rng, [(event["type"], event) for event in numbered]), kept_text, kept)


def _item(rng: random.Random, channel: str, index: int, text: str) -> tuple[list[Any], Any, str]:
    """The events of an item with one text, the item as it ends, and the text's place."""
    where = {"item_id": f"item_{index}", "output_index": index}
    done: dict[str, Any]
    if channel == "arguments":
        done = {"id": f"item_{index}", "type": "function_call", "call_id": "call_1", "name": "write_note"}
        done |= {"arguments": text, "status": "completed"}
        kind, field, part, key = "function_call_arguments", "arguments", None, "arguments"
        empty = done | {"arguments": "", "status": "in_progress"}
    elif channel == "x_thoughts":
        done = empty = {"id": f"item_{index}", "type": "x_thoughts", "status": "completed"}
        events = [{"type": "response.x_thoughts.delta", **where, "delta": piece} for piece in pieces(rng, text)]
        added, ended = [
            {"type": f"response.output_item.{w}", "output_index": index, "item": done} for w in ("added", "done")
        ]
        return [added, *events, ended], done, "thoughts"
    else:
        inner = "content_index"
        kind, field = {"content": ("output_text", "text"), "refusal": ("refusal", "refusal"),
                       "reasoning_content": ("reasoning_text", "text")}[channel]  # fmt: skip
        part = {"type": kind, field: text} | ({"annotations": [], "logprobs": []} if channel == "content" else {})
        key = {"content": "0.text", "refusal": "0.refusal", "reasoning_content": "0.reasoning"}[channel]
        done = {"id": f"item_{index}", "type": "message", "role": "assistant", "content": [part], "status": "completed"}
        if channel == "reasoning_content":
            done = {"id": f"item_{index}", "type": "reasoning", "summary": [], "content": [part]}
            if rng.random() < 0.5:
                kind, inner, key = "reasoning_summary_text", "summary_index", "summary"
                part = {"type": "summary_text", "text": text}
                done |= {"summary": [part], "content": []}
        empty = done | {"content": [], **({"summary": []} if "summary" in done else {"status": "in_progress"})}
        where[inner] = 0
    logprobs = {"logprobs": []} if kind == "output_text" else {}
    base, place = f"response.{kind}", "reasoning_summary_part" if key == "summary" else "content_part"
    events = [{"type": "response.output_item.added", "output_index": index, "item": empty}]
    if part:
        events.append({"type": f"response.{place}.added", **where, "part": part | {field: ""}})
    events += [{"type": f"{base}.delta", **where, "delta": piece} | logprobs for piece in pieces(rng, text)]
    events.append({"type": f"{base}.done", **where, field: text} | logprobs)
    if part:
        events.append({"type": f"response.{place}.done", **where, "part": part})
    events.append({"type": "response.output_item.done", "output_index": index, "item": done})
    return events, done, key


def written(rng: random.Random, events: list[tuple[str, Any]]) -> bytes:
    """Server-sent events, each string in `\\u` escapes or in UTF-8."""
    out = []
    for name, body in events:
        data = json.dumps(body, ensure_ascii=rng.random() < 0.5, separators=rng.choice([(",", ":"), (", ", ": ")]))
        out.append((f"event: {name}\n" if name else "") + f"data: {data}\n\n")
    return "".join(out).encode()


def chunked(rng: random.Random, raw: bytes) -> Iterator[bytes]:
    """Bytes cut anywhere: inside characters, escapes, lines."""
    at, sizes = 0, rng.choice(((1,), (1, 2, 3), (1, 7, 40), (100, 1000), (100_000,)))
    while at < len(raw):
        size = rng.choice(sizes)
        yield raw[at : at + size]
        at += size


def events(raw: bytes) -> list[Any]:
    """What a client reads: the JSON of every event, or of every line."""
    found = []
    for line in raw.decode().split("\n"):
        if line and line != "data: [DONE]" and not line.startswith("event: "):
            found.append(json.loads(line.removeprefix("data: ")))
    return found


def heard_openai(raw: bytes) -> dict[str, str]:
    """Client bytes -> joined text of every channel."""
    joined: dict[str, str] = {}
    for event in events(raw):
        for choice in event.get("choices", ()):
            delta = choice.get("delta") or {}
            for call in delta.get("tool_calls") or ():
                key = f"{choice['index']}.arguments"
                joined[key] = joined.get(key, "") + (call["function"].get("arguments") or "")
            for channel, text in delta.items():
                if isinstance(text, str) and channel != "role":
                    key = f"{choice['index']}.{channel}"
                    joined[key] = joined.get(key, "") + text
    return joined


def completions(rng: random.Random, kinds: list[str], *, choices: int = 1) -> Said:
    """Streamed text completions, their choices at the same time; what vLLM adds stands beside the text."""
    joined, inside, running = {}, {}, {}
    for choice in range(choices):
        inside[f"{choice}.text"] = rng.sample(kinds, rng.randint(0, min(2, len(kinds))))
        joined[f"{choice}.text"] = prose(rng, inside[f"{choice}.text"])
        running[choice] = list(pieces(rng, joined[f"{choice}.text"]))
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    more = rng.choice(({}, {"logprobs": None}, {"stop_reason": None, "token_ids": None}))
    events: list[Any] = []
    while running:
        choice = rng.choice(list(running))
        text = running[choice].pop(0)
        if not running[choice]:
            del running[choice]
        events.append({**head, "choices": [{"index": choice, "text": text, "finish_reason": None, **more}]})
    for choice in range(choices):
        events.append({**head, "choices": [{"index": choice, "text": "", "finish_reason": "stop", **more}]})
    return Said(written(rng, [("", event) for event in events]) + b"data: [DONE]\n\n", joined, inside)


def heard_completions(raw: bytes) -> dict[str, str]:
    """Client bytes -> joined text of every choice."""
    joined: dict[str, str] = {}
    for event in events(raw):
        for choice in event.get("choices", ()):
            key = f"{choice['index']}.text"
            joined[key] = joined.get(key, "") + choice["text"]
    return joined


def heard_anthropic(raw: bytes) -> dict[str, str]:
    """The same of messages."""
    joined: dict[str, str] = {}
    for event in events(raw):
        if event["type"] == "content_block_delta":
            for field in ("text", "thinking", "partial_json"):
                if field in event["delta"]:
                    key = f"{event['index']}.{field}"
                    joined[key] = joined.get(key, "") + event["delta"][field]
    return joined


def heard_ollama(raw: bytes) -> dict[str, str]:
    """The same of Ollama's lines, of /api/chat or /api/generate; arguments as JSON source."""
    joined: dict[str, str] = {}
    for event in events(raw):
        said = event["message"] if "message" in event else {"content": event.get("response", "")} | event
        pieces = {name: said[name] for name in ("content", "thinking") if said.get(name)}
        for call in said.get("tool_calls") or ():
            pieces["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        for name, text in pieces.items():
            joined[f"0.{name}"] = joined.get(f"0.{name}", "") + text
    return joined


def heard_responses(raw: bytes) -> dict[str, str]:
    """The same of responses; whatever says a text again must say what the deltas said."""
    joined: dict[str, str] = {}
    found = events(raw)
    numbers = [event["sequence_number"] for event in found if "sequence_number" in event]
    assert numbers == list(range(len(numbers)))
    for event in found:
        base, _, when = event["type"].rpartition(".")
        inner = event.get("content_index")
        keys = {
            "response.output_text": (f"{inner}.text", "text"), "response.refusal": (f"{inner}.refusal", "refusal"),
            "response.reasoning_text": (f"{inner}.reasoning", "text"), "response.x_thoughts": ("thoughts", ""),
            "response.reasoning_summary_text": ("summary", "text"),
            "response.function_call_arguments": ("arguments", "arguments"),
        }  # fmt: skip
        if base in keys:
            key, field = f"{event['output_index']}.{keys[base][0]}", keys[base][1]
            if when == "delta":
                joined[key] = joined.get(key, "") + event["delta"]
            else:
                assert event[field] == joined.get(key, ""), event
        if event["type"] == "response.output_item.done":
            _same(event["item"], event["output_index"], joined)
        if event["type"] in ("response.completed", "response.incomplete"):
            for index, item in enumerate(event["response"]["output"]):
                _same(item, index, joined)
    return joined


def _same(item: Any, index: int, joined: dict[str, str]) -> None:
    """An item says what the deltas said."""
    if "arguments" in item:
        assert item["arguments"] == joined.get(f"{index}.arguments", "")
    for part in item.get("summary", ()):
        assert part["text"] == joined.get(f"{index}.summary", "")
    for place, part in enumerate(item.get("content", ())):
        key, field = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal"),
                      "reasoning_text": ("reasoning", "text")}[part["type"]]  # fmt: skip
        assert part[field] == joined.get(f"{index}.{place}.{key}", "")


SPEECH = {
    "/chat/completions": lambda rng, kinds: openai(rng, kinds, interleaved=False),
    "/completions": completions,
    "/messages": anthropic,
    "/v1/messages": anthropic,
    "/responses": responses,
}
"""Path below an upstream's base URL -> how it speaks there, for the dialects that ask it."""


def embeddings(rng: random.Random, kinds: list[str]) -> tuple[Json, set[str]]:
    """A whole answer of vectors, in either format, with secrets in strings beside them; and which those are."""
    data: list[Json] = []
    for index in range(rng.randint(1, 3)):
        numbers = [rng.uniform(-1, 1) for _ in range(rng.randint(1, 9))]
        packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        data.append({"object": "embedding", "index": index, "embedding": rng.choice((numbers, packed))})
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    return body, hidden_in(rng, [*data, body], kinds)


def token_count(rng: random.Random, kinds: list[str]) -> tuple[Json, set[str]]:
    """The same of a number of tokens."""
    body: Json = {"input_tokens": rng.randint(1, 9_999)}
    return body, hidden_in(rng, [body], kinds)


def hidden_in(rng: random.Random, objects: list[Json], kinds: list[str]) -> set[str]:
    """Put each secret into a field of one of these objects, an unknown one or one where a program's word is expected; which
    of them stayed (two may have met in one field)."""
    for kind in kinds:
        at = rng.choice(objects)
        at[rng.choice([f"x_{kind}", *(name for name in ("object", "model") if name in at)])] = prose(rng, [kind])
    return {kind for kind in kinds if SECRETS[kind] in json.dumps(objects, ensure_ascii=False)}


def numbers_of(body: Json) -> Any:
    """What of such an answer must arrive as it was."""
    return [item["embedding"] for item in body["data"]] if "data" in body else body["input_tokens"]


NUMBERS = {"/embeddings": embeddings, "/messages/count_tokens": token_count}
"""The same of whole answers that are numbers: the answer, and the kinds of secrets inside."""
