"""guiju.control.health: how upstreams fare now, worst worker first, and their last hour, counted once."""

from __future__ import annotations

from typing import Any

from guiju.control.health import MINUTES, History, by_name

MINUTE = 60_000
NOW = 1_000 * MINUTE


def said(**more: Any) -> dict[str, Any]:
    """What a worker tells of one upstream."""
    return {
        "state": "closed",
        "wait_ms": 0,
        "ok": 0,
        "failed": 0,
        "errors": 0,
        "last_error": {},
        "latency_ms": 1.5,
    } | more


def told(**upstreams: dict[str, Any]) -> dict[str, Any]:
    return {"seen_ms": NOW, "stats": {"upstreams": upstreams}}


class TestNow:
    def test_every_worker_is_there_and_the_worst_speaks_for_it(self):
        live = {
            "n/1": told(a=said(state="open", wait_ms=4_000, errors=5, failed=5, last_error={"zh": "断", "en": "cut"})),
            "n/0": told(a=said(ok=3)),
        }
        health = by_name(live, "upstreams")["a"]
        assert [seen.worker for seen in health.workers] == ["n/0", "n/1"]
        assert (health.worst.worker, health.worst.state, health.worst.until_ms) == ("n/1", "open", NOW + 4_000)
        assert health.worst.last_error["zh"] == "断"

    def test_each_state_has_its_name(self):
        cases = {
            "unused": said(), "healthy": said(ok=1), "failing": said(ok=1, errors=1), "half_open": said(state="half_open"),
            "open": said(state="open", wait_ms=1, errors=9),
        }  # fmt: skip
        found = by_name({"n/0": told(**cases)}, "upstreams")
        assert {name: health.worst.state for name, health in found.items()} == {name: name for name in cases}
        pairs = (("healthy", "unused"), ("failing", "healthy"), ("failing", "half_open"), ("half_open", "open"))
        lives = ({"n/0": told(x=cases[a]), "n/1": told(x=cases[b])} for a, b in pairs)
        ranked = [by_name(live, "upstreams")["x"].worst.state for live in lives]
        assert ranked == ["healthy", "failing", "half_open", "open"]

    def test_a_worker_of_an_older_version_is_understood(self):
        old = {"ok": 2, "errors": 0, "last_error": {}, "latency_ms": 3.0}
        assert by_name({"n/0": told(a=old)}, "upstreams")["a"].worst.state == "healthy"

    def test_a_worker_that_has_told_nothing_yet_is_left_out(self):
        assert by_name({"n/0": {"seen_ms": NOW, "stats": {}}}, "upstreams") == {}


class TestHistory:
    def counts(self, history: History, name: str = "a", now: int = NOW) -> dict[int, tuple[int, int]]:
        """Minutes before now -> answers, failures."""
        kept = history.minutes(name, now)
        assert len(kept) == MINUTES
        return {(now - m.at_ms) // MINUTE: (m.answers, m.failures) for m in kept if m.answers or m.failures}

    def say(self, history: History, ok: int, failed: int = 0, *, at: int = NOW, worker: str = "n/0") -> None:
        history.heard(worker, {"upstreams": {"a": said(ok=ok, failed=failed)}}, at)

    def test_what_a_worker_counted_before_it_was_heard_is_not_of_this_minute(self):
        history = History()
        self.say(history, 1_000, 50)
        assert self.counts(history) == {}
        self.say(history, 1_003, 51)
        assert self.counts(history) == {0: (3, 1)}

    def test_workers_add_up_minute_by_minute(self):
        history = History()
        for worker in ("n/0", "n/1"):
            self.say(history, 0, worker=worker, at=NOW - 2 * MINUTE)
            self.say(history, 2, 1, worker=worker, at=NOW - 2 * MINUTE)
        self.say(history, 5, 1, worker="n/0")
        assert self.counts(history) == {2: (4, 2), 0: (3, 0)}

    def test_one_that_counts_anew_is_counted_from_nothing(self):
        history = History()
        self.say(history, 90, 9)
        self.say(history, 4, 0)
        assert self.counts(history) == {0: (4, 0)}

    def test_an_upstream_that_is_new_to_a_known_worker_is_counted_from_its_first_answer(self):
        history = History()
        history.heard("n/0", {"upstreams": {}}, NOW)
        self.say(history, 2, 1)
        assert self.counts(history) == {0: (2, 1)}

    def test_after_an_hour_nothing_is_left(self):
        history = History()
        self.say(history, 0, at=NOW - MINUTES * MINUTE)
        self.say(history, 5, at=NOW - MINUTES * MINUTE)
        assert self.counts(history) == {}
        self.say(history, 5)
        assert history._minutes == {}
