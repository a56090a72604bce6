"""What a worker holds: the compiled snapshot, the journal, the running exchanges, the counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guiju import clock
from guiju.config import Config
from guiju.errors import DiskFull, GuijuError, KeyRevoked, NotReady, ServiceSuspended
from guiju.gateway import admission, telemetry
from guiju.gateway.allowance import Allowance
from guiju.gateway.asking import Tab
from guiju.gateway.breaker import STATES
from guiju.gateway.compiled import Compiled, Door
from guiju.gateway.entropy import Entropy
from guiju.gateway.tasks import spawn
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries
from guiju.ledger.seal import pseudonym
from guiju.review.explain import objection_url
from guiju.review.judge import combine
from guiju.review.taxonomy import Taxonomy
from guiju.types import Verdict
from guiju.wire.dialect import Json

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange
    from guiju.gateway.otlp import Otlp


REJECTIONS = 60
"""Entries that one key's rejected requests get in a minute; what comes beyond is counted."""


class Gateway:
    """One worker."""

    def __init__(self, config: Config, keyring: Keyring, taxonomy: Taxonomy, journal: Journal, worker: str) -> None:
        self.config, self.keyring, self.taxonomy, self.journal, self.worker = config, keyring, taxonomy, journal, worker
        self.chat_key = Ed25519PrivateKey.from_private_bytes(keyring.chat).public_key()
        self.counts = telemetry.resumed(config.run / "metrics", worker, clock.epoch_ms() / 1000)
        journal.on_sync = self.counts.synced
        self.allowance = Allowance(config, self.counts)
        self.otlp: Otlp | None = None
        """Where traces go, if anywhere (tracing.py)."""
        self.entropy = Entropy()
        self.running: set[Exchange] = set()
        self.disk_free = 1 << 62
        self.leaving = False
        """The worker is about to end: balancers are told, and what comes is served on."""
        self._compiled: Compiled | None = None
        self._rejections: Counter[str] = Counter()
        """Entries of this minute, by key."""
        self._counted: Counter[tuple[str, str, str]] = Counter()
        """Rejections of this minute that got no entry of their own, by app, key and code."""

    def current(self) -> Compiled:
        """The snapshot in force. Raises: NotReady before the first has come."""
        if self._compiled is None:
            raise NotReady()
        return self._compiled

    @property
    def ready(self) -> bool:
        """Whether requests can be served."""
        return self._compiled is not None and not self.journal.failed

    def swap(self, compiled: Compiled) -> None:
        """A new snapshot, whole. Running exchanges keep their reviewer; suspension and revocation reach them now."""
        before, self._compiled = self._compiled, compiled
        self.counts.snapshot = compiled.snapshot.version
        self.counts.policies = {f"{p.version}|{p.name}": 1 for p in compiled.snapshot.policies}
        for exchange in list(self.running):
            if exchange.admitted is None:
                continue
            service = compiled.services.get(exchange.admitted.service.name)
            key = compiled.keys.get(exchange.admitted.grant.key)
            app = compiled.apps.get(exchange.admitted.app.name)
            if service is None or service.state == "suspended":
                reason = service.state_reason if service else ""
                exchange.interrupt(ServiceSuspended(service=exchange.admitted.service.name, basis=reason))
            elif app is None or app.paused:
                exchange.interrupt(ServiceSuspended(service=service.name, basis=""))
            elif exchange.admitted.grant.key != "token" and (key is None or key.revoked):
                exchange.interrupt(KeyRevoked())
        if before is not None:
            for name, pool in before.pools.items():
                if compiled.pools.get(name) is not pool:
                    pool.close()
            kept = [judge for panel in compiled.panels.values() for judge in panel.judges]
            for panel in before.panels.values():
                panel.close(kept)

    def read_gauges(self) -> None:
        """What isn't counted as it happens: once a second, and for a scrape."""
        counts, journal = self.counts, self.journal
        counts.running = len(self.running)
        counts.held_characters = sum([e.relay.held for e in self.running if e.relay is not None])
        counts.journal_backlog, counts.journal_lag = journal.backlog, journal.lag
        counts.journal_failed = int(bool(journal.failed))
        pools = self._compiled.pools if self._compiled else {}
        states = {name: pool.state for name, pool in pools.items()}
        counts.breakers = {f"{state}|{name}": int(state == now) for name, now in states.items() for state in STATES}

    def check_space(self) -> None:
        """Raises: DiskFull: new exchanges are refused while running ones finish."""
        if self.disk_free < self.config["disk.stop_bytes"]:
            raise DiskFull(free=self.disk_free)

    def keep(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run something to its end although its exchange is over."""
        spawn(work, name)

    def rejected(
        self, exchange: str, door: str, headers: Mapping[str, str], error: GuijuError, subject: str = ""
    ) -> Json | None:
        """A request that was turned away: counted, and an entry of its own where its key is known, whatever was wrong with
        it. Those of nobody, and what a key has too many of, are told together once a minute: anybody could fill the disk
        otherwise.

        Returns: the error's `guiju` object, which says where to object: of a suspension, if its entry will be found there.
        """
        self.counts.rejected[error.code] += 1
        found = admission.known(headers, self._compiled, self.chat_key) if self._compiled is not None else None
        app, key = (found[0].app.name, found[0].key.id) if found else ("", "")
        if not key or self._rejections[key] >= REJECTIONS:
            self._counted[app, key, error.code] += 1
            return None
        self._rejections[key] += 1
        entry = entries.Rejected(
            at_ms=clock.epoch_ms(), exchange=exchange, door=door, app=app, key=key, subject=subject, code=error.code
        )
        self.journal.append(entry).add_done_callback(_seen)
        if not isinstance(error, ServiceSuspended):
            return None
        return {"objection": objection_url(self.current().snapshot.provider.base_url, exchange)}

    async def record_moderation(
        self,
        exchange: str,
        door: Door,
        texts: list[str],
        verdicts: list[Verdict],
        subject: str,
        asked: tuple[str, ...],
        tab: Tab,
    ) -> None:
        """A moderation is an exchange whose answer is the verdict: opened and closed in one sync."""
        verdict = combine(verdicts)
        now = clock.epoch_ms()
        opened = entries.Opened(
            at_ms=now,
            exchange=exchange,
            node=self.worker,
            door="moderations",
            app=door.app.name,
            service=door.service.name,
            key=door.key.id,
            subject=subject and pseudonym(self.keyring.pepper, door.app.name, subject),
            snapshot=self.counts.snapshot,
            policy=verdict.policy,
            action=verdict.action,
            texts=tuple(
                entries.Reviewed(path=("input", i), length=len(t), action=v.action, judged=v.judged)
                for i, (t, v) in enumerate(zip(texts, verdicts, strict=True))
                if v.judged
            ),
            characters=sum(map(len, texts)),
            asked=asked,
            unjudged=tuple(sorted(tab.unjudged["input"])),
        )
        closed = entries.Closed(at_ms=now, exchange=exchange, outcome="served", action=verdict.action)
        await asyncio.gather(self.journal.append(opened), self.journal.append(closed))
        self.counts.exchanges["moderations|served|"] += 1

    def write_counted_rejections(self) -> None:
        """Called once a minute, and at the end."""
        counted, self._counted, self._rejections = self._counted, Counter(), Counter()
        for (app, key, code), count in counted.items():
            entry = entries.Rejected(at_ms=clock.epoch_ms(), exchange="", app=app, key=key, code=code, count=count)
            self.journal.append(entry).add_done_callback(_seen)


def _seen(future: asyncio.Future[None]) -> None:
    """A rejection that can't be recorded is told by journal.failed; nobody waits for it."""
    if not future.cancelled():
        future.exception()
