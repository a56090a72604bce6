"""OpenAI's chat/completions: requests, whole answers, and what is said outside streams. openai_stream.py reads streams.

Pure. Source: the OpenAI API reference (chat), with the fields that DeepSeek, Qwen and vLLM add (`reasoning_content`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from guiju.errors import BadRequest, GuijuError, Said, UpstreamRefused
from guiju.quoted import quoted
from guiju.types import Claim, Form, Media, Path, Segment
from guiju.wire import faults, sse
from guiju.wire.dialect import Ask, Json, Usage, count
from guiju.wire.openai_stream import ChatStream
from guiju.wire.probabilities import alternatives, tells, with_alternatives, withhold_numbered
from guiju.wire.strings import (
    MOST_TEXTS,
    MOST_VALUES,
    UNREADABLE,
    Leaf,
    Places,
    crowded,
    decode,
    decode_answer,
    encode,
    form_of,
    leaves,
    put,
)

REQUEST = Places(
    listed=frozenset(
        "model service_tier reasoning_effort verbosity user safety_identifier prompt_cache_key previous_response_id "
        "messages.*.role messages.*.tool_call_id messages.*.content.*.type messages.*.content.*.image_url.detail "
        "messages.*.tool_calls.*.id messages.*.tool_calls.*.type tools.*.type tool_choice tool_choice.type "
        "tool_choice.mode response_format.type response_format.json_schema.name modalities.* store logit_bias "
        "messages.*.content.*.input_audio.format audio.format audio.voice functions.*.parameters.type "
        "tools.*.function.parameters.type".split()
    ),
    forms={
        "messages.*.tool_calls.*.function.arguments": "json",
        "messages.*.function_call.arguments": "json",
        "messages.*.tool_calls.*.function.name": "name",
        "messages.*.function_call.name": "name",
        "messages.*.name": "text",
        "tools.*.function.name": "name",
        "tool_choice.function.name": "name",
    },
    opaque=frozenset(
        ("messages.*.content.*.image_url.url", "messages.*.content.*.input_audio.data", "messages.*.content.*.file.file_data",
         "messages.*.content.*.file.file_id", "messages.*.content.*.video_url.url", "messages.*.audio.id")
    ),
    seeds=frozenset(("seed",)),
)  # fmt: skip

ANSWER = Places(
    listed=frozenset(
        "id object model system_fingerprint service_tier provider choices.*.finish_reason choices.*.native_finish_reason "
        "choices.*.stop_reason choices.*.message.role choices.*.message.tool_calls.*.id "
        "choices.*.message.tool_calls.*.type choices.*.message.audio.id x_groq.id "
        "choices.*.message.annotations.*.type created choices.*.message.audio.expires_at usage.prompt_tokens "
        "usage.completion_tokens usage.total_tokens".split()
    ),
    forms={
        "choices.*.message.tool_calls.*.function.arguments": "json",
        "choices.*.message.function_call.arguments": "json",
        "choices.*.message.tool_calls.*.function.name": "name",
        "choices.*.message.function_call.name": "name",
    },
    opaque=frozenset(("choices.*.message.audio.data", "choices.*.message.reasoning.encrypted_content")),
)
LOGPROBS = "logprobs"
MOST_TOKENS = 2**31 - 1
"""What servers keep a number of tokens in; a larger one fails there, if not before."""

_MEDIA = {"image_url": "image", "input_audio": "audio", "file": "file", "video_url": "video"}


def media_of(path: Path, kind: str, value: str) -> Media:
    """A medium with the digest of its bytes, or of its address. Raises: BadRequest: what is no base64 may be text."""
    head, _, data = value.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        data = value if path[-1] in ("data", "file_data") else ""
    content = from_base64(data, ".".join(map(str, path))) or value.encode()
    return Media(path=path, kind=kind, digest=hashlib.sha256(content).hexdigest())  # type: ignore[arg-type]


def from_base64(data: str, place: str) -> bytes:
    """The bytes; lines may be broken as mail breaks them, and the padding may be missing. Raises: BadRequest."""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        data = data.replace("\r", "").replace("\n", "").rstrip("=")
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except ValueError:
        raise BadRequest(field=place, problem=Said("must be base64", "须为 base64")) from None


def read_json(body: bytes) -> Json:
    """A request's body. Raises: BadRequest."""
    if crowded(body):
        many = Said("holds more than {n} values; send less at once", "所含的值超过 {n} 个；请分批发送", n=MOST_VALUES)
        raise BadRequest(field="body", problem=many)
    try:
        value = decode(body)
    except ArithmeticError:
        beyond = Said("has a number that is too large or too small", "含有过大或过小的数")
        raise BadRequest(field="body", problem=beyond) from None
    except UNREADABLE as problem:
        raise BadRequest(
            field="body", problem=Said("is not JSON: {problem}", "不是 JSON：{problem}", problem=quoted(problem))
        ) from None
    if not isinstance(value, dict):
        raise BadRequest(field="body", problem=Said("must be a JSON object", "须为 JSON 对象"))
    return value


