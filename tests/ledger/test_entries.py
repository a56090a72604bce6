"""Entries are read back as they were written, and carry no text."""

from __future__ import annotations

import msgspec
import pytest

from guiju.ledger import entries
from guiju.types import Action, Finding, Judged

FOUND = Judged(Finding(cls="I.mobile", detector="personal", rule="mobile", start=3, end=14), Action.MASK, "contact-out")
EXAMPLES = [
    entries.Opened(at_ms=1, exchange="ex_1", door="openai_chat", app="demo", texts=(
        entries.Reviewed(path=("messages", 0, "content"), role="user", length=20, action=Action.MASK, judged=(FOUND,)),
    )),
    entries.Closed(at_ms=2, exchange="ex_1", outcome="masked", insertions=(
        entries.Insertion(channel="0.content", offset=3, length=5, kind="mask", removed=11),
    )),
    entries.Observed(at_ms=3, exchange="ex_1", direction="output", texts=(
        entries.Reviewed(path=("choices", 0), role="", length=20, action=Action.MASK, judged=(FOUND,)),
    ), unanswered=("cloud",)),
    entries.Rejected(at_ms=3, exchange="", code="bad_key", count=9),
    entries.Feedback(at_ms=4, exchange="ex_1", thumb="down", reason="wrong"),
    entries.Act(at_ms=5, verb="keys.revoke", by="laogui", target="key 3"),
    entries.Note(at_ms=6, what="worker.started", node="node1/0"),
]  # fmt: skip


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda e: type(e).__name__)
def test_it_is_read_back(entry):
    assert entries.decode(entries.encode(entry)) == entry


def test_every_kind_has_its_example():
    assert {type(e) for e in EXAMPLES} == set(entries.Entry.__args__)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"kind": "unknown", "at_ms": 1}', b'{"kind": "note"}'])
def test_what_is_no_entry_is_told(data: bytes):
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        entries.decode(data)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (("messages", 0, "content"), ("messages", 0, "content")),
        (("tools", 2, "function", "parameters", "properties", "张三的电话", "description"),
         ("tools", 2, "function", "parameters", "properties", "?", "description")),
        (("13800138000",), ("?",)),
        (("zhangsan",), ("?",)),
    ],
)  # fmt: skip
def test_of_a_path_only_what_a_dialect_says_is_kept(path, kept):
    assert entries.place(path) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("0.content", "0.content"),
        ("12.tool_calls.3.arguments", "12.tool_calls.3.arguments"),
        ("x.13800138000#key", "x.?#key"),
        ("x.note.110105194912310021", "x.?.?"),
    ],
)
def test_of_a_channel_only_what_a_dialect_says_is_kept(name: str, kept: str):
    assert entries.channel(name) == kept


def test_names_of_somebodys_own_are_not_kept():
    assert (entries.finish("stop"), entries.finish("我的电话是 13800138000")) == ("stop", "?")
    assert (entries.role("user"), entries.role("13800138000"), entries.role("")) == ("user", "?", "")
    assert entries.places(["choices.*.logprobs", "a.b", "c.d"]) == ("?.?", "choices.*.logprobs")
