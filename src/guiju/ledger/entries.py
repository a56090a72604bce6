"""Meeting point 2: every kind of entry, one tagged union.

Written by gateway/exchange.py (through journal/) and control/audit.py, proven by ledger/verify.py. An entry is
what a leaf of the tree commits to, so nothing in it can be guessed back to contents: no text, no matched words,
subjects only as keyed hashes, contents only as a keyed hash under a random key (`commitment`). Names that a caller or a
model chose (a key of an unknown object, a model that isn't offered, a finish reason of its own) are text like any other:
`place`, `channel`, `finish` and `role` leave of them only what the dialects themselves say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from guiju.types import Action, Judged, Media, Path

_STEPS = frozenset(
    "action annotation annotations arguments audio choices citations cited_text code command commands container content "
    "content_block_delta content_block_start conversation data default delta description detail diff document "
    "document_title encrypted_content enum error event examples file file_data file_url filename format function "
    "function_call id image_url images input input_audio input_schema instructions item items json_schema logprobs logs "
    "message message_delta message_start messages metadata model name options output outputs parameters part partial_json "
    "prediction previous_response_id prompt prompt_logprobs prompt_token_ids properties queries query reasoning "
    "reasoning_content refusal required response response_format result results role safety_identifier schema source stderr "
    "stdout stop stop_sequences suffix summary system text thinking title token token_ids tool_calls tool_choice tool_name "
    "tool_result tool_use tools top_logprobs transcript type url url_citation user variables vector_store_ids x *".split()
)
_FINISHES = frozenset(
    "stop length content_filter tool_calls function_call end_turn max_tokens stop_sequence tool_use pause_turn "
    "refusal completed incomplete max_output_tokens max_messages".split()
)
_ROLES = frozenset("system developer user assistant tool function".split())


def place(path: Path) -> Path:
    """A path as an entry may hold it: steps that a dialect knows; `?` for every other."""
    return tuple(_step(step) if isinstance(step, str) else step for step in path)


def channel(name: str) -> str:
    """The same of a channel's name."""
    return ".".join(map(_step, name.split(".")))


def places(names: Iterable[str]) -> tuple[str, ...]:
    """The same of many, each once."""
    return tuple(sorted(set(map(channel, names))))[:50]


def _step(step: str) -> str:
    key = "#key" if step.endswith("#key") else ""
    step = step.removesuffix("#key")
    known = step in _STEPS or (step.isascii() and step.isdigit() and len(step) <= 4)
    return (step if known else "?") + key


def finish(reason: str) -> str:
    """A finish reason as an entry may hold it: one that the dialects know, `?` for every other."""
    return reason if reason in _FINISHES or not reason else "?"


def role(name: str) -> str:
    """A role as an entry may hold it."""
    return name if name in _ROLES or not name else "?"


class _Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    at_ms: int
    """Epoch milliseconds at which it was written."""


class Reviewed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on one text: where it stands and what was found there."""

    path: Path
    """In the request body, or the channel of the answer (`place`)."""
    role: str = ""
    length: int = 0
    """Characters reviewed."""
    action: Action = Action.ALLOW
    judged: tuple[Judged, ...] = ()


class Opened(_Entry, frozen=True, kw_only=True, tag="exchange.opened", omit_defaults=True):
    """An exchange begins: who asks, what was decided about the input. Durable before the upstream is called."""

    exchange: str
    node: str = ""
    door: str = ""
    """The dialect: `openai_chat`, `anthropic_messages`, `ollama_chat`, …; `moderations` for our own review."""
    app: str = ""
    service: str = ""
    key: str = ""
    subject: str = ""
    model: str = ""
    """As asked, where the service offers it; `?` for a name that fell to its default."""
    upstream: str = ""
    upstream_model: str = ""
    stream: bool = False
    observe: bool = False
    snapshot: int = 0
    policy: str = ""
    """`name@version`."""
    lexicons: tuple[str, ...] = ()
    """`name@version`."""
    asked: tuple[str, ...] = ()
    """Slow detectors that judge this exchange; a guard with the beginning of its file's digest: `name@3f9a12bc`."""
    unjudged: tuple[str, ...] = ()
    """Those that gave no verdict on the input, and are set to let it pass."""
    action: Action = Action.ALLOW
    texts: tuple[Reviewed, ...] = ()
    """Only texts with findings; `characters` counts all."""
    characters: int = 0
    media: tuple[Media, ...] = ()
    """What passed unreviewed."""
    reversible: tuple[str, ...] = ()
    """Classes of what was masked so that the answer says it again; the values are in no record but the sealed request."""
    commitment: str = ""
    """Keyed BLAKE2b-256 of the contents under a random key that is sealed with them, hex."""


