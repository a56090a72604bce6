"""Regular expressions with a bound, declared in a policy file.

Pure. A stream can only be held for a bounded length, and a regular expression can be made to run for ever, so `check`
admits what is bounded: no match may be empty or longer than the pattern says, nothing looks behind or refers back, and
no repetition stands inside another. Matching is on canonical text (lower case, half width, simplified).
"""

from __future__ import annotations

import re
from re import _constants as op  # type: ignore[attr-defined]  # the only way to ask an expression how wide it is
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from guiju.errors import Said
from guiju.quoted import quoted
from guiju.review.detector import Scan, Scanner, Sources
from guiju.review.policy import Pattern
from guiju.types import Direction, Finding

LIMIT = 400
"""Most characters that a pattern may ask to hold."""


def check(pattern: Pattern) -> Said | None:
    """What is wrong with a pattern, as a sentence without its full stop; None where nothing is."""
    try:
        tree = parser.parse(pattern.regex)
    except re.error as problem:
        return Said(
            "`{regex}` is no regular expression: {problem}",
            "`{regex}` 不是正则表达式：{problem}",
            regex=pattern.regex,
            problem=quoted(problem),
        )
    low, high = tree.getwidth()
    if low == 0:
        return Said("the expression matches the empty text", "表达式会匹配空文本")
    if not 1 <= pattern.longest <= LIMIT:
        return Said("`longest` must lie between 1 and {limit}", "`longest` 须在 1 到 {limit} 之间", limit=LIMIT)
    if high > pattern.longest:
        return Said(
            "a match may be longer than `longest` ({longest}); bound its repetitions, as in `{{1,20}}`",
            "匹配可能超过 `longest`（{longest}）；请限定重复次数，如 `{{1,20}}`",
            longest=pattern.longest,
        )
    return _unfit(tree, inside=False)


def _unfit(tree: Any, *, inside: bool) -> Said | None:
    """The first construct that can't be bounded in time or in a stream."""
    for code, value in tree:
        if code is op.ASSERT or code is op.ASSERT_NOT or code is op.AT:
            return Said(
                "look-around, anchors and `\\b` depend on text that a stream may not have",
                "环视、锚点和 `\\b` 依赖流中可能尚未到达的文本",
            )
        if code is op.GROUPREF or code is op.GROUPREF_EXISTS:
            return Said("references back to a group can't be bounded in time", "反向引用的耗时无法限定")
        parts: list[Any] = []
        repeats = code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
        if repeats:
            if inside and value[1] > 1:
                return Said(
                    "a repetition inside a repetition can't be bounded in time", "重复之内再有重复，耗时无法限定"
                )
            parts = [value[2]]
        elif code is op.SUBPATTERN:
            parts = [value[3]]
        elif code is op.BRANCH:
            parts = list(value[1])
        elif code is op.ATOMIC_GROUP:
            parts = [value]
        for part in parts:
            if problem := _unfit(part, inside=inside or (repeats and value[1] > 1)):
                return problem
    return None


class Patterns:
    """The detector for all patterns of a policy; see `Detector`."""

    name = "pattern"

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = [(p, re.compile(p.regex)) for p in patterns]
        self.classes = frozenset(p.cls for p in patterns)
        self.limit = max(p.longest for p in patterns)

    def clear(self, text: str) -> bool:
        """See `Detector.clear`."""
        return not any(regex.search(text) for _, regex in self._patterns)

    def scanner(self, acting: frozenset[str], direction: Direction) -> Scanner:
        """See `Detector.scanner`."""
        return PatternScanner(self._patterns, acting)


class PatternScanner:
    """One channel's machine: every pattern looks again at as much as one of its matches may span.

    A match is final once `longest` characters from its start are there: it can't grow any more.
    """

    def __init__(self, patterns: list[tuple[Pattern, re.Pattern[str]]], acting: frozenset[str]) -> None:
        self._patterns = patterns
        self._acting = acting
        self._tail = ""
        self._base = 0
        self._next = [0] * len(patterns)
        """Offset from which each pattern goes on looking: after its last match."""

    def feed(self, piece: str) -> Scan:
        """See `Scanner.feed`."""
        self._tail += piece
        return self._look(closing=False)

    def _look(self, *, closing: bool) -> Scan:
        findings: list[Finding] = []
        length = self._base + len(self._tail)
        safe = keep = length
        for number, (pattern, regex) in enumerate(self._patterns):
            settled = length if closing else max(0, length - pattern.longest + 1)
            at = max(self._next[number], self._base)
            while hit := regex.search(self._tail, at - self._base):
                start, end = self._base + hit.start(), self._base + hit.end()
                if start >= settled:
                    break
                findings.append(
                    Finding(
                        cls=pattern.cls,
                        detector="pattern",
                        rule=f"pattern:{pattern.id}",
                        start=start,
                        end=end,
                        severity=pattern.severity,
                    )
                )
                at = end
            self._next[number] = at = max(at, min(settled, length))
            keep = min(keep, at)
            if pattern.cls in self._acting:
                safe = min(safe, at)
        self._tail, self._base = self._tail[keep - self._base :], keep
        findings.sort(key=lambda f: f.start)
        return Scan(findings, safe)

    def close(self) -> list[Finding]:
        """See `Scanner.close`."""
        return self._look(closing=True).findings


def detector(sources: Sources) -> Patterns | None:
    """The factory of plugins.DETECTORS: None where the policy declares no pattern."""
    return Patterns(sources.policy.patterns) if sources.policy.patterns else None
