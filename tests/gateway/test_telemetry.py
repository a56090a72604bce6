"""What workers count is what /metrics says: written by each, added up over all."""

from pathlib import Path

from guiju.gateway import telemetry
from guiju.gateway.telemetry import Counts


def counted(seconds: float = 0.02) -> Counts:
    counts = Counts(active=1)
    counts.exchanges["openai_chat|served"] += 2
    counts.findings["I.mobile|output|mask"] += 1
    counts.took(seconds)
    return counts


def test_what_was_written_is_read_again(tmp_path: Path):
    telemetry.save(tmp_path, "node1/0", counted())
    assert telemetry.load(tmp_path) == {"node1-0": counted()}


def test_metrics_add_up_the_workers_of_a_node(tmp_path: Path):
    telemetry.save(tmp_path, "node1/0", counted())
    telemetry.save(tmp_path, "node1/1", counted(7))
    lines = telemetry.exposition(telemetry.load(tmp_path)).decode().splitlines()
    assert 'guiju_exchanges_total{door="openai_chat",outcome="served"} 4' in lines
    assert 'guiju_findings_total{class="I.mobile",direction="output",action="mask"} 2' in lines
    assert 'guiju_exchange_seconds_bucket{le="0.025"} 1' in lines
    assert "guiju_exchange_seconds_count 2" in lines
    assert 'guiju_active_exchanges{worker="node1-1"} 1' in lines


def test_a_file_that_is_half_written_is_passed_over(tmp_path: Path):
    (tmp_path / "node1-0.json").write_bytes(b'{"exchanges": {')
    assert telemetry.load(tmp_path) == {}