def read_leaves(body: Json, places: Places) -> list[Leaf]:
    """A request's strings, without its identifiers. Raises: BadRequest."""
    try:
        found = [leaf for leaf in leaves(body, places) if leaf.kind != "listed"]
    except RecursionError as problem:
        raise BadRequest(field="body", problem=Said("has {problem}", "有{problem}", problem=problem)) from None
    if len(found) > MOST_TEXTS:
        many = Said("holds more than {n} texts; send less at once", "所含的文本超过 {n} 段；请分批发送", n=MOST_TEXTS)
        raise BadRequest(field="body", problem=many)
    return found


def text_field(body: Json, name: str, default: str | None = None) -> str:
    """A string field of a request. Raises: BadRequest where it is missing or no string."""
    value = body.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        problem = Said("must be a string", "须为字符串") if name in body else Said("is missing", "缺少此字段")
        raise BadRequest(field=name, problem=problem)
    return value


def tokens_field(body: Json, name: str, least: int = 1) -> None:
    """How many tokens an answer may have. Raises: BadRequest where that is no number, or none that can be meant."""
    value = body.get(name)
    if value is not None and (type(value) is not int or not least <= value <= MOST_TOKENS):
        wrong = Said(
            "must be a whole number from {least} to {most}",
            "须为 {least} 到 {most} 的整数",
            least=least,
            most=MOST_TOKENS,
        )
        raise BadRequest(field=name, problem=wrong)


def claim_of(value: Json, headers: Mapping[str, str]) -> Claim:
    """Who the request says its end user is."""
    user = str(value.get("safety_identifier") or value.get("user") or "")
    return Claim(user=user, token=headers.get("x-guiju-subject", ""))


def ask_of(value: Json, raw: bytes, headers: Mapping[str, str], segments: list[Segment], media: list[Media]) -> Ask:
    """A request for text, from the fields that chat and text completions share. Raises: BadRequest."""
    stream, choices = value.get("stream") or False, value.get("n") or 1
    options, wanted = value.get("stream_options") or {}, value.get("response_format")
    if not isinstance(stream, bool):
        raise BadRequest(field="stream", problem=Said("must be true or false", "须为 true 或 false"))
    if type(choices) is not int or not 1 <= choices <= 128:
        raise BadRequest(field="n", problem=Said("must be a whole number from 1 to 128", "须为 1 到 128 的整数"))
    if not isinstance(options, dict):
        raise BadRequest(field="stream_options", problem=Said("must be an object", "须为对象"))
    return Ask(
        body=value,
        model=text_field(value, "model", ""),
        stream=stream,
        segments=segments,
        media=media,
        claim=claim_of(value, headers),
        choices=choices,
        json_mode=isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema"),
        include_usage=bool(options.get("include_usage")),
        raw=raw,
    )


def body_of(ask: Ask, *, model: str, masked: Mapping[Path, str]) -> Json:
    """What travels on. Made anew from what was read, so that a key that stands twice can't say more than was reviewed."""
    body = decode(ask.raw) if masked else dict(ask.body)
    for path, text in masked.items():
        put(body, path, text)
    body["model"] = model
    if ask.stream and not ask.include_usage:  # for our own record; the client doesn't get it
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return body


class OpenAiChat:
    """See `Dialect`."""

    name = "openai_chat"
    paths = ("/v1/chat/completions",)
    upstreams = ("openai",)
    stream_type = sse.TYPE

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        value = read_json(body)
        messages = value.get("messages")
        if not isinstance(messages, list) or not messages:
            raise BadRequest(
                field="messages", problem=Said("must be a list of at least one message", "须为至少含一条消息的列表")
            )
        for number, message in enumerate(messages):
            if not isinstance(message, dict) or not isinstance(message.get("role"), str):
                raise BadRequest(
                    field=f"messages[{number}]", problem=Said("must be an object with a `role`", "须为含 `role` 的对象")
                )
        tokens_field(value, "max_tokens")
        tokens_field(value, "max_completion_tokens")
        segments: list[Segment] = []
        media: list[Media] = []
        for leaf in read_leaves(value, REQUEST):
            if leaf.kind == "opaque":
                media.append(media_of(leaf.path, _MEDIA.get(str(leaf.path[4:5] and leaf.path[4]), "file"), leaf.text))
            else:
                role = str(messages[leaf.path[1]].get("role", "")) if leaf.path[0] == "messages" else ""  # type: ignore[index]
                segments.append(Segment(path=leaf.path, text=leaf.text, role=role, form=form_of(leaf.kind)))
        return ask_of(value, body, headers, segments, media)

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/chat/completions"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`."""
        return encode(body_of(ask, model=model, masked=masked))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> ChatAnswer:
        """See `Dialect.read_answer`."""
        return ChatAnswer(read_upstream(body), ask, allow_opaque=allow_opaque)

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> ChatStream:
        """See `Dialect.read_stream`."""
        return ChatStream(ask, label=label, allow_opaque=allow_opaque)

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes:
        """See `Dialect.refusal`."""
        head: Json = {"id": f"chatcmpl-{exchange}", "created": created, "model": ask.model}
        if ask.stream:
            stream = ChatStream(ask, label=label, allow_opaque=False)
            stream.head = {**head, "object": "chat.completion.chunk"}
            return stream.stop(finish=finish, replacement=text, details=label)
        # Not in the content where that is read as JSON: see OpenAI's guide to structured outputs, "refusals".
        content, refusal = (None, text) if ask.json_mode else (text, None)
        message = {"role": "assistant", "content": content, "refusal": refusal}
        choices = [
            {"index": i, "message": message, "logprobs": None, "finish_reason": finish} for i in range(ask.choices)
        ]
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return encode({**head, "object": "chat.completion", "choices": choices, "usage": usage, "guiju": label})

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.openai(error, exchange=exchange, language=language, details=details)


