"""What is recorded of an exchange: the entry before anything leaves, and the one before the ending does.

exchange.py says when each is written. The closing one is counted and told in the log here too: it is what an exchange came to.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from guiju import clock
from guiju.ledger import entries, seal
from guiju.log_lines import fields
from guiju.review.judge import combine
from guiju.types import Media, Verdict
from guiju.wire.dialect import Ask

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange

_log = logging.getLogger("guiju.gateway")


def opened(exchange: Exchange, ask: Ask, verdicts: list[Verdict], commitment: str, key: bytes) -> entries.Opened:
    """What was asked, by whom, and what review made of it. `key` hides the digests of media (ledger/seal.py: keyed)."""
    grant, compiled = exchange.grant, exchange.compiled
    return entries.Opened(
        at_ms=clock.epoch_ms(),
        exchange=exchange.id,
        node=exchange.gateway.worker,
        door=exchange.dialect.name,
        app=grant.app,
        service=grant.service,
        key=grant.key,
        subject=grant.subject,
        model=exchange.model,
        upstream=grant.upstream,
        upstream_model=grant.model,
        stream=ask.stream,
        observe=grant.observe,
        snapshot=compiled.snapshot.version,
        policy=grant.policy,
        lexicons=compiled.lexicons,
        asked=exchange.panel.names if exchange.panel else (),
        unjudged=tuple(sorted(exchange.tab.unjudged["input"])) if exchange.tab else (),
        action=combine(verdicts).action,
        texts=tuple(
            entries.Reviewed(
                path=entries.place(s.path),
                role=entries.role(s.role),
                length=len(s.text),
                action=v.action,
                judged=v.judged,
            )
            for s, v in zip(ask.segments, verdicts, strict=True)
            if v.judged
        ),
        characters=sum(len(s.text) for s in ask.segments),
        media=tuple(
            Media(path=entries.place(m.path), kind=m.kind, digest=seal.keyed(m.digest, key)) for m in ask.media
        ),
        commitment=commitment,
        reversible=tuple(sorted(exchange.kept.classes)) if exchange.kept else (),
    )


def closed(exchange: Exchange, outcome: Any, commitment: str, finish: str, more: dict[str, Any]) -> entries.Closed:
    """What it came to, counted and logged. `more` are further fields of the entry."""
    now = clock.monotonic()
    began, first_byte, attempts = exchange.began, exchange.first_byte, exchange.attempts
    entry = entries.Closed(
        at_ms=clock.epoch_ms(),
        exchange=exchange.id,
        outcome=outcome,
        first_byte_ms=round((first_byte - began) * 1000) if first_byte else 0,
        total_ms=round((now - began) * 1000),
        commitment=commitment,
        finish=entries.finish(finish),
        upstream=exchange.target.upstream if attempts > 1 else "",
        attempts=attempts if attempts > 1 else 0,
        unjudged=tuple(sorted(exchange.tab.unjudged["output"])) if exchange.tab else (),
        ahead=exchange.tab.ahead if exchange.tab else 0,
        **more,
    )
    counts = exchange.gateway.counts
    counts.exchanges[f"{exchange.dialect.name}|{outcome}|{exchange.model}"] += 1
    counts.ended(exchange.dialect.name, now - began, first_byte and first_byte - began)
    if _log.isEnabledFor(logging.INFO):
        told = {k: more[k] for k in ("input_tokens", "output_tokens", "code") if more.get(k)}
        told |= {"door": exchange.dialect.name, "model": exchange.model, "outcome": outcome, "ms": entry.total_ms}
        _log.info("closed", extra=fields(exchange=exchange.id, **told))
    if exchange.trace is not None:
        exchange.trace.closed(exchange, entry)
    return entry
