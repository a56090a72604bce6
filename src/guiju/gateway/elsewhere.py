"""A detector that is elsewhere, asked over HTTP: the adapter (guiju.remote) says what to send and what came."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from guiju import clock
from guiju.errors import Said, UpstreamUnavailable
from guiju.gateway.upstream import Pool
from guiju.guard import Context
from guiju.remote import adapter as adapter_of
from guiju.remote.adapter import Adapter, Answer, Asked, Fault
from guiju.snapshot import Detector
from guiju.types import Finding

LARGEST = 1_048_576
"""Bytes of an answer that are read."""


class Elsewhere:
    """One service, as this worker asks it.

    Args:
        settings: of the adapter, defaults filled in, secrets in the clear.
    """

    def __init__(self, name: str, adapter: Adapter, settings: Mapping[str, str], timeout: float) -> None:
        self.limit = adapter.limit
        self._name, self._adapter, self._settings, self._timeout = name, adapter, settings, timeout
        self._pools: dict[str, Pool] = {}
        """By origin: a service may have more than one."""

    async def ask(self, text: str, about: Context, id: str) -> tuple[Finding, ...]:
        """See `Source.ask`."""
        asked = Asked(text=text, direction=about.direction, id=id, before=about.prompt)
        request = self._adapter.ask(asked, self._settings, now=clock.now(), nonce=secrets.token_hex(16))
        parts = urlsplit(request.url)
        headers = {k.lower(): v for k, v in request.headers if k.lower() != "content-length"}
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pool = self._pool(f"{parts.scheme}://{parts.netloc}")
        try:
            reply = await pool.request(request.method, path, request.body, headers, timeout=self._timeout)
            try:
                answer = Answer(status=reply.status, body=await reply.read_all(LARGEST))
            finally:
                reply.release()
        except UpstreamUnavailable as problem:
            why = problem.data["problem"]
            raise Fault(Said("it can't be reached: {why}", "无法连接：{why}", why=why), again=True) from None
        return self._adapter.findings(answer, asked, self._settings)

    def _pool(self, origin: str) -> Pool:
        if origin not in self._pools:
            self._pools[origin] = Pool(self._name, origin, headers={}, connect_timeout=self._timeout)
        return self._pools[origin]

    def close(self) -> None:
        """See `Source.close`."""
        for pool in self._pools.values():
            pool.close()


class Unusable:
    """A detector that can't be asked as it is configured: it never gives a verdict, and says why."""

    limit = 1_000_000

    def __init__(self, said: Said) -> None:
        self.said = said

    async def ask(self, text: str, about: Context, id: str) -> tuple[Finding, ...]:
        """See `Source.ask`."""
        raise Fault(self.said, again=False)

    def close(self) -> None:
        """See `Source.close`."""


def source_of(ref: Detector, secret: str) -> Elsewhere | Unusable:
    """What asks a configured detector.

    Args:
        secret: its secrets in the clear, a JSON object; "" where it has none.
    """
    try:
        adapter = adapter_of(ref.adapter)
    except KeyError:
        return Unusable(Said("this version has no adapter `{name}`", "本版本没有适配器 `{name}`", name=ref.adapter))
    given = dict(ref.settings) | (msgspec.json.decode(secret, type=dict[str, str]) if secret else {})
    settings = {f.name: given.get(f.name, f.default) for f in adapter.fields}
    missing = [name for name, value in settings.items() if value is None]
    if missing:
        return Unusable(Said("its setting `{name}` is missing", "缺少设置 `{name}`", name=missing[0]))
    return Elsewhere(ref.name, adapter, {k: str(v) for k, v in settings.items()}, ref.timeout)
