"""Where an exchange meets slow detectors: whole texts (`texts`), a stream (`alongside`), a moderation, and those that only
observe.

Only asked where the policy of the exchange's service has a panel (panel.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from guiju import clock
from guiju.gateway.alongside import Alongside
from guiju.gateway.asking import Tab
from guiju.gateway.compiled import Compiled, Door
from guiju.gateway.panel import Panel
from guiju.gateway.state import Gateway
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
        _again(exchange, reviewer, s, direction, told=slow.located(t, found)) if found else v
        for s, t, v, found in zip(segments, shown, verdicts, answers, strict=True)
    ]


class Moderation:
    """A moderation, whose answer is the verdict on its texts. Those that are refused without them are shown to nobody."""

    def __init__(
        self,
        gateway: Gateway,
        compiled: Compiled,
        door: Door,
        exchange: str,
        texts: Sequence[str],
        verdicts: list[Verdict],
        language: str,
    ) -> None:
        service = door.service
        self._gateway, self._texts = gateway, texts
        self.verdicts = verdicts
        self.tab = Tab(gateway.counts.unjudged)
        self._panel = compiled.panels.get(service.policy) or Panel(())
        self._review = partial(
            compiled.reviewers[service.policy].review, direction="input", audience=service.audience, language=language
        )
        self._about = Context(
            direction="input", exchange=exchange, app=door.app.name, service=service.name, language=language,
            audience=service.audience, role="user",
        )  # fmt: skip
        self._shown = [n for n, verdict in enumerate(verdicts) if verdict.serves]
        """Numbers of the texts that they are asked about."""

    @property
    def asked(self) -> tuple[str, ...]:
        """As `entries.Opened.asked` has them: those whose verdict is waited for, and those that only observe."""
        return self._panel.asked("input") if self._shown else ()

    async def judge(self) -> None:
        """Put what they find into the verdicts. Raises: ReviewUnavailable."""
        if not self._panel.holds("input"):
            return
        texts = [self._texts[n] for n in self._shown]
        answers = await asyncio.gather(*(self._panel.judge(text, self._about, self.tab) for text in texts))
        for n, text, found in zip(self._shown, texts, answers, strict=True):
            if found:
                self.verdicts[n] = self._review(text, told=slow.located(text, found))

    def observe(self) -> None:
        """Ask those that only observe, once it is recorded; its answer doesn't wait for them."""
        if self._shown and self._panel.observing["input"]:
            texts = [
                (Segment(path=("input", n), text=self._texts[n]), self._about, partial(self._review, self._texts[n]))
                for n in self._shown
            ]
            told = _observed(self._gateway, self._panel, texts, self.tab)
            self._gateway.keep(told, f"observing {self._about.exchange}")


def _again(exchange: Exchange, reviewer: Reviewer, s: Segment, direction: Direction, *, told: list[Any]) -> Verdict:
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
    only = Panel.observers(panel.judges, direction) if exchange.grant.observe else panel
    texts = [
        (s, about(exchange, direction, s.role), partial(_again, exchange, reviewer, s, direction)) for s in segments
    ]
    await _observed(exchange.gateway, only, texts, _tab(exchange))


async def _observed(
    gateway: Gateway, panel: Panel, texts: Sequence[tuple[Segment, Context, Callable[..., Verdict]]], tab: Tab
) -> None:
    """What those that only observe make of texts of one exchange, each with what is told of it and what reviews it again."""
    found: list[entries.Reviewed] = []
    unanswered: set[str] = set()
    for s, context, review in texts:
        shown = slow.readable(s.text, s.form)
        told, missing = await panel.observe(shown, context, tab)
        unanswered.update(missing)
        names = {f.detector for f in told}
        verdict = review(told=slow.located(shown, told)) if told else Verdict()
        judged = tuple(j for j in verdict.judged if j.finding.detector in names)
        if judged:
            action = max((j.action for j in judged), key=lambda a: a.severity)
            found.append(entries.Reviewed(path=entries.place(s.path), role=entries.role(s.role), length=len(s.text),
                                          action=action, judged=judged))  # fmt: skip
    if found or unanswered:
        entry = entries.Observed(
            at_ms=clock.epoch_ms(), exchange=texts[0][1].exchange, direction=texts[0][1].direction, texts=tuple(found),
            unanswered=tuple(sorted(unanswered)),
        )  # fmt: skip
        await gateway.journal.append(entry)
