"""Every string of a JSON value, with its place: what review reads, and the way to put other strings there.

Pure. A dialect lists the places that are no text (`Places`); all others are text, unknown fields too. What stands in a
listed place is told as `listed` where it looks like an identifier, and is text where it doesn't; only what dialects say
there themselves (`WORDS`) is passed over. Large numbers count as text (a phone number is eleven digits), and so do keys
of objects that no dialect uses (`KEYS`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from guiju.errors import Said
from guiju.types import Form, Path

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

_WORD = re.compile(r"[A-Za-z0-9_.:/@+=\-]{0,200}")
_LONG = re.compile(r"(?:[0-9][-.]?){11}")
KEYS = frozenset(
    # what the dialects and their usual relatives say
    "$defs $ref $schema accepted_prediction_tokens additionalProperties allOf annotations anyOf arguments assistant audio "
    "audio_tokens bytes cache_control cache_creation cache_creation_input_tokens cache_read_input_tokens cached_tokens "
    "choices citation citations cited_text code completion completion_tokens completion_tokens_details const container "
    "content content_block content_filter_results context_management created custom data default definitions delta "
    "description detail details disable_parallel_tool_use document_index document_title effort encrypted_content "
    "encrypted_index end_block_index end_char_index end_index end_page_number enum ephemeral_1h_input_tokens "
    "ephemeral_5m_input_tokens error examples exclusiveMaximum exclusiveMinimum expires_at extra_body file file_data "
    "file_id filename finish_reason format frequency_penalty function function_call functions id image_url include_usage "
    "index input input_audio input_json input_schema input_tokens is_error items json_schema logit_bias logprob logprobs "
    "matched_stop max_completion_tokens max_tokens maxItems maxLength maximum media_type message messages metadata minItems "
    "minLength minimum min_p modalities mode model n name native_finish_reason not nullable object obfuscation oneOf output "
    "output_config output_format output_tokens parallel_tool_calls parameters partial_json pattern patternProperties "
    "prediction prefix presence_penalty prompt prompt_cache_key prompt_filter_results prompt_logprobs prompt_tokens "
    "prompt_tokens_details properties provider reasoning reasoning_content reasoning_details reasoning_effort "
    "reasoning_tokens redacted_thinking refusal rejected_prediction_tokens repetition_penalty required response_format role "
    "safety_identifier schema seed server_tool_use service_tier signature source speed start_block_index start_char_index "
    "start_index start_page_number stop stop_reason stop_sequence stop_sequences store stream stream_options strict summary "
    "system system_fingerprint temperature text thinking timings title token token_ids tokens tool_call_id tool_calls "
    "tool_choice tool_use_id tools top_k top_logprobs top_p total_tokens type uniqueItems url url_citation usage user "
    "user_id verbosity video_url voice web_search_options web_search_requests x_groq "
    "best_of dimensions echo embedding encoding_format original_input_tokens text_offset token_logprobs "
    # Ollama's
    "context f16_kv images keep_alive logits_all low_vram main_gpu mirostat mirostat_eta mirostat_tau num_batch num_ctx "
    "num_gpu num_keep num_predict num_thread numa options penalize_newline raw repeat_last_n repeat_penalty suffix "
    "template tfs_z think tool_name typical_p use_mlock use_mmap vocab_only "
    # those of OpenAI's responses
    "acknowledged_safety_checks action actions allowed_domains allowed_tools annotation annotation_index "
    "approval_request_id approve authorization background cache_write_tokens call_id caller caller_id command "
    "command_index commands completed_at container_id content_index conversation created_at created_by diff environment "
    "execution exit_code file_ids file_url filters image_gen include incomplete_details input_tokens_details instructions "
    "item item_id keys logs max_num_results max_output_length max_output_tokens max_tool_calls moderation namespace "
    "num_requests operation outcome output_index output_schema output_tokens_details outputs param part partial_image_b64 "
    "partial_image_index path pending_safety_checks phase previous_response_id prompt_cache_retention quality queries "
    "query ranking_options reason require_approval response result results revised_prompt score search_context_size "
    "sequence_number server_label server_url size sources status stderr stdout summary_index timeout_ms tool_usage "
    "truncation user_location variables vector_store_ids version web_search".split()
)
"""Keys of objects that are a dialect's own words: no text. All others are."""
WORDS = frozenset(
    "api_error assistant auto chat.completion chat.completion.chunk citations_delta code_interpreter_call completed "
    "computer_call computer_call_output content_block_delta content_block_start content_block_stop content_filter custom "
    "custom_tool_call custom_tool_call_output default developer disabled embedding end_turn error failed file_citation "
    "file_search_call flex function function_call function_call_output image_generation_call in_progress incomplete "
    "input_file input_image input_json_delta input_text json_object json_schema length list max_output_tokens max_tokens "
    "mcp_call mcp_list_tools message message_delta message_start message_stop model_context_window_exceeded none "
    "output_text pause_turn ping priority reasoning reasoning_text redacted_thinking refusal required response "
    "response.code_interpreter_call_code.delta response.code_interpreter_call_code.done response.completed "
    "response.content_part.added response.content_part.done response.created response.custom_tool_call_input.delta "
    "response.custom_tool_call_input.done response.failed response.function_call_arguments.delta "
    "response.function_call_arguments.done response.in_progress response.incomplete response.mcp_call_arguments.delta "
    "response.mcp_call_arguments.done response.output_item.added response.output_item.done "
    "response.output_text.annotation.added response.output_text.delta response.output_text.done response.queued "
    "response.reasoning_summary_part.added response.reasoning_summary_part.done response.reasoning_summary_text.delta "
    "response.reasoning_summary_text.done response.reasoning_text.delta response.reasoning_text.done "
    "response.refusal.delta response.refusal.done response.shell_call_command.added response.shell_call_command.delta "
    "response.shell_call_command.done scale searching server_tool_use shell_call signature_delta standard stop "
    "stop_sequence summary_text system text text_completion text_delta thinking thinking_delta tool_calls tool_use "
    "url_citation user web_search_call web_search_tool_result".split()
)
"""What the dialects themselves say in listed places: no text there."""
_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
"""Escapes in JSON source; the group is half a surrogate pair that stands alone."""
LARGE = 9_999_999
"""Numbers beyond this count as text."""
EPOCH = 9_999_999_999
"""In a listed place (a time, a count of tokens) those beyond this."""
_LONGEST_NUMBER = 60
"""Digits; nothing that a detector knows is longer."""
DEEPEST = 200
"""Objects and lists inside each other; no body that is meant to be read goes deeper."""

