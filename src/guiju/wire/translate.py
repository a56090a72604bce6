"""Anthropic asked, OpenAI answers: requests one way, whole answers and streams the other.

Pure. Sources: both API references. Words that have no counterpart are left out of the request (`cache_control`, `metadata`)
or out of the answer (log probabilities); fields that neither has a word for travel by the rule of unknown.py.
"""

from __future__ import annotations

from typing import Any

from guiju.errors import BadRequest, Said, UpstreamRefused
from guiju.wire import unknown
from guiju.wire.dialect import Json, count
from guiju.wire.openai_chunks import ChunkTranslator
from guiju.wire.strings import UNREADABLE, decode, encode, object_in, objects_in, text_in

_WORDS = frozenset(
    "model messages system max_tokens temperature top_p stream stop_sequences tools tool_choice output_config output_format "
    "metadata service_tier container mcp_servers context_management cache_control inference_geo speed betas "
    "anthropic_version anthropic_beta".split()
)
"""Of Anthropic's requests. `top_k` and `thinking` aren't among them: vLLM, SGLang, DeepSeek take them as they are."""
_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


# --- request ------------------------------------------------------------------------------------


def request(body: Json) -> Json:
    """An Anthropic request -> an OpenAI one. Raises: BadRequest where a block can't be expressed."""
    messages: list[Json] = []
    if system := plain_text(body.get("system")):
        messages.append({"role": "system", "content": system})
    for number, message in enumerate(body["messages"]):
        messages += _message(message, f"messages.{number}")
    out: Json = {"model": body["model"], "messages": messages}
    for name in ("max_tokens", "temperature", "top_p", "stream"):
        if name in body:
            out[name] = body[name]
    if body.get("stop_sequences"):
        out["stop"] = body["stop_sequences"]
    if body.get("stream"):
        out["stream_options"] = {"include_usage": True}
    if tools := body.get("tools"):
        out["tools"] = [_tool(t, f"tools.{n}") for n, t in enumerate(tools if isinstance(tools, list) else [tools])]
    if isinstance(choice := body.get("tool_choice"), dict):
        out["tool_choice"] = _tool_choice(choice)
        if choice.get("disable_parallel_tool_use"):
            out["parallel_tool_calls"] = False
    options = body.get("output_config")
    wanted = options.get("format") if isinstance(options, dict) else body.get("output_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = {"name": "answer", "schema": wanted.get("schema"), "strict": True}
        out["response_format"] = {"type": "json_schema", "json_schema": schema}
    return unknown.asked(out, body, _WORDS)


def plain_text(content: Any, between: str = "\n") -> str:
    """The text of a message's content, which may be a string or parts."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return between.join(text_in(b.get("text")) for b in blocks if isinstance(b, dict) and b.get("type") == "text")


def _message(message: Json, place: str) -> list[Json]:
    content, role = message.get("content"), message["role"]
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    if not isinstance(content, list):
        raise BadRequest(
            field=f"{place}.content", problem=Said("must be a string or a list of blocks", "须为字符串或内容块列表")
        )
    parts: list[Json] = []
    calls: list[Json] = []
    results: list[Json] = []
    for number, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            parts.append({"type": "text", "text": text_in(block.get("text"))})
        elif kind in ("image", "document"):
            parts.append(_medium(block, f"{place}.content.{number}"))
        elif kind == "tool_use":
            arguments = encode(block.get("input") or {}).decode()
            calls.append(
                {
                    "id": block.get("id"),
                    "type": "function",
                    "function": {"name": block.get("name"), "arguments": arguments},
                }
            )
        elif kind == "tool_result":
            results.append(
                {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": plain_text(block.get("content"))}
            )
            inner = block.get("content")
            for at, b in enumerate(inner if isinstance(inner, list) else []):
                if not isinstance(b, dict) or b.get("type") != "text":
                    parts.append(_medium(b, f"{place}.content.{number}.content.{at}"))
        elif kind not in ("thinking", "redacted_thinking"):
            raise _unfit(f"{place}.content.{number}.type", kind)
    if role == "assistant":
        text = "".join(p["text"] for p in parts if p["type"] == "text")
        if not calls:
            return [{"role": "assistant", "content": text}]
        return [{"role": "assistant", "content": text or None, "tool_calls": calls}]
    if not parts:
        return results
    only_text = all(p["type"] == "text" for p in parts)
    return [*results, {"role": role, "content": "\n".join(p["text"] for p in parts) if only_text else parts}]


def _unfit(field: str, kind: Any) -> BadRequest:
    return BadRequest(
        field=field, problem=Said("`{kind}` can't be sent to this upstream", "`{kind}` 无法发送给该上游", kind=kind)
    )


def _medium(block: Any, place: str) -> Json:
    what = block.get("type") if isinstance(block, dict) else None
    if what not in ("image", "document"):
        raise _unfit(f"{place}.type", what)
    source: Json = block["source"] if isinstance(block.get("source"), dict) else {}
    kind = source.get("type")
    if what == "document" and kind == "text":
        return {"type": "text", "text": text_in(source.get("data"))}
    if what == "document" and kind == "base64":
        data = f"data:{source.get('media_type')};base64,{source.get('data')}"
        return {"type": "file", "file": {"filename": text_in(block.get("title")) or "document", "file_data": data}}
    if what == "image" and kind == "base64":
        return {
            "type": "image_url",
            "image_url": {"url": f"data:{source.get('media_type')};base64,{source.get('data')}"},
        }
    if what == "image" and kind == "url":
        return {"type": "image_url", "image_url": {"url": source.get("url")}}
    raise _unfit(f"{place}.source.type", kind)


def _tool(tool: Any, place: str) -> Json:
    kind = tool.get("type") or "custom" if isinstance(tool, dict) else None
    if kind != "custom":  # one that Anthropic runs itself
        raise _unfit(f"{place}.type", kind)
    function = {"name": tool.get("name"), "parameters": tool.get("input_schema") or {"type": "object"}}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _tool_choice(choice: Json) -> Any:
    kind = choice.get("type")
    if kind == "tool":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return {"any": "required", "none": "none"}.get(str(kind), "auto")


# --- whole answers ------------------------------------------------------------------------------


def answer(body: Json, model: str) -> Json:
    """An OpenAI answer -> an Anthropic one. Raises: UpstreamRefused where it has no choice."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise UpstreamRefused(
            upstream="", upstream_status=200, problem=Said("its answer has no choices", "其回答没有 choices")
        )
    message = object_in(choices[0].get("message"))
    content: list[Json] = []
    if thought := text_in(message.get("reasoning_content") or message.get("reasoning")):
        content.append({"type": "thinking", "thinking": thought, "signature": ""})
    if text := plain_text(message.get("content"), "") or text_in(message.get("refusal")):
        content.append({"type": "text", "text": text})
    for call in objects_in(message.get("tool_calls")):
        function = object_in(call.get("function"))
        made = {
            "id": text_in(call.get("id")) or f"toolu_{len(content)}",
            "name": function.get("name"),
            "input": _input(function.get("arguments")),
        }
        content.append({"type": "tool_use", **made})
    told = {
        "id": text_in(body.get("id")) or "msg_guiju",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": _reason(choices[0].get("finish_reason"), any(b["type"] == "tool_use" for b in content)),
        "stop_sequence": None,
        "usage": unknown.counted(_usage(object_in(body.get("usage"))), body.get("usage")),
    }
    return unknown.answered(told, body, choices[0], message)


