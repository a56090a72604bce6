"""The one model server behind all of them: cases when asked for one, else an answer at once or a stream of stamped chunks.

Run as a process: `python -m bench.guardbench.upstream --port 9000 --pace 0.1`.
"""

from __future__ import annotations

import asyncio
import json

from bench import upstream
from bench.guardbench import speech, stamp
from bench.guardbench.cases import WHOLE, Case, asked

CHUNKS = 60
"""Of a paced stream."""
BEFORE, AFTER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": "@"}, "finish_reason": None}],
    }
).encode().split(b"@")  # fmt: skip
STEP = 6
"""Characters of a calm text that come in one piece."""


def paced(number: int) -> bytes:
    """A chunk that says when it was written; a full stop behind the time ends whatever a guard might see in it."""
    text = upstream.ANSWER[number * upstream.PIECE % 200 :][: upstream.PIECE]
    data = b"data: " + BEFORE + stamp.write(stamp.microseconds()) + f"。{text}".encode() + AFTER + b"\n\n"
    return framed(data)


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Calm(Case):
    """A harmless text, said where a case's forbidden text would stand."""

    @property
    def pieces(self) -> list[str]:
        text = self.kind
        return [text[i : i + STEP] for i in range(0, len(text), STEP)]


class Upstream(upstream.Upstream):
    """One connection."""

    def answer(self, head, body):
        path = head.split(b" ", 2)[1].decode()
        case = asked(body)
        if isinstance(case, str):
            case = Calm("chat", case, "content", WHOLE, True)
        if case is None:
            super().answer(head, body)
        elif upstream.streamed(body):
            asyncio.get_running_loop().create_task(self.say(case, path))
        else:
            data = speech.whole(case, path)
            length = b"content-length: %d\r\n" % len(data)
            self.transport.write(upstream.HEAD % (b"application/json", length) + data)

    async def say(self, case: Case, path: str) -> None:
        """Each event in a write of its own, so that a gateway reads it alone."""
        self.transport.write(upstream.STREAM)
        for event in speech.stream(case, path):
            self.transport.write(framed(event))
            await asyncio.sleep(0.001)
        self.transport.write(b"0\r\n\r\n")

    async def stream(self):
        self.transport.write(upstream.STREAM)
        for number in range(CHUNKS):
            if self.transport.is_closing():
                return
            self.transport.write(paced(number))
            await asyncio.sleep(self.pace)
        self.transport.write(upstream.LAST)


if __name__ == "__main__":
    upstream.run(Upstream)
