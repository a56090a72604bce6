"""Reversible masks in the life of an exchange: what is kept of a request, and where its answer gets it back.

The rules are review/restore.py's. What is restored has been reviewed as the placeholder that the model wrote, and isn't
reviewed again; records and sealed contents hold the answer as it was reviewed, with the placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from guiju.ledger import entries
from guiju.review.restore import MARK, Kept, Restorer, mark_of
from guiju.types import Form, Path, Segment

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange

TRIES = 4
"""Marks that are drawn at once: one that the request says by chance isn't taken."""


def drawn(exchange: Exchange) -> bytes:
    """Random bytes for the marks of an exchange; b"" where nothing is to be restored: the policy doesn't say so, it only
    observes, or the door's answers have no text (vectors stay comparable from request to request)."""
    assert exchange.admitted is not None
    reviewer = exchange.compiled.reviewers[exchange.admitted.service.policy]
    if not reviewer.restorable or exchange.grant.observe or not exchange.dialect.stream_type:
        return b""
    return exchange.gateway.entropy.take(MARK * TRIES)


def kept(exchange: Exchange, segments: Sequence[Segment], random: bytes) -> Kept | None:
    """A place for the request's values; None where every mark is said in it: then it is masked for good."""
    marks = (mark_of(random[at : at + MARK]) for at in range(0, len(random), MARK))
    mark = Kept.absent(marks, [s.text for s in segments])
    return Kept(mark, exchange.gateway.taxonomy.placeholder, exchange.language) if mark else None


def whole(
    kept: Kept, segments: Sequence[Segment], replaced: Mapping[Path, str]
) -> tuple[dict[Path, str], tuple[entries.Insertion, ...]]:
    """A whole answer's texts with their values again, and where these stand. Names and identifiers stay as they are.

    Args:
        replaced: what review and notices have put in place of the answer's own texts.
    """
    texts, places = dict(replaced), []
    for segment in segments:
        if not segment.role or segment.form == "name":
            continue
        text, found = kept.restored(replaced.get(segment.path, segment.text), segment.form)
        if found:
            texts[segment.path] = text
            channel = ".".join(map(str, entries.place(segment.path)))
            places += [
                entries.Insertion(channel=channel, offset=p.offset, length=p.length, kind="restored") for p in found
            ]
    return texts, tuple(places)


class Restoring:
    """The restorers of a streamed answer, one per channel, behind the gates of stream.py."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._running: dict[str, Restorer] = {}
        self._told: list[tuple[str, Restorer]] = []

    def open(self, channel: str, form: Form) -> None:
        """A channel begins, or a text that stands alone. Names aren't restored."""
        if form != "name":
            restorer = self._running[channel] = Restorer(self._kept, form)
            self._told.append((channel, restorer))

    def feed(self, channel: str, piece: str, *, last: bool) -> str:
        """What passed the channel's gate -> what may leave now; `last` where nothing more comes."""
        restorer = self._running.get(channel)
        if restorer is None:
            return piece
        out = restorer.feed(piece)
        if last:
            out += restorer.close()
            del self._running[channel]
        return out

    def waits(self, channel: str) -> bool:
        """Whether some of a channel's text may still become a placeholder."""
        restorer = self._running.get(channel)
        return restorer is not None and restorer.held > 0

    def cut(self) -> list[tuple[str, str]]:
        """The answer is cut here: (channel, what was held of it)."""
        return [(channel, text) for channel, restorer in self._running.items() if (text := restorer.close())]

    def insertions(self) -> list[entries.Insertion]:
        """What was restored, for the record: offsets in the answer as it was reviewed."""
        return [
            entries.Insertion(channel=entries.channel(channel), offset=p.offset, length=p.length, kind="restored")
            for channel, restorer in self._told
            for p in restorer.places
        ]