def read_upstream(body: bytes) -> Json:
    """An upstream's whole answer. Raises: UpstreamRefused where it is no JSON object."""
    try:
        value = decode_answer(body)
    except UNREADABLE:
        value = None
    if not isinstance(value, dict):
        raise UpstreamRefused(
            upstream="", upstream_status=200, problem=Said("its answer is no JSON object", "其回答不是 JSON 对象")
        )
    return value


def answer_leaves(body: Json, places: Places) -> list[Leaf]:
    """A whole answer's strings. Raises: UpstreamRefused."""
    try:
        return leaves(body, places)
    except RecursionError as problem:
        said = Said("its answer has {problem}", "其回答有{problem}", problem=problem)
        raise UpstreamRefused(upstream="", upstream_status=200, problem=said) from None


def answer_segment(leaf: Leaf, form: Form) -> Segment:
    """A string of a whole answer. Nobody says an identifier: it has no role."""
    return Segment(path=leaf.path, text=leaf.text, role="" if leaf.kind == "listed" else "assistant", form=form)


def usage_of(value: Any) -> Usage | None:
    """OpenAI's usage object."""
    if not isinstance(value, dict):
        return None
    return Usage(count(value.get("prompt_tokens")), count(value.get("completion_tokens")))


class ChatAnswer:
    """See `Answer`."""

    def __init__(self, body: Json, ask: Ask, *, allow_opaque: bool) -> None:
        choices = body.get("choices")
        if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
            raise UpstreamRefused(
                upstream="", upstream_status=200, problem=Said("its answer has no choices", "其回答没有 choices")
            )
        self._body = body
        self.withheld: list[str] = []
        self.segments: list[Segment] = []
        if not allow_opaque:
            withhold_numbered(body, "message", self.withheld)
        for number, choice in enumerate(choices):
            if choice.get(LOGPROBS) is not None:
                self._probabilities(number, choice)
        for leaf in answer_leaves(_without_logprobs(body), ANSWER):
            if leaf.kind == "opaque":
                if not allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(body, leaf.path, None)
                continue
            form = "json" if ask.json_mode and leaf.pattern == "choices.*.message.content" else form_of(leaf.kind)
            self.segments.append(answer_segment(leaf, form))
        self.usage = usage_of(body.get("usage"))
        self.finish = str(choices[0].get("finish_reason") or "") if choices else ""
        self.content_paths: list[Path] = [
            ("choices", i, "message", "content")
            for i, choice in enumerate(choices)
            if isinstance(choice.get("message"), dict) and isinstance(choice["message"].get("content"), str)
        ]

    def _probabilities(self, number: int, choice: Json) -> None:
        """Kept where they say the content once more; the other tokens are reviewed beside it."""
        found, message = choice.get(LOGPROBS), choice.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if not tells(found, content if isinstance(content, str) else ""):
            self.withheld.append(f"choices.*.{LOGPROBS}")
            choice[LOGPROBS] = None
            return
        entries = with_alternatives(found)
        if entries is None:
            self.withheld.append(f"choices.*.{LOGPROBS}")
        choice[LOGPROBS] = {"content": entries, "refusal": None} if entries is not None else None
        if others := alternatives(entries or []):
            self.segments.append(Segment(path=("choices", number, LOGPROBS), text=others, role="assistant"))

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        return encode(self.written(replaced, label))

    def written(self, replaced: Mapping[Path, str], label: Json) -> Json:
        """The answer. Log probabilities of a touched choice would tell what was hidden: they go."""
        for path, text in replaced.items():
            if path[2:] != (LOGPROBS,):
                put(self._body, path, text)
            if path[0] == "choices":
                self._body["choices"][path[1]].pop(LOGPROBS, None)
        self._body["guiju"] = label
        return self._body


def _without_logprobs(body: Json) -> Json:
    """The answer without log probabilities: their tokens are the content's, and leave or go with it."""
    if all(choice.get(LOGPROBS) is None for choice in body["choices"]):
        return body
    return {**body, "choices": [{k: v for k, v in choice.items() if k != LOGPROBS} for choice in body["choices"]]}


DIALECT = OpenAiChat()
