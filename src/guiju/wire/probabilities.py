"""Log probabilities leave with their characters: until the content that they tell of has left they wait, and once any
of it was hidden they go for good.

Pure. A token says a piece of the content once more, so it is passed on only where it does: tokens that say anything
else would be text that nobody has reviewed. The tokens that were likely too (`top_logprobs`) say other things by their
nature: those of successive tokens spell texts, by rank and together with the content, more than anyone can review. They
leave only where there is nothing beside them to spell with: where a whole answer is a single token (a classification),
reviewed each by itself. Elsewhere `top_logprobs` is empty.

vLLM tells prompt and answer once more in the numbers of their tokens, where it is asked for that. Whoever has its
vocabulary reads them, and nobody here does: they are withheld like what is encrypted.
"""

from __future__ import annotations

import re
from typing import Any

from guiju.wire.dialect import Json
from guiju.wire.strings import LARGE, object_in, objects_in

NUMBERED = frozenset(("token_ids", "prompt_token_ids", "prompt_logprobs"))
"""Fields of vLLM's that tell a text in numbers: beside the choices, or in one."""
_MARK = re.compile(r"|</?s>|<[|｜][A-Za-z_▁]{1,40}[|｜]>")
"""A token that is no text: the end of a turn."""


def withhold_numbered(body: Json, message: str, withheld: list[str]) -> None:
    """Take such fields out of an answer or a chunk; `message` is where a choice speaks: `message` or `delta`."""
    choices = objects_in(body.get("choices"))
    holders = [("", body), *(("choices.*.", choice) for choice in choices)]
    holders += [(f"choices.*.{message}.", object_in(choice.get(message))) for choice in choices]
    for place, holder in holders:
        for name in NUMBERED & holder.keys():
            if holder[name] is not None:
                del holder[name]
                withheld += {place + name}.difference(withheld)


def entries_of(found: Any) -> list[Json] | None:
    """The entries of a `logprobs` object, made anew of what is known of them; None where it holds anything else."""
    if found is None:
        return []
    if not isinstance(found, dict) or any(v for k, v in found.items() if k != "content"):
        return None
    given = found.get("content") or []
    made = [_entry(e) for e in given] if isinstance(given, list) else [None]
    return None if None in made else [{**e, "top_logprobs": []} for e in made if e]


def with_alternatives(found: Any) -> list[Json] | None:
    """The same of a whole answer, with the other likely tokens where it is a single one."""
    entries = entries_of(found)
    if entries and sum(bool(said(entry)) for entry in entries) <= 1:
        for entry, given in zip(entries, found["content"], strict=True):
            others = given.get("top_logprobs") if said(entry) else None
            made = [_entry(other) for other in others] if isinstance(others, list) else []
            if None in made:
                return None
            entry["top_logprobs"] = made
    return entries


def _entry(given: Any) -> Json | None:
    if not isinstance(given, dict) or not isinstance(given.get("token"), str):
        return None
    entry: Json = {"token": given["token"], "logprob": given.get("logprob"), "bytes": given.get("bytes")}
    if isinstance(entry["logprob"], (str, list, dict)) or said(entry) is None:
        return None
    if entry["logprob"] is not None and abs(entry["logprob"]) > LARGE:  # a telephone number is one in any place
        return None
    return entry


def said(entry: Json) -> bytes | None:
    """The bytes of text that a token stands for, b"" for a mark; None where it contradicts itself."""
    token, given = entry["token"], entry["bytes"]
    if _MARK.fullmatch(token):
        entry["bytes"] = None
        return b""
    if given is None:
        return str(token).encode()
    try:
        raw = bytes(given)
    except (TypeError, ValueError):
        return None
    escaped = "".join(f"\\x{byte:02x}" for byte in raw)
    shown = (raw.decode("utf-8", "replace"), escaped, "bytes:" + escaped)
    return raw if token in shown else None


def alternatives(entries: list[Json]) -> str:
    """The other likely tokens, each on a line of its own."""
    return "\n".join(o["token"] for e in entries for o in e["top_logprobs"] if o["token"] != e["token"])


def tells(found: Any, content: str) -> bool:
    """Whether the entries of a whole answer say its content and nothing else."""
    entries = entries_of(found)
    if entries is None:
        return False
    return not entries or b"".join(said(e) or b"" for e in entries).strip() == content.encode().strip()


class Probabilities:
    """Those of one choice in a stream."""

    def __init__(self) -> None:
        self._content = self._tokens = b""
        """What came of both and hasn't been compared yet: one of them is ahead."""
        self._told = self._left = 0
        """Bytes of content that tokens have told, and that have left."""
        self._waits: list[str] = []
        """Content received that hasn't left."""
        self._entries: list[tuple[int, Json]] = []
        """How much content must have left, and the entry."""
        self._dropped = False

    def drop(self) -> None:
        """They would tell what is hidden, or say what nobody has reviewed: none leaves any more."""
        self._dropped = True
        self._entries, self._waits = [], []

    def take(self, content: str, found: Any) -> bool:
        """A chunk's content and its `logprobs`; False where they had to be dropped now."""
        if self._dropped:
            return found is None
        entries = entries_of(found)
        raw = content.encode()
        self._waits.append(content)
        if found is None and not self._content and not self._tokens:  # content of which nothing is told
            self._told += len(raw)
            return True
        self._content += raw
        for entry in entries or ():
            token = said(entry) or b""
            self._tokens += token
            self._told += len(token)
            self._entries.append((self._told, entry))
        common = min(len(self._content), len(self._tokens))
        if entries is None or self._content[:common] != self._tokens[:common]:
            self.drop()
            return False
        self._content, self._tokens = self._content[common:], self._tokens[common:]
        return True

    def release(self, text: str) -> list[Json]:
        """This much content leaves: the entries that it covers; none any more once it isn't what was received."""
        if self._dropped:
            return []
        waits = "".join(self._waits)
        if not waits.startswith(text):
            self.drop()
            return []
        self._waits = [waits[len(text) :]]
        self._left += len(text.encode())
        ready = [entry for at, entry in self._entries if at <= self._left]
        self._entries = [(at, entry) for at, entry in self._entries if at > self._left]
        return ready
