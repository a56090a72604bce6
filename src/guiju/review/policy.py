"""Findings + context -> action. Counterpart: policy_file.py reads the YAML; judge.py applies this to texts.

A policy is an ordered table: the first rule that fits a finding decides it. A rule on a class covers its
subclasses (`A.1.h` covers `A.1.h.drugs`). What no rule fits is allowed and recorded.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from guiju.types import Action, Direction, Finding, Judged, Severity

Audience = Literal["general", "minors", "professional"]

_RANK: dict[Severity, int] = {"low": 0, "middle": 1, "high": 2}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """class x direction x audience -> action."""

    id: str
    classes: tuple[str, ...]
    """Classes of the taxonomy, each with its subclasses; `*` is all."""
    direction: Direction | None = None
    """None: both."""
    audience: tuple[Audience, ...] = ()
    """Empty: all."""
    detector: str = ""
    """Only findings of this detector; "" is all."""
    severity: tuple[Severity, ...] = ()
    """Empty: all."""
    min_score: float = 0.0
    action: Action
    queue: float = 0.0
    """Share of such findings that open an item for a person, 0 to 1; `escalate` always does."""
    mask: str = ""
    """Placeholder in place of the class's own, `[手机号]`; may hold `{last4}` only where partial masks are opted in."""
    restore: bool = False
    """A mask in a request is restored in its answer (restore.py)."""
    answer: str = ""
    """Name of the safe answer on refuse: "" is the standard refusal, `help_lines` offers help."""
    line: int = 0
    """Where it stands in the file."""

    def fits(self, finding: Finding, direction: Direction, audience: Audience) -> bool:
        """Whether this rule decides about that finding."""
        return (
            (self.direction is None or self.direction == direction)
            and (not self.audience or audience in self.audience)
            and (not self.detector or self.detector == finding.detector)
            and (not self.severity or finding.severity in self.severity)
            and finding.score >= self.min_score
            and self.covers(finding.cls)
        )

    def covers(self, cls: str) -> bool:
        """Whether `cls` is one of the rule's classes or below one."""
        return any(c in ("*", cls) or cls.startswith(c + ".") for c in self.classes)


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How a slow detector is asked: one that is elsewhere (snapshot.py) or a guard (`Guard`). gateway/panel.py asks."""

    directions: tuple[Direction, ...] = ("input", "output")
    """Which texts it is asked about."""
    timeout: float = 3.0
    """Seconds of one try."""
    attempts: int = 2
    budget: float = 60.0
    """Seconds that an exchange may spend on it, waits and tries together."""
    hedge: float = 0.0
    """Seconds without an answer after which it is asked a second time; the first answer counts. 0: never."""
    group: str = ""
    """Detectors of one group stand in for each other; "": it stands alone."""
    quorum: int = 0
    """How many of the group must have answered (the highest that one of them says); 0: all."""
    fails_open: tuple[Direction, ...] = ()
    """Where no verdict lets a text pass, unjudged. Else no verdict refuses."""
    lead: int = 0
    """Characters of a stream that may be ahead of its verdict. Above 0 is outside the promise."""
    observe: bool = False
    """It is asked afterwards, and recorded only."""


class Guard(Asking, frozen=True, kw_only=True):
    """A guard of GUIJU_HOME/guards/ that this policy uses."""

    name: str
    line: int = 0
    """Where it stands in the file."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A regular expression with a bound, declared in the policy file (pattern.py runs it)."""

    id: str
    cls: str
    regex: str
    longest: int
    """Most characters that a match may have: what the stream holds at most."""
    severity: Severity = "high"
    line: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A text, and what must become of it (policy_cases.py asks)."""

    text: str
    expect: Action
    direction: Direction = "input"
    audience: Audience = "general"
    cls: str = ""
    """A class that must be found, or one below it; "" is any."""
    serves: str = ""
    """The masked text that must be served; "" is any."""
    language: Literal["zh", "en"] = "zh"
    """Of the placeholders in it."""
    line: int = 0
    """Where it stands in the file."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy, proven. Immutable; activated whole."""

    name: str
    version: int = 0
    title_zh: str = ""
    title_en: str = ""
    rules: tuple[Rule, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    guards: tuple[Guard, ...] = ()
    cases: tuple[Case, ...] = ()
    """What must become of these texts: `guiju policy test`."""
    serve_and_escalate: bool = False
    """`escalate` opens an item for a person but serves; otherwise it refuses as well."""

    @property
    def label(self) -> str:
        """`name@version`, as verdicts and entries carry it."""
        return f"{self.name}@{self.version}"

    def judge(self, finding: Finding, direction: Direction, audience: Audience = "general") -> Judged:
        """What this policy makes of one finding."""
        for rule in self.rules:
            if rule.fits(finding, direction, audience):
                return Judged(finding, rule.action, rule.id)
        return Judged(finding, Action.ALLOW, "")

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with that id."""
        return next((r for r in self.rules if r.id == rule_id), None)

    def may_act(self, cls: str, direction: Direction, audience: Audience = "general") -> bool:
        """Whether a finding of `cls` could meet any action but allow: if not, it never holds text back.

        Rules are read in order; a rule that allows without any condition on detector, severity or score ends the
        search, since nothing after it is ever asked.
        """
        for rule in self.rules:
            if (
                (rule.direction in (None, direction))
                and (not rule.audience or audience in rule.audience)
                and rule.covers(cls)
            ):
                if rule.action is not Action.ALLOW:
                    return True
                if not (rule.detector or rule.severity or rule.min_score):
                    return False
        return False

    def acting_severities(self, cls: str, direction: Direction, audience: Audience = "general") -> frozenset[Severity]:
        """Severities at which a finding of `cls` (of any detector, at score 1) meets an action other than allow."""
        return frozenset(
            s
            for s in _RANK
            if self.judge(
                Finding(cls=cls, detector="", rule="", start=0, end=0, severity=s), direction, audience
            ).action
            is not Action.ALLOW
        )
