"""OpenAI's responses asked, chat/completions answers: requests one way, whole answers and streams the other.

Pure. Sources: both API references. Words that have no counterpart are left out where nothing is lost by it that the caller
could miss (`truncation`, `store`, encrypted reasoning), else refused by name: tools that the upstream would have to run,
and whatever an upstream would have to have kept. Fields that neither has a word for travel by the rule of unknown.py.
"""

from __future__ import annotations

from typing import Any

from guiju.errors import BadRequest, Said, UpstreamRefused
from guiju.wire import responses_shape, unknown
from guiju.wire.dialect import Json, Usage, count
from guiju.wire.openai_chunks import ChunkTranslator
from guiju.wire.responses_shape import GROWTHS
from guiju.wire.strings import object_in, objects_in, text_in

_SAME = ("temperature", "top_p", "parallel_tool_calls", "service_tier")
_KEPT = ("previous_response_id", "conversation", "prompt")
"""Fields that name what the upstream would have to have kept."""
_WORDS = frozenset((
    *_SAME, *_KEPT,
    *(
        "model input instructions max_output_tokens max_tool_calls stream stream_options tools tool_choice reasoning text "
        "include top_logprobs truncation store background metadata user safety_identifier prompt_cache_key "
        "prompt_cache_retention context_management".split()
    ),
))  # fmt: skip
"""Of the requests."""
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
"""Type of a part -> where its text stands."""


# --- request ------------------------------------------------------------------------------------


def request(body: Json) -> Json:
    """A request for a response -> one for a chat completion. Raises: BadRequest where something can't be expressed."""
    for name in _KEPT:
        if body.get(name):
            raise _unkept(name)
    messages: list[Json] = []
    if isinstance(body.get("instructions"), str) and body["instructions"]:
        messages.append({"role": "system", "content": body["instructions"]})
    given = body.get("input")
    if isinstance(given, str):
        messages.append({"role": "user", "content": given})
    for number, item in enumerate(given if isinstance(given, list) else ()):
        _item(item, f"input.{number}", messages)
    out: Json = {"model": body["model"], "messages": messages}
    out |= {name: body[name] for name in _SAME if body.get(name) is not None}
    if body.get("max_output_tokens") is not None:
        out["max_tokens"] = body["max_output_tokens"]
    if body.get("stream"):
        out |= {"stream": True, "stream_options": {"include_usage": True}}
    if tools := body.get("tools"):
        out["tools"] = [_tool(t, f"tools.{n}") for n, t in enumerate(tools if isinstance(tools, list) else [tools])]
    if (choice := body.get("tool_choice")) is not None:
        out["tool_choice"] = _tool_choice(choice)
    if effort := object_in(body.get("reasoning")).get("effort"):
        out["reasoning_effort"] = effort
    include = body.get("include")
    if isinstance(include, list) and "message.output_text.logprobs" in include:
        out |= {"logprobs": True, "top_logprobs": body.get("top_logprobs") or 0}
    return unknown.asked(out | _format(object_in(body.get("text"))), body, _WORDS)


def _format(text: Json) -> Json:
    out: Json = {"verbosity": text["verbosity"]} if text.get("verbosity") else {}
    wanted = object_in(text.get("format"))
    if wanted.get("type") == "json_object":
        return out | {"response_format": {"type": "json_object"}}
    if wanted.get("type") == "json_schema":
        schema = {k: v for k, v in wanted.items() if k in ("name", "schema", "strict", "description") and v is not None}
        return out | {"response_format": {"type": "json_schema", "json_schema": schema}}
    return out


def _unkept(field: str) -> BadRequest:
    problem = Said(
        "this upstream keeps nothing: send the whole conversation in `input`",
        "该上游不保存任何内容：请在 `input` 中发送完整对话",
    )
    return BadRequest(field=field, problem=problem)


