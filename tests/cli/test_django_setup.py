"""guiju.cli.django_setup: a change is told to those who run; where control is away, nobody is told what isn't true."""

from __future__ import annotations

import os

import pytest

from guiju.cli import django_setup
from guiju.config import Config
from guiju.control import publish
from guiju.journal.claim import claim


@pytest.fixture
def kept(config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A home with a published snapshot, and no control."""
    config.run.mkdir(parents=True)
    monkeypatch.setattr(publish, "current", lambda: (7, b'{"version":7}'))
    return config


def test_where_nothing_runs_the_next_start_begins_with_the_change(kept: Config):
    assert django_setup.tell_workers(kept, 7) == []
    assert (kept.run / "snapshot.json").read_bytes() == b'{"version":7}'


def test_a_worker_that_runs_without_control_has_not_taken_it(kept: Config):
    held = claim(kept.journal, "node1", 3)
    assert django_setup.tell_workers(kept, 7, seconds=0.3) == ["node1/3"]
    assert not (kept.run / "snapshot.json").exists(), "what a running worker keeps is its own"
    os.close(held)
