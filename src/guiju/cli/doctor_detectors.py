"""The slow detectors for `guiju doctor`: can they be asked, do they answer, what of them is outside the promise."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from guiju import clock, plugins
from guiju.cli import brings, probe
from guiju.cli.diagnosis import Finding
from guiju.cli.review_setup import active
from guiju.config import Config
from guiju.errors import Said
from guiju.gateway.elsewhere import Elsewhere, Unusable
from guiju.guards.declared import CannotLoad
from guiju.journal.keyring import Keyring
from guiju.review.outside import outside
from guiju.review.policy import Asking
from guiju.review.policy_file import parse_policy
from guiju.snapshot import Detector

WHAT = Said("detector", "检测器")


class Detectors:
    """Those of an installation, each made ready once."""

    def __init__(self, config: Config, guards: brings.Guards) -> None:
        self._config, self._guards = config, guards

    @cached_property
    def _elsewhere(self) -> list[tuple[Detector, Elsewhere | Unusable]]:
        """Each that is elsewhere, and what asks it."""
        if (snapshot := active(self._config)) is None:
            return []
        keyring = Keyring.open(self._config)
        return [(ref, probe.source(ref, keyring)) for ref in snapshot.detectors]

    def settings(self, config: Config) -> Iterator[Finding]:
        """Each can be asked as it is configured, and waits for its verdict. Asks nobody elsewhere."""
        for ref, source in self._elsewhere:
            if isinstance(source, Unusable):
                remedy = Said(
                    "guiju detector add {name} --set …, or --secrets-file FILE",
                    "guiju detector add {name} --set … 或 --secrets-file 文件",
                    name=ref.name,
                )
                yield _without(ref.name, ref, source.said, remedy)
            remedy = Said(
                "guiju detector add {name} --fails-open '' --lead 0",
                "guiju detector add {name} --fails-open '' --lead 0",
                name=ref.name,
            )
            yield from _outside(ref.name, ref, remedy)
        snapshot = active(config)
        for policy in snapshot.policies if snapshot else ():
            for guard in parse_policy(policy.yaml, plugins.taxonomy(), file=policy.name).guards:
                try:
                    self._guards.classes(guard)
                except CannotLoad as problem:
                    remedy = Said(
                        "mend it, or take it out of policy {policy}",
                        "请修复，或从策略 {policy} 中删除",
                        policy=policy.name,
                    )
                    yield _without(guard.name, guard, problem, remedy)
                yield from _outside(
                    guard.name,
                    guard,
                    Said("see `guards:` in policy {policy}", "见策略 {policy} 的 `guards:`", policy=policy.name),
                )

    def verdicts(self, config: Config) -> Iterator[Finding]:
        """Each that is elsewhere gives a verdict about harmless words."""
        for ref, source in self._elsewhere:
            if isinstance(source, Unusable):
                continue  # said already
            began = clock.monotonic()
            if problem := probe.ask(source, ref.timeout).problem:
                remedy = Said("guiju detector test {name}", "guiju detector test {name}", name=ref.name)
                yield _without(ref.name, ref, problem, remedy)
            else:
                took = round((clock.monotonic() - began) * 1000)
                said = Said(
                    "{name} gives a verdict in {ms} ms", "{name} 在 {ms} 毫秒内给出结论", name=ref.name, ms=took
                )
                yield Finding(WHAT, "good", said)


def _without(name: str, how: Asking, problem: object, remedy: Said) -> Finding:
    """One that gives no verdict: texts are refused; of one that only observes nothing hangs on it."""
    said = Said("{name} gives no verdict: {problem}", "{name} 不给出结论：{problem}", name=name, problem=problem)
    return Finding(WHAT, "look" if how.observe else "bad", said, remedy)


def _outside(name: str, how: Asking, remedy: Said) -> Iterator[Finding]:
    for clause in outside(how):
        said = Said("{name}, outside the promise: {clause}", "{name} 不在承诺之内：{clause}", name=name, clause=clause)
        yield Finding(WHAT, "look", said, remedy)
