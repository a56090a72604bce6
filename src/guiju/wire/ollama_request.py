"""Ollama asked, OpenAI answers: the requests. ollama.py says which doors there are, ollama_answer.py reads the answers.

Pure. Sources: Ollama's API reference (docs/api.md) and OpenAI's. Words that have no counterpart are left out (`keep_alive`,
the options of Ollama's own runner): they are reviewed, and travel no further. What would change the answer if it were left
out (`raw`, `template`, `suffix`, `context`) is refused. Fields and options that neither has a word for travel by the rule
of unknown.py.
"""

from __future__ import annotations

from typing import Any

from guiju.errors import BadRequest, Said
from guiju.wire import unknown
from guiju.wire.dialect import Json
from guiju.wire.openai_chat import MOST_TOKENS
from guiju.wire.strings import encode

_OPTIONS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Ollama's option -> OpenAI's field."""
_WORDS = frozenset(
    "model messages prompt system images tools stream format options think keep_alive raw template suffix context".split()
)
"""Of the requests."""
_RUNNER = frozenset(
    "num_ctx num_batch num_gpu num_thread num_keep main_gpu low_vram numa use_mmap use_mlock vocab_only f16_kv "
    "logits_all".split()
)
"""Options that say how Ollama's own runner holds a model."""
_REFUSED = {
    "raw": Said("prompts without the model's template can't be asked here", "此处不能绕过模型模板直接提示"),
    "template": Said("the model's template can't be replaced here", "此处不能替换模型的模板"),
    "suffix": Said("text can't be filled in here", "此处不提供中间填充"),
    "context": Said("token numbers can't be reviewed; use /api/chat", "词元编号无法审查；请使用 /api/chat"),
}  # fmt: skip
"""Fields of /api/generate that would change the answer, and why they aren't taken."""
_BASE64 = Said("must be base64", "须为 base64")
_IMAGES = {"/9j/": "image/jpeg", "R0lG": "image/gif", "UklG": "image/webp"}
"""How the base64 of an image begins; Ollama doesn't say its type, OpenAI wants one."""


def request(body: Json, *, chat: bool, stream: bool) -> Json:
    """A request of /api/chat or /api/generate -> one of chat/completions, but for the model's name.

    Raises: BadRequest where something can't be expressed.
    """
    out: Json = {"messages": _conversation(body) if chat else _prompt(body), "stream": stream}
    if stream:
        out["stream_options"] = {"include_usage": True}
    out |= _options(body.get("options"))
    if wanted := _format(body.get("format")):
        out["response_format"] = wanted
    if isinstance(think := body.get("think"), str) and think:  # true and false are words of Ollama's alone
        out["reasoning_effort"] = think
    if chat and (tools := _objects(body.get("tools"), "tools")):
        out["tools"] = tools
    out = unknown.asked(out, body.get("options") or {}, _RUNNER | _OPTIONS.keys())
    return unknown.asked(out, body, _WORDS)


def streams(body: Json) -> bool:
    """Whether a stream is asked for: it is where nobody says anything else. Raises: BadRequest."""
    value = body.get("stream")
    if value is None:
        return True
    if not isinstance(value, bool):
        raise BadRequest(field="stream", problem=Said("must be true or false", "须为 true 或 false"))
    return value


def _prompt(body: Json) -> list[Json]:
    for name, problem in _REFUSED.items():
        if body.get(name):
            raise BadRequest(field=name, problem=problem)
    system, prompt = _text(body.get("system"), "system"), _text(body.get("prompt"), "prompt")
    images = body.get("images")
    if not prompt and not images:  # Ollama loads or unloads a model then; here nobody decides that but the upstream
        raise BadRequest(field="prompt", problem=Said("is missing", "缺少此字段"))
    asked = {"role": "user", "content": _content(prompt, images, "images")}
    return [{"role": "system", "content": system}, asked] if system else [asked]


