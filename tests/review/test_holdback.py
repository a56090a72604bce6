"""The promise of a stream: what left is the upstream's text without the masked spans, and nothing of a finding left.

The detectors here are naive on purpose (a literal term and a run of digits), so that the gate is tested alone;
tests/review/test_promise.py repeats the promise with the shipped ones.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.review.detector import Scan
from guiju.review.holdback import Holdback
from guiju.types import Action, Finding, Judged

TERM, SECRET = "abcab", "key:"


class Literal:
    """Finds TERM; holds the longest suffix that could still become it."""

    def __init__(self, term: str, cls: str) -> None:
        self.term, self.cls, self.tail, self.base = term, cls, "", 0

    def feed(self, piece):
        self.tail += piece
        found = []
        while (at := self.tail.find(self.term)) >= 0:
            end = at + len(self.term)
            found.append(
                Finding(cls=self.cls, detector="literal", rule=self.term, start=self.base + at, end=self.base + end)
            )
            self._drop(end)
        for keep in range(min(len(self.term) - 1, len(self.tail)), -1, -1):
            if self.term.startswith(self.tail[len(self.tail) - keep :]):
                self._drop(len(self.tail) - keep)
                break
        return Scan(found, self.base)

    def _drop(self, count):
        self.base, self.tail = self.base + count, self.tail[count:]

    def close(self):
        return []


class Digits:
    """Finds runs of three or more digits; holds an open run."""

    def __init__(self) -> None:
        self.run, self.at = "", 0

    def feed(self, piece):
        found = []
        for char in piece:
            if char.isdigit():
                self.run += char
            else:
                found += self.close()
            self.at += 1
        return Scan(found, self.at - len(self.run))

    def close(self):
        run, self.run = self.run, ""
        if len(run) < 3:
            return []
        return [Finding(cls="digits", detector="digits", rule="digits", start=self.at - len(run), end=self.at)]


class Secret:
    """From SECRET on everything up to a blank or line break is a finding that goes on."""

    def __init__(self) -> None:
        self.literal, self.inside, self.at = Literal(SECRET, "secret"), False, 0

    def feed(self, piece):
        found = []
        for char in piece:
            self.at += 1
            if self.inside and char in " \n":
                self.inside = False
            elif self.inside:
                found.append(self._finding(self.at - 1, self.at))
            for hit in self.literal.feed(char).findings:
                if not self.inside:
                    self.inside = True
                    found.append(self._finding(hit.start, hit.end))
        safe = self.literal.base if not self.inside else self.at
        return Scan(found, safe)

    def _finding(self, start, end):
        return Finding(cls="secret", detector="secret", rule="secret", start=start, end=end, going_on=True)

    def close(self):
        return []


def gate(term_action=Action.MASK, form="text", observe=False, **kinds):
    scanners = [(Literal(TERM, "term"), term_action is not Action.ALLOW), (Digits(), True), (Secret(), True)]
    actions = {"term": term_action, "digits": Action.MASK, "secret": Action.MASK}
    return Holdback(
        scanners,
        lambda f: Judged(f, actions[f.cls], f.cls),
        lambda judged, source: f"[{judged.finding.cls}]",
        form=form,
        observe=observe,
    )


def run(machine, text, cuts=()):
    out, last = "", 0
    for cut in [*sorted({min(c, len(text)) for c in cuts}), len(text)]:
        out, last = out + machine.feed(text[last:cut]), cut
    return out + machine.close()


texts = st.text("abc1 x", max_size=60) | st.text("abcKEY:1 \n０", max_size=40)
cuts = st.lists(st.integers(0, 60), max_size=12)


def without_insertions(delivered, machine):
    parts, last = [], 0
    for inserted in machine.insertions:
        parts.append(delivered[last : inserted.offset])
        last = inserted.offset + inserted.length
    return "".join([*parts, delivered[last:]])


def masked_out(text, machine):
    hidden = {i for j in machine.judged if j.action is not Action.ALLOW for i in range(j.finding.start, j.finding.end)}
    return "".join(c for i, c in enumerate(text) if i not in hidden)


@given(texts, cuts)
def test_what_left_is_the_text_without_the_masked_spans(text, where):
    machine = gate()
    delivered = run(machine, text, where)
    assert without_insertions(delivered, machine) == masked_out(text, machine)
    assert machine.held == 0
    assert (machine.received, machine.delivered) == (len(text), len(delivered))
    assert sum(i.removed for i in machine.insertions) == len(text) - len(masked_out(text, machine))


@given(texts, cuts)
def test_the_outcome_does_not_depend_on_how_the_text_was_cut(text, where):
    whole, cut, single = gate(), gate(), gate()
    expected = run(whole, text)
    assert run(cut, text, where) == expected
    assert run(single, text, range(len(text))) == expected


@given(texts, cuts)
def test_nothing_of_a_finding_leaves_at_any_moment(text, where):
    machine, delivered, last = gate(Action.REFUSE), "", 0
    for cut in [*sorted({min(c, len(text)) for c in where}), len(text)]:
        delivered, last = delivered + machine.feed(text[last:cut]), cut
    delivered += machine.close()
    stop = machine.stopped.finding.start if machine.stopped else len(text)
    assert text.find(TERM) in (-1, stop) or stop < text.find(TERM)
    assert masked_out(text[:stop], machine).startswith(without_insertions(delivered, machine))
    assert TERM not in delivered


def test_it_holds_only_what_could_still_become_a_finding():
    machine = gate()
    assert machine.feed("xx abca") == "xx "
    assert machine.held == 4
    assert machine.feed("x") == "abcax"
    assert machine.feed("12") == ""
    assert machine.feed("x") == "12x"


def test_it_frees_nothing_more_after_a_stop():
    machine = gate(Action.REFUSE)
    assert machine.feed("xx abcab yy") == "xx "
    assert machine.stopped is not None
    assert machine.feed("more") == machine.close() == ""


def test_a_recorded_finding_holds_nothing():
    machine = gate(Action.ALLOW)
    assert machine.feed("abca") == "abca"
    assert machine.feed("b") == "b"
    assert [j.finding.cls for j in machine.judged] == ["term"]


def test_observe_releases_everything_and_records_it():
    machine = gate(Action.REFUSE, observe=True)
    assert machine.feed("abcab 123") + machine.close() == "abcab 123"
    assert [j.action for j in machine.judged] == [Action.REFUSE, Action.MASK]
    assert machine.insertions == []


def test_a_finding_that_goes_on_has_one_placeholder():
    machine = gate()
    assert run(machine, "a KEY:abc9x b", range(13)) == "a [secret] b"
    assert len(machine.insertions) == 1
    assert machine.insertions[0].removed == 9


def test_a_mask_in_a_name_blocks():
    machine = gate(form="name")
    assert run(machine, "call_123_") == "call_"
    assert machine.stopped.action is Action.BLOCK


json_values = st.recursive(
    st.integers() | st.text("abc12 x\n大", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.booleans(), cuts)
def test_masked_json_stays_json_and_the_rest_is_untouched(value, ascii_only, where):
    source = json.dumps(value, ensure_ascii=ascii_only)
    machine = gate(form="json")
    delivered = run(machine, source, where)
    json.loads(delivered)
    if not machine.insertions:
        assert delivered == source
    assert TERM not in delivered
    assert run(gate(form="json"), source) == delivered


def test_it_reads_a_term_in_escapes():
    machine = gate(form="json")
    source = '{"q": "x \\u0061bcab y"}'
    assert run(machine, source, range(len(source))) == '{"q": "x [term] y"}'


def test_a_masked_number_becomes_a_string():
    assert run(gate(form="json"), '{"n": -13800138000, "m": [1, 2]}') == '{"n": "[digits]", "m": [1, 2]}'


def test_a_finding_in_a_key_blocks():
    machine = gate(form="json")
    assert run(machine, '{"138001": 1}') == '{"'
    assert machine.stopped.action is Action.BLOCK


def test_a_secret_that_goes_on_ends_with_its_string():
    machine = gate(form="json")
    source = '{"a": "KEY:1 2", "b": "x"}'
    json.loads(run(machine, source, range(len(source))))


@pytest.mark.parametrize("text", ["１２３", "1\u200b2\u200b3", "Ａbcab"])
def test_it_sees_through_what_canonicalisation_removes(text):
    machine = gate()
    assert run(machine, f"x{text}y", range(len(text) + 2)) in ("x[digits]y", "x[term]y")
