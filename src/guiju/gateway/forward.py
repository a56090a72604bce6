"""Step 5 of an exchange: ask an upstream, and another one where that fails before the first byte of its answer.

Once a byte of the answer is there nothing is tried again: the client would hear the beginning twice. What is tried again:
connections that fail, servers that don't begin to answer in time (another one only: it may still be working), and the
statuses that say "later" or "not me" (AGAIN), as soon as `Retry-After` allows (RFC 9110, 10.2.3).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from guiju import clock
from guiju.errors import Said, UpstreamError, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from guiju.gateway import routing
from guiju.gateway.breaker import retry_after
from guiju.gateway.routing import Target
from guiju.gateway.upstream import Reply
from guiju.types import Path
from guiju.wire import faults
from guiju.wire.dialect import Ask
from guiju.wire.strings import UNREADABLE

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange

AGAIN = frozenset((408, 429, 500, 502, 503, 504, 529))
"""Statuses after which the same request may succeed; 529 is Anthropic's "overloaded"."""
BACKOFF = 0.25
"""Seconds before the first try again of the same upstream; doubled each time, half of it drawn by lot."""
_STATUS = {401: 502, 403: 502, 404: 502, 407: 502}
"""An upstream that doesn't take *our* key is no fault of the caller's."""
_MOST_NAMES, _LONGEST_NAME = 16, 64
"""Of the fields that `x-guiju-dropped` tells."""
_FORWARDED = frozenset(("anthropic-beta", "anthropic-version", "openai-organization", "openai-project"))


async def forward(exchange: Exchange, ask: Ask, masked: dict[Path, str]) -> Reply:
    """The reply of the first upstream that begins to answer; its head has come and is a good one.

    `exchange.target` is the one that is asked, `exchange.attempts` counts.

    Raises: UpstreamError (the last one met), and what interrupts the exchange.
    """
    config, pools = exchange.gateway.config, exchange.compiled.pools
    attempts, patience = config["gateway.attempts"], config["gateway.retry_seconds"]
    tried: list[Target] = []
    await _until_it_may_be_asked(exchange, patience)
    while True:
        exchange.attempts += 1
        tried.append(exchange.target)
        try:
            return await _try(exchange, ask, masked)
        except UpstreamError as error:
            if exchange.trace is not None:
                exchange.trace.failed(error)
            if exchange.interruption is not None or exchange.attempts >= attempts or not _again(error):
                raise
            following = routing.following(exchange.targets, tried, lambda name: pools[name].wait())
            if following is None:
                if isinstance(error, UpstreamTimeout):
                    raise
                following = exchange.target
                backoff = BACKOFF * 2 ** (exchange.attempts - 1) * random.uniform(0.5, 1.0)  # noqa: S311 — no secret
                pause = max(backoff, error.retry_after, pools[following.upstream].wait())
                if pause > patience:
                    raise
                await exchange.pause(pause)
            exchange.gateway.counts.upstream_errors[f"{error.code}|{tried[-1].upstream}"] += 1
            exchange.target = following


async def _until_it_may_be_asked(exchange: Exchange, patience: float) -> None:
    """Of targets the plan has those first that may be asked: where the first may not, none may.

    Raises: UpstreamUnavailable at once where it keeps failing: to wait for it would only pile up who waits.
    """
    pool = exchange.compiled.pools[exchange.target.upstream]
    wait = pool.wait()
    if wait > patience or (wait and pool.failing):
        problem = Said(
            "it is left alone for {n} s, as it failed several times or asked for it",
            "它接连出错或要求暂缓请求，{n} 秒内不再请求",
            n=math.ceil(wait),
        )
        error = UpstreamUnavailable(upstream=exchange.target.upstream, problem=problem)
        error.status, error.retry_after = 503, wait  # type: ignore[misc]
        raise error
    if wait:
        await exchange.pause(wait)


async def _try(exchange: Exchange, ask: Ask, masked: dict[Path, str]) -> Reply:
    target = exchange.target
    upstream, pool = exchange.compiled.upstreams[target.upstream], exchange.compiled.pools[target.upstream]
    dialect = exchange.dialect
    exchange.dropped = []
    dropped = exchange.dropped if upstream.unknown_fields == "drop" else None
    body = dialect.upstream_body(ask, model=target.model, dialect=target.way, masked=masked, dropped=dropped)
    headers = {k: v for k, v in exchange.call.headers.items() if k in _FORWARDED}
    if target.way == "anthropic":
        headers.setdefault("anthropic-version", "2023-06-01")
    if exchange.trace is not None:
        headers |= exchange.trace.asks(upstream, target, ask.stream)
    path = upstream.below(dialect.upstream_path(target.way))
    exchange.gateway.counts.attempts[target.upstream] += 1
    reply = await pool.request("POST", path, body, headers, begun=exchange.asking)
    if reply.status == 200 and not (problem := unfit(reply.headers, ask.stream)):
        return reply
    try:
        if reply.status != 200:
            raise await refusal(reply, target.upstream)
        raise UpstreamRefused(upstream=target.upstream, upstream_status=200, problem=problem)
    finally:
        exchange.reply = None
        reply.release()


def _again(error: UpstreamError) -> bool:
    """Whether the same request may succeed a moment later, or elsewhere."""
    if isinstance(error, UpstreamRefused):
        return error.data["upstream_status"] in AGAIN
    return isinstance(error, UpstreamUnavailable | UpstreamTimeout)


def listed(names: Sequence[str]) -> str:
    """Names as a header can carry them; somebody else chose them."""
    told = [quote(name[:_LONGEST_NAME], safe="") for name in sorted(names)]
    more = [f"+{len(told) - _MOST_NAMES}"] if len(told) > _MOST_NAMES else []
    return ", ".join(told[:_MOST_NAMES] + more)


def unfit(headers: dict[str, str], stream: bool) -> str:
    """Why an answer can't be read as what was asked for, "" where it can."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        return Said("its answer is compressed, although that was declined", "其回答经过压缩，而请求已声明不接受压缩")
    if stream and headers.get("content-type", "").strip().lower().startswith("application/json"):
        return Said("its answer is whole, although a stream was asked for", "请求的是流式回答，返回的却是整段回答")
    return ""


async def refusal(reply: Reply, upstream: str) -> UpstreamRefused:
    """An upstream's error as ours. Its status is known: that its body breaks off, or doesn't end, changes nothing."""
    try:
        found = msgspec.json.decode(await reply.read_all(65_536))
    except (*UNREADABLE, UpstreamError):
        found = None
    error = UpstreamRefused(upstream=upstream, upstream_status=reply.status, problem=faults.kind_of(found))
    status = reply.status if 400 <= reply.status < 500 else 502
    error.status = _STATUS.get(reply.status, status)  # type: ignore[misc]
    error.retry_after = retry_after(reply.headers, clock.now())
    return error
