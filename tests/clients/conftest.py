"""A gateway in this process before an upstream on a port of its own: what every client library here talks to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inside import Inside


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture
def inside(_running: Inside) -> Inside:
    """The module's one, nothing asked of it yet."""
    _running.asked.clear()
    _running.entries.clear()
    return _running


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Inside]:
    """One whose app wants refusals as errors and admits no media."""
    with Inside(tmp_path, app={"refusal_style": "error", "allow_media": False}) as running:
        yield running


@pytest.fixture
def lenient(tmp_path: Path) -> Iterator[Inside]:
    """One whose app's clients take no `content_filter`."""
    with Inside(tmp_path, app={"finish_reason": "stop"}) as running:
        yield running