def _input(arguments: Any) -> Json:
    """A tool's arguments as an object; those that are none stand in one."""
    value = arguments
    if isinstance(arguments, str):
        try:
            value = decode(arguments.encode() or b"{}")
        except UNREADABLE:
            value = None
    return value if isinstance(value, dict) else {"arguments": arguments} if arguments else {}


def _reason(finish: Any, called: bool) -> str:
    """Why it ended. Some servers say `stop` after a tool call too, and whoever waits for `tool_use` would never call it."""
    reason = _FINISH.get(str(finish), "end_turn")
    return "tool_use" if called and reason == "end_turn" else reason


def _usage(usage: Json) -> Json:
    return {
        "input_tokens": count(usage.get("prompt_tokens")),
        "output_tokens": count(usage.get("completion_tokens")),
    }


# --- streams ------------------------------------------------------------------------------------


class StreamTranslator(ChunkTranslator):
    """OpenAI chunks -> Anthropic events. Blocks are opened and closed as the kind of text changes."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._started = False
        self._block = -1
        self._kind = ""
        """Of the open block: `text`, `thinking`, `tool:<index>`; "" where none is open."""
        self._usage = {"input_tokens": 0, "output_tokens": 0}
        self._unknown = unknown.Unknown()
        self._names: dict[int, Json] = {}
        """Tool calls whose name isn't complete."""
        self._called: set[int] = set()
        """Tool calls whose block was opened; a block that was left can't be opened again."""

    def _chunk(self, body: Json, out: list[Json]) -> None:
        if not self._started:
            self._started = True
            out.append({"type": "message_start", "message": self._message(body)})
        if isinstance(usage := body.get("usage"), dict):
            self._usage = _usage(usage)
        self._unknown.learn(body)
        for choice in objects_in(body.get("choices")):
            if choice.get("index", 0) == 0:
                delta = object_in(choice.get("delta"))
                self._unknown.hear(choice, delta)
                self._delta(delta, out)
                self._finish = str(choice.get("finish_reason") or self._finish)

    def _message(self, body: Json) -> Json:
        return {
            "id": text_in(body.get("id")) or "msg_guiju",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": dict(self._usage),
        }

    def _delta(self, delta: Json, out: list[Json]) -> None:
        if thought := text_in(delta.get("reasoning_content") or delta.get("reasoning")):
            self._into("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            self._piece({"type": "thinking_delta", "thinking": thought}, out)
        if text := plain_text(delta.get("content"), "") or text_in(delta.get("refusal")):
            self._into("text", {"type": "text", "text": ""}, out)
            self._piece({"type": "text_delta", "text": text}, out)
        for position, call in enumerate(objects_in(delta.get("tool_calls"))):
            index = call["index"] if type(call.get("index")) is int else position
            self._call(index, call, out)

    def _call(self, index: int, call: Json, out: list[Json]) -> None:
        function = object_in(call.get("function"))
        name, arguments = text_in(function.get("name")), text_in(function.get("arguments"))
        if self._kind != f"tool:{index}":
            if index in self._called:
                if name or arguments:
                    self.withheld.append(f"tool_calls.{index}")
                return
            self._flush_names(out, but=index)
            opened = self._names.setdefault(index, {"id": "", "name": ""})
            opened["id"] = call.get("id") or opened["id"]
            opened["name"] += name
            if not arguments:
                return
            self._open_tool(index, out)
        if arguments:
            self._piece({"type": "input_json_delta", "partial_json": arguments}, out)

    def _flush_names(self, out: list[Json], but: int | None = None) -> None:
        """Calls without arguments: their blocks are empty."""
        for index in [i for i in self._names if i != but]:
            self._open_tool(index, out)

    def _open_tool(self, index: int, out: list[Json]) -> None:
        opened = self._names.pop(index)
        self._called.add(index)
        block = {"type": "tool_use", "id": opened["id"] or f"toolu_{index}", "name": opened["name"], "input": {}}
        self._into(f"tool:{index}", block, out)

    def _into(self, kind: str, block: Json, out: list[Json]) -> None:
        if self._kind == kind:
            return
        self._leave(out)
        self._block += 1
        self._kind = kind
        out.append({"type": "content_block_start", "index": self._block, "content_block": block})

    def _leave(self, out: list[Json]) -> None:
        if self._kind:
            out.append({"type": "content_block_stop", "index": self._block})
            self._kind = ""

    def _piece(self, delta: Json, out: list[Json]) -> None:
        out.append({"type": "content_block_delta", "index": self._block, "delta": delta})

    def _end(self, out: list[Json]) -> None:
        self._flush_names(out)
        self._leave(out)
        ended = {"stop_reason": _reason(self._finish, bool(self._called)), "stop_sequence": None}
        self.withheld += self._unknown.withheld
        begun, usage = self._message({}), self._unknown.counted(self._usage)
        more = {name: value for name, value in self._unknown.answered({}).items() if name not in begun}
        out.append({"type": "message_delta", "delta": more | ended, "usage": usage})
        out.append({"type": "message_stop"})
