"""What responses are made of: the texts that are said again are found, and what we make is what the SDK knows."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response, ResponseOutputItem
from pydantic import TypeAdapter

from guiju.wire import responses_shape as shape
from guiju.wire.dialect import Usage
from guiju.wire.strings import leaves


@pytest.mark.parametrize(
    ("item", "channels"),
    [
        ({"type": "message", "content": [shape.part("output_text", "a"), shape.part("refusal", "b")]},
         ["3.0.text", "3.1.refusal"]),
        ({"type": "reasoning", "summary": [shape.part("summary_text", "a")], "content": [shape.part("reasoning_text", "b")]},
         ["3.0.reasoning", "3.summary.0.text"]),
        ({"type": "function_call", "arguments": "{}"}, ["3.arguments"]),
        ({"type": "mcp_call", "arguments": "{}"}, ["3.arguments"]),
        ({"type": "custom_tool_call", "input": "a"}, ["3.input"]),
        ({"type": "code_interpreter_call", "code": "a"}, ["3.code"]),
        ({"type": "shell_call", "action": {"commands": ["a", 1, "b"]}}, ["3.commands.0", "3.commands.2"]),
        ({"type": "mcp_approval_request", "arguments": "{}"}, []),
        ({"type": "message", "content": [{"type": "output_text", "text": 1}, "words", {"type": ["x"]}]}, []),
        ({"type": ["message"], "content": 1, "action": 1}, []),
        ("words", []),
    ],
)  # fmt: skip
def test_the_texts_of_an_item_that_grow(item: Any, channels: list[str]):
    found = list(shape.of_item(3, item))
    assert [grown.channel for grown in found] == channels
    assert all(isinstance(grown.holder[grown.key], str) for grown in found)


@pytest.mark.parametrize("kind", ["message", "reasoning", "function_call", "custom_tool_call", "shell_call"])
def test_items_of_our_making_are_those_of_the_sdk(kind: str):
    made = shape.item(kind, "it_1", "completed")
    assert TypeAdapter(ResponseOutputItem).validate_python(made).type == kind


def test_a_response_of_our_making_is_that_of_the_sdk():
    usage = shape.counted(Usage(3, 4))
    made = shape.response({}, name="resp_1", created=7, model="m", output=[], usage=usage)
    assert TypeAdapter(Response).validate_python(made).usage.total_tokens == 7
    assert shape.usage_of(usage) == (3, 4)
    assert shape.usage_of(None) is None


@pytest.mark.parametrize(("kind", "opaque"), [("image_generation_call", True), ("program_output", False)])
def test_the_result_of_a_program_is_text_and_that_of_a_painter_is_not(kind: str, opaque: bool):
    body = {"output": [{"type": kind, "result": "AAAA"}]}
    (leaf,) = (leaf for leaf in leaves(body, shape.ANSWER) if leaf.path[-1] == "result")
    assert shape.is_opaque(body, leaf) is opaque


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [("stop", "completed", None), ("tool_calls", "completed", None), ("", "completed", None),
     ("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)  # fmt: skip
def test_why_it_ends(finish: str, status: str, reason: str | None):
    ended = shape.ending(finish)
    assert ended["status"] == status
    assert (ended["incomplete_details"] or {}).get("reason") == reason
    assert shape.finish_of(ended) == (reason or status)
