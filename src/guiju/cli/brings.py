"""Which classes can be found here, and in which texts: by the own detectors, by those elsewhere, by the guards of a policy."""

from __future__ import annotations

from collections.abc import Iterable

from guiju.cli.review_setup import active
from guiju.config import Config
from guiju.errors import Said
from guiju.guards import code
from guiju.guards.declared import CannotLoad, declared
from guiju.remote import ADAPTERS, adapter
from guiju.review.judge import Reviewer
from guiju.review.policy import Asking, Guard
from guiju.review.policy_check import Remark, criticise

_LEAST = 3.0
"""Seconds that a guard has to load here, however quick its answers must be."""


class Guards:
    """What the guards of an installation declare. The process of each is started for that, once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[tuple[str, float], tuple[str, ...] | CannotLoad] = {}
        """Name and seconds that it has to load -> its classes, or why there are none."""

    def classes(self, guard: Guard) -> tuple[str, ...]:
        """Those that a policy's guard may report. Raises: CannotLoad."""
        asked = guard.name, max(guard.timeout, _LEAST)
        if asked not in self._known:
            self._known[asked] = self._started(*asked)
        if isinstance(found := self._known[asked], CannotLoad):
            raise found
        return found

    def _started(self, name: str, seconds: float) -> tuple[str, ...] | CannotLoad:
        source = code.find(self._config.home, name)
        if source is None:
            return CannotLoad(code.missing(name))
        try:
            return declared(source, memory=self._config["guards.memory_bytes"], seconds=seconds)
        except CannotLoad as problem:
            return problem


def remarks(config: Config, reviewer: Reviewer, guards: Guards) -> list[Remark]:
    """Everything doubtful in the reviewer's policy, in the order of its file. Raises: ReviewUnavailable."""
    found: list[Remark] = []
    detectors: dict[str, Iterable[str]] = {d.name: d.classes for d in reviewer.detectors}
    snapshot = active(config)
    for ref in snapshot.detectors if snapshot else ():
        detectors[ref.name] = adapter(ref.adapter).classes if ref.adapter in ADAPTERS else ()
    for guard in reviewer.policy.guards:
        try:
            detectors[guard.name] = guards.classes(guard)
        except CannotLoad as problem:
            detectors[guard.name] = ()
            found.append(_useless(guard, problem))
    slow: list[tuple[str, Asking]] = [(ref.name, ref) for ref in (snapshot.detectors if snapshot else ())]
    slow += [(guard.name, guard) for guard in reviewer.policy.guards]
    one_way = {name: how.directions[0] for name, how in slow if len(set(how.directions)) == 1}
    return sorted([*found, *criticise(reviewer.policy, detectors, one_way)])


def _useless(guard: Guard, why: CannotLoad) -> Remark:
    said = Said("guard `{name}` gives no verdict: {why}", "守卫 `{name}` 不会给出结论：{why}", name=guard.name, why=why)
    hint = Said(
        "without its verdict nothing is served: mend it, or take it out", "没有其结论则不提供任何内容：请修复或删除"
    )
    return Remark(guard.line, said, hint)