def _unfit(field: str, kind: Any) -> BadRequest:
    return BadRequest(
        field=field, problem=Said("`{kind}` can't be sent to this upstream", "`{kind}` 无法发送给该上游", kind=kind)
    )


def _item(item: Any, place: str, messages: list[Json]) -> None:
    """An item of the input, as a message or as part of the one before."""
    kind = (
        item.get("type") or ("message" if "content" in item else "item_reference") if isinstance(item, dict) else None
    )
    if kind == "message":
        messages.append(_message(item, place))
    elif kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments") or "{}"}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        if not messages or messages[-1]["role"] != "assistant":
            messages.append({"role": "assistant", "content": None})
        messages[-1].setdefault("tool_calls", []).append(call)
    elif kind == "function_call_output":
        parts = _parts(item.get("output"), f"{place}.output")
        text = "\n".join(p["text"] for p in parts if p["type"] == "text")
        messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": text})
        if media := [p for p in parts if p["type"] != "text"]:
            messages.append({"role": "user", "content": media})
    elif kind == "item_reference":
        raise _unkept(place)
    elif kind != "reasoning":  # which this upstream couldn't read
        raise _unfit(f"{place}.type", kind)


def _message(item: Json, place: str) -> Json:
    role = {"developer": "system"}.get(str(item.get("role")), item.get("role"))
    content = item.get("content")
    if isinstance(content, str):
        return {"role": role, "content": content}
    parts = _parts(content, f"{place}.content")
    if all(part["type"] == "text" for part in parts):
        return {"role": role, "content": ("" if role == "assistant" else "\n").join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def _parts(content: Any, place: str) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise BadRequest(field=place, problem=Said("must be a string or a list of parts", "须为字符串或内容列表"))
    return [_part(part, f"{place}.{number}") for number, part in enumerate(content)]


def _part(part: Any, place: str) -> Json:
    kind = text_in(object_in(part).get("type"))
    if kind in _TEXTS:
        return {"type": "text", "text": text_in(part.get(_TEXTS[kind]))}
    if kind in ("input_image", "input_file") and part.get("file_id"):
        raise _unkept(f"{place}.file_id")
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"]} | detail}
    if kind == "input_file" and isinstance(part.get("file_data"), str):
        return {
            "type": "file",
            "file": {"filename": text_in(part.get("filename")) or "file", "file_data": part["file_data"]},
        }
    if kind == "input_file" and part.get("file_url"):
        raise _unfit(f"{place}.file_url", "file_url")
    if kind == "input_audio" and isinstance(part.get("input_audio"), dict):
        audio = part["input_audio"]
        return {"type": "input_audio", "input_audio": {"data": audio.get("data"), "format": audio.get("format")}}
    raise _unfit(f"{place}.type", kind)


def _tool(tool: Any, place: str) -> Json:
    kind = object_in(tool).get("type")
    if kind != "function":  # one that OpenAI runs itself
        raise _unfit(f"{place}.type", kind)
    known = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {k: tool[k] for k in known if tool.get(k) is not None}}


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    if choice in ("auto", "none", "required"):
        return choice
    raise _unfit("tool_choice", choice.get("type") if isinstance(choice, dict) else choice)


def _said(content: Any) -> str:
    """The text of a message, which some servers give in parts."""
    return text_in(content) or "".join(text_in(part.get("text")) for part in objects_in(content))


# --- whole answers ------------------------------------------------------------------------------


