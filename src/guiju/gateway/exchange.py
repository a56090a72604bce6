"""The life of one exchange, top to bottom. READ FIRST. Steps are numbered as in docs/architecture.md.

    1 parse   2 admit   3 review the input   4 record `opened`, durable   5 forward
    6 review the output before it is served   7 label   8 record `closed`, durable, before the ending leaves

Every step is one call into the room that knows; this file decides only the order, which is a table: life.py.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable
from typing import Any

import msgspec

from guiju import clock
from guiju.errors import (
    GuijuError,
    KeyRevoked,
    MediaNotAllowed,
    OurError,
    PolicyError,
    QuotaSpent,
    Said,
    ServiceSuspended,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from guiju.gateway import admission, allowance, ids, recording, routing, slow, stream, texts, whole
from guiju.gateway.admission import Admitted
from guiju.gateway.alongside import Alongside
from guiju.gateway.asking import Tab
from guiju.gateway.compiled import Compiled
from guiju.gateway.forward import forward, listed
from guiju.gateway.http import Call, ClientLeft
from guiju.gateway.life import ADMITTED, CLOSED, JUDGED, MAY, OPENED, RECEIVED, SERVING
from guiju.gateway.panel import Panel
from guiju.gateway.refusal import Speaker
from guiju.gateway.restoring import Restoring
from guiju.gateway.routing import Target
from guiju.gateway.state import Gateway
from guiju.gateway.upstream import Reply
from guiju.label.record import produced
from guiju.ledger import entries, seal
from guiju.log_lines import fields
from guiju.review.explain import language_of
from guiju.review.judge import combine
from guiju.review.restore import Kept
from guiju.snapshot import Quota
from guiju.types import Action, Judged, Path, Verdict
from guiju.wire.dialect import Ask, Dialect, Json

_log = logging.getLogger("guiju.gateway")


class Exchange:
    """One request and its answer."""

    def __init__(self, gateway: Gateway, call: Call, dialect: Dialect) -> None:
        self.gateway, self.call, self.dialect = gateway, call, dialect
        self.compiled: Compiled = gateway.current()
        self.id = ids.exchange_id(clock.epoch_ms(), gateway.entropy.take(10))
        self.state = RECEIVED
        self.admitted: Admitted | None = None
        self.language = language_of(call.headers.get("accept-language", ""), "", "zh")
        self.label_text = ""
        """The AIGC record as JSON text, once the exchange is admitted."""
        self.sample = int.from_bytes(gateway.entropy.take(2), "big") / 65536
        """Drawn evenly from [0, 1): decides whether a rule that queues a share of its findings queues these."""
        self.interruption: PolicyError | KeyRevoked | None = None
        self.targets: list[Target] = []
        """Upstreams that can answer, in the order in which they are tried."""
        self.model = ""
        """As it was asked for, once the exchange is opened; `?` where the service has none of that name."""
        self.hold: allowance.Hold | None = None
        """What its quotas were charged; None where it has none."""
        self._length: allowance.Length | None = None
        self.attempts = 0
        self.dropped: list[str] = []
        """Fields of the request that the upstream wasn't sent, as it would refuse them."""
        self.reply: Reply | None = None
        self.kept: Kept | None = None
        """What of the request is restored in the answer."""
        self.relay: stream.Relay | None = None  # while it streams
        self.panel: Panel | None = None  # slow detectors, where there are any: slow.py
        self.tab: Tab | None = None  # theirs
        self.prompt = ""
        self.beside: Alongside | None = None
        self._served: Callable[[], dict[str, Any]] = dict
        """What of a stream was served so far, for its closing record: however it ends, that is told."""
        self._waiting: asyncio.Future[None] | None = None  # between two tries
        self.began = clock.monotonic()
        self.first_byte = 0.0
        self.trace: Any = gateway.otlp and gateway.otlp.begin(call, self.id, dialect.name)
        """Its spans, where traces are wanted (otlp.py)."""

    # --- the life ---------------------------------------------------------------------------------

    async def serve(self) -> None:
        """All of it. Raises: ClientLeft, which needs no answer; anything else is answered here."""
        try:
            self._knock()  # who isn't known has nothing read for them -> CallerError, PolicyError
            ask = await self._read()  # 1 parse    -> BadRequest
            quotas = self._admit(ask)  # 2 admit    -> CallerError, PolicyError
            if quotas and (waiting := allowance.charge(self, quotas, ask)) is not None:
                await waiting
            verdicts = await texts.review(self, ask.segments, "input")  # 3 review
            self.move(JUDGED)
            await self._open(ask, verdicts)  # 4 record, durable
            verdict = combine(verdicts)
            if not verdict.serves and not self.grant.observe:
                return await self._refuse(ask, verdict)
            masked = self._masked(ask, verdicts)
            if not self.dialect.upstream_path(self.target.way):  # nobody is asked: the door answers by itself
                body = self.dialect.upstream_body(ask, model=self.target.model, dialect=self.target.way, masked=masked)
                return await whole.serve(self, ask, body)
            reply = await forward(self, ask, masked)  # 5 forward  -> UpstreamError
            self.first_byte, self._length = clock.monotonic(), allowance.length_of(ask)
            if ask.stream:
                ask = ask.answered()
                self.call.forget()
                reply.forget()
                await self._stream(ask, reply)  # 6 review, 7 label, 8 record
            else:
                await whole.serve(self, ask, await reply.read_all(self.gateway.config["gateway.answer_limit"]))
        except (ClientLeft, asyncio.CancelledError):
            self.gateway.keep(self._record_leaving(), f"leaving {self.id}")
            raise
        except Exception as problem:
            await self._fail(self._error(problem))
        finally:
            self.gateway.running.discard(self)
            if self.hold is not None and self.state not in (OPENED, SERVING):  # those are settled when they are closed
                self.gateway.allowance.settle(self.hold, 0, 0)
            if self.beside is not None:
                self.beside.close()
            if self.reply is not None:
                self.reply.release()

    def _error(self, problem: Exception) -> GuijuError:
        """What the caller is told of it: a failure that nobody thought of is ours."""
        if isinstance(problem, GuijuError):
            return problem
        _log.error("error=%r", problem, exc_info=problem, extra=fields(exchange=self.id))
        return OurError()

    def interrupt(self, error: PolicyError | KeyRevoked) -> None:
        """The service is suspended or the key revoked: the running answer ends now."""
        self.interruption = error
        if self.reply is not None:
            self.reply.interrupt(error)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def move(self, state: str) -> None:
        assert state in MAY[self.state], f"{self.state} -> {state}"
        self.state = state

    @property
    def grant(self) -> Any:
        assert self.admitted is not None
        return self.admitted.grant

    # --- 1 parse, 2 admit ---------------------------------------------------------------------------

    def _knock(self) -> None:
        gateway = self.gateway
        self.door, self._claimed = admission.door_of(
            self.call.headers, self.compiled, gateway.chat_key, clock.epoch_ms()
        )

    async def _read(self) -> Ask:
        """The request; a large one is read in a thread, as it would stop everybody's streams here."""
        body, headers, dialect = self.call.body, self.call.headers, self.dialect
        if len(body) <= texts.LARGE_BODY:
            return dialect.read(body, headers)
        return await asyncio.to_thread(dialect.read, body, headers)

    def _admit(self, ask: Ask) -> tuple[Quota, ...]:
        gateway, door = self.gateway, self.door
        newest = next((s.text for s in reversed(ask.segments) if s.role == "user"), "")
        self.language = language_of(self.call.headers.get("accept-language", ""), newest, door.service.language)
        compiled, pools = self.compiled, self.compiled.pools
        routes = compiled.ways(self.dialect, door.app, ask.model)
        planned = routing.plan(routes, lambda name: pools[name].wait(), random.random)
        self.target = planned[0]
        # Whether anybody is asked is settled by the first: an answer of our own is no second try.
        asked = bool(self.dialect.upstream_path(self.target.way))
        self.targets = [target for target in planned if bool(self.dialect.upstream_path(target.way)) is asked]
        self.admitted = admission.admit(
            door, ask.claim, self._claimed, self.target, compiled, gateway.keyring.pepper, self.language
        )
        for medium in ask.media:
            if not (door.app.allow_opaque if medium.kind == "tokens" else door.app.allow_media):
                raise MediaNotAllowed(field=".".join(map(str, medium.path)), kind=admission.MEDIA[medium.kind])
        gateway.check_space()
        self.record = produced(self.compiled.snapshot.provider.code, ids.content_id(self.id, 0))
        self.label_text = self.record.text()
        if compiled.panels and (panel := slow.panel_of(self)) is not None:
            self.panel, self.tab = panel, Tab(gateway.counts.unjudged)
        gateway.running.add(self)
        self.move(ADMITTED)
        return door.quotas

    def _masked(self, ask: Ask, verdicts: list[Verdict]) -> dict[Path, str]:
        if self.grant.observe:
            return {}
        return {s.path: v.text for s, v in zip(ask.segments, verdicts, strict=True) if v.text is not None}

    # --- 4 record -----------------------------------------------------------------------------------

    async def _open(self, ask: Ask, verdicts: list[Verdict]) -> None:
        grant, compiled = self.grant, self.compiled
        contents, key = None, self.gateway.entropy.take(seal.KEY)
        if compiled.snapshot.keep_contents:
            contents = seal.commit(self.call.body, key)
        verdict = combine(verdicts)
        self.model = ask.model if compiled.offers(grant.service, ask.model) else "?"
        entry = recording.opened(self, ask, verdicts, contents.commitment if contents else "", key)
        self.count(verdict.judged, "input")
        await self.gateway.journal.append(entry, contents.payload if contents else b"", self._subject)
        self.move(OPENED)

    @property
    def _subject(self) -> str:
        """Under whose key contents are sealed: the anonymous ones of an app share one."""
        return str(self.grant.subject or f"anonymous:{self.grant.app}")

    async def close(
        self, outcome: Any, *, durable: bool = True, contents: Any = None, finish: str = "", **more: Any
    ) -> None:
        if self.state == CLOSED:
            return
        self.move(CLOSED)
        committed = None
        if contents and self.compiled.snapshot.keep_contents:
            committed = seal.commit(msgspec.json.encode(contents), self.gateway.entropy.take(seal.KEY))
        allowance.account(self, more, self._length)
        entry = recording.closed(self, outcome, committed.commitment if committed else "", finish, more)
        saved = self.gateway.journal.append(entry, committed.payload if committed else b"", self._subject)
        if durable:
            await saved

    def count(self, judged: tuple[Judged, ...] | list[Judged], direction: str) -> None:
        for found in judged:
            self.gateway.counts.findings[f"{found.finding.cls}|{direction}|{found.action}"] += 1

    # --- refusals and failures ------------------------------------------------------------------------

    async def _refuse(self, ask: Ask, verdict: Verdict) -> None:
        body = self.refusal(ask, verdict)
        if body is None:
            error = self.speaker.blocked(verdict)
            await self.close("input_blocked", action=verdict.action, code=error.code, queue=verdict.queue)
            return self.answer_fault(error, self.details(verdict))
        await self.close("input_refused", action=verdict.action, queue=verdict.queue, finish=self.app.finish_reason)
        content_type = self.dialect.stream_type if ask.stream else "application/json"
        self.call.answer(200, body, self.headers(), content_type)

    def refusal(self, ask: Ask, verdict: Verdict) -> bytes | None:
        """What is served instead; None where it is told as an error: a block, the app's wish, a door without words."""
        if verdict.action is Action.BLOCK or self.app.refusal_style == "error":
            return None
        return self.dialect.refusal(
            ask,
            exchange=self.id,
            created=clock.epoch_ms() // 1000,
            text=self.speaker.text(verdict, begun=False),
            finish=self.app.finish_reason,
            label=self.details(verdict),
        )

    async def _fail(self, error: GuijuError) -> None:
        """An error before any byte of an answer: in the dialect's shape, and recorded."""
        if self.interruption is not None:
            error = self.interruption
        details = None
        if isinstance(error, UpstreamError) and self.targets:
            self.gateway.counts.upstream_errors[f"{error.code}|{self.target.upstream}"] += 1
        if self.state in (OPENED, SERVING):
            outcome = "upstream_error" if isinstance(error, UpstreamError) else _OUTCOMES.get(type(error), "our_error")
            try:
                await self.close(outcome, code=error.code)
                if self.interruption is not None:
                    _, details = self.speaker.interrupted(self.interruption)
            except GuijuError as worse:  # not even that can be recorded
                error = worse
        elif self.state != CLOSED:
            subject = self.grant.subject if self.admitted is not None else ""
            details = self.gateway.rejected(self.id, self.dialect.name, self.call.headers, error, subject)
            if self.trace is not None:
                self.trace.rejected(error)
            self.state = CLOSED
        if not self.call.begun:
            self.answer_fault(error, details)
        else:
            self.call.abort()

    def answer_fault(self, error: GuijuError, details: Json | None) -> None:
        body = self.dialect.fault(
            error, exchange=self.id, language=self.language, details={"guiju": details} if details else None
        )
        headers = self.headers()
        if error.status in (429, 503):
            wait = error.retry_after if isinstance(error, (UpstreamError, QuotaSpent)) else 0.0
            headers.append(("retry-after", str(max(1, math.ceil(wait)))))
        self.call.answer(error.status, body, headers)

    async def _record_leaving(self) -> None:
        if self.state in (OPENED, SERVING):
            await self.close("client_left", **self._served())
        elif self.trace is not None:
            self.trace.left()
        self._served = dict

    # --- 5 forward: forward.py ----------------------------------------------------------------------

    def asking(self, reply: Reply) -> None:
        """A connection has been taken for this exchange, and nothing sent. Raises: what interrupts it."""
        if self.interruption is not None:
            raise self.interruption
        self.reply = reply

    async def pause(self, seconds: float) -> None:
        """Wait before the next try. Raises: what interrupts it."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((self._waiting,), timeout=seconds)
        finally:
            self._waiting = None
        if self.interruption is not None:
            raise self.interruption

    # --- 6, 7, 8: a stream ----------------------------------------------------------------------------

    async def _stream(self, ask: Ask, reply: Reply) -> None:
        grant, admitted = self.grant, self.admitted
        assert admitted is not None
        app = admitted.app
        label = self.label()
        answer = self.dialect.read_stream(ask, dialect=self.target.way, label=label, allow_opaque=app.allow_opaque)
        reviewer = self.compiled.reviewers[admitted.service.policy]
        how = {"audience": admitted.audience, "observe": grant.observe, "language": self.language}
        self.beside = slow.alongside(self, self.panel, ask, reply) if self.panel else None
        gates = slow.gates(self.beside, reviewer, **how) if self.beside else stream.gate_maker(reviewer, **how)
        machine = stream.Relay(
            answer,
            gates,
            place=app.notice,
            language=self.language,
            notices=not ask.json_mode and not grant.observe,
            label=label,
            clear=reviewer.clear,
            restoring=Restoring(self.kept) if self.kept else None,
        )
        self.move(SERVING)
        call = self.call
        headers = [
            *self.headers(),
            ("content-type", self.dialect.stream_type),
            ("cache-control", "no-cache"),
        ]
        call.start(200, headers)
        self.relay = machine
        self._served = lambda: self._told(ask, answer, machine)
        counts = self.gateway.counts
        counts.active += 1
        outcome, code, ending, stopped = "served", "", b"", None
        try:
            overdue = self.gateway.config["review.sentence_seconds"] if reviewer.holds_sentences else 0.0
            ending = await stream.relay(
                machine, self.beside or reply, call, overdue, self.gateway.config["gateway.answer_limit"]
            )
            if answer.failed:
                raise UpstreamRefused(upstream=self.target.upstream, upstream_status=200, problem=answer.failed)
            if not answer.done and not answer.finish:
                problem = Said("it ended in the middle of its answer", "回答到一半即结束")
                raise UpstreamUnavailable(upstream=self.target.upstream, problem=problem)
            if not answer.done:  # all was said, only the last event wasn't
                ending = answer.stop(finish=answer.finish, replacement="", details=label)
        except stream.Stopped as stop:
            stopped = stop.judged
            verdict = Verdict(action=stopped.action, judged=(stopped,), answer=_answer_name(reviewer, stopped))
            details = self.details(verdict)
            text = self.speaker.text(verdict, begun=machine.delivered > 0) if app.refusal_style == "answer" else ""
            outcome = "blocked" if stopped.action is Action.BLOCK else "refused"
            call.write(stop.out)
            ending = answer.stop(finish=app.finish_reason, replacement=text, details=details)
        except ClientLeft:
            raise
        except Exception as problem:
            outcome, code, ending = self._broken(self._error(problem), answer, machine.sign())
        finally:
            counts.active -= 1
            counts.reviewed("output", machine.seconds)
            if self.trace is not None:
                self.trace.streamed(clock.monotonic() - self.first_byte, machine)
            self.count(machine.judged, "output")
        told = self._told(ask, answer, machine)
        self.tokens(told)
        if told["action"] is Action.MASK and outcome == "served":
            outcome = "masked"
        if stopped:
            told["action"] = stopped.action
        slow.after(self, told["contents"])
        await self.close(outcome, code=code, finish=answer.finish, **told)
        self._served = dict  # it knows this exchange: all that was served would wait for the collector of cycles
        call.write(ending)
        call.end()

    def _told(self, ask: Ask, answer: Any, machine: stream.Relay) -> dict[str, Any]:
        usage = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]} if answer.usage else {}
        reviewer = self.compiled.reviewers[self.service.policy]
        return (
            usage
            | machine.told()
            | {
                "label": self.label_text,
                "content_ids": tuple(ids.content_id(self.id, i) for i in range(ask.choices)),
                "withheld": entries.places(answer.withheld),
                "queue": any(reviewer.queues(judged, self.sample) for judged in machine.judged),
            }
        )

    def _broken(self, error: GuijuError, answer: Any, notice: bytes) -> tuple[str, str, bytes]:
        """A failure in mid-stream: outcome, code, and the dialect's ending after the notice on what was said."""
        if self.interruption is not None:
            text, details = self.speaker.interrupted(self.interruption)
            ending = answer.stop(finish=self.app.finish_reason, replacement=text, details=self.label() | details)
            return _OUTCOMES.get(type(self.interruption), "suspended"), self.interruption.code, notice + ending
        upstream = isinstance(error, UpstreamError)
        if upstream:
            self.gateway.counts.upstream_errors[f"{error.code}|{self.target.upstream}"] += 1
        ending = answer.fault(error, exchange=self.id, language=self.language)
        return ("upstream_error" if upstream else "our_error"), error.code, notice + ending

    # --- small things -----------------------------------------------------------------------------------

    @property
    def service(self) -> Any:
        assert self.admitted is not None
        return self.admitted.service

    @property
    def app(self) -> Any:
        assert self.admitted is not None
        return self.admitted.app

    @property
    def speaker(self) -> Speaker:
        return Speaker(self.gateway.taxonomy, self.compiled.snapshot.provider, self.id, self.language)

    def label(self) -> Json:
        return {"exchange": self.id, "label": self.record.wrapped()}

    def details(self, verdict: Verdict) -> Json:
        """The `guiju` object of a refusal."""
        return self.label() | self.speaker.details(verdict)

    def headers(self) -> list[tuple[str, str]]:
        headers = [("x-guiju-exchange", self.id)]
        if self.label_text:
            headers.append(("x-guiju-label", self.label_text))
        if self.dropped:
            headers.append(("x-guiju-dropped", listed(self.dropped)))
        if self.hold is not None:
            headers += self.hold.headers
        return headers

    def tokens(self, usage: dict[str, Any]) -> None:
        for kind in ("input", "output"):
            if count := usage.get(f"{kind}_tokens"):
                self.gateway.counts.tokens[f"{kind}|{self.model}"] += count


_OUTCOMES: dict[type, Any] = {ServiceSuspended: "suspended", KeyRevoked: "revoked"}


def _answer_name(reviewer: Any, judged: Judged) -> str:
    rule = reviewer.policy.rule(judged.policy_rule)
    return rule.answer if rule else ""
