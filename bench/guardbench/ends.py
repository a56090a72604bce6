"""How streams and answers end when a guard steps in, as the official SDKs of `openai` and `anthropic` see it.

An ending is whole where the SDK reads it to its end and finds what its dialect promises there, or raises the SDK's own error
(an error that the gateway wrote in the dialect). It is broken where anything else is raised, where it never ends, or where it
just stops: no `finish_reason` for a choice, no `response.completed`, no `message_stop`, or tool arguments that are no JSON in
a call that is said to be complete (one that a filter or a limit cut is said to be so: `content_filter`, `incomplete`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai

from bench.guardbench.cases import CASES, EACH, WHOLE, Case, prompt
from bench.guardbench.leak import body_for
from bench.guardbench.peers import Running

PATIENCE = 20.0
CUT = ("content_filter", "length")
"""`finish_reason` of a choice whose last tool call may be unfinished."""


def chosen() -> list[tuple[int, Case]]:
    """Cases with their numbers: of each door, channel and kind one that comes in single characters, and one not streamed."""
    return [
        (number, case)
        for number, case in enumerate(CASES)
        if (case.cut == EACH if case.stream else case.cut == WHOLE) and case.channel != "unknown"
    ]


def is_json(source: str) -> bool:
    try:
        json.loads(source)
    except ValueError:
        return False
    return True


def chat(to: Running, body: dict[str, Any]) -> str:
    """What is wrong with the ending of a chat completion; "" where nothing is."""
    sdk = openai.OpenAI(api_key=to.key, base_url=f"http://127.0.0.1:{to.port}/v1", max_retries=0, timeout=PATIENCE)
    with sdk:
        ended: dict[int, str | None] = dict.fromkeys(range(body.get("n", 1)))
        arguments: dict[int, str] = {}
        if not body.pop("stream"):
            for choice in sdk.chat.completions.create(**body, extra_headers=to.headers).choices:
                ended[choice.index] = choice.finish_reason
                for call in choice.message.tool_calls or ():
                    arguments[choice.index] = call.function.arguments
        else:
            for chunk in sdk.chat.completions.create(**body, stream=True, extra_headers=to.headers):
                for choice in chunk.choices:
                    ended[choice.index] = choice.finish_reason or ended.get(choice.index)
                    for call in choice.delta.tool_calls or ():
                        said = call.function.arguments if call.function else ""
                        arguments[choice.index] = arguments.get(choice.index, "") + (said or "")
    if None in ended.values():
        return "a choice without finish_reason"
    complete = [source for index, source in arguments.items() if ended[index] not in CUT]
    return "" if all(map(is_json, complete)) else "tool arguments are no JSON"


def responses(to: Running, body: dict[str, Any]) -> str:
    """The same of a response."""
    sdk = openai.OpenAI(api_key=to.key, base_url=f"http://127.0.0.1:{to.port}/v1", max_retries=0, timeout=PATIENCE)
    with sdk:
        if not body.pop("stream"):
            answer = sdk.responses.create(**body, extra_headers=to.headers)
        else:
            answer, last = None, ""
            with sdk.responses.stream(**body, extra_headers=to.headers) as stream:
                for event in stream:
                    last = event.type
                    if last in ("response.completed", "response.incomplete", "response.failed"):
                        answer = event.response
            if answer is None:
                return f"no response.completed, the last event was {last or 'none'}"
    calls = [item for item in answer.output if item.type == "function_call" and item.status != "incomplete"]
    return "" if all(is_json(call.arguments) for call in calls) else "tool arguments are no JSON"


def messages(to: Running, body: dict[str, Any]) -> str:
    """The same of a message."""
    sdk = anthropic.Anthropic(api_key=to.key, base_url=f"http://127.0.0.1:{to.port}", max_retries=0, timeout=PATIENCE)
    with sdk:
        if not body.pop("stream"):
            return "" if sdk.messages.create(**body, extra_headers=to.headers).stop_reason else "no stop_reason"
        last = ""
        with sdk.messages.stream(**body, extra_headers=to.headers) as stream:
            for event in stream:
                last = event.type
            final = stream.get_final_message()
    return (
        "" if last == "message_stop" and final.stop_reason else f"no message_stop, the last event was {last or 'none'}"
    )


CLIENTS: dict[str, Callable[[Running, dict[str, Any]], str]] = {
    "chat": chat, "responses": responses, "messages": messages,
}  # fmt: skip


def ending(to: Running, number: int, case: Case) -> tuple[str, str]:
    """("whole" | "error" | "broken", what happened). An error is one that the gateway wrote and the SDK understood."""
    body = body_for(case.door, prompt(number), stream=case.stream, choices=case.choices)
    try:
        wrong = CLIENTS[case.door](to, body)
    except (openai.APITimeoutError, anthropic.APITimeoutError):
        return "broken", f"no end in {PATIENCE:.0f} s"
    except (openai.APIConnectionError, anthropic.APIConnectionError) as broken:
        return "broken", f"{type(broken).__name__}: {broken.__cause__ or broken}"
    except (openai.InternalServerError, anthropic.InternalServerError) as failed:
        return "broken", f"{failed.status_code}: {' '.join(str(failed).split())[:160]}"
    except (openai.APIError, anthropic.APIError) as told:
        return "error", " ".join(str(told).split())[:160]
    except httpx.HTTPError as broken:  # a stream that breaks off is not wrapped by the SDKs
        return "broken", f"{type(broken).__name__}: {broken}"
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, AssertionError, RuntimeError) as broken:
        return "broken", f"{type(broken).__name__}: {' '.join(str(broken).split())[:160]}"
    return ("broken", wrong) if wrong else ("whole", "")


def measure(to: Running, open_doors: dict[str, str], cases: list[tuple[int, Case]]) -> dict[str, Any]:
    """How many endings were which, and each broken one once with its reason and an example."""
    counts: dict[str, int] = {"whole": 0, "error": 0, "broken": 0}
    broken: dict[tuple[str, bool, str, str], int] = {}
    for number, case in cases:
        if not open_doors[case.door]:
            kind, why = ending(to, number, case)
            counts[kind] += 1
            if kind == "broken":
                key = (case.door, case.stream, case.channel, why)
                broken[key] = broken.get(key, 0) + 1
    rows = [{"door": d, "stream": s, "channel": c, "why": w, "times": n} for (d, s, c, w), n in broken.items()]
    return {"counts": counts, "broken": rows}