class Insertion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something of Guiju's own in the delivered text, or instead of some of it."""

    channel: str
    offset: int
    """In characters of the delivered text of that channel; where something was restored in it, of the text before that, as
    it was reviewed and is sealed."""
    length: int
    kind: Literal["notice", "mask", "refusal", "restored", "withheld"]
    """`restored`: a placeholder of that length, in whose place the value left that it stood for."""
    removed: int = 0
    """Characters of the upstream's text that it stands for."""


class Closed(_Entry, frozen=True, kw_only=True, tag="exchange.closed", omit_defaults=True):
    """An exchange ends: what was served. Durable before the final event, or the whole answer, leaves."""

    exchange: str
    outcome: Literal[
        "served",
        "masked",
        "refused",
        "blocked",
        "input_refused",
        "input_blocked",
        "client_left",
        "suspended",
        "revoked",
        "upstream_error",
        "our_error",
        "interrupted",
    ]
    code: str = ""
    """Error code, where one was answered."""
    action: Action = Action.ALLOW
    texts: tuple[Reviewed, ...] = ()
    """Only channels with findings."""
    insertions: tuple[Insertion, ...] = ()
    withheld: tuple[str, ...] = ()
    """Paths whose strings could not be followed and were not served."""
    label: str = ""
    """The AIGC record as JSON text, of the first choice."""
    content_ids: tuple[str, ...] = ()
    """One per choice."""
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_estimated: bool = False
    """The upstream counted none: the tokens are our estimate, by length."""
    cost: int = 0
    """Of these tokens at the price of the day, in millionths of the currency (`usage.currency`)."""
    characters: int = 0
    """Delivered, all channels."""
    finish: str = ""
    first_byte_ms: int = 0
    """From request to the upstream's first byte."""
    total_ms: int = 0
    upstream: str = ""
    """Which was asked last, where it took more than one try; else the one that `opened` names."""
    attempts: int = 0
    """How many tries it took, where more than one."""
    queue: bool = False
    """An item for a person was opened."""
    unjudged: tuple[str, ...] = ()
    """Slow detectors that gave no verdict on the answer, and are set to let it pass."""
    ahead: int = 0
    """Most characters by which the client was ahead of a slow detector's verdict, where a lead is set."""
    commitment: str = ""


class Observed(_Entry, frozen=True, kw_only=True, tag="exchange.observed", omit_defaults=True):
    """What slow detectors that only observe made of an exchange; told after it."""

    exchange: str
    direction: Literal["input", "output"] = "input"
    texts: tuple[Reviewed, ...] = ()
    """Only texts with findings; `action` is what policy would have done."""
    unanswered: tuple[str, ...] = ()
    """Detectors that gave no verdict."""


class Rejected(_Entry, frozen=True, kw_only=True, tag="exchange.rejected", omit_defaults=True):
    """A request that was turned away before anything was opened: it couldn't be read, or its key may not ask that."""

    exchange: str
    door: str = ""
    app: str = ""
    key: str = ""
    subject: str = ""
    code: str = ""
    """Error code of guiju.errors."""
    count: int = 1
    """Those of nobody (no key, or none that is known) are told together, one entry a minute without an `exchange`; so is
    what one key has beyond sixty a minute."""


class Feedback(_Entry, frozen=True, kw_only=True, tag="exchange.feedback", omit_defaults=True):
    """A user's thumb."""

    exchange: str
    subject: str = ""
    thumb: Literal["up", "down"] = "up"
    reason: str = ""
    """One of the page's fixed reasons; free text is content and is sealed."""
    commitment: str = ""


class Act(_Entry, frozen=True, kw_only=True, tag="act", omit_defaults=True):
    """A person's or a command's administrative act."""

    verb: str
    """`keys.revoke`, `policies.activate`, `services.suspend`, `contents.read`, `people.link`."""
    by: str
    """Account name, `cli:<system user>`, or `system`."""
    target: str = ""
    before: str = ""
    """Short state or digest before, `` where there is none."""
    after: str = ""
    reason: str = ""
    detail: dict[str, str] = {}


class Note(_Entry, frozen=True, kw_only=True, tag="note", omit_defaults=True):
    """Something the system has to say of itself: start, stop, recovery, a torn tail, disk low."""

    what: str
    node: str = ""
    detail: dict[str, str] = {}


Entry = Opened | Closed | Observed | Rejected | Feedback | Act | Note

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """Entry -> the bytes that are hashed. Written once and kept as they are: never re-encoded for a proof."""
    return _encoder.encode(entry)


def decode(data: bytes) -> Entry:
    """Bytes -> Entry.

    Raises:
        msgspec.DecodeError, msgspec.ValidationError: not an entry.
    """
    return _decoder.decode(data)
