"""Guard models behind an OpenAI-compatible chat endpoint: what Qwen3Guard and Llama Guard share.

Such a model's own chat template, which its server applies, puts the conversation between markers and asks for a
verdict on the
last turn. Text under review must not be able to write those markers, the tokens of the template, or a turn of its own:
`contained` takes them from it. Whether words in it can talk the model round is the model's affair, and its benchmark's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import Answer, Asked, Field, Request
from guiju.remote.asking import address, clean, post
from guiju.remote.reading import by_status, decode, off_form

TOKENS = 128
"""Most tokens of a verdict: the model cards' own number."""

_MARKER = re.compile(r"<(?=\s*(?:\||/?\s*(?:BEGIN|END|think|tool_|s\s*>|<\s*SYS)))", re.IGNORECASE)
"""`<|im_end|>`, `<|eot_id|>`, `<END CONVERSATION>`, `</think>`, `<tool_call>`, `</s>`, `<<SYS>>`."""
_INSTRUCTION = re.compile(r"\[(?=\s*/?\s*INST\s*\])", re.IGNORECASE)
_TURN = re.compile(r"(?<!\w)(user|assistant|agent|human|system)(\s*):", re.IGNORECASE)
"""A turn begins with `USER:` or `Agent:`; a colon of another width begins none."""


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str


class _Body(msgspec.Struct):
    choices: list[_Choice]


def fields(model: str) -> tuple[Field, ...]:
    """The settings of both."""
    return (
        Field(
            name="url",
            label=Said("Base URL of the chat endpoint", "对话接口的基础地址"),
            default="http://127.0.0.1:8000/v1",
        ),
        Field(
            name="key",
            label=Said("API key; empty where the server wants none", "API 密钥；服务不需要时留空"),
            secret=True,
            default="",
        ),
        Field(name="model", label=Said("Model", "模型"), default=model),
    )


def contained(text: str) -> str:
    """The text without anything that its template would take for its own; each is replaced by a look-alike."""
    text = _MARKER.sub("‹", clean(text))
    text = _INSTRUCTION.sub("［", text)
    return _TURN.sub(r"\1\2：", text)


def ask(asked: Asked, settings: Mapping[str, str], limit: int) -> Request:
    """A prompt as one turn of the user; an answer as a turn of the assistant after the prompt that it answers, of which
    the last `limit` characters are shown: the model's window is bounded."""
    turns = [asked.text] if asked.direction == "input" else [asked.before[-limit:], asked.text]
    messages = [
        {"role": role, "content": contained(text)} for role, text in zip(("user", "assistant"), turns, strict=False)
    ]
    body = {"model": settings["model"], "messages": messages, "temperature": 0, "max_tokens": TOKENS, "stream": False}
    headers = {"content-type": "application/json"}
    if settings["key"]:
        headers["authorization"] = f"Bearer {settings['key']}"
    base, _, path = address(settings["url"])
    return post(f"{base}{path}/chat/completions", headers, msgspec.json.encode(body))


def verdict(answer: Answer) -> str:
    """What the model wrote, whole.

    Raises:
        Fault: an error, no text, or a text that was cut off.
    """
    if answer.status != 200:
        raise by_status(answer)
    choices = decode(answer, _Body).choices
    if len(choices) != 1 or choices[0].finish_reason != "stop":
        raise off_form(again=False)
    return choices[0].message.content.strip()
