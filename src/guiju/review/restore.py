"""Reversible masks: placeholders that stand for a value upstream, and the value again where an answer says one.

Pure. judge.py asks for placeholders in a request's texts; gateway/restoring.py lays a `Restorer` behind each channel of the
answer, after its review. What a policy must say for it is policy.py's `restore`.

Theory of operation. A placeholder is `[手机号-1-k7m3p9t2]`: the class's own words, a number, and the mark of this exchange.
The mark is drawn after the request has come and stands nowhere in it, so nothing that a caller wrote can be read as a
placeholder; the number alone says which value is meant, so a model that mixes up the words reads no other value. Values
live in `Kept`, in memory, as long as the exchange does.

A model may change case, spacing, hyphens and brackets, or say the class in the other language: all of these still mean one
value. Everything else is left as it stands. A restorer holds what may still become a placeholder, no more (`LONGEST`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from guiju.types import Action, Form, Judged

LONGEST = 64
"""Readable characters after the opening bracket: no placeholder that a model changed only in spacing is longer."""
MARK = 8
"""Characters of a mark, and bytes that it is drawn from."""
_LETTERS, _DIGITS = "bcdfghjklmnpqrstvwxz", "23456789"
"""Letter and digit by turns: neither a word, nor initials, nor a number that a detector would see."""
_NOISE = re.compile(r"[\s\-‐‑‒–—―−﹣－_]+")
_CLOSE = frozenset("]］】")
_OPEN: dict[str, re.Pattern[str]] = {
    "text": re.compile(r"[\[［【]"),
    "json": re.compile(r"[\[［【]|\\u(?:005[bB]|[fF]{2}3[bB]|3010)|(?P<open>\\(?:u[0-9a-fA-F]{0,3})?\Z)"),
}
"""What a placeholder may begin with; in JSON also its escape, and an escape that isn't complete."""
_UNIT = re.compile(r"(?P<code>\\u[0-9a-fA-F]{4})|(?P<open>\\(?:u[0-9a-fA-F]{0,3})?\Z)|(?P<short>\\.)|.", re.DOTALL)
"""One character in JSON source."""


class Span(Protocol):
    """What holdback.Inserted says of a mask in a served text."""

    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def removed(self) -> int: ...


class Place(NamedTuple):
    """A placeholder that was restored: where it stood in the text as it was reviewed, in characters."""

    offset: int
    length: int


class Labels(Protocol):
    """(class, language) -> the words of its placeholder: `[手机号]`."""

    def __call__(self, cls: str, language: str, /) -> str: ...


def mark_of(drawn: bytes) -> str:
    """A mark from random bytes, `MARK` of them."""
    return "".join((_DIGITS if at % 2 else _LETTERS)[byte % (8 if at % 2 else 20)] for at, byte in enumerate(drawn))


class Kept:
    """The values of one exchange.

    Args:
        mark: stands in no text of the request (`Kept.absent`).
        labels: of the taxonomy.
        language: of the placeholders.
    """

    def __init__(self, mark: str, labels: Labels, language: str) -> None:
        self.mark = mark
        self.classes: set[str] = set()
        """Of which something was kept."""
        self._labels, self._language = labels, language
        self._placeholders: dict[str, str] = {}
        """Value -> its placeholder."""
        self._values: dict[str, str] = {}
        """What a placeholder comes to (`_bare`) -> value."""
        self._heads: set[str] = set()
        """The words of placeholders, bare."""

    @classmethod
    def absent(cls, marks: Iterable[str], texts: Sequence[str]) -> str:
        """The first of the marks that can be read in none of the texts; "" where there is none."""
        said = [_bare(text) for text in texts]
        return next((mark for mark in marks if not any(mark in text for text in said)), "")

    def __len__(self) -> int:
        return len(self._placeholders)

    # --- the request ----------------------------------------------------------------------------

    def masked(
        self,
        text: str,
        served: str,
        spans: Iterable[Span],
        judged: Iterable[Judged],
        *,
        form: Form,
        restorable: Collection[str],
    ) -> str:
        """A masked text with placeholders that can be restored in place of the plain ones.

        Args:
            text: as it came.
            served: the same, masked.
            spans: the masks in `served`, in order.
            judged: the findings in `text`, by their start.
            restorable: ids of the policy's rules whose masks may be restored. Where findings overlap, all of theirs must
                be: one mask stands for all of them.
        """
        found = [j for j in judged if j.action is Action.MASK]
        out: list[str] = []
        read = taken = first = 0
        for span in spans:
            out.append(served[taken : span.offset])
            start = read + span.offset - taken
            read, taken = start + span.removed, span.offset + span.length
            plain = served[span.offset : taken]
            while first < len(found) and found[first].finding.end <= start:
                first += 1
            last = first
            while last < len(found) and found[last].finding.start < read:
                last += 1
            here = found[first:last]
            if here and all(j.policy_rule in restorable for j in here):
                plain = self._in_place(text[start:read], plain, here[0].finding.cls, form)
            out.append(plain)
        return "".join([*out, served[taken:]])

    def _in_place(self, source: str, plain: str, cls: str, form: Form) -> str:
        if form != "json":
            return self.placeholder(source, cls)
        whole = plain.startswith('"')  # a number became a string
        try:
            value = source if whole else str(json.loads(f'"{source}"'))
        except ValueError:  # JSON only by half: as it is
            value = source
        said = json.dumps(self.placeholder(value, cls), ensure_ascii=False)
        return said if whole else said[1:-1]

    def placeholder(self, value: str, cls: str) -> str:
        """What stands for this value, of this class where it is new: the same wherever it comes again."""
        known = self._placeholders.get(value)
        if known is not None:
            return known
        self.classes.add(cls)
        number = len(self._placeholders) + 1
        names = [self._labels(cls, language).strip("[]") for language in (self._language, "zh", "en")]
        for name in names:
            self._heads.add(_bare(name))
            self._values[f"{_bare(name)}{number}{self.mark}"] = value
        made = self._placeholders[value] = f"[{names[0]}-{number}-{self.mark}]"
        return made

    # --- the answer -----------------------------------------------------------------------------

    def value(self, inside: str) -> str | None:
        """The value that a placeholder means; None where it means none. `inside` is what stands in the brackets."""
        return self._values.get(_bare(inside))

    def may_become(self, inside: str) -> bool:
        """Whether more characters could make a placeholder of it."""
        if len(inside) > LONGEST:
            return False
        bare = _bare(inside)
        for head in self._heads:
            if head.startswith(bare):
                return True
            if bare.startswith(head):
                rest = bare[len(head) :]
                mark = rest.lstrip("0123456789")
                if self.mark.startswith(mark) and len(rest) - len(mark) <= len(str(len(self))):
                    return True
        return False

    def restored(self, text: str, form: Form) -> tuple[str, list[Place]]:
        """A whole text with its values again, and where they stood in for."""
        restorer = Restorer(self, form)
        return restorer.feed(text) + restorer.close(), restorer.places


