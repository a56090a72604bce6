"""A stream of OpenAI's chunks, read for those that tell it in another dialect: translate.py, responses_translate.py.

Pure. What frames the chunks is the same for all of them: events, `[DONE]`, an error in their midst, an end without `[DONE]`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from guiju.wire import faults, sse
from guiju.wire.dialect import Json
from guiju.wire.strings import UNREADABLE, decode_answer


class ChunkTranslator(ABC):
    """Bytes in any pieces -> events of another dialect."""

    def __init__(self) -> None:
        self._sse = sse.SseSplitter()
        self.withheld: list[str] = []
        """Places that weren't translated; `event` for what was no JSON."""
        self.failed = ""
        """See `AnswerStream`."""
        self._finish = ""
        """The finish reason, "" until it is known."""
        self._ended = False

    @abstractmethod
    def _chunk(self, body: Json, out: list[Json]) -> None:
        """One chunk: its events are added to `out`."""

    @abstractmethod
    def _end(self, out: list[Json]) -> None:
        """The answer is over: what is open is closed. Called once."""

    def feed(self, data: bytes) -> list[Json]:
        """What has come -> the events that it completes."""
        out: list[Json] = []
        for event in self._sse.feed(data):
            self._event(event, out)
        return out

    def close(self) -> list[Json]:
        """The upstream ended; what was left open."""
        out: list[Json] = []
        for event in self._sse.close():
            self._event(event, out)
        if self._finish and not self._ended and not self.failed:  # all was said, only `[DONE]` wasn't
            self._over(out)
        return out

    def _event(self, event: sse.Sse, out: list[Json]) -> None:
        if self._ended or self.failed:
            return
        if event.data == b"[DONE]":
            return self._over(out)
        try:
            body = decode_answer(event.data)
        except UNREADABLE:
            body = None
        if not isinstance(body, dict):
            self.withheld.append("event")
        elif event.event == "error" or body.get("error"):
            self.failed = faults.kind_of(body)
        else:
            self._chunk(body, out)

    def _over(self, out: list[Json]) -> None:
        self._ended = True
        self._end(out)
