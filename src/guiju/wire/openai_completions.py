"""OpenAI's text completions: a prompt in, its continuation out. For programs older than chat, and for base models.

Pure. A completion is a chat of one text: what differs is where that text and its log probabilities stand. So an answer is
heard as chat, read and held back by what reads chat (openai_stream.py), and shown as a completion again. An upstream that has
no completions is asked for a chat with the prompt as its one message; what can't be said so is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guiju.errors import BadRequest, GuijuError, Said
from guiju.types import Path, Segment
from guiju.wire import faults, sse, unknown
from guiju.wire.dialect import Ask, Json
from guiju.wire.openai_chat import (
    LOGPROBS,
    ChatAnswer,
    ask_of,
    body_of,
    media_of,
    read_json,
    read_leaves,
    read_upstream,
    tokens_field,
)
from guiju.wire.openai_stream import ChatStream
from guiju.wire.openai_tokens import texts_of
from guiju.wire.strings import Places, encode, form_of
from guiju.wire.translate import plain_text

REQUEST = Places(
    listed=frozenset(
        "model user safety_identifier service_tier logit_bias store prompt_cache_key response_format.type "
        "response_format.json_schema.name".split()
    ),
    forms={},
    opaque=frozenset(("prompt_embeds", "prompt_embeds.*")),
    seeds=frozenset(("seed",)),
)
"""`prompt_embeds` is vLLM's: a prompt that nobody can read."""
NATIVE = "openai_completions"
MOST_ANSWERS = 2_048
SHORT = 16
"""Tokens of an answer where the request doesn't say: the API's own rule, which chat doesn't have."""
_ONLY_HERE = frozenset(("prompt", "suffix", "echo", "best_of", LOGPROBS))


class OpenAiCompletions:
    """See `Dialect`."""

    name = "openai_completions"
    paths = ("/v1/completions",)
    upstreams = (NATIVE, "openai")
    stream_type = sse.TYPE

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        value = read_json(body)
        prompts, media = texts_of(value, "prompt")
        wanted = value.get(LOGPROBS)
        if wanted is not None and (type(wanted) is not int or wanted < 0):
            raise BadRequest(field=LOGPROBS, problem=Said("must be a whole number", "须为整数"))
        segments = []
        for leaf in read_leaves({**value, "prompt": ""} if media else value, REQUEST):
            if leaf.kind == "opaque":
                media.append(media_of(leaf.path, "tokens", leaf.text))
                continue
            role = "user" if leaf.path[0] in ("prompt", "suffix") else ""
            segments.append(Segment(path=leaf.path, text=leaf.text, role=role, form=form_of(leaf.kind)))
        tokens_field(value, "max_tokens", least=0)  # 0 asks for what `echo` and `logprobs` tell of the prompt
        ask = ask_of(value, body, headers, segments, media)
        ask.choices *= prompts
        if ask.choices > MOST_ANSWERS:
            problem = Said("asks for more than {most} answers", "要求的回答超过 {most} 个", most=MOST_ANSWERS)
            raise BadRequest(field="prompt", problem=problem)
        return ask

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/completions" if dialect == NATIVE else "/chat/completions"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`."""
        body = body_of(ask, model=model, masked=masked)
        return encode(body if dialect == NATIVE else unknown.fitting(_as_chat(body), dropped))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> CompletionsAnswer:
        """See `Dialect.read_answer`."""
        withheld: list[str] = []
        heard = _heard(read_upstream(body), "message", dialect == NATIVE, withheld)
        answer = CompletionsAnswer(heard, ask, allow_opaque=allow_opaque)
        answer.withheld += withheld
        return answer

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> CompletionsStream:
        """See `Dialect.read_stream`."""
        return CompletionsStream(ask, label=label, allow_opaque=allow_opaque, native=dialect == NATIVE)

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes:
        """See `Dialect.refusal`."""
        head: Json = {"id": f"cmpl-{exchange}", "object": OBJECT, "created": created, "model": ask.model}
        if ask.stream:
            stream = CompletionsStream(ask, label=label, allow_opaque=False, native=True)
            stream.head = head
            return stream.stop(finish=finish, replacement=text, details=label)
        choices = [{"text": text, "index": i, LOGPROBS: None, "finish_reason": finish} for i in range(ask.choices)]
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return encode({**head, "choices": choices, "usage": usage, "guiju": label})

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.openai(error, exchange=exchange, language=language, details=details)


def _as_chat(body: Json) -> Json:
    """The request as one for a chat with one message. Raises: BadRequest where chat has no word for it."""
    prompt, wanted = body["prompt"], body.get(LOGPROBS)
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequest(field="prompt", problem=_ONE_PROMPT)
    unfit = {
        "suffix": body.get("suffix"),
        "echo": body.get("echo"),
        "prompt_embeds": body.get("prompt_embeds"),
        "best_of": body.get("best_of") not in (None, body.get("n") or 1),
    }
    for field, asked in unfit.items():
        if asked:
            raise BadRequest(field=field, problem=_UNFIT)
    out = {name: value for name, value in body.items() if name not in _ONLY_HERE}
    out["messages"] = [{"role": "user", "content": prompt}]
    if out.get("max_tokens") is None:
        out["max_tokens"] = SHORT
    if wanted is not None:
        out[LOGPROBS] = True
    if wanted:
        out["top_logprobs"] = wanted
    return out


