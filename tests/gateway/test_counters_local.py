"""Counters that processes of one machine share: exact between them, whole after a kill, kept over a restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guiju.gateway.counters_local import _LOOKS, LocalCounters
from guiju.gateway.quota import MINUTE_MS, Spent, limits, moment
from guiju.snapshot import Quota

NOW = moment(1_790_000_040_000 // MINUTE_MS * MINUTE_MS)
WHO = b"w" * 16

CHILD = """
import sys, time
from pathlib import Path
from guiju.gateway.counters_local import LocalCounters
from guiju.gateway.quota import Spent, moment
counters, now = LocalCounters(Path(sys.argv[1])), moment(int(sys.argv[2]))
bucket = (b"w" * 16, tuple(map(int, sys.argv[3].split(","))))
let = sum(not isinstance(counters.take([bucket], now, 7, 3), Spent) for _ in range(int(sys.argv[4])))
print(let, flush=True)
sys.stdin.read()
"""


def bucket(**which: float):
    return (WHO, limits(Quota(scope="app", name="a", **which)))


def child(path: Path, limits, times: int) -> subprocess.Popen[str]:
    args = [sys.executable, "-c", CHILD, str(path), str(NOW.ms), ",".join(map(str, limits)), str(times)]
    return subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def end(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


def test_processes_that_count_together_let_in_exactly_the_limit(tmp_path: Path):
    who = bucket(tokens_per_day=7 * 1000)
    children = [child(tmp_path / "quotas", who[1], 600) for _ in range(4)]
    let = [said(c) for c in children]
    end(*children)
    assert sum(let) == 1000


def test_what_a_killed_worker_had_under_way_is_over(tmp_path: Path):
    who = bucket(streams=5)
    here = LocalCounters(tmp_path / "quotas")
    killed, alive = child(tmp_path / "quotas", who[1], 3), child(tmp_path / "quotas", who[1], 0)
    assert (said(killed), said(alive)) == (3, 0)
    assert [type(here.take([who], NOW, 0, 0)) for _ in range(3)] == [list, list, Spent]
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert [type(here.take([who], NOW, 0, 0)) for _ in range(4)] == [list, list, list, Spent]
    end(killed, alive)
    here.close()


def test_one_that_takes_a_killed_ones_place_begins_with_nothing_under_way(tmp_path: Path):
    who = bucket(streams=2)
    killed = child(tmp_path / "quotas", who[1], 2)
    assert said(killed) == 2
    end(killed)
    here = LocalCounters(tmp_path / "quotas")
    assert here.column == 0
    assert [type(here.take([who], NOW, 0, 0)) for _ in range(3)] == [list, list, Spent]
    here.close()


def test_an_end_makes_room_and_settles(tmp_path: Path):
    who = bucket(streams=1, tokens_per_day=100)
    here = LocalCounters(tmp_path / "quotas")
    assert isinstance(here.take([who], NOW, 80, 0), list)
    assert here.take([who], NOW, 80, 0) == Spent(0, 2, 1000)
    here.settle([who], NOW, NOW, -70, 0)
    assert isinstance(here.take([who], NOW, 80, 0), list)
    here.settle([who], NOW, NOW, 0, 0)
    assert here.take([who], NOW, 80, 0) == Spent(0, 3, NOW.day_left)
    here.close()


def test_budgets_outlive_a_restart(tmp_path: Path):
    who = bucket(tokens_per_month=100)
    for expected in (list, list, Spent):
        here = LocalCounters(tmp_path / "quotas")
        assert isinstance(here.take([who], NOW, 50, 0), expected)
        here.close()


def test_all_buckets_are_charged_or_none(tmp_path: Path):
    here = LocalCounters(tmp_path / "quotas")
    first, second = bucket(requests_per_minute=9), (b"x" * 16, bucket(requests_per_minute=1)[1])
    assert here.take([first, second], NOW, 0, 0) == [(8, -1), (0, -1)]
    refused = here.take([first, second], NOW, 0, 0)
    assert isinstance(refused, Spent)
    assert refused.bucket == 1
    assert here.take([first], NOW, 0, 0) == [(7, -1)]
    here.close()


def test_a_full_corner_forgets_who_came_longest_ago(tmp_path: Path):
    here = LocalCounters(tmp_path / "quotas")
    same = [bytes(8) + bytes([n]) * 8 for n in range(1, _LOOKS + 2)]
    per = bucket(tokens_per_day=10)[1]
    for n, digest in enumerate(same):
        assert isinstance(here.take([(digest, per)], moment(NOW.ms + n * MINUTE_MS), 10, 0), list)
    later = moment(NOW.ms + 40 * MINUTE_MS)
    assert isinstance(here.take([(same[-1], per)], later, 10, 0), Spent)
    assert isinstance(here.take([(same[0], per)], later, 10, 0), list)
    here.close()


def test_a_file_of_something_else_is_made_anew(tmp_path: Path):
    (tmp_path / "quotas").write_bytes(b"what is this")
    here = LocalCounters(tmp_path / "quotas")
    assert isinstance(here.take([bucket(requests_per_minute=1)], NOW, 0, 0), list)
    here.close()


def test_a_question_takes_microseconds_of_the_machine_and_no_turn_of_the_loop(tmp_path: Path):
    here = LocalCounters(tmp_path / "quotas")
    assert not hasattr(here.take([bucket(requests_per_minute=1)], NOW, 0, 0), "__await__")
    here.close()


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_a_node_by_itself_has_its_share(tmp_path: Path, nodes: int):
    here = LocalCounters(tmp_path / "quotas")
    let = sum(isinstance(here.take([bucket(requests_per_minute=100)], NOW, 0, 0, nodes), list) for _ in range(120))
    assert let == 100 // nodes
    here.close()
