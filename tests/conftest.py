"""What every test shares: a home of its own, Django pointed at it, and skips that can't be overlooked.

A test that needs a program of the system carries a marker (`browser`, `nginx`, `postgres`, …: `NEEDS`). Where the program
is missing the test skips, and the last lines of the run name the `apt` line that brings it. With CI=true any skip is a
failure: a check that didn't run is not a check that passed.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import services
from guiju.config import Config, load

# Before anything reads a setting: the developer's own environment and folder stay out of the tests.
for _name in [n for n in os.environ if n.startswith("GUIJU_") and not n.startswith("GUIJU_TEST_")]:
    del os.environ[_name]
# Under nohup, or in the background of a script, these are ignored, and by all that the tests start too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
_SESSION_HOME = Path(tempfile.mkdtemp(prefix="guiju-tests-"))
os.environ["GUIJU_HOME"] = str(_SESSION_HOME)
if _url := os.environ.get("GUIJU_TEST_DATABASE_URL"):
    os.environ["GUIJU_DATABASE_URL"] = _url
if _url := os.environ.get("GUIJU_TEST_REDIS_URL"):
    os.environ["GUIJU_REDIS_URL"] = _url

# Two cores shared with servers and browsers: a slow example is no bug.
hypothesis.settings.register_profile("guiju", deadline=None)
hypothesis.settings.load_profile("guiju")

NEEDS = {
    "browser": services.Need("Chromium", "chromium fonts-noto-cjk", services.chromium),
    "curl": services.Need("curl", "curl", partial(shutil.which, "curl")),
    "nginx": services.Need("nginx", "nginx", services.nginx),
    "postgres": services.Need("PostgreSQL", "postgresql", services.postgres_bin),
    "redis": services.Need("Redis", "redis-server", services.redis_server),
    "systemd": services.Need("systemd-analyze", "systemd", partial(shutil.which, "systemd-analyze")),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long forms too (make soak)")


def pytest_configure(config: pytest.Config) -> None:
    # Here and not in pyproject.toml: pytest-django would read the settings before this file has named the home.
    if find_spec("guiju.control.settings") is not None:
        os.environ["DJANGO_SETTINGS_MODULE"] = "guiju.control.settings"
        import django

        django.setup()
        # pytest-xdist's workers begin with this environment: pytest-django would read the settings there before this
        # file has given them a home of their own.
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_SESSION_HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, need in NEEDS.items():
        if item.get_closest_marker(name) and need.find() is None:
            pytest.skip(f"{need.title} is missing: apt install {need.packages}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: {reason} (CI=true: a skip is a failure)"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] = reasons.get(reason.removeprefix("Skipped: "), 0) + 1
    terminalreporter.section(f"{len(skipped)} TESTS DID NOT RUN", yellow=True, bold=True)
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4} x {reason}", yellow=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GUIJU_HOME of this test's own, in the environment too."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("GUIJU_HOME", str(folder))
    return folder


@pytest.fixture
def config(home: Path) -> Config:
    """The settings of an empty home."""
    return load()


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    return services.free_port()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL database of this session's own (marker `postgres`), or GUIJU_TEST_DATABASE_URL."""
    if given := os.environ.get("GUIJU_TEST_DATABASE_URL"):
        yield given
        return
    with services.postgres() as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis of this session's own (marker `redis`), or GUIJU_TEST_REDIS_URL."""
    if given := os.environ.get("GUIJU_TEST_REDIS_URL"):
        yield given
        return
    with services.redis() as url:
        yield url


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database; whoever is still connected at the end (a thread that asked it something) is sent away, since
    PostgreSQL drops no database that is in use."""
    yield
    from django.db import connection

    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
