"""One worker, one folder, for as long as its process lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from guiju.errors import SettingError
from guiju.journal import claim


def test_a_second_worker_of_that_number_is_refused(tmp_path: Path):
    first = claim.claim(tmp_path, "n", 0)
    claim.claim(tmp_path, "n", 1)
    with pytest.raises(SettingError, match="worker 0 of n runs already"):
        claim.claim(tmp_path, "n", 0)
    os.close(first)
    claim.claim(tmp_path, "n", 0)


def test_a_killed_worker_leaves_it(tmp_path: Path):
    script = "import sys; from pathlib import Path; from guiju.journal import claim\n"
    script += "claim.claim(Path(sys.argv[1]), 'n', 0); print(1, flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    with claim.unclaimed(tmp_path, "n", 0) as dead:
        assert not dead
    process.kill()
    process.wait()
    with claim.unclaimed(tmp_path, "n", 0) as dead:
        assert dead


def test_who_only_looks_keeps_no_worker_from_its_start(tmp_path: Path):
    looking = claim.unclaimed(tmp_path, "n", 0)
    assert looking.__enter__()
    threading.Timer(0.2, looking.__exit__, (None, None, None)).start()
    os.close(claim.claim(tmp_path, "n", 0))


def test_who_runs_here_is_known_from_the_locks(tmp_path: Path):
    assert claim.claimed(tmp_path) == []
    held = claim.claim(tmp_path, "node1", 0)
    gone = claim.claim(tmp_path, "node1", 1)
    assert claim.claimed(tmp_path) == ["node1/0", "node1/1"]
    os.close(gone)
    assert claim.claimed(tmp_path) == ["node1/0"]
    os.close(held)
    assert claim.claimed(tmp_path) == []