def _conversation(body: Json) -> list[Json]:
    messages = _objects(body.get("messages"), "messages")
    if not messages:
        raise BadRequest(
            field="messages", problem=Said("must be a list of at least one message", "须为至少含一条消息的列表")
        )
    out: list[Json] = []
    waiting: list[tuple[str, str]] = []
    """Calls that no result has answered yet: name and id."""
    for number, message in enumerate(messages):
        place = f"messages.{number}"
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise BadRequest(field=place, problem=Said("must be an object with a `role`", "须为含 `role` 的对象"))
        text = _text(message.get("content"), f"{place}.content")
        made: Json = {"role": role, "content": _content(text, message.get("images"), f"{place}.images")}
        given = enumerate(_objects(message.get("tool_calls"), f"{place}.tool_calls"))
        if calls := [_call(call, f"{place}.tool_calls.{at}", f"call_{number}_{at}") for at, call in given]:
            waiting = [(call["function"]["name"], call["id"]) for call in calls]
            made |= {"tool_calls": calls, "content": made["content"] or None}
        if role == "tool":
            made["tool_call_id"] = _answered(message, waiting) or f"call_{number}"
        out.append(made)
    return out


def _call(call: Json, place: str, name: str) -> Json:
    """A call of the model's, as it comes back; `name` is its id where it has none."""
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        problem = Said("must be an object with a `function` and its `name`", "须为含 `function` 及其 `name` 的对象")
        raise BadRequest(field=place, problem=problem)
    given = function.get("arguments") or {}
    arguments = given if isinstance(given, str) else encode(given).decode()
    told = _text(call.get("id"), f"{place}.id")
    return {"id": told or name, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _answered(message: Json, waiting: list[tuple[str, str]]) -> str:
    """The id of the call that a tool's result belongs to: the one it names, else the first that waits for this tool, else the
    first that waits at all. Ollama's clients know calls by the tool's name and by their order."""
    told = message.get("tool_call_id")
    if not (isinstance(told, str) and told):
        named = [call for call in waiting if call[0] == message.get("tool_name")] or waiting
        told = named[0][1] if named else ""
    waiting[:] = [call for call in waiting if call[1] != told]
    return told


def _content(text: str, images: Any, place: str) -> str | list[Json]:
    if not images:
        return text
    if not isinstance(images, list):
        raise BadRequest(field=place, problem=Said("must be a list", "须为列表"))
    parts: list[Json] = [{"type": "text", "text": text}] if text else []
    for number, value in enumerate(images):
        if not isinstance(value, str) or not value:
            raise BadRequest(field=f"{place}.{number}", problem=_BASE64)
        url = f"data:{_IMAGES.get(value[:4], 'image/png')};base64,{value}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def _options(options: Any) -> Json:
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise BadRequest(field="options", problem=Said("must be an object", "须为对象"))
    if (limit := options.get("num_predict")) is not None and (type(limit) is not int or limit > MOST_TOKENS):
        wrong = Said("must be a whole number up to {most}", "须为不超过 {most} 的整数", most=MOST_TOKENS)
        raise BadRequest(field="options.num_predict", problem=wrong)
    out = {theirs: options[name] for name, theirs in _OPTIONS.items() if options.get(name) is not None}
    if out.get("max_tokens", 1) <= 0:  # -1: as many as it takes
        del out["max_tokens"]
    if not out.get("stop", True):
        del out["stop"]
    return out


def _format(wanted: Any) -> Json | None:
    """JSON mode, or a schema. It isn't `strict`: that takes schemas only that say more than Ollama's clients write."""
    if not wanted:
        return None
    if wanted == "json":
        return {"type": "json_object"}
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}
    raise BadRequest(field="format", problem=Said("must be `json` or a JSON schema", "须为 `json` 或 JSON schema"))


def _text(value: Any, field: str) -> str:
    if value is not None and not isinstance(value, str):
        raise BadRequest(field=field, problem=Said("must be a string", "须为字符串"))
    return value or ""


def _objects(value: Any, field: str) -> list[Json]:
    if value is not None and not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
        raise BadRequest(field=field, problem=Said("must be a list of objects", "须为对象列表"))
    return value or []