class Restorer:
    """One channel: `feed` what passed its review, get it with the values again; `close` at its end."""

    def __init__(self, kept: Kept, form: Form) -> None:
        self.places: list[Place] = []
        self._kept, self._json = kept, form == "json"
        self._open = _OPEN["json" if self._json else "text"]
        self._held = ""
        self._read = 0
        """Characters that came before `_held`."""
        self._known = 0
        """Readable characters of `_held`, after its bracket, that may become a placeholder: asked once."""

    @property
    def held(self) -> int:
        """Characters that may still become a placeholder."""
        return len(self._held)

    def feed(self, piece: str) -> str:
        """The next characters -> what may leave now."""
        text, out, at = self._held + piece, [], 0
        for opened in self._open.finditer(text):
            start = opened.start()
            if start < at or (self._json and _escaped(text, start)):
                continue
            end, value = self._inside(text, opened)
            if end < 0:
                out.append(text[at:start])
                return self._keep(text, start, out)
            if value is not None:
                self.places.append(Place(self._read + start, end - start))
                out += [text[at:start], self._said(value)]
                at = end
        out.append(text[at:])
        return self._keep(text, len(text), out)

    def close(self) -> str:
        """The channel ended: what was held was no placeholder."""
        out, self._held = self._held, ""
        self._read += len(out)
        return out

    def _keep(self, text: str, start: int, out: list[str]) -> str:
        self._held = text[start:]
        self._read += start
        return "".join(out)

    def _inside(self, text: str, opened: re.Match[str]) -> tuple[int, str | None]:
        """What follows an opening bracket: the end and value of a placeholder; (-1, None) where it isn't known yet, (0, None)
        where it is none."""
        known, inside = self._known if self._held and not opened.start() else 0, ""
        self._known = 0
        if opened.lastgroup == "open":
            return -1, None
        for char, end in self._characters(text, opened.end()):
            if not char:
                break
            if char in _CLOSE:
                value = self._kept.value(inside)
                return (0 if value is None else end), value
            inside += char
            if len(inside) > known and not self._kept.may_become(inside):
                return 0, None
        self._known = len(inside)
        return -1, None

    def _characters(self, text: str, at: int) -> Iterator[tuple[str, int]]:
        """The readable characters from there on, "" for an escape that isn't complete, and where each ends."""
        if not self._json:
            yield from ((text[n], n + 1) for n in range(at, len(text)))
            return
        for unit in _UNIT.finditer(text, at):
            said = unit.group()
            match unit.lastgroup:
                case "code":
                    yield chr(int(said[2:], 16)), unit.end()
                case "open":
                    yield "", unit.end()
                case "short":
                    yield " " if said[1] in "nrt" else said[1], unit.end()
                case _:
                    yield said, unit.end()

    def _said(self, value: str) -> str:
        return json.dumps(value, ensure_ascii=False)[1:-1] if self._json else value


def _escaped(text: str, at: int) -> bool:
    """Whether an escape's backslash that seems to begin here is itself escaped: `\\\\u005b` is a backslash and letters."""
    if text[at] != "\\":
        return False
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _bare(text: str) -> str:
    """What is left where case, width, spacing and hyphens don't count."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())
