"""What stands before a connection's requests: a PROXY header, a TLS handshake. Without either, http.py listens by itself.

I/O. Whoever dawdles here is closed after a while, counts among the connections, and has cost no more than a socket.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from guiju.config import Config
from guiju.errors import Said, SettingError
from guiju.gateway import proxy_protocol
from guiju.gateway.forwarded import trusted
from guiju.gateway.tasks import spawn
from guiju.values import Networks

_log = logging.getLogger("guiju.gateway")
_BREATH = 0.2
"""Seconds before the next try where no connection could be taken: the files have run out."""
_TOGETHER = 64
"""Connections that are taken before the loop's other work has its turn."""
_GOODBYE = 5.0
"""Seconds that a client has to answer the end of its TLS connection."""

Make = Callable[[str], asyncio.Protocol]


class Entrance:
    """`tls`: what connections are spoken to with, if at all; connections from `proxies` begin with a PROXY header; `patience`
    is the time for each of the two, in seconds."""

    def __init__(self, *, tls: ssl.SSLContext | None, proxies: Networks, patience: float) -> None:
        self._tls, self._proxies, self._patience = tls, proxies, patience
        self._coming: set[asyncio.Task[None]] = set()
        self._listening: list[socket.socket] = []

    def serve(self, sockets: list[socket.socket], make: Make, has_room: Callable[[int], bool]) -> None:
        """Take connections from these, and close them at the end.

        Args:
            make: client's address ("" is the peer's) -> the protocol that its connection gets.
            has_room: whether one more may come beside as many as are on their way in.
        """
        self._listening += sockets
        for each in sockets:
            each.setblocking(False)
            self._wait(each, make, has_room)

    @property
    def busy(self) -> bool:
        """Whether somebody is on the way in."""
        return bool(self._coming)

    def close(self) -> None:
        """Take no more; who is on the way in may come."""
        for each in self._listening:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        self._listening.clear()

    def send_away(self) -> None:
        """End the waiting for those who haven't come in yet."""
        for coming in self._coming:
            coming.cancel()

    def _wait(self, listening: socket.socket, make: Make, has_room: Callable[[int], bool]) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._take, listening, make, has_room)

    def _take(self, listening: socket.socket, make: Make, has_room: Callable[[int], bool]) -> None:
        """In the loop's own callback and not in a task: one that is ended while it accepts loses who has just come."""
        loop = asyncio.get_running_loop()
        for _ in range(_TOGETHER):
            try:
                client, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as problem:
                _log.error("connections=failing problem=%s", problem)
                loop.remove_reader(listening)
                loop.call_later(_BREATH, self._wait, listening, make, has_room)
                return
            if not has_room(len(self._coming)):
                client.close()
                continue
            client.setblocking(False)
            task = spawn(self._let_in(client, str(address[0]), make), "connection")
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    async def _let_in(self, client: socket.socket, peer: str, make: Make) -> None:
        named = ""
        if trusted(peer, self._proxies):
            try:
                async with asyncio.timeout(self._patience):
                    named = await _introduction(client)
            except BaseException as problem:  # also where this task is cancelled: the socket is nobody else's yet
                client.close()
                if not isinstance(problem, (OSError, proxy_protocol.Malformed)):
                    raise
                _log.warning("peer=%s proxy_protocol=refused problem=%s", peer, str(problem) or type(problem).__name__)
                return
        context = self._tls
        waits = {} if context is None else {"ssl_handshake_timeout": self._patience, "ssl_shutdown_timeout": _GOODBYE}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: make(named), client, ssl=context, **waits)
        except (OSError, ssl.SSLError) as problem:  # its transport has closed the socket
            _log.info("peer=%s tls=refused problem=%s", named or peer, problem)


async def _introduction(client: socket.socket) -> str:
    """The address that a PROXY header names. Raises: Malformed, OSError."""
    loop, data = asyncio.get_running_loop(), b""
    while size := proxy_protocol.wanted(data):
        more = await loop.sock_recv(client, size)
        if not more:
            raise ConnectionResetError("the peer left within its PROXY header")
        data += more
    return proxy_protocol.source(data)


def entrance_of(config: Config, tls: ssl.SSLContext | None) -> Entrance | None:
    """What the settings ask for; None where connections begin with their first request. Raises: SettingError."""
    wanted, proxies = config["gateway.proxy_protocol"], config["gateway.trusted_proxies"]
    if wanted and not proxies:
        raise SettingError(
            name="gateway.proxy_protocol",
            problem=Said("says nothing of who may send the header", "没有说明谁可以发送协议头"),
            remedy=Said(
                "Name the networks of your proxies in gateway.trusted_proxies",
                "请在 gateway.trusted_proxies 中写明代理所在的网段",
            ),
        )
    if tls is None and not wanted:
        return None
    return Entrance(tls=tls, proxies=proxies if wanted else (), patience=config["gateway.arrival_seconds"])
