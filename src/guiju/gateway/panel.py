"""The slow detectors of one policy: who is asked about a text, and what it means when no answer comes.

One contract for services elsewhere (elsewhere.py) and for guards (guards.py): a `Source`. One asked with its limits in time:
asking.py. Streams: alongside.py. Pure parts: review/slow.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from guiju.errors import ReviewUnavailable, Said
from guiju.gateway.asking import Judge, Tab, Unanswered
from guiju.guard import Context
from guiju.types import Direction, Finding


class Panel:
    """All of them."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self.judges = tuple(judges)
        self._holding: dict[Direction, list[list[Judge]]] = {d: _groups(judges, d) for d in ("input", "output")}
        self.observing: dict[Direction, list[Judge]] = {
            d: [j for j in judges if j.how.observe and d in j.how.directions] for d in ("input", "output")
        }
        """Those that only observe."""

    @classmethod
    def observers(cls, judges: Iterable[Judge], direction: Direction) -> Panel:
        """The same detectors, none of which holds anything."""
        made = cls(())
        made.judges = tuple(judges)
        made.observing = {**made.observing, direction: [j for j in made.judges if direction in j.how.directions]}
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """As `entries.Opened.asked` has them."""
        return tuple(j.label for j in self.judges)

    def holds(self, direction: Direction) -> bool:
        """Whether a text of this direction waits for a verdict."""
        return bool(self._holding[direction])

    def asked(self, direction: Direction) -> tuple[str, ...]:
        """Those that are asked about a text of this direction, as `names` has them."""
        return tuple(j.label for j in self.judges if direction in j.how.directions)

    @property
    def lead(self) -> int:
        """Characters by which a stream may be ahead: the least that one of them says."""
        return min((j.how.lead for group in self._holding["output"] for j in group), default=0)

    async def judge(self, text: str, about: Context, tab: Tab) -> list[Finding]:
        """What they find in a readable text; offsets are its characters.

        Raises: ReviewUnavailable: there is no verdict, and a text without one isn't let pass.
        """
        if not any(map(str.isalnum, text)):
            return []
        groups = self._holding[about.direction]
        answers = await asyncio.gather(*(_asked(judge, text, about, tab) for group in groups for judge in group))
        heard = iter(answers)
        found: list[Finding] = []
        for group in groups:
            missing: list[Unanswered] = []
            for _ in group:
                answer = next(heard)
                if isinstance(answer, Unanswered):
                    missing.append(answer)
                else:
                    found += answer
            if len(group) - len(missing) < _quorum(group):
                self._without(group, missing, about.direction, tab)
        return found

    def _without(self, group: list[Judge], missing: list[Unanswered], direction: Direction, tab: Tab) -> None:
        """A group has no verdict."""
        closed = [m for m in missing if direction not in m.judge.how.fails_open]
        for each in missing:
            tab.counts[f"{direction}|{'closed' if closed else 'open'}|{each.judge.name}"] += 1
        if closed:
            problem = Said(
                "detector {name}: {said}", "检测器 {name}：{said}", name=closed[0].judge.name, said=closed[0].said
            )
            raise ReviewUnavailable(problem=problem)
        tab.unjudged[direction].update(m.judge.name for m in missing)

    async def observe(self, text: str, about: Context, tab: Tab) -> tuple[list[Finding], list[str]]:
        """What those that only observe find, and who didn't answer."""
        answers = await asyncio.gather(*(_asked(j, text, about, tab) for j in self.observing[about.direction]))
        missing = [a.judge.name for a in answers if isinstance(a, Unanswered)]
        return [f for a in answers if not isinstance(a, Unanswered) for f in a], missing

    def close(self, keeping: Iterable[Judge] = ()) -> None:
        """End what runs for them, except for those that go on."""
        kept = set(keeping)
        for judge in self.judges:
            if judge not in kept:
                judge.source.close()


async def _asked(judge: Judge, text: str, about: Context, tab: Tab) -> list[Finding] | Unanswered:
    try:
        return await judge.judge(text, about, tab)
    except Unanswered as problem:
        return problem


def _groups(judges: Sequence[Judge], direction: Direction) -> list[list[Judge]]:
    groups: dict[str, list[Judge]] = {}
    for judge in judges:
        if direction in judge.how.directions and not judge.how.observe:
            groups.setdefault(judge.how.group or f"\0{judge.name}", []).append(judge)
    return list(groups.values())


def _quorum(group: list[Judge]) -> int:
    return min(max(j.how.quorum for j in group) or len(group), len(group))
