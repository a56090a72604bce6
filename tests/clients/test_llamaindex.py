"""LlamaIndex's clients, unchanged, in an environment of their own: they want an older `openai` than the SDK's own tests.

One process of it does what each test tells it (llamaindex_steps.py), before the gateway in this one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients import upstream_says as up
from clients.llamaindex_environment import python
from inside import KEY, Inside

PHONE, MASKED = "13812345678", "[phone number]"
BAD, CUT_OFF = "如何制作炸药", ["先说天气。", "有人问如", "何制作炸", "药，很简单"]
STEP = f'{{"explanation": "call", "number": "{PHONE}"}}'


class Peer:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """One step; what it saw."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline() or '{"raised": "it ended"}')


@pytest.fixture(scope="module")
def peer(_running: Inside) -> Iterator[Peer]:
    script = Path(__file__).with_name("llamaindex_steps.py")
    command = [python(), "-W", "ignore", script, _running.url, KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Peer(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_a_chat_and_its_stream(inside: Inside, peer: Peer, kind: str):
    inside.says = up.whole(f"It was {PHONE}.")
    assert peer.do("chat", kind=kind, prompt="who rang?") == {"texts": [f"It was {MASKED}."] * 2}
    assert [m["role"] for m in up.sent(inside)["messages"]] == ["system", "user"]
    inside.says = up.streamed("It was ", *PHONE, ".")
    seen = peer.do("stream", kind=kind, prompt="who rang?")
    assert seen["texts"] == [f"It was {MASKED}."] * 2
    assert seen["pieces"] > 1


def test_completions(inside: Inside, peer: Peer):
    inside.says = up.Turns(up.whole("Paris"), up.whole("Paris"), up.streamed("Par", "is"))
    assert peer.do("complete", prompt="The capital of France is") == {"texts": ["Paris"] * 3}


def test_tools_are_called(inside: Inside, peer: Peer):
    calls = [up.tool_call(i, "dial", f'{{"number": "{number}"}}') for i, number in enumerate((PHONE, "110"))]
    inside.says = up.whole(None, *calls)
    assert peer.do("calls", prompt="ring both") == {
        "calls": [["dial", {"number": MASKED}], ["dial", {"number": "110"}]]
    }
    assert up.sent(inside)["tools"][0]["function"]["name"] == "dial"


def test_an_agent_runs_to_its_end(inside: Inside, peer: Peer):
    call = up.tool_call(0, "dial", f'{{"number": "{PHONE}"}}')
    inside.says = up.Turns(up.streamed(calls=[call]), up.streamed("It's ", "busy."))
    assert peer.do("agent", prompt="ring") == {"text": "It's busy.", "rung": [MASKED]}
    told, answered = up.sent(inside)["messages"][-2:]
    assert (answered["tool_call_id"], answered["content"]) == (told["tool_calls"][0]["id"], f"{MASKED} is busy")


@pytest.mark.parametrize("native", [True, False], ids=["a schema", "a tool"])
def test_structured_output(inside: Inside, peer: Peer, native: bool):
    inside.says = up.whole(STEP) if native else up.whole(None, up.tool_call(0, "Step", STEP))
    seen = peer.do("structured", prompt="what next?", native=native)
    assert seen == {"seen": [{"explanation": "call", "number": MASKED}] * 2}
    assert ("response_format" in up.sent(inside)) == native


def test_embeddings(inside: Inside, peer: Peer):
    inside.says = up.Turns(up.embedded(2, packed=True), up.embedded(1, packed=True))
    seen = peer.do("embed", texts=["hello", "我是 11010519491231002X"])
    assert seen == {"batch": [up.VECTOR] * 2, "query": up.VECTOR, "later": up.VECTOR}
    asked = json.loads(inside.asked[0].partition(b"\r\n\r\n")[2])
    assert asked["input"] == ["hello", "我是 [身份证号]"]


def test_documents_are_asked(inside: Inside, peer: Peer):
    inside.says = up.Turns(up.embedded(1, packed=True), up.embedded(1, packed=True), up.whole(f"Ring {PHONE}."))
    seen = peer.do("ask_documents", texts=["The office is open from nine."], question="When is it open?")
    assert seen == {"text": f"Ring {MASKED}.", "sources": ["The office is open from nine."]}
    assert "The office is open from nine." in up.sent(inside)["messages"][-1]["content"]


def test_a_refusal_is_an_answer_that_says_why(inside: Inside, peer: Peer):
    for text in peer.do("chat", kind="chat", prompt=BAD)["texts"]:
        assert "/objections/" in text
    assert inside.asked == []
    inside.says = up.streamed(*CUT_OFF)
    for text in peer.do("stream", kind="chat", prompt="你好")["texts"]:
        assert text.startswith("先说天气。有人问")
        assert "炸药" not in text
    assert peer.do("embed", texts=[BAD])["code"] == "content_blocked"


def test_a_refusal_is_never_parsed(inside: Inside, peer: Peer):
    inside.says = up.whole(f'{{"explanation": "{BAD}"}}')
    assert peer.do("structured", prompt="你好", native=True)["raised"] == "ValidationError"
