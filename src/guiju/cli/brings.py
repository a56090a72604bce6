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


def remarks(config: Config, reviewer: Reviewer) -> list[Remark]:
    """Everything doubtful in the reviewer's policy, in the order of its file. Raises: ReviewUnavailable."""
    found: list[Remark] = []
    detectors: dict[str, Iterable[str]] = {d.name: d.classes for d in reviewer.detectors}
    snapshot = active(config)
    for ref in snapshot.detectors if snapshot else ():
        detectors[ref.name] = adapter(ref.adapter).classes if ref.adapter in ADAPTERS else ()
    for guard in reviewer.policy.guards:
        try:
            detectors[guard.name] = declared_by(config, guard)
        except CannotLoad as problem:
            detectors[guard.name] = ()
            found.append(_useless(guard, problem))
    slow: list[tuple[str, Asking]] = [(ref.name, ref) for ref in (snapshot.detectors if snapshot else ())]
    slow += [(guard.name, guard) for guard in reviewer.policy.guards]
    one_way = {name: how.directions[0] for name, how in slow if len(set(how.directions)) == 1}
    return sorted([*found, *criticise(reviewer.policy, detectors, one_way)])


def declared_by(config: Config, guard: Guard) -> tuple[str, ...]:
    """The classes that a policy's guard may report. Its process is started for that. Raises: CannotLoad."""
    source = code.find(config.home, guard.name)
    if source is None:
        raise CannotLoad(code.missing(guard.name))
    return declared(source, memory=config["guards.memory_bytes"], seconds=max(guard.timeout, _LEAST))


def _useless(guard: Guard, why: CannotLoad) -> Remark:
    said = Said("guard `{name}` gives no verdict: {why}", "守卫 `{name}` 不会给出结论：{why}", name=guard.name, why=why)
    hint = Said(
        "without its verdict nothing is served: mend it, or take it out", "没有其结论则不提供任何内容：请修复或删除"
    )
    return Remark(guard.line, said, hint)
