"""OpenAI's responses: requests, whole answers, and what is said outside streams. openai_responses_stream.py reads streams.

Pure. Source: the OpenAI API reference (responses). To an upstream that offers responses the body travels as it is; to one
that offers chat/completions through responses_translate.py. What a request takes from what the upstream keeps
(`previous_response_id`, a conversation, a file) can't be read here: it counts as a medium that nobody has reviewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from guiju.errors import BadRequest, GuijuError, Said, UpstreamRefused
from guiju.types import Claim, Media, Path, Segment
from guiju.wire import faults, responses_shape, responses_translate, sse, unknown
from guiju.wire.dialect import Ask, Json, Usage
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
from guiju.wire.openai_responses_stream import ResponsesStream
from guiju.wire.probabilities import alternatives, tells, with_alternatives
from guiju.wire.responses_shape import ANSWER, ECHOED, ITEM, ITEM_FORMS, is_opaque
from guiju.wire.responses_writer import Writer
from guiju.wire.strings import Leaf, Places, decode, encode, form_of, put

REQUEST = Places(
    listed=frozenset((
        *("input.*." + place for place in ITEM), *("input.*.output.*." + place for place in ("type", "detail")),
        *(
            "model service_tier truncation user safety_identifier prompt_cache_key prompt_cache_retention prompt.version "
            "include.* reasoning.effort reasoning.summary reasoning.context reasoning.mode reasoning.generate_summary "
            "text.format.type text.format.name text.verbosity tool_choice tool_choice.type tool_choice.mode "
            "tool_choice.tools.*.type tools.*.type tools.*.parameters.type tools.*.container.type tools.*.authorization "
            "input.*.content.*.detail input.*.content.*.input_audio.format"
        ).split(),
    )),
    forms={
        **{"input.*." + place: form for place, form in ITEM_FORMS.items()},
        "tools.*.name": "name", "tool_choice.name": "name", "tool_choice.tools.*.name": "name",
    },
    opaque=frozenset((
        *(f"input.*.{place}.*.{name}" for place in ("content", "output") for name in (
            "image_url", "image_url.url", "file_id", "file_data", "file_url", "input_audio.data")),
        *(
            "input.*.encrypted_content input.*.result input.*.output.image_url input.*.output.file_id input.*.outputs.*.url "
            "previous_response_id conversation conversation.id prompt.id tools.*.vector_store_ids.* tools.*.container "
            "tools.*.container.file_ids.* tools.*.input_image_mask.image_url tools.*.input_image_mask.file_id"
        ).split(),
    )),
)  # fmt: skip
_SIGNED = {"encrypted_content": ("reasoning", "compaction"), "result": ("image_generation_call",)}
"""Strings of the upstream's that come back in a request unread, they were answers before: field, and types of its item."""
_MEDIA = {
    "image_url": "image",
    "url": "image",
    "data": "audio",
    "file_data": "file",
    "file_url": "file",
    "file_id": "file",
}
_ROLES = {"function_call_output": "tool", "custom_tool_call_output": "tool", "function_call": "assistant",
          "custom_tool_call": "assistant", "reasoning": "assistant"}  # fmt: skip