_ONE_PROMPT = Said(
    "must be one string for this model: its server has no text completions",
    "对该模型须为单个字符串：其服务不提供文本补全",
)
_UNFIT = Said(
    "can't be used with this model: its server has no text completions", "无法用于该模型：其服务不提供文本补全"
)


# --- as chat, and back ----------------------------------------------------------------------------

OBJECT = "text_completion"
_HEAD = ("id", "created", "model", "system_fingerprint", "service_tier", "usage")


def _heard(body: Json, place: str, native: bool, withheld: list[str]) -> Json:
    """An upstream's answer or event as chat; its text stands in `place`: `message` or `delta`."""
    given = body.get("choices")
    if not native:  # what has a place in a completion, and what nobody knows: see unknown.py
        body = {n: v for n, v in body.items() if n in _HEAD or n not in unknown.ANSWER}
    if isinstance(given, list):
        body["choices"] = [_choice(c, place, native, withheld) if isinstance(c, dict) else c for c in given]
    return body


def _choice(choice: Json, place: str, native: bool, withheld: list[str]) -> Json:
    more: Json = {}
    if native:
        text, kept = choice.pop("text", None), choice
        if LOGPROBS in kept:
            kept[LOGPROBS] = _entries(kept[LOGPROBS])
        if text is not None and not isinstance(text, str):
            withheld.append("choices.*.text")
        if kept.pop(place, None) is not None:
            withheld.append(f"choices.*.{place}")
    else:
        message = choice.get(place)
        message = message if isinstance(message, dict) else {}
        text = plain_text(message.get("content"), "") or message.get("refusal")
        kept = {name: choice[name] for name in ("index", LOGPROBS) if name in choice}
        kept |= unknown.fields(choice, unknown.CHOICE, ("text",))
        more = unknown.fields(message, unknown.MESSAGE, unknown.CHOICE, ("text",))
        finish = choice.get("finish_reason")
        kept["finish_reason"] = "stop" if finish in ("tool_calls", "function_call") else finish
    kept[place] = more | {"content": text} if isinstance(text, str) else more
    return kept


def _shown(body: Json, place: str, offsets: dict[int, int]) -> Json:
    """The opposite. `offsets`: where each choice's text has come to, in characters."""
    choices = []
    for choice in body["choices"]:
        said = choice.get(place, {})
        shown = {"text": said.get("content") or "", **unknown.fields(said, unknown.MESSAGE), **choice}
        shown.pop(place, None)
        found = choice.get(LOGPROBS)
        shown[LOGPROBS] = _told(found["content"], choice.get("index", 0), offsets) if found else None
        choices.append(shown)
    return {**body, "object": OBJECT, "choices": choices}


def _entries(found: Any) -> Any:
    """Log probabilities as chat tells them; anything else as it is, which review drops."""
    if not isinstance(found, dict) or found.keys() - {"tokens", "token_logprobs", "top_logprobs", "text_offset"}:
        return found
    tokens: Any = found.get("tokens")
    size = len(tokens) if isinstance(tokens, list) else 0
    own, others = (found.get(name) or [None] * size for name in ("token_logprobs", "top_logprobs"))
    if any(not isinstance(column, list) or len(column) != size for column in (tokens, own, others)):
        return found
    return {
        "content": [
            {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": _others(likely)}
            for token, logprob, likely in zip(tokens, own, others, strict=True)
        ]
    }


def _others(likely: Any) -> list[Json]:
    return [{"token": t, "logprob": p, "bytes": None} for t, p in likely.items()] if isinstance(likely, dict) else []


def _told(entries: list[Json], choice: int, offsets: dict[int, int]) -> Json:
    out: Json = {"text_offset": [], "token_logprobs": [], "tokens": [], "top_logprobs": []}
    for entry in entries:
        at = offsets.get(choice, 0)
        offsets[choice] = at + len(entry["token"])
        out["text_offset"].append(at)
        out["tokens"].append(entry["token"])
        out["token_logprobs"].append(entry["logprob"])
        out["top_logprobs"].append({o["token"]: o["logprob"] for o in entry.get("top_logprobs", ())} or None)
    if not any(out["top_logprobs"]):
        out["top_logprobs"] = None
    return out


class CompletionsAnswer(ChatAnswer):
    """See `Answer`."""

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        return encode(_shown(self.written(replaced, label), "message", {}))


class CompletionsStream(ChatStream):
    """See `AnswerStream`."""

    frames = False

    def __init__(self, ask: Ask, *, label: Json, allow_opaque: bool, native: bool) -> None:
        super().__init__(ask, label=label, allow_opaque=allow_opaque)
        self._native = native
        self._offsets: dict[int, int] = {}

    def hears(self, body: Json) -> Json:
        """See `ChatStream.hears`."""
        return _heard(body, "delta", self._native, self.withheld)

    def shows(self, body: Json) -> Json:
        """See `ChatStream.shows`."""
        return _shown(body, "delta", self._offsets)


DIALECT = OpenAiCompletions()
