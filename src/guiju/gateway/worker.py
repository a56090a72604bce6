"""A gateway worker: one process, one event loop, one journal."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable

from guiju import clock, plugins
from guiju.config import Config
from guiju.gateway.app import App
from guiju.gateway.http import Limits, Server
from guiju.gateway.reload import Reloader, control_pool
from guiju.gateway.state import Gateway
from guiju.gateway.tasks import spawn
from guiju.journal import claim
from guiju.journal.disk import RealDisk
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal

_log = logging.getLogger("guiju.gateway")


def day_key(keyring: Keyring) -> Callable[[], tuple[str, bytes]]:
    """() -> today (UTC) and its X25519 public key; made once a day."""
    known: dict[str, bytes] = {}

    def current() -> tuple[str, bytes]:
        day = time.strftime("%Y-%m-%d", time.gmtime(clock.epoch_ms() / 1000))
        if day not in known:
            known.clear()
            known[day] = seal.public_of(keyring.day_key(day))
        return day, known[day]

    return current


async def run(config: Config, worker: int, on_ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then take nothing new, let streams end, and close the journal.

    Args:
        on_ready: called with the port once the worker listens.

    Raises: OSError (the port is taken), SettingError.
    """
    keyring = Keyring.open(config)
    claim.claim(config.journal, config["node"], worker)
    journal = Journal(
        config.journal,
        config["node"],
        worker,
        chain_key=keyring.chain,
        day_key=day_key(keyring),
        segment_bytes=config["journal.segment_bytes"],
    )
    gateway = Gateway(config, keyring, plugins.taxonomy(), journal, f"{config['node']}/{worker}")
    control = control_pool(config)
    app = App(gateway, control)
    limits = Limits(
        head=config["gateway.header_limit"],
        body=config["gateway.body_limit"],
        connections=config["gateway.connections"],
    )
    server = Server(app, limits)
    reloader = Reloader(gateway, control)
    await reloader.start()
    port = await server.listen(config["host"], config["port"])
    jobs = [spawn(reloader.run(), "reload"), spawn(_watch(gateway, app, control), "watch")]
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await journal.append(entries.Note(at_ms=clock.epoch_ms(), what="worker.started", node=gateway.worker))
    _log.info("worker=%s listening port=%s", gateway.worker, port)
    if on_ready is not None:
        on_ready(port)
    await stop.wait()
    await server.close(config["gateway.drain_seconds"])
    for job in jobs:
        job.cancel()
    journal.append(entries.Note(at_ms=clock.epoch_ms(), what="worker.stopped", node=gateway.worker))
    await journal.close()


async def _watch(gateway: Gateway, app: App, control: object) -> None:
    """Once a second: late upstreams, free disk, counts on disk; once a minute: rejections without a key."""
    disk, seconds = RealDisk(), 0
    while True:
        compiled = gateway._compiled
        for pool in compiled.pools.values() if compiled else ():
            pool.sweep()
        try:
            gateway.disk_free = disk.free(gateway.config.home)
            app.save_counts()
        except OSError as problem:
            _log.error("disk=failing problem=%s", problem)
        seconds += 1
        if seconds % 60 == 0:
            gateway.write_unknown_rejections()
        await asyncio.sleep(1.0)
