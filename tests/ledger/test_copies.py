"""What people search is made from entries alone, and fits the columns."""

from __future__ import annotations

from guiju.ledger import copies, entries
from guiju.types import Action, Finding, Judged


def reviewed(cls: str) -> tuple[entries.Reviewed, ...]:
    finding = Finding(cls=cls, detector="lexicon", rule="x:1", start=0, end=2)
    return (entries.Reviewed(path=("messages", 0), judged=(Judged(finding, Action.MASK, "r"),)),)


def test_an_exchange_is_what_its_two_entries_say_together():
    opened = entries.Opened(at_ms=1, exchange="ex_1", app="demo", action=Action.REFUSE, texts=reviewed("I.mobile"))
    found = copies.begin(opened)
    assert (found.outcome, found.action, found.classes) == ("", "refuse", " I.mobile ")
    closed = entries.Closed(
        at_ms=2, exchange="ex_1", outcome="masked", action=Action.MASK, texts=reviewed("A.1.h.drugs")
    )
    found.end(closed)
    assert (found.outcome, found.action, found.classes) == ("masked", "refuse", " A.1.h.drugs I.mobile ")
    assert found.plain()["id"] == "ex_1"


def test_what_no_column_can_hold_is_cut_and_not_refused():
    """A drainer that can't write an entry would stand still for ever."""
    act = entries.Act(at_ms=1, verb="x", by="y", target="a\x00b" * 300)
    assert len(copies.columns(act).target) == 200
    assert "\x00" not in copies.columns(act).target


def test_the_target_of_a_note_is_its_worker():
    note = entries.Note(at_ms=7, what="worker.started", node="node1/0")
    assert copies.columns(note) == ("note", 7, "", "node1/0")
