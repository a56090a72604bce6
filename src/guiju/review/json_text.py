r"""JSON source text read as it comes, so that a term in `\u` escapes is that term.

Pure. holdback.py puts it before canon.py on channels of form `json` (tool arguments, JSON mode): pieces of JSON
source in, readable characters out, with the way back to the source. It follows JSON loosely: what isn't valid
JSON is read as the prose that it is (a model that was asked for JSON may answer in sentences), since review must see
whatever the model wrote.

What it emits:
  * characters of strings, escapes decoded (`大` for `\u5927`; a surrogate pair is one character);
  * `\n` for each structural character: nothing matches across them;
  * quotes and blanks as they are: in JSON there is always structure beside them, and in prose a term may go over them;
  * bare tokens (numbers, true) only once they are complete, because a masked number must become a string as a
      whole (`13800138000` -> `"[手机号]"`) or the JSON breaks;
  * all other characters as they come: they are prose, and from there on so is whatever stands in no bracket.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_PLAIN = re.compile(r'[^"\\]+')
_BARE = re.compile(r"[^\s\"{}\[\],:]+")
_LITERAL = re.compile(r"[-+.0-9eE]*|t|tr|tru|true|f|fa|fal|fals|false|n|nu|nul|null")
"""A bare token of JSON, or the beginning of one."""
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_FAR = 1 << 62

BARE_LIMIT = 128
"""Characters of a bare token that are held; numbers of JSON aren't that long, and what is longer is let through in
pieces (no finding has so many digits)."""


class Token(NamedTuple):
    """A bare token or an object's key, as a half-open range of source offsets."""

    start: int
    end: int


