"""guiju.control.records.waiting: contents that only the journal holds are read under the rule of those in the ledger."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied

from guiju.control.people.roles import AUDITOR, POLICY_EDITOR
from guiju.control.records import actions, queries, waiting
from guiju.journal import reader
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal
from guiju.work import drain

DAY = "2026-11-23"
SUBJECT = "s" * 32


@pytest.fixture
def journal(installed: None) -> Iterator[None]:
    """An exchange that was answered, and another whose id begins alike; nothing of either was moved."""

    async def writing() -> None:
        public = seal.public_of(settings.KEYRING.day_key(DAY))
        journal = Journal(
            settings.GUIJU.journal, "n", 7, chain_key=settings.KEYRING.chain, day_key=lambda: (DAY, public)
        )
        for exchange, asked, answered in (("ex_1", "你好", "您好"), ("ex_12", "another", "answer")):
            one, two = (seal.commit(text.encode(), os.urandom(32)) for text in (asked, answered))
            opened = entries.Opened(
                at_ms=1, exchange=exchange, node="n/7", app="demo", service="demo", commitment=one.commitment
            )
            closed = entries.Closed(at_ms=2, exchange=exchange, outcome="served", commitment=two.commitment)
            await journal.append(opened, one.payload, SUBJECT)
            await journal.append(closed, two.payload, SUBJECT)
        await journal.close()

    asyncio.run(writing())
    yield
    shutil.rmtree(settings.GUIJU.journal)


def read(reason: str = "an inspection", by=None) -> dict[str, str]:
    return {part: data.decode() for part, data in actions.read_contents("ex_1", by=by, reason=reason).items()}


def test_contents_are_read_before_and_after_they_are_moved(journal):
    assert read() == {"input": "你好", "output": "您好"}
    drain.Drainer(settings.GUIJU.journal, settings.KEYRING).run_once()
    assert read() == {"input": "你好", "output": "您好"}


def test_reading_them_is_recorded(journal):
    read()
    assert [(a.verb, a.target, a.reason) for a in queries.history(("contents.read",))] == [
        ("contents.read", "ex_1", "an inspection")
    ]


def test_they_need_the_role_and_a_reason(journal, person):
    with pytest.raises(ValueError, match="why"):
        read(reason=" ")
    with pytest.raises(PermissionDenied):
        read(by=person("editor", POLICY_EDITOR))
    assert queries.history(("contents.read",)) == []
    assert read(by=person("auditor", AUDITOR))["input"] == "你好"


def test_those_of_an_erased_subject_are_not_shown(journal):
    actions.erase_subject(SUBJECT, by=None, reason="asked to")
    assert read() == {}


def test_contents_that_were_changed_are_not_shown(journal, monkeypatch: pytest.MonkeyPatch):
    changed = seal.commit(b"something else", os.urandom(32)).payload
    monkeypatch.setattr(waiting, "payload", lambda one: changed)
    with pytest.raises(seal.CannotOpen, match="commits to"):
        read()


def test_a_segment_that_goes_while_it_is_read_was_moved(journal, monkeypatch: pytest.MonkeyPatch):
    gone = reader.Segment("n", 7, 99, settings.GUIJU.journal / "n" / "7" / "0000000099.jnl")
    there = list(reader.segments(settings.GUIJU.journal))
    monkeypatch.setattr(reader, "segments", lambda folder: [gone, *there])
    assert len(waiting.of("ex_1")) == 2