class OpenAiResponses:
    """See `Dialect`."""

    name = "openai_responses"
    paths = ("/v1/responses",)
    upstreams = ("openai_responses", "openai")
    stream_type = sse.TYPE

    def read(self, body: bytes, headers: Mapping[str, str]) -> Ask:
        """See `Dialect.read`."""
        value = read_json(body)
        items = _items(value)
        stream = value.get("stream") or False
        if not isinstance(stream, bool):
            raise BadRequest(field="stream", problem=Said("must be true or false", "须为 true 或 false"))
        if value.get("background"):
            problem = Said(
                "an answer made in the background would be fetched where nobody has reviewed it; leave it out",
                "后台生成的回答将在未经审查之处被取走；请勿使用",
            )
            raise BadRequest(field="background", problem=problem)
        tokens_field(value, "max_output_tokens")
        segments: list[Segment] = []
        media: list[Media] = []
        for leaf in read_leaves(value, REQUEST):
            if not is_opaque(value, leaf):
                segments.append(
                    Segment(path=leaf.path, text=leaf.text, role=_role(items, leaf), form=form_of(leaf.kind))
                )
            elif _type(items, leaf) not in _SIGNED.get(str(leaf.path[-1]), ()):
                media.append(media_of(leaf.path, _MEDIA.get(str(leaf.path[-1]), "reference"), leaf.text))
        for number, item in enumerate(items):
            if item.get("type") in (None, "item_reference") and "content" not in item:
                media.append(media_of(("input", number, "id"), "reference", str(item.get("id"))))
        return Ask(
            body=value,
            model=text_field(value, "model", ""),
            stream=stream,
            segments=segments,
            media=media,
            claim=Claim(
                user=str(value.get("safety_identifier") or value.get("user") or ""),
                token=headers.get("x-guiju-subject", ""),
            ),
            json_mode=responses_shape.wants_json(value),
            include_usage=True,
            raw=body,
            echoes=True,
        )

    def upstream_path(self, dialect: str) -> str:
        """See `Dialect.upstream_path`."""
        return "/responses" if dialect == "openai_responses" else "/chat/completions"

    def upstream_body(
        self, ask: Ask, *, model: str, dialect: str, masked: Mapping[Path, str], dropped: list[str] | None = None
    ) -> bytes:
        """See `Dialect.upstream_body`. Written anew, so that a key that stands twice can't say more than was read."""
        body = decode(ask.raw) if masked else dict(ask.body)
        for path, text in masked.items():
            put(body, path, text)
        body["model"] = model
        if dialect != "openai_responses":
            body = unknown.fitting(responses_translate.request(body), dropped)
        return encode(body)

    def read_answer(self, body: bytes, ask: Ask, *, dialect: str, allow_opaque: bool) -> ResponsesAnswer:
        """See `Dialect.read_answer`."""
        value = read_upstream(body)
        if dialect != "openai_responses":
            value = responses_translate.answer(value, ask.body, ask.model)
        return ResponsesAnswer(value, ask, allow_opaque=allow_opaque)

    def read_stream(self, ask: Ask, *, dialect: str, label: Json, allow_opaque: bool) -> ResponsesStream:
        """See `Dialect.read_stream`."""
        native = dialect == "openai_responses"
        translator = None if native else responses_translate.StreamTranslator(ask.body, ask.model)
        return ResponsesStream(ask, label=label, allow_opaque=allow_opaque, translator=translator)

    def refusal(self, ask: Ask, *, exchange: str, created: int, text: str, finish: str, label: Json) -> bytes:
        """See `Dialect.refusal`."""
        name = f"resp_{exchange}"
        # Nothing of the request is repeated: what was refused may stand in it.
        ask = structs.replace(ask, body={k: v for k, v in ask.body.items() if k not in ECHOED})
        if ask.stream:
            writer = Writer(ask, label)
            writer.name, writer.created = name, created
            return writer.stop(finish=finish, replacement=text, usage=Usage(0, 0))
        part = responses_shape.part("refusal" if ask.json_mode else "output_text", text)
        output = [responses_shape.item("message", f"msg_{exchange}", "completed", part)]
        made = responses_shape.response(
            ask.body, name=name, created=created, model=ask.model, output=output, **responses_shape.ending(finish)
        )
        return encode(made | {"usage": responses_shape.counted(Usage(0, 0)), "guiju": label})

    def fault(
        self, error: GuijuError, *, exchange: str, language: str, details: dict[str, object] | None = None
    ) -> bytes:
        """See `Dialect.fault`."""
        return faults.openai(error, exchange=exchange, language=language, details=details)


def _items(value: Json) -> list[Json]:
    """The items of the input; none where it is one text. Raises: BadRequest."""
    prompt = value.get("prompt")
    variables = prompt.get("variables") if isinstance(prompt, dict) else None
    for name, said in variables.items() if isinstance(variables, dict) else ():
        if isinstance(said, dict) and said.get("type") != "input_text":
            raise BadRequest(field=f"prompt.variables.{name}", problem=Said("must be text", "须为文本"))
    given = value.get("input")
    if given is None and any(value.get(name) for name in ("prompt", "previous_response_id", "conversation")):
        return []
    if isinstance(given, str):
        return []
    if not isinstance(given, list) or not given:
        raise BadRequest(
            field="input",
            problem=Said("must be a string or a list of at least one item", "须为字符串，或至少含一项的列表"),
        )
    for number, item in enumerate(given):
        if not isinstance(item, dict):
            raise BadRequest(field=f"input.{number}", problem=Said("must be an object", "须为对象"))
    return given


