"""What a worker counts lies where the others find it, and is what its successor goes on from."""

from pathlib import Path

from guiju.gateway import telemetry
from guiju.gateway.telemetry import TOTALS, Counts


def counted(seconds: float = 0.02) -> Counts:
    counts = Counts(active=1, running=2, held_characters=3, snapshot=4, policies={"1|default": 1}, started=5.0)
    counts.exchanges["openai_chat|served|m"] += 2
    counts.findings["I.mobile|output|mask"] += 1
    counts.ended("openai_chat", seconds, seconds / 2)
    counts.reviewed("input", seconds)
    return counts


def test_what_was_written_is_read_again(tmp_path: Path):
    telemetry.save(tmp_path, "node1/0", counted())
    assert telemetry.load(tmp_path) == {"node1-0": counted()}


def test_a_file_that_is_half_written_is_passed_over(tmp_path: Path):
    (tmp_path / "node1-0.json").write_bytes(b'{"exchanges": {')
    assert telemetry.load(tmp_path) == {}
    assert telemetry.resumed(tmp_path, "node1/0", 7.0) == Counts(started=7.0)


def test_a_worker_starts_although_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "metrics").write_text("no folder")
    assert telemetry.resumed(tmp_path / "metrics", "node1/0", 7.0) == Counts(started=7.0)


def test_a_worker_goes_on_from_what_its_predecessor_had_counted_and_from_none_of_its_gauges(tmp_path: Path):
    telemetry.save(tmp_path, "node1/0", counted())
    counts = telemetry.resumed(tmp_path, "node1/0", 7.0)
    fresh = Counts(started=7.0)
    assert telemetry.load(tmp_path) == {"node1-0": counts}  # at once: nobody takes the old gauges for its own
    for field in Counts.__struct_fields__:
        assert getattr(counts, field) == getattr(counted() if field in TOTALS else fresh, field), field
    counts.exchanges["openai_chat|served|m"] += 1
    counts.ended("openai_chat", 100.0, 0.0)
    assert counts.exchanges["openai_chat|served|m"] == 3
    assert sum(counts.durations["openai_chat"].counts) == 2
    assert sum(counts.first_bytes["openai_chat"].counts) == 1  # none where nothing came


def test_a_bound_belongs_to_its_bucket():
    """`le`: less or equal."""
    counts = Counts()
    for seconds in (0.0001, 0.00011, 99.0):
        counts.synced(seconds)
    assert counts.syncs[""].counts == [1, 1, *[0] * 12, 1]
    assert counts.syncs[""].sum == 0.0001 + 0.00011 + 99.0
