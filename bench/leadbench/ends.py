"""The two servers around the gateway: a model that speaks at a pace, and a slow detector behind a webhook.

A request names what it wants in its prompt, which reaches both: the model as its question, the detector as what stands
before the text that it judges. Nothing else is agreed upon, so both serve all streams of a round at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bench import upstream
from bench.leadbench.answers import Answer, forbidden

JITTER = 0.2
"""A verdict comes after its delay, give or take this share."""
CLASS = "A.1.h"
"""Refused by the default policy."""
_QUESTION = re.compile(r"第(\d+)题，每秒(\d+)字，每块(\d+)字，(\d+)毫秒后判断")


class Question(NamedTuple):
    """One stream that is asked for."""

    number: int
    """Of its answer."""
    speed: int
    """Characters a second."""
    piece: int
    """Characters of a chunk."""
    delay_ms: int
    """Of the slow detector's verdicts."""

    @property
    def prompt(self) -> str:
        return "第{}题，每秒{}字，每块{}字，{}毫秒后判断".format(*self)

    @classmethod
    def of(cls, prompt: str) -> Question:
        found = _QUESTION.search(prompt)
        assert found, prompt
        return cls(*map(int, found.groups()))


class Ends:
    """Both servers, and when the model wrote each character."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.written: dict[Question, list[float]] = {}
        """Question -> of each character of its answer, when it was written (`time.perf_counter`)."""
        self.tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, model: int, detector: int) -> AsyncIterator[None]:
        """Both, on these ports."""
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(lambda: Model(self), "127.0.0.1", model),
            await loop.create_server(lambda: Detector(self), "127.0.0.1", detector),
        ]
        try:
            yield
        finally:
            for server in servers:
                server.close()


class Model(upstream.Upstream):
    """One connection of the gateway to the model."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends

    def answer(self, head: bytes, body: bytes) -> None:
        question = Question.of(json.loads(body)["messages"][-1]["content"])
        task = asyncio.get_running_loop().create_task(self.say(question))
        self.ends.tasks.add(task)
        task.add_done_callback(self.ends.tasks.discard)

    async def say(self, question: Question) -> None:
        """The answer, each chunk at its time."""
        text = self.ends.answers[question.number].text
        times = self.ends.written[question] = []
        self.transport.write(upstream.STREAM)
        began = time.perf_counter()
        for at in range(0, len(text), question.piece):
            piece = text[at : at + question.piece]
            await asyncio.sleep(began + (at + len(piece)) / question.speed - time.perf_counter())
            if self.transport.is_closing():
                return
            times += [time.perf_counter()] * len(piece)
            self.transport.write(upstream.chunk({"content": piece}))
        self.transport.write(upstream.LAST)


class Detector(upstream.Upstream):
    """One connection of the gateway to the slow detector."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends

    def answer(self, head: bytes, body: bytes) -> None:
        asked: dict[str, Any] = json.loads(body)
        findings = [{"class": CLASS, "start": start, "end": end} for start, end in forbidden(asked["text"])]
        data = json.dumps({"findings": findings}).encode()
        said = upstream.HEAD % (b"application/json", b"content-length: %d\r\n" % len(data)) + data
        delay = Question.of(asked["before"]).delay_ms / 1000 * random.uniform(1 - JITTER, 1 + JITTER)
        asyncio.get_running_loop().call_later(delay, self.reply, said)

    def reply(self, data: bytes) -> None:
        if not self.transport.is_closing():  # the exchange may be over
            self.transport.write(data)
