"""Where an exchange meets slow detectors: whole texts (`texts`), a stream (`alongside`), and those that only observe.

Only asked where the policy of the exchange's service has a panel (panel.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from guiju import clock
from guiju.gateway.alongside import Alongside
from guiju.gateway.asking import Tab
from guiju.gateway.compiled import Compiled, Door
from guiju.gateway.panel import Panel
from guiju.gateway.upstream import Reply
from guiju.guard import Context
from guiju.ledger import entries
from guiju.review import slow
from guiju.review.judge import Reviewer
from guiju.types import Direction, Segment, Verdict
from guiju.wire.dialect import Ask

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange


def panel_of(exchange: Exchange) -> Panel | None:
    """The slow detectors that judge an admitted exchange."""
    found: Panel | None = exchange.compiled.panels.get(exchange.service.policy)
    return found


def _tab(exchange: Exchange) -> Tab:
    assert exchange.tab is not None  # it has one where it has a panel
    return exchange.tab


def about(exchange: Exchange, direction: Direction, role: str = "") -> Context:
    """What they are told of an exchange."""
    return Context(
        direction=direction,
        exchange=exchange.id,
        app=exchange.app.name,
        service=exchange.service.name,
        language=exchange.language,
        audience=exchange.admitted.audience if exchange.admitted else "general",
        role=role,
        prompt=exchange.prompt if direction == "output" else "",
    )


async def texts(
    exchange: Exchange, panel: Panel, segments: Sequence[Segment], verdicts: list[Verdict], direction: Direction
) -> list[Verdict]:
    """The verdicts on whole texts with what slow detectors found in them. A text that is refused already isn't shown to
    anybody.

    Raises: ReviewUnavailable.
    """
    if direction == "input":
        exchange.prompt = next((s.text for s in reversed(segments) if s.role == "user"), "")
    if not all(v.serves for v in verdicts) and not exchange.grant.observe:
        return verdicts
    shown = [slow.readable(s.text, s.form) for s in segments]
    if exchange.grant.observe or panel.observing[direction]:
        exchange.gateway.keep(observe(exchange, panel, segments, direction), f"observing {exchange.id}")
    if exchange.grant.observe or not panel.holds(direction):
        return verdicts
    answers = await asyncio.gather(
        *(
            panel.judge(t, about(exchange, direction, s.role), _tab(exchange))
            for s, t in zip(segments, shown, strict=True)
        )
    )
    reviewer = exchange.compiled.reviewers[exchange.service.policy]
    return [
        _again(exchange, reviewer, s, direction, slow.located(t, found)) if found else v
        for s, t, v, found in zip(segments, shown, verdicts, answers, strict=True)
    ]


async def moderated(
    compiled: Compiled,
    door: Door,
    exchange: str,
    texts: Sequence[str],
    verdicts: list[Verdict],
    language: str,
    tab: Tab,
) -> list[Verdict]:
    """The verdicts of a moderation with what slow detectors found; texts that are refused already are shown to nobody.

    Raises: ReviewUnavailable.
    """
    service, found = door.service, compiled.panels.get(door.service.policy)
    if found is None or not found.holds("input"):
        return verdicts
    panel, reviewer = found, compiled.reviewers[service.policy]
    context = Context(
        direction="input", exchange=exchange, app=door.app.name, service=service.name, language=language,
        audience=service.audience, role="user",
    )  # fmt: skip

    async def judged(text: str, verdict: Verdict) -> Verdict:
        told = slow.located(text, await panel.judge(text, context, tab)) if verdict.serves else []
        if not told:
            return verdict
        return reviewer.review(text, direction="input", audience=service.audience, language=language, told=told)

    return list(await asyncio.gather(*map(judged, texts, verdicts)))


def _again(exchange: Exchange, reviewer: Reviewer, s: Segment, direction: Direction, told: list[Any]) -> Verdict:
    assert exchange.admitted is not None
    return reviewer.review(
        s.text, direction=direction, audience=exchange.admitted.audience, form=s.form, language=exchange.language,
        sample=exchange.sample, told=told, kept=exchange.kept if direction == 'input' else None,
    )  # fmt: skip


def alongside(exchange: Exchange, panel: Panel, ask: Ask, reply: Reply) -> Alongside | None:
    """What stands between the upstream's reply and the relay; None where no answer waits for a verdict."""
    if exchange.grant.observe or not panel.holds("output"):
        return None
    reader = exchange.dialect.read_stream(
        ask, dialect=exchange.target.way, label={}, allow_opaque=exchange.app.allow_opaque
    )
    wait = exchange.gateway.config["review.stretch_seconds"]
    return Alongside(reply, reader, panel, about(exchange, "output", "assistant"), _tab(exchange), wait=wait)


def gates(beside: Alongside, reviewer: Reviewer, **how: Any) -> Any:
    """Gates of an answer that slow detectors read too; see stream.gate_maker."""
    return partial(beside.gate, reviewer, **how)


def after(exchange: Exchange, contents: Sequence[Sequence[str]]) -> None:
    """A stream has ended: those that only observe read what was delivered, channel by channel."""
    panel = exchange.panel
    if panel is not None and (exchange.grant.observe or panel.observing["output"]):
        said = [Segment(path=(channel,), text=text, role="assistant") for channel, text in contents]
        exchange.gateway.keep(observe(exchange, panel, said, "output"), f"observing {exchange.id}")


async def observe(exchange: Exchange, panel: Panel, segments: Sequence[Segment], direction: Direction) -> None:
    """Ask those that only observe, after the fact; where the app only observes, all of them. Recorded, nothing else."""
    reviewer = exchange.compiled.reviewers[exchange.service.policy]
    judges = panel.judges if exchange.grant.observe else panel.observing[direction]
    only = Panel.observers(judges, direction)
    found: list[entries.Reviewed] = []
    unanswered: set[str] = set()
    for s in segments:
        shown = slow.readable(s.text, s.form)
        told, missing = await only.observe(shown, about(exchange, direction, s.role), _tab(exchange))
        unanswered.update(missing)
        names = {f.detector for f in told}
        verdict = _again(exchange, reviewer, s, direction, slow.located(shown, told)) if told else Verdict()
        judged = tuple(j for j in verdict.judged if j.finding.detector in names)
        if judged:
            action = max((j.action for j in judged), key=lambda a: a.severity)
            found.append(entries.Reviewed(path=entries.place(s.path), role=entries.role(s.role), length=len(s.text),
                                          action=action, judged=judged))  # fmt: skip
    if found or unanswered:
        entry = entries.Observed(
            at_ms=clock.epoch_ms(), exchange=exchange.id, direction=direction, texts=tuple(found),
            unanswered=tuple(sorted(unanswered)),
        )  # fmt: skip
        await exchange.gateway.journal.append(entry)
