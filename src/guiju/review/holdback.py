"""Which characters of an answer may leave now.

Pure: text in, text out. Sending is gateway/stream.py; what counts as a finding is detector.py; what a finding
means is policy.py.

Theory of operation. One `Holdback` serves one channel (the content of one choice, the arguments of one tool
call). A piece of the upstream's text runs through three machines, each of which can lead an offset back:

    source ──► json_text (form `json` only) ──► canon ──► one scanner per detector
                                                             │ findings (final), safe_up_to
    delivered ◄── masks put in, frontier applied ◄───────────┘

The *frontier* is the least `safe_up_to` of all scanners, led back to the source: no finding that is still to come
starts before it. Everything before the frontier leaves, except:

  * a masked span is replaced by its placeholder, and only once the frontier has passed its end, so that every
    finding that overlaps it is known and the outcome can't depend on how the text was cut;
  * a span that goes on (a private key from its header on) is replaced at once, and what continues it is swallowed;
  * a finding whose action stops ends the channel: what stands before it, and is safe, leaves; nothing after it does.

The promise (tests/review/test_holdback.py): delivered text, with the insertions taken out, equals the source's text
with the masked spans removed, up to the stop; no character of a finding on which the policy acts is delivered.

What can still surprise: detectors for which no class acts never hold anything, so a recorded finding may be
complete only after its text has left. That is what "recorded" means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from guiju.review.canon import Canon
from guiju.review.detector import Scanner
from guiju.review.json_text import JsonText
from guiju.types import Action, Finding, Form, Judged

InsertionKind = Literal["mask"]


class Inserted(NamedTuple):
    """A placeholder of ours in the delivered text of this channel."""

    offset: int
    """Characters of the delivered text before it."""
    length: int
    kind: InsertionKind
    removed: int
    """Characters of the source's text that it stands for (grows while a finding goes on)."""


class _Mask(NamedTuple):
    """A span of the source that is replaced."""

    start: int
    end: int
    placeholder: str
    rule: str
    going_on: bool


