"""Asks a gateway for every case and scores what it delivers. The sums that the table shows are made here."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, NamedTuple

from bench import client
from bench.guardbench import score
from bench.guardbench.cases import BENIGN, CASES, DOORS, Case, benign_prompt, prompt
from bench.guardbench.peers import Running

PATIENCE = 30.0
"""Seconds for one answer."""


class Reply(NamedTuple):
    """What a client got."""

    status: int
    """0 where there was no response."""
    body: bytes
    whole: bool
    """Whether the connection ended as HTTP says it should."""

    @property
    def served(self) -> bool:
        """Whether the gateway itself worked: an answer, or its own decision to give none (4xx)."""
        return 200 <= self.status < 500


def body_for(door: str, text: str, *, stream: bool, choices: int = 1) -> dict[str, Any]:
    """A question in the words of a door, with a tool that may be called."""
    schema = {"type": "object", "properties": {"note": {"type": "string"}, "n": {"type": "integer"}}}
    function = {"name": "write_note", "description": "Keeps a note", "parameters": schema}
    body: dict[str, Any] = {"model": "m", "stream": stream}
    if door == "responses":
        return body | {"input": text, "tools": [{"type": "function", **function}]}
    body["messages"] = [{"role": "user", "content": text}]
    if door == "messages":
        tool = {"name": "write_note", "description": "Keeps a note", "input_schema": schema}
        return body | {"max_tokens": 1000, "tools": [tool]}
    return body | {"tools": [{"type": "function", "function": function}]} | ({"n": choices} if choices > 1 else {})


async def ask(to: Running, door: str, body: dict[str, Any]) -> Reply:
    """One request on a connection of its own."""
    headers = to.headers | ({"anthropic-version": "2023-06-01", "x-api-key": to.key} if door == "messages" else {})
    message = client.post(to.port, to.key, DOORS[door], body, headers | {"connection": "close"})
    status, data = 0, b""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", to.port, limit=1 << 22)
            try:
                writer.write(message)
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                data = await client.body_of(head, reader)
            finally:
                writer.close()
    except asyncio.IncompleteReadError as broken:
        return Reply(status, data or broken.partial, False)
    except (OSError, ValueError, TimeoutError):
        return Reply(status, data, False)
    return Reply(status, data, True)


async def every(to: Running, bodies: list[tuple[str, dict[str, Any]]], together: int) -> list[Reply]:
    """Replies in the order of the questions, so many asked at a time."""
    turn = asyncio.Semaphore(together)

    async def one(door: str, body: dict[str, Any]) -> Reply:
        async with turn:
            return await ask(to, door, body)

    return await asyncio.gather(*(one(door, body) for door, body in bodies))


def tally(cases: list[Case], replies: list[Reply]) -> list[dict[str, Any]]:
    """A row for each door, channel, way of answering and kind: cases, how many leaked, characters delivered, of how many."""
    rows: dict[tuple[str, str, bool, str], Counter[str]] = {}
    for case, reply in zip(cases, replies, strict=True):
        name = f"{case.channel} of choice {case.at + 1} of {case.choices}" if case.choices > 1 else case.channel
        row = rows.setdefault((case.door, name, case.stream, case.kind), Counter())
        got = score.delivered(reply.body, case.secret) if reply.body else set()
        row["cases"] += 1
        row["leaking"] += bool(got)
        row["delivered"] += len(got)
        row["characters"] += len(case.secret)
        row["unserved"] += not reply.served
    names = ("cases", "leaking", "delivered", "characters", "unserved")
    return [
        {"door": door, "channel": channel, "stream": stream, "kind": kind} | {name: row[name] for name in names}
        for (door, channel, stream, kind), row in rows.items()
    ]


async def doors(to: Running) -> dict[str, str]:
    """Door -> "" where it answers a harmless question, else what it answered."""
    found = {}
    for door in DOORS:
        reply = await ask(to, door, body_for(door, benign_prompt(0), stream=False))
        text = reply.body.decode("utf-8", "replace")
        found[door] = (
            "" if reply.status == 200 else f"{reply.status or 'no answer'} {' '.join(text.split())[:160]}".strip()
        )
    return found


async def false_hits(to: Running, together: int) -> dict[str, Any]:
    """Harmless texts that did not arrive as they were, streamed and whole."""
    found: dict[str, Any] = {"texts": len(BENIGN)}
    for stream in (True, False):
        bodies = [("chat", body_for("chat", benign_prompt(n), stream=stream)) for n in range(len(BENIGN))]
        replies = await every(to, bodies, together)
        wrong = [
            {"text": text, "arrived": score.said(reply.body), "status": reply.status}
            for text, reply in zip(BENIGN, replies, strict=True)
            if score.said(reply.body) != text
        ]
        found["streamed" if stream else "whole"] = wrong
    return found


async def measure(to: Running, cases: list[tuple[int, Case]], together: int = 8) -> dict[str, Any]:
    """Everything of this file. `cases` with their numbers; doors that a gateway doesn't have are left out of the rows and
    named in `doors`."""
    began, open_doors = time.perf_counter(), await doors(to)
    asked = [(number, case) for number, case in cases if not open_doors[case.door]]
    bodies = [(c.door, body_for(c.door, prompt(n), stream=c.stream, choices=c.choices)) for n, c in asked]
    replies = await every(to, bodies, together)
    return {
        "doors": open_doors,
        "rows": tally([case for _, case in asked], replies),
        "false_hits": await false_hits(to, together),
        "seconds": round(time.perf_counter() - began, 1),
    }


def some(every_nth: int) -> list[tuple[int, Case]]:
    """Cases with their numbers: all of them, or each nth."""
    return list(enumerate(CASES))[::every_nth]
