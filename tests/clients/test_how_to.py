"""The how-to page about clients: its code as printed, but for the address, the key and the models' names."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from anthropic import Anthropic
from ollama import Client
from openai import OpenAI

from clients import upstream_says as up
from clients.llamaindex_environment import python as llamaindex
from inside import KEY, Inside
from test_docs import blocks

PAGE = "how-to/use-it-from-langchain-and-llamaindex.md"
CALL = up.tool_call(0, "weather", '{"city": "Beijing"}')
HELLO = up.streamed("Hel", "lo")
RAG = up.Turns(up.embedded(1, packed=True), up.embedded(1, packed=True), up.whole("At nine."))


def as_here(text: str, inside: Inside) -> str:
    """The page's text for this gateway."""
    text = text.replace("http://localhost:8787", inside.url).replace("gj-…", KEY)
    return re.sub(r"deepseek-chat|bge-m3", "openai", text)


@pytest.mark.parametrize(
    ("number", "says", "printed"),
    [
        (0, up.whole(None, CALL), "Beijing: sunny\n"),
        (1, up.embedded(2, packed=True), "2\n"),
        (2, HELLO, "Hello\nHello\n"),
        (3, RAG, "At nine.\n"),
    ],
    ids=["tools", "embeddings", "anthropic and ollama", "llamaindex"],
)
def test_its_code_works_as_printed(inside: Inside, number: int, says: up.Pieces, printed: str):
    code = as_here(blocks(PAGE, "python")[number], inside)
    inside.says = says
    python = llamaindex() if "llama_index" in code else sys.executable
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.returncode) == (printed, 0), done.stderr


def test_its_variables_are_those_of_the_sdks(inside: Inside, monkeypatch: pytest.MonkeyPatch):
    lines = as_here(blocks(PAGE, "sh")[0], inside)
    for name, value in re.findall(r"(\w+)=(\S+)", lines):
        monkeypatch.setenv(name, value)
    inside.says = up.whole("yes")
    asked = [{"role": "user", "content": "hi"}]
    with OpenAI() as one, Anthropic() as two, Client() as three:
        assert one.chat.completions.create(model="openai", messages=asked).choices[0].message.content == "yes"
        assert two.messages.create(model="openai", max_tokens=9, messages=asked).content[0].text == "yes"
        assert three.chat("openai", asked).message.content == "yes"
