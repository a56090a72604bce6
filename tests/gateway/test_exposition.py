"""The page that Prometheus scrapes: its conventions over the real page, and right sums however workers come and go."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import openai
import pytest
from prometheus_client import Metric

from fake_upstream import Upstream
from guiju import plugins
from guiju.gateway import exposition, telemetry
from guiju.gateway.exposition import METRICS, NODE
from guiju.gateway.telemetry import Counts
from scraped import busy, families
from whole import Whole


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    return families(busy(tmp_path_factory.mktemp("busy")))


def value(found: dict[str, Metric], sample: str, **labels: str) -> float:
    """Of the one sample with these labels."""
    (only,) = [
        s.value for f in found.values() for s in f.samples if s.name == sample and labels.items() <= s.labels.items()
    ]
    return only


def test_what_happened_is_told(scraped: dict[str, Metric]):
    chat = {"door": "openai_chat", "model": "openai"}
    assert value(scraped, "guiju_exchanges_total", outcome="masked", **chat) == 1
    assert value(scraped, "guiju_exchanges_total", outcome="served", **chat) == 1
    assert value(scraped, "guiju_exchange_duration_seconds_count", door="openai_chat") == 2
    assert value(scraped, "guiju_time_to_first_byte_seconds_count", door="openai_chat") == 2
    assert value(scraped, "guiju_review_duration_seconds_count", direction="output") == 2
    assert 0 < value(scraped, "guiju_review_duration_seconds_sum", direction="output") < 5
    assert value(scraped, "guiju_tokens_total", kind="input", model="openai") == 7
    assert value(scraped, "guiju_tokens_total", kind="output", model="openai") == 5
    assert value(scraped, "guiju_findings_total", **{"class": "I.mobile"}) == 1
    assert value(scraped, "guiju_upstream_attempts_total", upstream="openai") == 2
    assert value(scraped, "guiju_upstream_errors_total", upstream="base") == 3
    assert value(scraped, "guiju_upstream_breaker_state", upstream="openai", state="closed") == 1
    assert value(scraped, "guiju_upstream_breaker_state", upstream="openai", state="open") == 0
    assert value(scraped, "guiju_rejected_total", code="model_not_found") == 1
    assert value(scraped, "guiju_journal_sync_duration_seconds_count") >= 4
    assert value(scraped, "guiju_exchanges_in_progress") == 0
    assert value(scraped, "guiju_policy_info", policy="default", version="1", worker="n-1") == 1
    assert value(scraped, "guiju_workers") == 1


def test_every_metric_of_the_table_is_on_the_page(scraped: dict[str, Metric]):
    told = {metric.name.removesuffix("_total"): metric.kind for metric in METRICS} | dict.fromkeys(NODE, "gauge")
    assert {name: family.type for name, family in scraped.items()} == told
    assert [name for name, family in scraped.items() if not family.samples] == []


def test_names_follow_the_conventions(scraped: dict[str, Metric]):
    """https://prometheus.io/docs/practices/naming/: one prefix, base units in the plural, `_total` for what only grows,
    `_info` for what is always 1."""
    foreign = re.compile(r"_(milliseconds|ms|minutes|hours|kilobytes|kb|mb|percent|count|sum|bucket)(_total)?$")
    for name, family in scraped.items():
        assert re.fullmatch(r"guiju_[a-z]+(_[a-z]+)*", name)
        assert not foreign.search(name)
        assert family.documentation
        if family.type == "counter":
            assert {s.name for s in family.samples} == {f"{name}_total"}
        if family.type == "histogram":
            assert name.endswith("_seconds")
        if family.type == "gauge":
            assert not name.endswith("_total")
        if name.endswith("_info"):
            assert {s.value for s in family.samples} == {1}
        assert not {"le", "quantile", "job", "instance"} & {
            label for s in family.samples for label in s.labels if not s.name.endswith("_bucket")
        }


def test_buckets_grow_and_end_with_all(scraped: dict[str, Metric]):
    for family in scraped.values():
        if family.type != "histogram":
            continue
        series: dict[tuple[str, ...], list[tuple[float, float]]] = {}
        for s in family.samples:
            if s.name.endswith("_bucket"):
                key = tuple(v for k, v in s.labels.items() if k != "le")
                series.setdefault(key, []).append((float(s.labels["le"]), s.value))
        counts = [s.value for s in family.samples if s.name.endswith("_count")]
        assert series
        for buckets in series.values():
            assert buckets == sorted(buckets)
            assert [n for _, n in buckets] == sorted(n for _, n in buckets)
            assert buckets[-1][0] == float("inf")
        assert [buckets[-1][1] for buckets in series.values()] == counts


def test_no_caller_can_make_up_a_label(scraped: dict[str, Metric]):
    """A model that nobody offers is no label, and every other label is of a closed list."""
    doors = {dialect.name for dialect in plugins.dialects().values()} | {"moderations"}
    known: dict[str, set[str]] = {
        "door": doors,
        "model": {"openai", "base", "anthropic", "responses", "mixed", "?", ""},
        "upstream": {"openai", "base", "anthropic", "responses"},
        "direction": {"input", "output"},
        "worker": {"n-1"},
    }
    for family in scraped.values():
        for s in family.samples:
            for label, said in s.labels.items():
                assert said in known.get(label, {said}), (family.name, label, said)


def test_what_people_name_is_told_as_it_is():
    counts = Counts()
    counts.attempts['up|"1"\\\n'] += 1
    counts.upstream_errors['upstream_timeout|up|"1"\\\n'] += 1
    page = exposition.exposition({"n-1": counts}, ["n-1"], 0.0).decode()
    found = families(page)
    assert value(found, "guiju_upstream_attempts_total", upstream='up|"1"\\\n') == 1
    assert value(found, "guiju_upstream_errors_total", upstream='up|"1"\\\n', code="upstream_timeout") == 1


def test_workers_are_added_up_and_one_that_has_gone_keeps_its_totals_and_loses_its_gauges():
    first, second = Counts(active=1), Counts(active=2)
    for counts, seconds in ((first, 0.02), (second, 7.0)):
        counts.exchanges["openai_chat|served|m"] += 2
        counts.ended("openai_chat", seconds, 0.0)
    workers = {"n-0": first, "n-1": second}
    found = families(exposition.exposition(workers, ["n-1"], 0.0).decode())
    assert value(found, "guiju_exchanges_total") == 4
    assert value(found, "guiju_exchange_duration_seconds_bucket", le="0.025") == 1
    assert value(found, "guiju_exchange_duration_seconds_count") == 2
    assert [(s.labels["worker"], s.value) for s in found["guiju_streams_in_progress"].samples] == [("n-1", 2)]


# --- workers that die --------------------------------------------------------------------------------


@pytest.fixture
def guiju(tmp_path: Path) -> Iterator[Whole]:
    with (
        Upstream() as upstream,
        Whole(tmp_path, "--upstream", upstream.url, "--model", "m", "--workers", "2") as running,
    ):
        yield running


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_that_is_killed_takes_back_nothing_that_was_counted(guiju: Whole):
    client = openai.OpenAI(base_url=f"{guiju.url}/v1", api_key=guiju.key)
    folder = guiju.home / "run" / "metrics"

    def asked(times: int) -> None:
        for _ in range(times):
            client.with_options(max_retries=5).chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}]
            )

    def scrape() -> dict[str, Metric]:
        return families(httpx.Client(transport=httpx.HTTPTransport(retries=5)).get(f"{guiju.url}/metrics").text)

    def served() -> float:
        return value(scrape(), "guiju_exchanges_total", outcome="served")

    def started() -> dict[str, float]:
        return {s.labels["worker"]: s.value for s in scrape()["guiju_worker_start_time_seconds"].samples}

    def counted() -> dict[str, int]:
        return {worker: c.exchanges["openai_chat|served|m"] for worker, c in telemetry.load(folder).items()}

    until(lambda: value(scrape(), "guiju_workers") == 2)
    asked(20)
    until(
        lambda: sum(counted().values()) == 20
    )  # each writes once a second: what came after the last time dies with it
    before, victim = started(), max(counted(), key=lambda worker: counted()[worker])
    for pid in guiju.processes():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"gateway" in words and b"--worker" in words and words[words.index(b"--worker") + 1] == victim[-1:].encode():
            os.kill(pid, signal.SIGKILL)
    assert served() == 20  # at once
    until(lambda: started().keys() == before.keys() and started()[victim] > before[victim])  # it has a successor
    assert served() == 20
    asked(5)
    until(lambda: served() == 25)