class Holdback:
    """One channel's gate: `feed` what the upstream said, get what may leave; `close` at its end.

    Args:
        scanners: one per detector, fresh, and whether it may hold text back (some class of it acts).
        judge: finding -> what policy makes of it, with action and the rule's id.
        placeholder: judged finding and its source text -> what stands in its place.
        form: see guiju.types.Form; in `name` a finding that would be masked blocks.
        observe: decide and record, but let everything through.
    """

    def __init__(
        self,
        scanners: Sequence[tuple[Scanner, bool]],
        judge: Callable[[Finding], Judged],
        placeholder: Callable[[Judged, str], str],
        *,
        form: Form = "text",
        observe: bool = False,
    ) -> None:
        self.judged: list[Judged] = []
        """Every finding so far; offsets in characters of the upstream's text of this channel."""
        self.insertions: list[Inserted] = []
        self.stopped: Judged | None = None
        """The finding that ended this channel."""
        self.received = 0
        self.delivered = 0
        """Characters, of the upstream's and of the delivered text."""
        self._scanners = scanners
        self._judge = judge
        self._placeholder = placeholder
        self._form = form
        self._observe = observe
        self._json = JsonText() if form == "json" else None
        self._canon = Canon()
        self._held = ""
        self._base = 0
        """Source offset at which `_held` begins."""
        self._masks: list[_Mask] = []
        self._alone: dict[tuple[str, int, int], None] = {}  # a set: an empty dict takes a quarter of one's memory
        """What was found in a piece by itself: rule, start, end."""
        self._closed = False
        self._open_mask = ""
        """Rule of the mask that was put in last and goes on, "" where none does."""

    @property
    def ended(self) -> bool:
        """Whether a finding has ended this channel: nothing more leaves (never where only observing)."""
        return self.stopped is not None and not self._observe

    @property
    def held(self) -> int:
        """Characters received that have neither been delivered nor taken out."""
        return len(self._held)

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken in."""
        return self._closed

    def feed(self, piece: str, alone: Sequence[Judged] = ()) -> str:
        """The next characters of the channel -> what may leave now ("" for ever after a stop).

        Args:
            alone: what was found in this piece read by itself (form `text` only): acted upon as what the channel's own
                scanners find, and one with it where both see the same place.
        """
        begin = self.received
        self.received += len(piece)
        if self._closed or (self.stopped is not None and not self._observe):
            return ""
        self._held += piece
        for judged in alone:
            found = judged.finding
            found = msgspec.structs.replace(found, start=found.start + begin, end=found.end + begin)
            self._alone[found.rule, found.start, found.end] = None
            self._act(msgspec.structs.replace(judged, finding=found))
        readable = piece if self._json is None else self._json.feed(piece)
        canonical = self._canon.feed(readable)
        safe = known = self._canon.length
        for scanner, holds in self._scanners:
            scan = scanner.feed(canonical)
            if scan.findings:
                self._take(scan.findings)
            up_to = scan.safe_up_to
            if up_to < known:
                known = up_to
            if holds and up_to < safe:
                safe = up_to
        out = self._leave_all() if self._observe else self._leave(self._source_offset(safe))
        if self._json is not None:
            self._json.forget(self._canon.start(known))
        self._canon.forget(known)
        return out

    def overdue(self) -> str:
        """Sentence-level detectors have held for as long as they may: judge the open sentence as it stands."""
        for scanner, _ in self._scanners:
            if (decide := getattr(scanner, "overdue", None)) is not None:
                self._take(decide())
        return self.feed("")

    def close(self) -> str:
        """The channel ended: the rest of what may leave."""
        if self._closed:
            return ""
        self._closed = True
        if self._json is not None and (rest := self._json.close()):
            canonical = self._canon.feed(rest)
            for scanner, _ in self._scanners:
                self._take(scanner.feed(canonical).findings)
        for scanner, _ in self._scanners:
            self._take(scanner.close())
        return self._leave_all() if self._observe else self._leave(self.received)

    # --- findings -------------------------------------------------------------------------------

    def _take(self, findings: list[Finding]) -> None:
        for found in findings:
            start, end = self._source_span(found.start, found.end)
            judged = self._judge(msgspec.structs.replace(found, start=start, end=end))
            if judged.action is Action.MASK and (self._form == "name" or self._in_key(start, end)):
                judged = msgspec.structs.replace(judged, action=Action.BLOCK)
            if (found.rule, start, end) not in self._alone:
                self._act(judged)

    def _act(self, judged: Judged) -> None:
        found = judged.finding
        self.judged.append(judged)
        if judged.action.stops:
            if self.stopped is None or found.start < self.stopped.finding.start:
                self.stopped = judged
        elif judged.action is Action.MASK and not self._observe:
            self._add_mask(judged, found.start, found.end)

    def _add_mask(self, judged: Judged, start: int, end: int) -> None:
        text = self._placeholder(judged, self._held[max(0, start - self._base) : end - self._base])
        found = judged.finding
        if self._json is None:
            self._masks.append(_Mask(start, end, text, found.rule, found.going_on))
            return
        quoted = json.dumps(text, ensure_ascii=False)
        for portion in self._json.portions(start, end):
            inside = quoted if self._json.is_bare(portion.start) else quoted[1:-1]
            self._masks.append(_Mask(*portion, inside, found.rule, found.going_on and portion.end == end))

    def _in_key(self, start: int, end: int) -> bool:
        return self._json is not None and self._json.touches_key(start, end)

    # --- the way back to the source ---------------------------------------------------------------

    def _source_span(self, start: int, end: int) -> tuple[int, int]:
        first, last = self._canon.start(start), self._canon.end(end - 1)
        if self._json is None:
            return first, last
        return self._json.source_start(first), self._json.source_end(last - 1)

    def _source_offset(self, safe: int) -> int:
        """The source offset before which everything is safe."""
        readable = self._canon.start(safe)
        if self._json is None:
            return readable
        return self._json.source_start(readable)

    # --- leaving ----------------------------------------------------------------------------------

    def _leave(self, frontier: int) -> str:
        if self.stopped is not None:
            frontier = min(frontier, self.stopped.finding.start)
        if frontier <= self._base:
            out = ""
        elif not self._masks:
            cut = frontier - self._base
            out, self._held, self._base = self._held[:cut], self._held[cut:], frontier
            self._open_mask = ""
        else:
            out = self._leave_masked(frontier)
        self.delivered += len(out)
        if self.stopped is not None:
            self._held = ""
        return out

    def _leave_masked(self, frontier: int) -> str:
        """Clusters of overlapping masks, in order, as far as the frontier has passed them."""
        out: list[str] = []
        size = 0
        self._masks.sort()
        while self._masks:
            first = self._masks[0]
            end, members = first.end, 1
            while members < len(self._masks) and self._masks[members].start < end:
                end = max(end, self._masks[members].end)
                members += 1
            if max(first.start, self._base) > frontier or (end > frontier and not self._masks[members - 1].going_on):
                break
            before = self._cut(max(first.start, self._base))
            if before:
                self._open_mask = ""
            out.append(before)
            size += len(before)
            removed = self._cut(end)
            if self._open_mask == first.rule and not before:
                last = self.insertions[-1]
                self.insertions[-1] = last._replace(removed=last.removed + len(removed))
            elif removed:
                out.append(first.placeholder)
                self.insertions.append(Inserted(self.delivered + size, len(first.placeholder), "mask", len(removed)))
                size += len(first.placeholder)
            self._open_mask = self._masks[members - 1].rule if self._masks[members - 1].going_on else ""
            del self._masks[:members]
        else:
            if frontier > self._base:
                out.append(self._cut(frontier))
                self._open_mask = ""
            return "".join(out)
        # The first mask still waits: what stands before it may leave, no more.
        out.append(self._cut(min(frontier, max(self._masks[0].start, self._base))))
        return "".join(out)

    def _cut(self, until: int) -> str:
        """Take the held source up to that offset."""
        cut = until - self._base
        if cut <= 0:
            return ""
        text, self._held, self._base = self._held[:cut], self._held[cut:], until
        return text

    def _leave_all(self) -> str:
        out, self._held, self._base = self._held, "", self.received
        self.delivered += len(out)
        return out
