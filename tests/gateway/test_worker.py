"""What a worker asks of the system before it serves."""

import resource

import pytest

from guiju.gateway import worker


@pytest.fixture
def limits():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], before[1]))


def test_the_soft_limit_of_open_files_is_raised(limits):
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    assert worker.room(400) == 400
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_no_more_clients_are_taken_than_there_are_files_for(monkeypatch, caplog):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert worker.room(10_000) == (4096 - 200) // 2
    assert "limit of open files" in caplog.text
    assert worker.room(100) == 100
