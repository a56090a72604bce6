"""The panels of a snapshot: its detectors elsewhere and each policy's guards, made ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping

from guiju.config import Config
from guiju.gateway.asking import Judge
from guiju.gateway.elsewhere import source_of
from guiju.gateway.guards import Guarded
from guiju.gateway.panel import Panel
from guiju.guards import code
from guiju.journal.keyring import Keyring
from guiju.review.judge import Reviewer
from guiju.review.policy import Guard
from guiju.snapshot import Detector, Snapshot

PROCESSES = 2
"""Of one guard, for each worker: so many texts it judges at a time."""


def panels_of(
    snapshot: Snapshot,
    reviewers: Mapping[str, Reviewer],
    config: Config,
    keyring: Keyring,
    before: Mapping[str, Panel],
) -> dict[str, Panel]:
    """Policy name -> panel, for policies that have slow detectors. What hasn't changed is kept, with its connections,
    processes and health; a guard's file counts as changed where its contents are others.

    Raises: seal.CannotOpen.
    """
    known = {judge.key: judge for panel in before.values() for judge in panel.judges}
    elsewhere = [known.get(ref) or _elsewhere(ref, keyring) for ref in snapshot.detectors]
    panels: dict[str, Panel] = {}
    for name, reviewer in reviewers.items():
        guards = []
        for guard in reviewer.policy.guards:
            found = code.find(config.home, guard.name)
            guards.append(known.get((name, guard, found)) or _guard(name, guard, found, config))
        if judges := [*elsewhere, *guards]:
            panels[name] = Panel(judges)
    return panels


def stats_of(panels: Mapping[str, Panel]) -> dict[str, dict[str, object]]:
    """How each detector fares, as the console shows it: those elsewhere by name, guards as `policy/name`."""
    return {
        f"{policy}/{judge.name}" if isinstance(judge.how, Guard) else judge.name: judge.stats()
        for policy, panel in panels.items()
        for judge in panel.judges
    }


def _elsewhere(ref: Detector, keyring: Keyring) -> Judge:
    secret = keyring.unseal_secret(ref.secrets, f"detector:{ref.name}") if ref.secrets else ""
    return Judge(ref.name, ref, source_of(ref, secret), key=ref)


def _guard(policy: str, guard: Guard, found: code.Code | None, config: Config) -> Judge:
    source = Guarded(guard.name, found, memory=config["guards.memory_bytes"], processes=PROCESSES)
    source.warm()
    label = f"{guard.name}@{found.digest if found else '?'}"
    return Judge(guard.name, guard, source, label=label, key=(policy, guard, found))
