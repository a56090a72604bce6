"""A gateway worker: one process, one event loop, one journal."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from guiju import clock, plugins
from guiju.config import Config
from guiju.errors import JournalUnavailable, NotReady
from guiju.gateway.app import App
from guiju.gateway.entrance import entrance_of
from guiju.gateway.listening import listening, port_of
from guiju.gateway.reload import Reloader, control_pool
from guiju.gateway.server import Limits, Server
from guiju.gateway.state import Gateway
from guiju.gateway.tasks import spawn
from guiju.gateway.tls import tls_of
from guiju.gateway.tracing import otlp_of
from guiju.journal import claim
from guiju.journal.disk import RealDisk
from guiju.journal.keyring import Keyring
from guiju.journal.writer import Journal
from guiju.ledger import entries, seal

_log = logging.getLogger("guiju.gateway")
_OWN_FILES = 200
"""Descriptors for everything but exchanges."""
_SILENCE = 0.5
"""Seconds without a request after which an idle connection is closed, where the whole service ends."""


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


def room(wanted: int) -> int:
    """How many clients this process may hold, at most `wanted`: each may need a descriptor for its upstream beside its own,
    and the journal must always find one. The soft limit (1,024 on most systems) is raised to the hard one first."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY or (there := (hard - _OWN_FILES) // 2) >= wanted:
        return wanted
    _log.warning("connections=%s wanted=%s: the limit of open files is %s (ulimit -Hn)", there, wanted, hard)
    return there


async def run(
    config: Config,
    worker: int,
    on_ready: Callable[[int], None] | None = None,
    *,
    sockets: list[socket.socket] | None = None,
    successor: bool = False,
) -> None:
    """Serve until SIGTERM, SIGINT or SIGUSR1 (others have taken its place), then end as `_leave` says. SIGHUP takes the
    guards that are there now.

    Args:
        on_ready: called with the port once the worker listens.
        sockets: those that it listens on, made by its parent; without, it makes its own.
        successor: others serve until it does: where it can't, it doesn't begin.

    Raises: OSError (the port is taken), SettingError, NotReady.
    """
    tls = tls_of(config)
    entrance = entrance_of(config, tls)
    otlp = otlp_of(config, f"{config['node']}/{worker}")
    keyring = Keyring.open(config)
    claim.claim(config.journal, config["node"], worker)
    journal = Journal(
        config.journal,
        config["node"],
        worker,
        chain_key=keyring.chain,
        day_key=day_key(keyring),
        segment_bytes=config["journal.segment_bytes"],
        segment_seconds=config["journal.segment_seconds"],
    )
    gateway = Gateway(config, keyring, plugins.taxonomy(), journal, f"{config['node']}/{worker}")
    gateway.otlp = otlp
    control = control_pool(config, keyring)
    app = App(gateway, control)
    limits = Limits(
        head=config["gateway.header_limit"],
        body=config["gateway.body_limit"],
        connections=room(config["gateway.connections"]),
        arrival=config["gateway.arrival_seconds"],
        idle=config["gateway.idle_seconds"],
    )
    server = Server(app, limits)
    reloader = Reloader(gateway, control)
    # A parent answers a hangup with new workers; one that is sent it itself goes on, with the guards of now.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: spawn(reloader.again(), "guards"))
    await reloader.start()
    jobs = [spawn(reloader.run(), "reload")]
    await reloader.asked(1.0)
    if successor and not gateway.ready:
        raise NotReady()
    # Before anybody can ask: what this worker opens stands behind it in the journal (work/drain.py: recover).
    await _tell(journal, entries.Note(at_ms=clock.epoch_ms(), what="worker.started", node=gateway.worker))
    end = _asked_to_end()
    if not sockets:
        sockets = await asyncio.to_thread(listening, config["host"], config["port"])
    port = port_of(sockets)
    await server.serve(sockets, entrance)
    jobs.append(spawn(_watch(gateway, app, server), "watch"))
    _log.info("worker=%s listening port=%s tls=%s", gateway.worker, port, tls is not None)
    if on_ready is not None:
        on_ready(port)
    await _leave(gateway, server, replaced=await end == signal.SIGUSR1)
    with suppress(OSError):
        app.save_counts()
    for job in jobs:
        job.cancel()
    await gateway.allowance.close()
    gateway.write_counted_rejections()
    await _tell(journal, entries.Note(at_ms=clock.epoch_ms(), what="worker.stopped", node=gateway.worker))
    await journal.close()
    if otlp is not None:
        await asyncio.to_thread(otlp.close)
    _log.info("worker=%s ended", gateway.worker)


def _asked_to_end() -> asyncio.Future[signal.Signals]:
    """Done with the first signal that asks for the end."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[signal.Signals] = loop.create_future()

    def end(number: signal.Signals) -> None:
        if not asked.done():
            asked.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        loop.add_signal_handler(number, end, number)
    return asked


async def _leave(gateway: Gateway, server: Server, *, replaced: bool) -> None:
    """Go without leaving a request behind. `/readyz` says no first; connections are still taken until balancers have seen
    it, unless others listen on the same sockets already. Then running exchanges end; an idle connection lives as ever
    where others serve (its next request is answered here), and for a moment where nobody does."""
    drain = gateway.config["gateway.drain_seconds"]
    _log.info("worker=%s leaving replaced=%s connections=%s", gateway.worker, replaced, len(server.connections))
    gateway.leaving = server.closing = True
    if not replaced:
        await asyncio.sleep(gateway.config["gateway.leave_seconds"])
    await server.close(drain, drain if replaced else min(_SILENCE, drain))


async def _tell(journal: Journal, note: entries.Note) -> None:
    try:
        await journal.append(note)
    except JournalUnavailable as problem:
        _log.error("journal=failing problem=%s", problem)


async def _watch(gateway: Gateway, app: App, server: Server) -> None:
    """Once a second: late upstreams, clients and control, free disk, counts on disk; once a minute: rejections
    without an entry of their own."""
    disk, seconds, low = RealDisk(), 0, False
    while True:
        compiled = gateway._compiled
        for pool in compiled.pools.values() if compiled else ():
            pool.sweep()
        server.sweep()
        app.sweep()
        try:
            gateway.disk_free = disk.free(gateway.config.home)
            was_low, low = low, gateway.disk_free < gateway.config["disk.warn_bytes"]
            if low and not was_low:
                limit = gateway.config["disk.stop_bytes"]
                _log.error("disk=low free=%s: below %s bytes new exchanges are refused", gateway.disk_free, limit)
            app.save_counts()
        except OSError as problem:
            _log.error("disk=failing problem=%s", problem)
        if gateway.journal.failed:  # nothing is asked of a worker that isn't ready, so it tries by itself
            problem_was = gateway.journal.failed[:200]
            note = entries.Note(
                at_ms=clock.epoch_ms(), what="journal.recovered", node=gateway.worker, detail={"problem": problem_was}
            )
            await _tell(gateway.journal, note)
        gateway.journal.turn_over()
        seconds += 1
        if seconds % 60 == 0:
            gateway.write_counted_rejections()
        await asyncio.sleep(1.0)
