"""guiju.cli.django_setup: a change is told to those who run; where control is away, nobody is told what isn't true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.test_verbs import clean_environment
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


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_control_and_work_log_in_the_form_that_is_set(form: str, tmp_path: Path):
    log = "from guiju.cli.django_setup import ready; ready(); import logging; "
    log += "logging.getLogger('guiju.work').error('a=%s', 'x\\ny')"
    environment = clean_environment() | {"GUIJU_HOME": str(tmp_path), "GUIJU_LOG_FORMAT": form}
    done = subprocess.run(
        [sys.executable, "-c", log], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    line = done.stderr.splitlines()[-1]
    if form == "json":
        assert json.loads(line) | {"time": ""} == {
            "time": "", "level": "error", "logger": "guiju.work", "message": "a=x\ny",
        }  # fmt: skip
    else:
        assert line.endswith(r" level=error logger=guiju.work a=x\ny")