MOST_TEXTS = 50_000
"""Strings of one request that are reviewed: each costs some microseconds and some hundred bytes."""
MOST_VALUES = 400_000
"""Values of one request: more than an embedding of tokens has (300,000), and less than what takes seconds to look through."""
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+\\?"?', re.DOTALL)
"""A string in JSON source, also one without its end: nothing is looked at twice."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""What reading JSON raises: it is none, goes too deep, or has a number with an exponent beyond all measure."""

Kind = Literal["text", "json", "name", "number", "listed", "opaque"]
"""`listed` is an identifier in a place for one; a leaf that stands there and is none is `text`."""


def decode(data: bytes) -> Any:
    """JSON -> value; numbers keep what they say, however many digits that takes.

    Raises: UNREADABLE.
    """
    return _decode(data)


def crowded(data: bytes) -> bool:
    """Whether JSON source holds more than MOST_VALUES values; told without reading it, which is what would take long."""
    if len(data) < 2 * MOST_VALUES or _values(data, 0, len(data)) < MOST_VALUES:  # what stands in strings counted too
        return False
    values = strings = at = 0
    for found in _STRING.finditer(data):
        values += _values(data, at, found.start())
        at, strings = found.end(), strings + 1
        if max(values, strings / 2) > MOST_VALUES:  # a key and a value may be two strings
            return True
    return values + _values(data, at, len(data)) > MOST_VALUES


def _values(data: bytes, start: int, end: int) -> int:
    """At most so many values: each but the first stands behind one of these."""
    return data.count(b",", start, end) + data.count(b"[", start, end) + data.count(b"{", start, end)


def decode_string(data: bytes) -> str:
    """One string in its quotes, and nothing else.

    Raises: UNREADABLE.
    """
    return _decode_string(data)


def encode(value: Any) -> bytes:
    """Value -> JSON."""
    return _encode(value)


def decode_answer(data: bytes) -> Any:
    """The same of an upstream, which may say what JSON allows and nobody can read: half a surrogate pair becomes U+FFFD.

    Raises: UNREADABLE.
    """
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return _decode(_SURROGATE.sub(lambda found: b"\\ufffd" if found[1] else found[0], data))


def form_of(kind: Kind) -> Form:
    """How the text of a leaf is reviewed."""
    return kind if kind in ("json", "name") else "text"


class _Place:
    """A place, known or not: what stands there, and the places below it."""

    __slots__ = ("below", "kind", "pattern", "seed")

    def __init__(self, pattern: str) -> None:
        self.pattern, self.seed = pattern, False
        self.kind: Kind = "text"
        self.below: dict[str, _Place] = {}

    def at(self, step: str) -> _Place:
        """The place below it; one that nobody listed is made as it is asked for, and is kept by nobody."""
        return self.below.get(step) or _Place(f"{self.pattern}.{step}" if self.pattern else step)


