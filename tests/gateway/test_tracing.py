"""Whether anything is sent, and where: settings, OpenTelemetry's own variables, and what is missing for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector import Collector, about
from guiju.config import Config, load
from guiju.errors import SettingError
from guiju.gateway import tracing

ENDPOINT = "http://collector:4318"


def at(url: str, tmp_path: Path, **more: str) -> Config:
    return load({"GUIJU_HOME": str(tmp_path), "GUIJU_TELEMETRY_OTLP_ENDPOINT": url, **more})


def test_where_each_signal_goes(tmp_path: Path):
    on, off = at(f"{ENDPOINT}/", tmp_path), at("", tmp_path)
    both = {"traces": f"{ENDPOINT}/v1/traces", "metrics": f"{ENDPOINT}/v1/metrics"}
    assert tracing.endpoints(off, {}) == {}
    assert tracing.endpoints(on, {}) == both
    assert tracing.endpoints(on, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other"}) == both
    assert tracing.endpoints(off, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other"}) == {"traces": "", "metrics": ""}
    assert tracing.endpoints(off, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://other"}) == {"traces": ""}
    assert tracing.endpoints(on, {"OTEL_METRICS_EXPORTER": "none"}).keys() == {"traces"}
    assert tracing.endpoints(on, {"OTEL_SDK_DISABLED": "true"}) == {}


def test_header_fields_and_share_are_read(tmp_path: Path):
    headers = "Authorization=Basic%20dXNlcjpwYXNz, x-scope=a"
    config = at(ENDPOINT, tmp_path, GUIJU_TELEMETRY_OTLP_HEADERS=headers, GUIJU_TELEMETRY_SAMPLE_RATIO="0.25")
    assert config["telemetry.otlp_headers"] == {"authorization": "Basic dXNlcjpwYXNz", "x-scope": "a"}
    assert config["telemetry.sample_ratio"] == 0.25


@pytest.mark.parametrize(
    ("setting", "text"),
    [("SAMPLE_RATIO", "2"), ("SAMPLE_RATIO", "half"), ("OTLP_HEADERS", "no equals sign"), ("OTLP_HEADERS", "=value")],
)
def test_a_wrong_value_stops_the_start(tmp_path: Path, setting: str, text: str):
    with pytest.raises(SettingError):
        at(ENDPOINT, tmp_path, **{f"GUIJU_TELEMETRY_{setting}": text})


def test_a_protocol_that_is_not_spoken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(SettingError) as caught:
        tracing.otlp_of(at(ENDPOINT, tmp_path), "n/1")
    assert "http/protobuf" in caught.value.sentence("en")


def started(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """`guiju gateway` with one worker, told to stop as soon as it listens."""
    with subprocess.Popen(
        [sys.executable, "-m", "guiju.cli.main", "gateway", "--port", "0", "--json"],
        env=os.environ | {"GUIJU_HOME": str(home), "LC_ALL": "C.UTF-8"} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        if line:
            process.terminate()
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess([], process.returncode, line + out, err)


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment in which OpenTelemetry isn't installed."""
    package = tmp_path / "path" / "opentelemetry" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("raise ModuleNotFoundError('No module named opentelemetry', name='opentelemetry')")
    return {"PYTHONPATH": str(tmp_path / "path")}


def test_an_endpoint_without_the_extra_says_what_to_install(tmp_path: Path, without: dict[str, str]):
    done = started(tmp_path / "home", GUIJU_TELEMETRY_OTLP_ENDPOINT=ENDPOINT, **without)
    assert (done.returncode, done.stdout) == (3, "")
    assert "telemetry.otlp_endpoint" in done.stderr
    assert "pip install 'guiju[otel]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_endpoint_nobody_needs_the_extra(tmp_path: Path, without: dict[str, str]):
    done = started(tmp_path / "home", **without)
    assert json.loads(done.stdout)["workers"] == 1, done.stderr
    assert done.returncode == 0


def test_the_variables_of_opentelemetry_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=env")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
        otlp = tracing.otlp_of(at("", tmp_path), "n/1")
        assert otlp is not None
        otlp.tracer.start_span("one").end()
        otlp.close()
    assert [span.name for span in collector.spans] == ["one"]
    assert {(h["x-scope"], h["content-encoding"]) for h in collector.headers} == {("env", "gzip")}
    resource = about(collector.traces[0].resource_spans[0].resource.attributes)
    assert resource["service.name"] == "mine"
    assert resource["deployment.environment.name"] == "test"


def test_the_sampler_of_the_environment_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        otlp = tracing.otlp_of(at(collector.url, tmp_path), "n/1")
        assert otlp is not None
        otlp.tracer.start_span("one").end()
        otlp.close()
    assert collector.spans == []


def test_a_worker_ends_in_order_although_its_collector_is_away(tmp_path: Path):
    done = started(tmp_path, GUIJU_TELEMETRY_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert json.loads(done.stdout)["workers"] == 1, done.stderr
    assert done.returncode == 0, done.stderr
    assert "ended unexpectedly" not in done.stderr
