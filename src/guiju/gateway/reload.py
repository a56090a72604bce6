"""Where the snapshot comes from: control, by long poll; and the disk, when control is away.

A new snapshot is compiled beside the running one and swapped in whole. What was taken last lies in GUIJU_HOME/run and
blobs, so that a gateway starts without control and serves what it served before.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from contextlib import suppress
from pathlib import Path

import msgspec

from guiju import snapshot as snapshots
from guiju.config import Config, control_socket
from guiju.errors import GuijuError, InputFileError, UpstreamError
from guiju.gateway.compiled import compile_snapshot
from guiju.gateway.panels import stats_of
from guiju.gateway.state import Gateway
from guiju.gateway.upstream import Pool
from guiju.journal import between
from guiju.journal.keyring import Keyring
from guiju.ledger.seal import CannotOpen

_log = logging.getLogger("guiju.gateway")

WAIT = 2
"""Seconds that control may hold a poll: statistics go along at least that often."""


def control_pool(config: Config, keyring: Keyring) -> Pool:
    """Connections to control: its Unix socket on this machine, or its address on another."""
    url = config["control_url"]
    return Pool(
        "control",
        url or "http://localhost",
        socket="" if url else str(control_socket(config)),
        context=between.context(keyring.node_token, "node") if url else None,
        certificate_name=between.NAME if url else "",
        headers={},
        connect_timeout=2.0,
        first_byte_timeout=120.0,
        idle_timeout=120.0,
        max_connections=1024,
    )


class Reloader:
    """Keeps a gateway's snapshot current."""

    def __init__(self, gateway: Gateway, control: Pool) -> None:
        self._gateway, self._control = gateway, control
        self._asked = asyncio.Event()
        self._taking = asyncio.Lock()
        self._file: Path = gateway.config.run / "snapshot.json"
        self._blobs: Path = gateway.config.blobs
        self._headers = {"authorization": f"Bearer {gateway.keyring.node_token}", "content-type": "application/json"}

    async def start(self) -> None:
        """Take what lies on disk, if there is anything that can be used."""
        try:
            found = snapshots.decode(self._file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, msgspec.ValidationError, msgspec.DecodeError) as problem:
            _log.warning("snapshot=unusable file=%s problem=%s", self._file, problem)
            return
        await self._take(found)

    async def again(self) -> None:
        """Take the running snapshot once more, with what lies beside it on disk now: guards whose files have changed."""
        async with self._taking:
            if (compiled := self._gateway._compiled) is not None:
                await self._compile(compiled.snapshot)

    async def asked(self, seconds: float) -> None:
        """Until control was asked once, whatever came of it: before the first request, since what lies on disk may be
        older than a decision that was made while this worker was away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)

    async def run(self) -> None:
        """Poll for ever; control may be away for as long as it likes."""
        pause, wait = 0.1, 0
        while True:
            try:
                await self._poll(wait)
                pause, wait = 0.1, WAIT
            except (UpstreamError, OSError, msgspec.DecodeError, msgspec.ValidationError) as problem:
                _log.info("control=away problem=%s", problem)
                self._asked.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
            self._asked.set()

    async def _poll(self, wait: int) -> None:
        gateway = self._gateway
        have = gateway.counts.snapshot
        body = msgspec.json.encode({"worker": gateway.worker, "have": have, "wait": wait, "stats": self._stats()})
        reply = await self._control.request("POST", "/_internal/poll", body, self._headers, timeout=WAIT + 5)
        try:
            data = await reply.read_all(256 * 1024 * 1024)
            status = reply.status
        finally:
            reply.release()
        if status == 200:
            found = snapshots.decode(data)
            if await self._take(found):
                draft = self._file.with_name(f".{self._file.name}.{gateway.worker.replace('/', '-')}")
                draft.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(data)
                draft.replace(self._file)
        elif status != 204:
            raise OSError(f"control answered {status}")

    async def _take(self, found: snapshots.Snapshot) -> bool:
        """Put it in force; one at a time, so that none replaces a later one."""
        async with self._taking:
            return await self._compile(found)

    async def _compile(self, found: snapshots.Snapshot) -> bool:
        """Compile and swap. A snapshot that can't be used is logged, and the running one goes on."""
        gateway = self._gateway
        try:
            blobs = {x.digest: await self._blob(x.digest) for x in found.lexicons}
            before = gateway._compiled
            gateway.swap(
                await compile_snapshot(found, blobs, gateway.config, gateway.keyring, gateway.taxonomy, before)
            )
        except (InputFileError, CannotOpen, GuijuError) as problem:
            _log.error("snapshot=%s refused problem=%s", found.version, problem)
            await asyncio.sleep(1.0)
            return False
        _log.info("snapshot=%s in force", found.version)
        return True

    async def _blob(self, digest: str) -> bytes:
        """A lexicon's blob, from disk or from control. Raises: UpstreamError, OSError."""
        path = self._blobs / digest
        if path.exists():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() == digest:
                return data
        reply = await self._control.request("GET", f"/_internal/blob/{digest}", b"", self._headers, timeout=30)
        try:
            data = await reply.read_all(1 << 30)
            if reply.status != 200 or hashlib.sha256(data).hexdigest() != digest:
                raise OSError(f"control has no lexicon {digest[:12]}")
        finally:
            reply.release()
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{digest}.{self._gateway.worker.replace('/', '-')}")
        draft.write_bytes(data)
        draft.replace(path)
        return data

    def _stats(self) -> dict[str, object]:
        gateway = self._gateway
        compiled = gateway._compiled
        upstreams = {name: pool.stats() for name, pool in (compiled.pools.items() if compiled else ())}
        journal = {
            "synced_ms": gateway.journal.synced_ms, "backlog": gateway.journal.backlog, "failed": gateway.journal.failed,
        }  # fmt: skip
        return {
            "active_streams": gateway.counts.active,
            "upstreams": upstreams,
            "detectors": stats_of(compiled.panels) if compiled else {},
            "journal": journal,
            "disk_free": gateway.disk_free,
        }
