"""Anthropic's messages: requests, whole answers, and what is said outside streams. anthropic_stream.py reads streams.

Pure. Source: the Anthropic API reference (messages). To an Anthropic upstream the body travels as it is; to an
OpenAI-compatible one through translate.py. Review always reads the client's dialect, after translation: what isn't
translated isn't served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guiju.errors import BadRequest, GuijuError, Said, UpstreamRefused
from guiju.types import Claim, Media, Path, Segment
from guiju.wire import faults, sse, translate, unknown
from guiju.wire.anthropic_stream import MessagesStream
from guiju.wire.dialect import Ask, Json, Usage, count
from guiju.wire.openai_chat import (
    answer_leaves,
    answer_segment,
    media_of,
    read_json,
    read_leaves,
    read_upstream,
    text_field,
    tokens_field,
)
from guiju.wire.strings import Places, decode, encode, form_of, put

REQUEST = Places(
    listed=frozenset(
        (
            "model", "service_tier", "metadata.user_id", "messages.*.role", "messages.*.content.*.type",
            "messages.*.content.*.id", "messages.*.content.*.tool_use_id", "messages.*.content.*.source.type",
            "messages.*.content.*.source.media_type", "messages.*.content.*.cache_control.type",
            "messages.*.content.*.content.*.type", "messages.*.content.*.content.*.source.type",
            "messages.*.content.*.content.*.source.media_type", "messages.*.content.*.source.file_id", "system.*.type",
            "system.*.cache_control.type", "tools.*.type", "tools.*.input_schema.type", "tools.*.cache_control.type",
            "tool_choice.type", "thinking.type", "container", "speed",
        )
    ),
    forms={
        "messages.*.content.*.name": "name",
        "tools.*.name": "name",
        "tool_choice.name": "name",
    },
    opaque=frozenset(
        (
            "messages.*.content.*.source.data", "messages.*.content.*.source.url",
            "messages.*.content.*.content.*.source.data", "messages.*.content.*.content.*.source.url",
            "messages.*.content.*.source.content.*.source.data", "messages.*.content.*.source.content.*.source.url",
        )
    ),
)  # fmt: skip

ANSWER = Places(
    listed=frozenset(
        (
            "id", "type", "role", "model", "stop_reason", "usage.service_tier", "content.*.type", "content.*.id",
            "content.*.tool_use_id", "content.*.citations.*.type", "content.*.content.*.type", "container.id",
            "container.expires_at", "usage.input_tokens", "usage.output_tokens", "usage.cache_creation_input_tokens",
            "usage.cache_read_input_tokens", "usage.inference_geo", "usage.speed",
        )
    ),
    forms={"content.*.name": "name"},
    opaque=frozenset(
        (
            "content.*.signature", "content.*.data", "content.*.encrypted_content",
            "content.*.content.*.encrypted_content", "content.*.citations.*.encrypted_index",
        )
    ),
)  # fmt: skip
_SIGNED = {
    "messages.*.content.*.signature": "thinking",
    "messages.*.content.*.data": "redacted_thinking",
    "messages.*.content.*.content.*.encrypted_content": "web_search_result",
    "messages.*.content.*.citations.*.encrypted_index": "web_search_result_location",
}
"""Strings of the model's that come back in a request unread, they were answers before: place, and type of what it is in."""


def ask_of(body: bytes, headers: Mapping[str, str]) -> Ask:
    """What a message, or the question how long it is, asks: its texts and media. Raises: BadRequest."""
    value = read_json(body)
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest(
            field="messages", problem=Said("must be a list of at least one message", "须为至少含一条消息的列表")
        )
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            raise BadRequest(
                field=f"messages.{number}.role",
                problem=Said("must be `user` or `assistant`", "须为 `user` 或 `assistant`"),
            )
    segments: list[Segment] = []
    media: list[Media] = []
    for leaf in read_leaves(value, REQUEST):
        if leaf.kind == "opaque" and _at(value, leaf.path[:-1]).get("type") != "text":
            document = _at(value, leaf.path[:-2]).get("type") == "document"
            media.append(media_of(leaf.path, "file" if document else "image", leaf.text))
        elif leaf.pattern not in _SIGNED or _at(value, leaf.path[:-1]).get("type") != _SIGNED[leaf.pattern]:
            role = "system" if leaf.path[0] == "system" else ""
            if leaf.path[0] == "messages":
                role = str(messages[leaf.path[1]].get("role", ""))  # type: ignore[index]
            segments.append(Segment(path=leaf.path, text=leaf.text, role=role, form=form_of(leaf.kind)))
    metadata = value.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else ""
    return Ask(
        body=value,
        model=text_field(value, "model", ""),
        stream=False,
        segments=segments,
        media=media,
        claim=Claim(user=str(user or ""), token=headers.get("x-guiju-subject", "")),
        json_mode=_wants_json(value),
        include_usage=True,
        raw=body,
    )


