"""Streams through a real gateway, with a lead or with no slow detector at all: what arrived of each, and when."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any, NamedTuple

import uvloop

import services
from bench import client, machines
from bench.guardbench.load import percentiles
from bench.leadbench.answers import Answer
from bench.leadbench.ends import Ends, Question

TOGETHER = 24
"""Streams at once: some 600 chunks a second, which leaves either core idle most of the time."""
APART = 0.3
"""Seconds within which a stream begins at random: they don't beat in time."""
STRETCH_SECONDS = 2.0
"""`review.stretch_seconds` of the run: a machine that stands still for the usual 0.3 s is no model that does."""


class Heard(NamedTuple):
    """One stream as its client saw it. Seconds."""

    leaked: int
    """Characters of the forbidden passage that were delivered."""
    stopped: bool
    """By a verdict, and not at the model's own end."""
    lags: list[float]
    """Of each character before the passage's sentence, from the model's writing to the client's reading."""


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream as they come."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{head.decode()}{(await client.body_of(head, reader)).decode()}")
    rest = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        *events, rest = (rest + await reader.readexactly(size)).split(b"\n\n")
        await reader.readexactly(2)
        for event in events:
            if event == b"data: [DONE]":
                return
            yield json.loads(event.removeprefix(b"data: "))
    raise RuntimeError("the stream ended early")


async def heard(port: int, key: str, question: Question, ends: Ends) -> Heard:
    """One stream to its end. Raises: RuntimeError where what came is not the answer up to where it was stopped."""
    answer = ends.answers[question.number]
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": question.prompt}]}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    text, times, stopped = "", [], False
    writer.write(client.post(port, key, "/v1/chat/completions", body, {}))
    async for event in _events(reader):
        if "choices" not in event:
            raise RuntimeError(f"{question}: {event}")
        if event.get("guiju", {}).get("action"):  # its own words, not the answer's
            stopped = True
        else:
            said = event["choices"][0]["delta"].get("content", "")
            text += said
            times += [time.perf_counter()] * len(said)
    writer.close()
    if not (answer.text.startswith(text) and len(text) >= answer.sentence if stopped else answer.text == text):
        raise RuntimeError(f"{question}: {text!r} came of {answer.text!r}")
    leaked = max(0, min(len(text), answer.end) - answer.start)
    before = zip(times[: answer.sentence], ends.written[question][: answer.sentence], strict=True)
    return Heard(leaked, stopped, [came - written for came, written in before])


async def played(
    port: int, key: str, ports: tuple[int, int], ends: Ends, asked: list[Question]
) -> dict[Question, Heard]:
    """All of these, some at a time, in a random order: each kind sees the same machine."""
    room = asyncio.Semaphore(TOGETHER)

    async def one(question: Question) -> Heard:
        async with room:
            await asyncio.sleep(random.uniform(0, APART))
            return await heard(port, key, question, ends)

    asked = random.sample(asked, len(asked))
    async with ends.serving(*ports):
        await asyncio.gather(*map(one, asked[:4]))  # what first streams load is no delay of the others
        return dict(zip(asked, await asyncio.gather(*map(one, asked)), strict=True))


class Bench:
    """A gateway between both ends, with a lead of so many characters or without the slow detector."""

    def __init__(self, answers: list[Answer], terms: int) -> None:
        self._answers, self._ports = answers, (services.free_port(), services.free_port())
        self._gateway = machines.Gateway(self._ports[0], terms)
        self._gateway.environment["GUIJU_REVIEW_STRETCH_SECONDS"] = str(STRETCH_SECONDS)

    def play(self, lead: int | None, asked: list[Question]) -> dict[Question, Heard]:
        """One round. None: the slow detector isn't asked; only possible before it ever was."""
        if lead is not None:
            secrets = self._gateway.home / "secrets"
            secrets.write_text("secret=of-leadbench\n")
            self._gateway.command(
                "detector", "add", "slow", "webhook", "--set", f"url=http://127.0.0.1:{self._ports[1]}/judge",
                "--secrets-file", str(secrets), "--directions", "output", "--lead", str(lead),
            )  # fmt: skip
            self._gateway.publish()
        with self._gateway.running() as (port, _):
            return uvloop.run(played(port, self._gateway.key, self._ports, Ends(self._answers), asked))


def cell(answers: list[Answer], rows: dict[Question, Heard], without: dict[Question, Heard]) -> dict[str, Any]:
    """The figures of streams that differ in their answers alone, beside the same streams without the slow detector."""
    pairs = [(here.lags, without[question._replace(delay_ms=0)].lags) for question, here in rows.items()]
    added = [[(a - b) * 1000 for a, b in zip(here, there, strict=True)] for here, there in pairs]
    lags = [lag for one in added for lag in one]
    return {
        "streams": len(rows),
        "stopped": sum(one.stopped for one in rows.values()),
        "leaking": sum(one.leaked > 0 for one in rows.values()),
        "leaked": sum(one.leaked for one in rows.values()),
        "forbidden": sum(answers[q.number].end - answers[q.number].start for q in rows),
        "added_first_ms": percentiles([one[0] for one in added if one]),
        "added_lag_ms": percentiles(lags) | {"mean": statistics.fmean(lags)},
    }


def cells(
    bench: Bench, answers: list[Answer], speeds: list[tuple[int, int]], delays: list[int], leads: list[int]
) -> Iterator[dict[str, Any]]:
    """Every lead with every delay and speed, lead by lead. Raises: RuntimeError where a lead of zero leaks."""
    numbers = range(len(answers))
    without = bench.play(None, [Question(n, *speed, 0) for n, speed in product(numbers, speeds)])
    if silent := [q for q, one in without.items() if one.stopped]:
        raise RuntimeError(f"the gateway's own detectors know of {silent[0]}")
    for lead in leads:
        found = bench.play(lead, [Question(n, *s, delay) for n, s, delay in product(numbers, speeds, delays)])
        for speed, delay in product(speeds, delays):
            rows = {q: one for q, one in found.items() if (q.speed, q.piece, q.delay_ms) == (*speed, delay)}
            row = {"speed": speed[0], "delay_ms": delay, "lead": lead} | cell(answers, rows, without)
            if row["leaked"] and not lead:
                raise RuntimeError(f"with no lead {row['leaked']} forbidden characters were delivered: {row}")
            yield row