class Places:
    """What a dialect knows of the places in its bodies. Patterns are dotted paths, `*` for a list's index.

    Args:
        listed: no text: identifiers, enumerations.
        forms: text that is read in another form than as it is.
        opaque: encrypted or binary: can't be followed.
        seeds: numbers that a program drew: none is text, however large.
    """

    def __init__(
        self,
        *,
        listed: frozenset[str],
        forms: Mapping[str, Form],
        opaque: frozenset[str],
        seeds: frozenset[str] = frozenset(),
    ) -> None:
        self.listed = listed
        self.top = _Place("")
        for pattern in seeds:
            self._make(pattern).seed = True
        for pattern, form in forms.items():
            self._make(pattern).kind = form
        for pattern in opaque:
            self._make(pattern).kind = "opaque"
        for pattern in listed:
            self._make(pattern).kind = "listed"

    def _make(self, pattern: str) -> _Place:
        place = self.top
        for step in pattern.split("."):
            place.below[step] = place = place.at(step)
        return place


class Leaf(msgspec.Struct):
    """One string."""

    path: Path
    pattern: str
    text: str
    kind: Kind


def is_identifier(value: str) -> bool:
    """Whether it looks like a program's word, with neither an address nor a long number in it."""
    return (
        _WORD.fullmatch(value) is not None
        and _LONG.search(value) is None
        and ("@" not in value or "." not in value.partition("@")[2])
    )


def leaves(value: Any, places: Places) -> list[Leaf]:
    """Every string that may be text, identifiers too, in order of appearance.

    Raises: RecursionError where it goes too deep.
    """
    found: list[Leaf] = []
    _walk(value, places.top, (), found)
    return found


def _walk(value: Any, place: _Place, path: Path, found: list[Leaf]) -> None:
    if len(path) > DEEPEST:
        raise RecursionError(Said("more than {n} objects and lists inside each other", "超过 {n} 层的嵌套", n=DEEPEST))
    kind = type(value)
    if kind is str:
        if place.kind != "listed":
            if value:
                found.append(Leaf(path, place.pattern, value, place.kind))
        elif value and value not in WORDS:
            found.append(Leaf(path, place.pattern, value, "listed" if is_identifier(value) else "text"))
    elif kind is dict:
        for key, inner in value.items():
            below = place.below.get(key)
            if below is None:
                below = place.at(key)
                if key not in KEYS:
                    found.append(Leaf((*path, key), below.pattern + "#key", key, "name"))
            kind = type(inner)  # what most values are is settled here: a step down for each would cost more
            if kind is str:
                if inner in WORDS and below.kind == "listed":
                    continue
            elif kind is int:
                if -LARGE <= inner <= LARGE:
                    continue
            elif inner is None:
                continue
            _walk(inner, below, (*path, key), found)
    elif kind is list:
        below = place.at("*")
        for number, inner in enumerate(value):
            _walk(inner, below, (*path, number), found)
    elif (
        (kind is int or kind is Decimal or kind is float)
        and not place.seed
        and not -(most := EPOCH if place.kind == "listed" else LARGE)
        <= value
        <= most  # abs() of 1e999999999999 overflows
    ):
        found.append(Leaf(path, place.pattern, _digits(value), "number"))


def _digits(value: int | float | Decimal) -> str:
    """A number as a person reads it: a telephone number is one in `1.3812345678e10` too."""
    exact = Decimal(value)
    if exact.adjusted() > _LONGEST_NUMBER:
        return str(exact)
    return f"{exact.to_integral_value() if exact == exact.to_integral_value() else exact:f}"


def put(value: Any, path: Path, text: str | None) -> None:
    """Set the string at `path` in place; None removes it (the key, or the list's entry becomes "")."""
    for step in path[:-1]:
        value = value[step]
    if text is None and isinstance(value, dict):
        value.pop(path[-1], None)
    else:
        value[path[-1]] = text if text is not None else ""


def build(into: Any, way: Path, text: str) -> None:
    """Objects and lists along the way, the string at its end."""
    for step, following in zip(way, (*way[1:], None), strict=True):
        inner: Any = text if following is None else ([] if isinstance(following, int) else {})
        if isinstance(step, int):
            into += [{} for _ in range(step)] + [inner]
        else:
            into[step] = inner
        into = inner


def object_in(value: Any) -> dict[str, Any]:
    """An object where there is one; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none for anything else."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def text_in(value: Any) -> str:
    """A string where there is one; "" for anything else."""
    return value if isinstance(value, str) else ""
