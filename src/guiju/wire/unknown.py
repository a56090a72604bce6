"""Fields that a dialect has no word for, where a door's dialect is translated to chat/completions: they travel.

Pure. The rule, for all translations: **a field at the top of a request that is no word of its dialect travels to the top of
the request that is made of it; so does one of an answer, of its first choice and of what that choice says, to the top of
the answer that is made of them**, and one of the usage to the usage. What the translation says under that name stands
before it. A word that is known and has no counterpart (`cache_control`, `logprobs`) stays here, and so does what is unknown
further inside: a message may become several, or none. Before an upstream that refuses what it doesn't know, what isn't
chat/completions' own word stays out of the request, and is named to the client (`fitting`).

In a stream they leave whole, with the event that ends the answer: until then what one chunk says of a field grows by what
the next one says. Review reads them where they arrive, as it reads every string.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from guiju.types import Path
from guiju.wire.dialect import Json
from guiju.wire.probabilities import NUMBERED
from guiju.wire.strings import Places, leaves, object_in

SETTLED = frozenset(
    "model messages n stream stream_options max_tokens max_completion_tokens response_format logprobs top_logprobs".split()
)
"""What a translation alone says to chat/completions: the gateway routes and counts by it, or reads the answer by it."""
CHAT = SETTLED | frozenset(
    "audio frequency_penalty function_call functions logit_bias metadata modalities parallel_tool_calls prediction "
    "presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier seed service_tier stop store "
    "temperature tool_choice tools top_p user verbosity web_search_options".split()
)
"""OpenAI's own words for a chat/completions request (API reference): all that a strict server takes."""

ANSWER = NUMBERED | frozenset(
    "id object created model choices usage system_fingerprint service_tier error guiju obfuscation".split()
)
CHOICE = NUMBERED | frozenset("index message delta finish_reason logprobs guiju".split())
MESSAGE = NUMBERED | frozenset(
    "role content refusal reasoning_content reasoning reasoning_details tool_calls function_call audio annotations "
    "guiju".split()
)
USAGE = frozenset(
    "prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details".split()
)
"""Words of a chat's answer. Some are vLLM's and OpenRouter's: they tell the text again in numbers, or can't be followed;
one is ours alone."""
TEXT = Places(listed=frozenset(), forms={}, opaque=frozenset())
"""Nothing is known of them: each of their strings is text."""


def asked(made: Json, given: Json, words: Collection[str]) -> Json:
    """The request that was made of another one, and what that one has beyond the words of its dialect."""
    return {**fields(given, words, SETTLED), **made}


def fitting(made: Json, dropped: list[str] | None) -> Json:
    """A request that was made, for the upstream that it goes to; see `Dialect.upstream_body` on `dropped`."""
    if dropped is None:
        return made
    dropped += made.keys() - CHAT
    return {name: value for name, value in made.items() if name in CHAT}


def answered(made: Json, body: Json, choice: Json, message: Json) -> Json:
    """The answer that was made of another one, and what that one, its first choice and its message have beyond their words."""
    return {**fields(message, MESSAGE), **fields(choice, CHOICE), **fields(body, ANSWER), **made}


def counted(made: Json, usage: Any) -> Json:
    """The same of a usage."""
    return {**fields(object_in(usage), USAGE), **made}


def fields(given: Json, *words: Collection[str]) -> Json:
    """Those that say something and are none of these words."""
    return {n: v for n, v in given.items() if v is not None and not any(n in known for known in words)}


def travels(path: Path) -> bool:
    """Whether a string of a whole answer stands in such a field."""
    holders: tuple[tuple[Path, Collection[str]], ...] = (
        ((), ANSWER),
        (("choices", 0), CHOICE),
        (("choices", 0, "message"), MESSAGE),
    )
    return any(path[: len(at)] == at and len(path) > len(at) and path[len(at)] not in words for at, words in holders)


class Unknown:
    """The same of one answer that comes in chunks."""

    def __init__(self) -> None:
        self.withheld: list[str] = []
        """Names of those that go too deep to be read."""
        self._answer: Json = {}
        self._usage: Json = {}
        self._choice: Json = {}
        self._message: Json = {}

    def learn(self, body: Json) -> None:
        """Read one chunk, its choices apart."""
        if body.keys() - ANSWER:
            self._answer |= self._readable(fields(body, ANSWER))
        if isinstance(usage := body.get("usage"), dict):
            self._usage |= self._readable(fields(usage, USAGE))

    def hear(self, choice: Json, delta: Json) -> None:
        """Read the first choice of a chunk."""
        if choice.keys() - CHOICE:
            self._choice |= self._readable(fields(choice, CHOICE))
        if delta.keys() - MESSAGE:
            for name, value in self._readable(fields(delta, MESSAGE)).items():
                self._message[name] = _grown(self._message.get(name), value)

    def _readable(self, given: Json) -> Json:
        """Without what goes so deep that it would take the event that it leaves with along."""
        try:
            leaves([[given]], TEXT)
        except RecursionError:
            self.withheld += given
            return {}
        return given

    def answered(self, made: Json) -> Json:
        """See `answered`: of all that has come."""
        return {**self._message, **self._choice, **self._answer, **made}

    def counted(self, made: Json) -> Json:
        """See `counted`."""
        return {**self._usage, **made}


def _grown(before: Any, more: Any, key: str = "") -> Any:
    """Pieces of a text are put together place by place, as OpenAI's clients do it; of all else the later one stands."""
    if isinstance(before, str) and isinstance(more, str) and key != "type":
        return before + more
    if isinstance(before, list) and isinstance(more, list):
        return [*map(_grown, before, more), *before[len(more) :], *more[len(before) :]]
    if isinstance(before, dict) and isinstance(more, dict):
        return before | {name: _grown(before.get(name), value, name) for name, value in more.items()}
    return more
