"""Ollama's own API: /api/chat and /api/generate, before an upstream that speaks OpenAI's chat/completions.

Pure. Source: Ollama's API reference (docs/api.md). ollama_request.py translates what is asked, ollama_answer.py what is
answered, ollama_models.py has what clients ask about models. Review reads Ollama's side, both ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from guiju.errors import GuijuError
from guiju.types import Claim, Media, Path, Segment
from guiju.wire import faults, ollama_request, unknown
from guiju.wire.dialect import Ask, Json
from guiju.wire.ollama_answer import CHAT, GENERATE, Head, OllamaAnswer, OllamaStream, Shape
from guiju.wire.openai_chat import from_base64, read_json, read_leaves, read_upstream, text_field
from guiju.wire.strings import Places, decode, encode, form_of, put

REQUEST = Places(
    listed=frozenset(
        "model format think keep_alive messages.*.role messages.*.tool_call_id messages.*.tool_calls.*.id "
        "messages.*.tool_calls.*.type tools.*.type tools.*.function.parameters.type format.type".split()
    ),
    forms={
        "messages.*.tool_calls.*.function.name": "name",
        "messages.*.tool_name": "name",
        "tools.*.function.name": "name",
    },
    opaque=frozenset(("messages.*.images.*", "images.*")),
    seeds=frozenset(("options.seed",)),
)
_ROLES = {"prompt": "user", "system": "system"}
"""Whose words the fields of /api/generate are."""


class Ollama:
    """See `Dialect`: one of the two doors."""

    upstreams = ("openai",)
    stream_type = "application/x-ndjson"

    def __init__(self, name: str, path: str, shape: Shape) -> None:
        self.name, self.paths, self._shape = name, (path,), shape

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`. What can't be translated is refused here."""
        value = read_json(body)
        leaves, stream = read_leaves(value, REQUEST), ollama_request.streams(value)
        self._translated(value, stream)
        segments: list[Segment] = []
        media: list[Media] = []
        for leaf in leaves:
            if leaf.kind == "opaque":
                content = from_base64(leaf.text, ".".join(map(str, leaf.path)))
                media.append(Media(path=leaf.path, kind="image", digest=hashlib.sha256(content).hexdigest()))
            else:
                role = self._role(value, leaf.path)
                segments.append(Segment(path=leaf.path, text=leaf.text, role=role, form=form_of(leaf.kind)))
        return Ask(
            body=value,
            model=text_field(value, "model", ""),
            stream=stream,
            segments=segments,
            media=media,
            claim=Claim(token=headers.get("x-guiju-subject", "")),
            json_mode=bool(value.get("format")),
            include_usage=True,
            raw=body,
        )

    def _role(self, body: Json, path: Path) -> str:
        if not self._shape.home:
            return _ROLES.get(str(path[0]), "")
        return str(body["messages"][path[1]]["role"]) if path[0] == "messages" and len(path) > 1 else ""

    def _translated(self, body: Json, stream: bool) -> Json:
        return ollama_request.request(body, chat=bool(self._shape.home), stream=stream)

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/chat/completions"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`."""
        body = decode(ask.raw) if masked else ask.body
        for path, text in masked.items():
            put(body, path, text)
        return encode(unknown.fitting({"model": model, **self._translated(body, ask.stream)}, dropped))

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> OllamaAnswer:
        """See `Dialect.read_answer`."""
        return OllamaAnswer(read_upstream(body), ask, self._shape)

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> OllamaStream:
        """See `Dialect.read_stream`."""
        return OllamaStream(ask, self._shape, label=label)

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes:
        """See `Dialect.refusal`."""
        if ask.stream:
            stream = OllamaStream(ask, self._shape, label=label, created=created)
            return stream.stop(finish=finish, replacement=text, details=label)
        head = Head(ask, self._shape)
        head.created = created
        return encode(head.written(text, done=finish, guiju=label))

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.ollama(error, exchange=exchange, language=language, details=details)


OLLAMA_CHAT = Ollama("ollama_chat", "/api/chat", CHAT)
OLLAMA_GENERATE = Ollama("ollama_generate", "/api/generate", GENERATE)
