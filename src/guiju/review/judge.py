"""Segments + detectors + policy -> verdict. Counterparts: detector.py finds, policy.py decides, holdback.py streams.

Pure. A `Reviewer` is compiled once per policy version and shared by all exchanges; plugins.reviewer() builds one
from a policy and lexicon blobs. A whole text takes the same machines as a stream, fed once and closed, so both are
judged alike (tests/review/test_judge.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from guiju.review.canon import plain
from guiju.review.detector import Detector, Scan, Scanner
from guiju.review.holdback import Holdback
from guiju.review.policy import Audience, Policy
from guiju.review.restore import Kept
from guiju.review.slow import Told
from guiju.types import Action, Direction, Finding, Form, Judged, Verdict

Placeholders = Callable[[str, str], str]
"""(class, language) -> what stands in place of a masked finding: `[手机号]`."""


class _Told:
    """A scanner that has read its text already."""

    def __init__(self, findings: list[Finding], length: int) -> None:
        self._findings, self._length = findings, length

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        return Scan(self._findings, self._length)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return []


class _Way(NamedTuple):
    """What is fixed for one direction and audience."""

    makers: tuple[tuple[Detector, frozenset[str]], ...]
    """Detectors with their acting classes."""
    clean: Verdict
    """The verdict on a text without findings, made once."""
    judge: Callable[[Finding], Judged]


class Reviewer:
    """A policy with its detectors, ready to judge.

    Args:
        policy: proven by policy_file.py.
        detectors: in order; findings at the same place are listed in this order.
        placeholders: of the taxonomy; the class in brackets without it.
    """

    def __init__(
        self,
        policy: Policy,
        detectors: Sequence[Detector],
        placeholders: Placeholders = lambda cls, language: f"[{cls}]",
    ) -> None:
        self.policy = policy
        self.detectors = tuple(detectors)
        self._placeholders = placeholders
        self.holds_sentences = any(hasattr(d.scanner(frozenset(), "output"), "overdue") for d in detectors)
        """Whether a stream may wait for the end of a sentence; how long is the gateway's to say."""
        self.restorable = frozenset(rule.id for rule in policy.rules if rule.restore)
        """Rules whose masks in a request are restored in its answer."""
        self._ways: dict[tuple[Direction, Audience], _Way] = {}
        self._masks: dict[str, Callable[[Judged, str], str]] = {}
        """Language -> `_placeholder` in it: one for all gates."""

    def _way(self, direction: Direction, audience: Audience) -> _Way:
        way = self._ways.get((direction, audience))
        if way is None:
            may_act = partial(self.policy.may_act, direction=direction, audience=audience)
            makers = tuple((d, frozenset(filter(may_act, d.classes))) for d in self.detectors)
            judge = partial(self._judge, direction=direction, audience=audience)
            way = self._ways[direction, audience] = _Way(makers, Verdict(policy=self.policy.label), judge)
        return way

    def holdback(
        self,
        *,
        direction: Direction,
        audience: Audience = "general",
        form: Form = "text",
        observe: bool = False,
        language: str = "zh",
        more: Sequence[tuple[Scanner, bool]] = (),
    ) -> Holdback:
        """A fresh gate for one channel; `more` are scanners of its own, and whether they may hold text back (slow.py)."""
        way = self._way(direction, audience)
        scanners = [(detector.scanner(acting, direction), bool(acting)) for detector, acting in way.makers]
        scanners += more
        return self._gate(way, scanners, language=language, form=form, observe=observe)

    def _gate(
        self,
        way: _Way,
        scanners: list[tuple[Scanner, bool]],
        *,
        language: str,
        form: Form = "text",
        observe: bool = False,
    ) -> Holdback:
        placeholder = self._masks.get(language)
        if placeholder is None:
            placeholder = self._masks[language] = partial(self._placeholder, language=language)
        return Holdback(scanners, way.judge, placeholder, form=form, observe=observe)

    def review(
        self,
        text: str,
        *,
        direction: Direction,
        audience: Audience = "general",
        form: Form = "text",
        language: str = "zh",
        sample: float = 1.0,
        kept: Kept | None = None,
        told: Sequence[Finding] = (),
    ) -> Verdict:
        """Judge a whole text.

        Args:
            told: what slow detectors found (canonical offsets: slow.py, `located`).
            sample: a number drawn evenly from [0, 1) by the caller: a rule that queues a share of its findings for
                people does so where the share exceeds it. 1.0 queues only what is always queued.
            kept: takes what is masked by a rule that restores; without it all is masked for good.

        Returns:
            The verdict; offsets are characters of `text`, and `text` is the masked text where the action is `mask`.
        """
        way = self._way(direction, audience)
        if form == "text":
            found = self._tell(way, text, direction)
            if told:
                found.append((Told(told), True))
            if not found:
                return way.clean
            gate = self._gate(way, found, language=language)
        else:
            more = [(Told(told), True)]
            gate = self.holdback(direction=direction, audience=audience, form=form, language=language, more=more)
        served = gate.feed(text) + gate.close()
        verdict = self.verdict(gate, served if gate.insertions else None, sample=sample)
        if kept is None or verdict.text is None:
            return verdict
        marked = kept.masked(text, served, gate.insertions, verdict.judged, form=form, restorable=self.restorable)
        return msgspec.structs.replace(verdict, text=marked)

    def clear(self, text: str) -> bool:
        """Whether a whole text surely holds nothing that any detector finds. False where in doubt."""
        shape = plain(text)
        return all(detector.clear(shape) for detector in self.detectors)

    def verdict(self, gate: Holdback, masked: str | None = None, *, sample: float = 1.0) -> Verdict:
        """What one channel came to, so far; `masked` is kept as the verdict's text where it was masked."""
        judged = tuple(sorted(gate.judged, key=lambda j: (j.finding.start, j.finding.end)))
        action = max((j.action for j in judged), key=lambda a: a.severity, default=Action.ALLOW)
        found = Verdict(action=action, judged=judged, policy=self.policy.label)
        decisive = found.decisive
        rule = self.policy.rule(decisive.policy_rule) if decisive else None
        return msgspec.structs.replace(
            found,
            text=masked if action is Action.MASK else None,
            queue=any(self.queues(j, sample) for j in judged),
            answer=rule.answer if rule else "",
        )

    def _tell(self, way: _Way, text: str, direction: Direction) -> list[tuple[Scanner, bool]]:
        """What every detector finds in a whole text; nothing for most texts, which need no more than this."""
        shape = plain(text)
        told: list[tuple[Scanner, bool]] = []
        for detector, acting in way.makers:
            if not detector.clear(shape):
                scanner = detector.scanner(acting, direction)
                if findings := scanner.feed(shape).findings + scanner.close():
                    told.append((_Told(findings, len(shape)), bool(acting)))
        return told

    def _judge(self, finding: Finding, direction: Direction, audience: Audience) -> Judged:
        judged = self.policy.judge(finding, direction, audience)
        if judged.action is Action.ESCALATE and self.policy.serve_and_escalate:
            return msgspec.structs.replace(judged, action=Action.ALLOW)
        return judged

    def queues(self, judged: Judged, sample: float) -> bool:
        """Whether a person should look at a finding; `sample` as in `review`."""
        rule = self.policy.rule(judged.policy_rule)
        return rule is not None and (rule.action is Action.ESCALATE or rule.queue >= 1.0 or rule.queue > sample)

    def _placeholder(self, judged: Judged, source: str, language: str) -> str:
        rule = self.policy.rule(judged.policy_rule)
        if rule is not None and rule.mask:
            return rule.mask.replace("{last4}", source[-4:])
        return self._placeholders(judged.finding.cls, language)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict over many texts: the most severe decides; the first of them where several are equal."""
    found = list(verdicts)
    if not any(v.judged for v in found):  # nearly always
        return found[0] if found else Verdict()
    worst = max(found, key=lambda v: v.action.severity)
    return msgspec.structs.replace(
        worst, judged=tuple(j for v in found for j in v.judged), text=None, queue=any(v.queue for v in found)
    )