class JsonText:
    """One channel's reader: `feed` source, get readable characters; `source_start/end` lead back."""

    def __init__(self) -> None:
        self.length = 0
        """Readable characters emitted so far."""
        self._runs: list[tuple[int, ...]] = []
        """(readable start, readable end, source start, source width per character; 0: one character from a longer escape)"""
        self._ends: dict[int, int] = {}
        """Source end of the characters that came from escapes, by readable offset."""
        self._source = 0
        self._in_string = False
        self._escape = ""
        """An escape that isn't complete yet, backslash included."""
        self._high = ""
        """A high surrogate's escape, waiting for its other half."""
        self._bare = ""
        self._prose = False
        """Something has come that is no JSON."""
        self._stack: list[str] = []
        self._key_next = False
        self._key_start = -1
        self._bare_tokens: list[Token] = []
        self._keys: list[Token] = []
        self._barriers: list[int] = []
        """Source offsets of what stands for structure."""

    @property
    def waiting(self) -> int:
        """Source characters taken in but not emitted yet: an open escape or bare token."""
        return len(self._high) + len(self._escape) + len(self._bare)

    def feed(self, piece: str) -> str:
        """Source characters -> readable characters that they complete."""
        out: list[str] = []
        at, size = 0, len(piece)
        while at < size:
            if self._escape:
                at = self._more_escape(piece, at, out)
            elif self._in_string:
                at = self._in_string_at(piece, at, out)
            else:
                at = self._outside_at(piece, at, out)
        return "".join(out)

    def close(self) -> str:
        """The source ended: what was still open comes out as it is."""
        out: list[str] = []
        self._end_bare(out)
        self._drop_high(out)
        if self._escape:
            text, self._escape = self._escape, ""
            self._emit_plain(text, out)
        return "".join(out)

    # --- the way back ---------------------------------------------------------------------------

    def source_start(self, readable: int) -> int:
        """Source offset at which the readable character begins (`length` leads to the end of what was emitted)."""
        if readable >= self.length:
            return self._source
        start, _, source, width = self._runs[bisect_right(self._runs, (readable, _FAR)) - 1]
        return source + (readable - start) * width

    def source_end(self, readable: int) -> int:
        """Source offset after the readable character."""
        return self._ends.get(readable) or self.source_start(readable) + 1

    def _bare_token(self, source_start: int, source_end: int) -> Token | None:
        """The bare token that this range touches, None inside strings."""
        for token in self._bare_tokens:
            if token.start < source_end and source_start < token.end:
                return token
        return None

    def portions(self, source_start: int, source_end: int) -> list[Token]:
        """The range without the structure in it: each part lies in one string, or is a whole bare token."""
        cuts = [b for b in self._barriers if source_start <= b < source_end]
        edges = zip([source_start, *[c + 1 for c in cuts]], [*cuts, source_end], strict=True)
        return [self._bare_token(a, b) or Token(a, b) for a, b in edges if a < b]

    def is_bare(self, source_start: int) -> bool:
        """Whether what begins there is a bare token."""
        return any(t.start == source_start for t in self._bare_tokens)

    def touches_key(self, source_start: int, source_end: int) -> bool:
        """Whether the range reaches into an object's key."""
        if self._key_start >= 0 and source_end > self._key_start:
            return True
        return any(k.start < source_end and source_start < k.end for k in self._keys)

    def forget(self, readable: int) -> None:
        """Nothing before this readable offset is asked for again."""
        if len(self._runs) > 8:
            source = self.source_start(readable)
            self._runs = [r for r in self._runs if r[1] > readable]
            self._ends = {k: v for k, v in self._ends.items() if k >= readable}
            self._bare_tokens = [t for t in self._bare_tokens if t.end > source]
            self._keys = [k for k in self._keys if k.end > source]
            self._barriers = [b for b in self._barriers if b >= source]

    # --- reading --------------------------------------------------------------------------------

    def _in_string_at(self, piece: str, at: int, out: list[str]) -> int:
        if plain := _PLAIN.match(piece, at):
            self._drop_high(out)
            self._emit_plain(plain.group(), out)
            return plain.end()
        if piece[at] == "\\":
            self._escape = "\\"
            return at + 1
        self._drop_high(out)
        if self._key_start >= 0:
            self._keys.append(Token(self._key_start, self._source))
            self._key_start = -1
        self._in_string = False
        self._emit_structure(piece[at], out)
        return at + 1

    def _more_escape(self, piece: str, at: int, out: list[str]) -> int:
        self._escape += piece[at]
        kind = self._escape[1]
        if kind != "u":
            text, self._escape = self._escape, ""
            self._drop_high(out)
            self._emit_one(_ESCAPES.get(kind, kind), len(text), out)
        elif len(self._escape) > 2 and piece[at] not in "0123456789abcdefABCDEF":
            text, self._escape = self._escape[:-1], ""  # not an escape after all: read it as it stands
            self._drop_high(out)
            self._emit_plain(text, out)
            return at
        elif len(self._escape) == 6:
            self._end_unicode(out)
        return at + 1

    def _end_unicode(self, out: list[str]) -> None:
        code = int(self._escape[2:], 16)
        if 0xD800 <= code < 0xDC00:
            self._drop_high(out)
            self._high, self._escape = self._escape, ""
            return
        if 0xDC00 <= code < 0xE000:
            width, self._escape = 6 + len(self._high), ""
            high = int(self._high[2:], 16) if self._high else 0
            self._high = ""
            self._emit_one(chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00) if high else "\ufffd", width, out)
            return
        self._drop_high(out)
        self._escape = ""
        self._emit_one(chr(code), 6, out)

    def _outside_at(self, piece: str, at: int, out: list[str]) -> int:
        if bare := _BARE.match(piece, at):
            self._bare += bare.group()
            if len(self._bare) > BARE_LIMIT or not _LITERAL.fullmatch(self._bare):
                self._prose = True
                text, self._bare = self._bare, ""
                self._emit_plain(text, out)
            return bare.end()
        self._end_bare(out)
        char = piece[at]
        if char == '"':
            self._in_string = True
            if self._key_next:
                self._key_start = self._source + 1
        elif char in "{[":
            self._stack.append(char)
        self._emit_structure(char, out)
        if char in "}]" and self._stack:
            self._stack.pop()
        if char in '{,":}[]':
            self._key_next = char in "{," and self._stack[-1:] == ["{"]
        return at + 1

    def _end_bare(self, out: list[str]) -> None:
        if self._bare:
            text, self._bare = self._bare, ""
            if self._stack or not self._prose:
                self._bare_tokens.append(Token(self._source, self._source + len(text)))
            self._emit_plain(text, out)

    def _drop_high(self, out: list[str]) -> None:
        """A high surrogate that stays alone."""
        if self._high:
            self._high = ""
            self._emit_one("\ufffd", 6, out)

    def _emit_plain(self, text: str, out: list[str]) -> None:
        start, end = self.length, self.length + len(text)
        if (
            self._runs
            and (last := self._runs[-1])[1] == start
            and last[3] == 1
            and last[2] + start - last[0] == self._source
        ):
            self._runs[-1] = (last[0], end, last[2], 1)
        else:
            self._runs.append((start, end, self._source, 1))
        self.length, self._source = end, self._source + len(text)
        out.append(text)

    def _emit_one(self, char: str, width: int, out: list[str]) -> None:
        self._runs.append((self.length, self.length + 1, self._source, 0))
        self._ends[self.length] = self._source + width
        self.length += 1
        self._source += width
        out.append(char)

    def _emit_structure(self, char: str, out: list[str]) -> None:
        json = bool(self._stack) or not self._prose
        if json:
            self._barriers.append(self._source)
        self._emit_plain("\n" if json and char in "{}[],:" else char, out)