def body_of(ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str]) -> Json:
    """What travels on. Made anew from what was read, so that a key that stands twice can't say more than was reviewed."""
    body = decode(ask.raw) if masked else dict(ask.body)
    for path, text in masked.items():
        put(body, path, text)
    body["model"] = model
    if dialect != "anthropic":
        return translate.request(body)
    body["messages"] = _signed(body["messages"])
    return body


def _signed(messages: list[Json]) -> list[Json]:
    """Without thoughts that have no signature: it was withheld from the client, or their author gives none. An Anthropic
    server refuses all of the request for one of them."""
    out: list[Json] = []
    for message in messages:
        blocks = message.get("content")
        if isinstance(blocks, list) and any(_unsigned(block) for block in blocks):
            kept = [block for block in blocks if not _unsigned(block)]
            if not kept:
                continue
            message = {**message, "content": kept}
        out.append(message)
    return out


def _unsigned(block: Any) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    return (kind == "thinking" and not block.get("signature")) or (
        kind == "redacted_thinking" and not block.get("data")
    )


class AnthropicMessages:
    """See `Dialect`."""

    name = "anthropic_messages"
    paths = ("/v1/messages",)
    upstreams = ("anthropic", "openai")
    stream_type = sse.TYPE

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        ask = ask_of(body, headers)
        if type(ask.body.get("max_tokens")) is not int:
            raise BadRequest(field="max_tokens", problem=Said("must be a whole number", "须为整数"))
        tokens_field(ask.body, "max_tokens", least=0)  # 0 fills the upstream's prompt cache and answers nothing
        stream = ask.body.get("stream") or False
        if not isinstance(stream, bool):
            raise BadRequest(field="stream", problem=Said("must be true or false", "须为 true 或 false"))
        ask.stream = stream
        return ask

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/messages" if dialect == "anthropic" else "/chat/completions"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`."""
        body = body_of(ask, model=model, dialect=dialect, masked=masked)
        return encode(body if dialect == "anthropic" else unknown.fitting(body, dropped))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> MessagesAnswer:
        """See `Dialect.read_answer`."""
        value = read_upstream(body)
        if dialect != "anthropic":
            value = translate.answer(value, ask.model)
        return MessagesAnswer(value, ask, allow_opaque=allow_opaque)

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> MessagesStream:
        """See `Dialect.read_stream`."""
        translator = None if dialect == "anthropic" else translate.StreamTranslator(ask.model)
        return MessagesStream(ask, label=label, allow_opaque=allow_opaque, translator=translator)

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes:
        """See `Dialect.refusal`."""
        reason = stop_reason(finish)
        if ask.stream:
            stream = MessagesStream(ask, label=label, allow_opaque=False, translator=None)
            stream.message_id = f"msg_{exchange}"
            return stream.stop(finish=reason, replacement=text, details=label)
        return encode(
            {
                "id": f"msg_{exchange}",
                "type": "message",
                "role": "assistant",
                "model": ask.model,
                "content": [{"type": "text", "text": text}],
                "stop_reason": reason,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
                "guiju": label,
            }
        )

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.anthropic(error, exchange=exchange, language=language, details=details)


def stop_reason(finish: str) -> str:
    """The app's finish reason (OpenAI's word) as Anthropic's."""
    return {"content_filter": "refusal", "stop": "end_turn"}.get(finish, finish)


def _wants_json(body: Json) -> bool:
    """Structured output: the text of the answer is JSON."""
    options = body.get("output_config")
    wanted = options.get("format") if isinstance(options, dict) else body.get("output_format")
    return isinstance(wanted, dict) and wanted.get("type") == "json_schema"


def _at(body: Any, path: Path) -> Json:
    """The object at that place."""
    for step in path:
        body = body[step]
    return body if isinstance(body, dict) else {}


def usage_of(value: Any) -> Usage | None:
    """Anthropic's usage object."""
    if not isinstance(value, dict):
        return None
    return Usage(count(value.get("input_tokens")), count(value.get("output_tokens")))


class MessagesAnswer:
    """See `Answer`."""

    def __init__(self, body: Json, ask: Ask, *, allow_opaque: bool) -> None:
        blocks = body.get("content")
        if not isinstance(blocks, list):
            raise UpstreamRefused(
                upstream="", upstream_status=200, problem=Said("its answer has no content", "其回答没有 content")
            )
        self._body = body
        self.withheld: list[str] = []
        self.segments: list[Segment] = []
        for leaf in answer_leaves(body, ANSWER):
            if leaf.kind == "opaque":
                if not allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(body, leaf.path, "")
                continue
            form = "json" if ask.json_mode and leaf.pattern == "content.*.text" else form_of(leaf.kind)
            self.segments.append(answer_segment(leaf, form))
        self.usage = usage_of(body.get("usage"))
        self.finish = str(body.get("stop_reason") or "")
        self.content_paths: list[Path] = [
            ("content", i, "text") for i, b in enumerate(blocks) if isinstance(b, dict) and b.get("type") == "text"
        ]

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`."""
        for path, text in replaced.items():
            put(self._body, path, text)
        self._body["guiju"] = label
        return encode(self._body)


DIALECT = AnthropicMessages()