def answer(body: Json, asked: Json, model: str) -> Json:
    """A chat completion -> a response. Raises: UpstreamRefused where it has no choice."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise UpstreamRefused(
            upstream="", upstream_status=200, problem=Said("its answer has no choices", "其回答没有 choices")
        )
    message = object_in(choices[0].get("message"))
    ended = responses_shape.ending(text_in(choices[0].get("finish_reason")))
    name, status = text_in(body.get("id")) or "guiju", ended["status"]
    output: list[Json] = []
    if thought := text_in(message.get("reasoning_content") or message.get("reasoning")):
        part = responses_shape.part("reasoning_text", thought)
        output.append(responses_shape.item("reasoning", f"rs_{name}", status, part))
    parts = []
    if text := _said(message.get("content")):
        parts.append(responses_shape.part("output_text", text))
        if probable := object_in(choices[0].get("logprobs")).get("content"):
            parts[0]["logprobs"] = probable
    if refusal := text_in(message.get("refusal")):
        parts.append(responses_shape.part("refusal", refusal))
    if parts:
        output.append(responses_shape.item("message", f"msg_{name}", status, *parts))
    for number, call in enumerate(objects_in(message.get("tool_calls"))):
        output.append(
            _call(number, call, status) | {"arguments": text_in(object_in(call.get("function")).get("arguments"))}
        )
    made = responses_shape.response(
        asked, name=f"resp_{name}", created=body.get("created"), model=model, output=output, **ended
    )
    if isinstance(usage := body.get("usage"), dict):
        made["usage"] = unknown.counted(responses_shape.counted(_usage(usage)), usage)
    return unknown.answered(made, body, choices[0], message)


def _call(number: int, call: Json, status: str) -> Json:
    made = responses_shape.item("function_call", f"fc_{text_in(call.get('id')) or number}", status)
    return made | {"call_id": call.get("id") or f"call_{number}", "name": object_in(call.get("function")).get("name")}


def _usage(usage: Json) -> Usage:
    return Usage(count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")))


# --- streams ------------------------------------------------------------------------------------


class StreamTranslator(ChunkTranslator):
    """Chunks -> events of a response. Where an event says a text again it says nothing: what has left is written there."""

    def __init__(self, asked: Json, model: str) -> None:
        super().__init__()
        self._asked, self._model = asked, model
        self._response: Json = {}
        self._name = ""
        self._outputs = 0
        """Items begun."""
        self._open: tuple[int, Json] | None = None
        """The item of text that is open: a message or reasoning."""
        self._kinds: list[str] = []
        """Of its parts."""
        self._calls: dict[int, tuple[int, Json]] = {}
        """Tool calls whose item was begun."""
        self._names: dict[int, Json] = {}
        """Tool calls whose name isn't complete."""
        self._usage: Usage | None = None
        self._unknown = unknown.Unknown()

    def _chunk(self, body: Json, out: list[Json]) -> None:
        self._begin(body, out)
        self._unknown.learn(body)
        if isinstance(usage := body.get("usage"), dict):
            self._usage = _usage(usage)
        for choice in objects_in(body.get("choices")):
            if choice.get("index", 0) == 0:
                delta = object_in(choice.get("delta"))
                self._unknown.hear(choice, delta)
                self._delta(delta, object_in(choice.get("logprobs")).get("content"), out)
                self._finish = text_in(choice.get("finish_reason")) or self._finish

    def _begin(self, body: Json, out: list[Json]) -> None:
        if self._response:
            return
        self._name = text_in(body.get("id")) or "guiju"
        self._response = responses_shape.response(
            self._asked, name=f"resp_{self._name}", created=body.get("created"), model=self._model, output=[]
        )
        out += [
            {"type": kind, "response": dict(self._response)} for kind in ("response.created", "response.in_progress")
        ]

    def _delta(self, delta: Json, probable: Any, out: list[Json]) -> None:
        if thought := text_in(delta.get("reasoning_content") or delta.get("reasoning")):
            self._piece("response.reasoning_text", thought, out)
        if text := _said(delta.get("content")):
            self._piece("response.output_text", text, out, logprobs=probable or [])
        if refusal := text_in(delta.get("refusal")):
            self._piece("response.refusal", refusal, out)
        for position, call in enumerate(objects_in(delta.get("tool_calls"))):
            index = call["index"] if type(call.get("index")) is int else position
            self._called(index, call, out)

    def _piece(self, kind: str, piece: str, out: list[Json], **more: Any) -> None:
        """A piece of a text: its item and its part are begun where they aren't open."""
        growth = GROWTHS[kind]
        if self._open is None or self._open[1]["type"] != growth.item:
            self._close(out)
            prefix = {"message": "msg", "reasoning": "rs"}[growth.item]
            item = responses_shape.item(growth.item, f"{prefix}_{self._name}_{self._outputs}", "in_progress")
            self._open, self._kinds = (self._outputs, item), []
            self._outputs += 1
            out.append({"type": "response.output_item.added", "output_index": self._open[0], "item": dict(item)})
        if not self._kinds or self._kinds[-1] != kind:
            self._close_part(out)
            self._kinds.append(kind)
            part = responses_shape.part(growth.part)
            out.append({"type": "response.content_part.added", **self._where(), "part": part})
        out.append({"type": f"{kind}.delta", **self._where(), "delta": piece, **more})

    def _where(self) -> Json:
        assert self._open is not None
        return {"item_id": self._open[1]["id"], "output_index": self._open[0], "content_index": len(self._kinds) - 1}

    def _close_part(self, out: list[Json]) -> None:
        if self._kinds:
            growth = GROWTHS[self._kinds[-1]]
            out.append({"type": f"{self._kinds[-1]}.done", **self._where(), growth.field: "", **_told(growth.part)})
            part = responses_shape.part(growth.part)
            out.append({"type": "response.content_part.done", **self._where(), "part": part})

    def _close(self, out: list[Json], status: str = "completed") -> None:
        if self._open is not None:
            self._close_part(out)
            index, item = self._open
            parts = [responses_shape.part(GROWTHS[kind].part) for kind in self._kinds]
            done = item | {"status": status, "content": parts}
            out.append({"type": "response.output_item.done", "output_index": index, "item": done})
            self._open = None

    def _called(self, index: int, call: Json, out: list[Json]) -> None:
        function = object_in(call.get("function"))
        name, arguments = text_in(function.get("name")), text_in(function.get("arguments"))
        if index not in self._calls:
            self._flush_names(out, but=index)
            opened = self._names.setdefault(index, {"id": "", "function": {"name": ""}})
            opened["id"] = call.get("id") or opened["id"]
            opened["function"]["name"] += name
            if not arguments:
                return
            self._open_call(index, out)
        elif name:  # the client would put it behind the one it has
            self.withheld.append(f"tool_calls.{index}.name")
        if arguments:
            output, item = self._calls[index]
            where = {"item_id": item["id"], "output_index": output}
            out.append({"type": "response.function_call_arguments.delta", **where, "delta": arguments})

    def _flush_names(self, out: list[Json], but: int | None = None) -> None:
        """Calls without arguments."""
        for index in [i for i in self._names if i != but]:
            self._open_call(index, out)

    def _open_call(self, index: int, out: list[Json]) -> None:
        self._close(out)
        item = _call(index, self._names.pop(index), "in_progress")
        self._calls[index] = (self._outputs, item)
        self._outputs += 1
        out.append({"type": "response.output_item.added", "output_index": self._outputs - 1, "item": dict(item)})

    def _end(self, out: list[Json]) -> None:
        self._begin({}, out)
        ended = responses_shape.ending(self._finish)
        self._flush_names(out)
        self._close(out, ended["status"])
        for output, item in self._calls.values():
            where = {"item_id": item["id"], "output_index": output}
            out.append({"type": "response.function_call_arguments.done", **where, "arguments": ""})
            done = item | {"status": ended["status"]}
            out.append({"type": "response.output_item.done", "output_index": output, "item": done})
        self.withheld += self._unknown.withheld
        counted = {"usage": self._unknown.counted(responses_shape.counted(self._usage))} if self._usage else {}
        response = self._unknown.answered(self._response | ended | counted)
        out.append({"type": f"response.{ended['status']}", "response": response})


def _told(part: str) -> Json:
    return {"logprobs": []} if part == "output_text" else {}