def _item_of(items: list[Json], leaf: Leaf) -> Json:
    """The item that a string stands in."""
    return items[leaf.path[1]] if leaf.path[0] == "input" and len(leaf.path) > 1 else {}  # type: ignore[index]


def _type(items: list[Json], leaf: Leaf) -> str:
    return str(_item_of(items, leaf).get("type") or "")


def _role(items: list[Json], leaf: Leaf) -> str:
    if leaf.path == ("input",):
        return "user"
    if leaf.path[0] == "instructions":
        return "system"
    kind = _type(items, leaf)
    return _ROLES.get(kind) or str(_item_of(items, leaf).get("role") or "")


class ResponsesAnswer:
    """See `Answer`."""

    def __init__(self, body: Json, ask: Ask, *, allow_opaque: bool) -> None:
        if body.get("error"):
            raise UpstreamRefused(upstream="", upstream_status=200, problem=faults.kind_of(body))
        output = body.get("output")
        if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
            raise UpstreamRefused(
                upstream="", upstream_status=200, problem=Said("its answer has no output", "其回答没有 output")
            )
        self._body = body
        self._echo = {name: ask.body[name] for name in ECHOED if name in body and name in ask.body}
        self._joined = isinstance(body.get("output_text"), str)
        for name in (*self._echo, "output_text", "guiju"):
            body.pop(name, None)
        self.withheld: list[str] = []
        self.segments: list[Segment] = []
        self.content_paths: list[Path] = []
        self._probable: dict[Path, list[Json]] = {}
        """Log probabilities, by the part that they tell of."""
        for number, item in enumerate(output):
            self._parts(number, item)
        for leaf in answer_leaves(body, ANSWER):
            if is_opaque(body, leaf):
                if not allow_opaque:
                    self.withheld.append(leaf.pattern)
                    put(body, leaf.path, None)
                continue
            form = "json" if ask.json_mode and leaf.path in self.content_paths else form_of(leaf.kind)
            self.segments.append(answer_segment(leaf, form))
        self.usage = responses_shape.usage_of(body.get("usage"))
        self.finish = responses_shape.finish_of(body)

    def _parts(self, number: int, item: Json) -> None:
        """What the answer says. Log probabilities are kept where they say it once more; the other tokens are reviewed."""
        content = item.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict) or part.get("type") != "output_text":
                continue
            path: Path = ("output", number, "content", place)
            if isinstance(part.get("text"), str):
                self.content_paths.append((*path, "text"))
            if not (given := part.pop("logprobs", None)):
                continue
            found, text = {"content": given}, part.get("text")
            if not tells(found, text if isinstance(text, str) else ""):
                self.withheld.append("output.*.content.*.logprobs")
                continue
            entries = with_alternatives(found)
            if entries is None:
                self.withheld.append("output.*.content.*.logprobs")
                continue
            self._probable[path] = entries
            if others := alternatives(entries):
                self.segments.append(Segment(path=(*path, "logprobs"), text=others, role="assistant"))

    def write(self, replaced: Mapping[Path, str], label: Json) -> bytes:
        """See `Answer.write`. Log probabilities of a touched text would tell what was hidden: they go."""
        body = self._body
        for path, text in replaced.items():
            self._probable.pop(path[:4], None)
            if path[4:] != ("logprobs",):
                put(body, path, text)
        for path, found in self._probable.items():
            _at(body, path)["logprobs"] = found
        if self._joined:
            texts = [_at(body, path) for path in self.content_paths]
            body["output_text"] = "".join(text for text in texts if isinstance(text, str))
        return encode({**body, **self._echo, "guiju": label})


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


DIALECT = OpenAiResponses()
