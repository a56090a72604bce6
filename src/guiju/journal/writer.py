"""Append entries, durable before anything that depends on them leaves.

I/O. Counterpart: reader.py. Everything is decided in the event loop; one thread does nothing but write and sync. Whatever
has been queued meanwhile goes out together: alone an entry waits for its own sync, and where many come at once the next
sync waits `GATHER` seconds for more of them, since each costs the processor what a whole exchange does. After a failed
write or sync the segment is never trusted again: its waiters are told, and the next entry begins a new segment.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from guiju import clock
from guiju.errors import GuijuError, JournalUnavailable, Said
from guiju.journal import reader
from guiju.journal.disk import Disk, RealDisk
from guiju.journal.segment import MAGIC, TAG, Chain, Header, Mark, Record
from guiju.ledger import entries, seal
from guiju.quoted import quoted

CROWD, GATHER = 5, 0.002
"""Entries of one sync that make a crowd, and seconds that the sync after it waits for more (as `commit_siblings` and
`commit_delay` of PostgreSQL)."""

_pack = msgspec.msgpack.Encoder().encode


class _Waiting(msgspec.Struct, frozen=True):
    """An entry on its way to the disk."""

    entry: entries.Entry
    payload: bytes
    subject: str
    future: asyncio.Future[None]


class Journal:
    """One worker's journal.

    Args:
        folder: `config.journal`; segments are `<folder>/<node>/<worker>/<sequence>.jnl`.
        chain_key: keys the records' tags.
        day_key: () -> (day, X25519 public key of the day): asked at each new segment.
        segment_bytes, segment_seconds: size and age at which a segment ends.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        worker: int,
        *,
        chain_key: bytes,
        day_key: Callable[[], tuple[str, bytes]],
        segment_bytes: int = 67_108_864,
        segment_seconds: float = 60.0,
        disk: Disk | None = None,
    ) -> None:
        self._folder = folder / node / str(worker)
        self._node, self._worker = node, worker
        self._chain_key, self._day_key = chain_key, day_key
        self._segment_bytes, self._segment_seconds = segment_bytes, segment_seconds
        self._began = 0.0
        """When the segment took its first record."""
        self._disk = disk or RealDisk()
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[bytes, _Waiting]] = []
        self._busy = False
        """A sync is under way, or will be when more have gathered."""
        self._crowd = False
        """The last sync was for so many that the next waits for more."""
        self._jobs: SimpleQueue[tuple[int, bytes, list[asyncio.Future[None]]] | None] = SimpleQueue()
        self._fd = -1
        self._size = 0
        self._day = ""
        self._chain = Chain(chain_key)
        self._key = AESGCM(secrets.token_bytes(32))
        self._nonce = 0
        self._mark: Mark | None = None
        """How far the newest segment with a header is durable: the next one's header says so."""
        self._sequence = self._next_sequence()
        self._closing = False
        self.failed: str = ""
        """Why the last sync failed; "" while all is well."""
        self.synced_ms = 0
        """Epoch milliseconds of the last good sync."""
        self.on_sync: Callable[[float], None] = _nobody
        """Told the seconds that each good write and sync took."""
        self._queued_at = self._flying_at = 0.0
        """When the oldest entry of the queue, and of the sync that is under way, came; 0 where there is none."""
        self._syncer = threading.Thread(target=self._run, name="journal", daemon=True)
        self._try_segment()  # a full disk now may have room later; until then nothing is taken
        self._syncer.start()

    @property
    def backlog(self) -> int:
        """Entries that aren't durable yet."""
        return len(self._queue)

    @property
    def lag(self) -> float:
        """Seconds for which the oldest entry that isn't durable yet has waited; 0 where all are."""
        since = self._flying_at or self._queued_at
        return clock.monotonic() - since if since else 0.0

    def append(self, entry: entries.Entry, payload: bytes = b"", subject: str = "") -> asyncio.Future[None]:
        """Queue an entry; the future is done when it is durable.

        Args:
            payload: contents with their commitment's key (seal.commit), sealed here; b"" for none.
            subject: pseudonym under whose key the drainer seals them anew.

        Raises (from the future):
            JournalUnavailable: it could not be made durable: act as if it didn't happen.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        if self._closing:
            future.set_exception(JournalUnavailable(problem=Said("the journal is closed", "日志已关闭")))
        else:
            self._put(_Waiting(entry, payload, subject, future))
        return future

    def turn_over(self) -> None:
        """Called now and then: ends a segment that is old enough, so that the drainer can destroy it with its contents."""
        if self._busy or self._closing:
            return
        if self._fd >= 0 and self._due():
            self._end_segment()
        if self._fd < 0:  # where its size or a new day ended it, nobody else may come for a while
            self._try_segment()

    async def close(self) -> None:
        """Write what is queued, then end."""
        self._closing = True
        while self._busy:  # noqa: ASYNC110 — whoever waits for an entry may cancel its future: none tells when all is done
            await asyncio.sleep(GATHER)
        self._jobs.put(None)
        await asyncio.to_thread(self._syncer.join)
        if self._fd >= 0:
            self._end_segment()

    # --- one sync after the other -----------------------------------------------------------------

    def _put(self, waiting: _Waiting) -> None:
        """Queue an entry, framed for the segment that is open now."""
        if self._fd < 0 and not self._try_segment():
            return _fail([waiting.future], self.failed)
        sealed = b""
        if waiting.payload:
            self._nonce += 1
            nonce = self._nonce.to_bytes(seal.NONCE, "big")
            sealed = nonce + self._key.encrypt(nonce, waiting.payload, b"")
        record = Record(entries.encode(waiting.entry), sealed, waiting.subject)
        self._queue.append((self._chain.frame(_pack(record)), waiting))
        self._queued_at = self._queued_at or clock.monotonic()
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        self._busy = True
        if self._crowd:
            self._loop.call_later(GATHER, self._hand_over)
        else:
            self._loop.call_soon(self._hand_over)  # what else this turn of the loop brings comes along

    def _hand_over(self) -> None:
        batch, self._queue = self._queue, []
        self._flying_at, self._queued_at = self._queued_at, 0.0
        data = b"".join([framed for framed, _ in batch])
        self._jobs.put((self._fd, data, [waiting.future for _, waiting in batch]))

    def _run(self) -> None:
        """The thread. It asks for the interpreter lock twice for each sync: for more, streams would pay."""
        while (job := self._jobs.get()) is not None:
            fd, data, futures = job
            problem, since = "", clock.monotonic()
            try:
                self._disk.append(fd, data)
            except Exception as error:  # whatever it is: a thread that dies leaves all of them waiting
                problem = quoted(error)
            try:
                self._loop.call_soon_threadsafe(self._settle, data, futures, problem, clock.monotonic() - since)
            except RuntimeError:
                return  # the loop has ended: nobody waits any more

    def _settle(self, data: bytes, futures: list[asyncio.Future[None]], problem: str, seconds: float) -> None:
        self._busy, self._flying_at = False, 0.0
        self._crowd = len(futures) >= CROWD
        if problem:
            self.failed = problem
            self._end_segment()  # nobody knows what the disk holds: this segment gets nothing more
            queued, self._queue, self._queued_at = self._queue, [], 0.0
            return _fail(futures + [waiting.future for _, waiting in queued], problem)
        self.failed = ""
        self.synced_ms = clock.epoch_ms()
        self.on_sync(seconds)
        self._size += len(data)
        self._mark = Mark(self._sequence - 1, self._size, data[-TAG:])
        self._began = self._began or clock.monotonic()
        for future in futures:
            if not future.done():
                future.set_result(None)
        if self._due():  # under load too, when the next sync's entries are there already: they are framed anew
            self._end_segment()
            queued, self._queue, self._queued_at = self._queue, [], 0.0
            for _, waiting in queued:
                self._put(waiting)
        elif self._queue:
            self._begin()

    # --- segments ---------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Whether the segment ends by its size, its age or its day."""
        if self._size >= self._segment_bytes:
            return True
        if self._began and clock.monotonic() - self._began > self._segment_seconds:
            return True
        try:
            return self._day != self._day_key()[0]
        except GuijuError:
            return True  # the new day's key can't be made: the next segment says why

    def _next_sequence(self) -> int:
        """Behind every segment that is or was here; where the last one ends is durable from now on."""
        paths = sorted(p for p in self._folder.glob("*.jnl") if p.stem.isdigit())
        for path in paths:  # a killed worker's last write may lie in memory only
            self._disk.settle(path)
        self._mark = reader.last(self._folder, self._chain_key)
        return max(int(paths[-1].stem) if paths else 0, self._mark.sequence if self._mark else 0) + 1

    def _begin_segment(self) -> None:
        """Raises: OSError, SettingError."""
        day, public = self._day_key()
        data_key = secrets.token_bytes(seal.KEY)
        wrapped = seal.wrap_for(public, secrets.token_bytes(32), data_key, secrets.token_bytes(seal.NONCE))
        header = Header(self._node, self._worker, self._sequence, clock.epoch_ms(), day, wrapped, self._mark)
        chain = Chain(self._chain_key, MAGIC)
        data = MAGIC + chain.frame(_pack(header))
        path = self._folder / f"{self._sequence:010}.jnl"
        mark = Mark(self._sequence, len(data), chain.tag)
        self._sequence += 1
        fd = -1
        try:
            fd = self._disk.create(path)
            self._disk.append(fd, data)
        except OSError:
            if fd >= 0:
                self._disk.close(fd)
            self._disk.remove(path)  # nothing was acknowledged in it; and a full disk is not to fill with such files
            raise
        self._fd, self._chain, self._size, self._day, self._mark = fd, chain, len(data), day, mark
        self._key, self._nonce, self._began = AESGCM(data_key), 0, 0.0

    def _end_segment(self) -> None:
        fd, self._fd = self._fd, -1
        with suppress(OSError):  # what was acknowledged is durable, and nothing more is written
            self._disk.close(fd)

    def _try_segment(self) -> bool:
        try:
            self._begin_segment()
        except (OSError, GuijuError) as error:  # the day's key is a file as well
            self.failed = quoted(error)
            return False
        return True


def _nobody(seconds: float) -> None:
    """Nobody counts."""


def _fail(futures: list[asyncio.Future[None]], problem: str) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(JournalUnavailable(problem=problem))
