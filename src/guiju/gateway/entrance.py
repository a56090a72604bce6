"""What stands before a connection's requests: a PROXY header, a TLS handshake. Without either, http.py listens by itself.

I/O. Whoever dawdles here is closed after a while, counts among the connections, and has cost no more than a socket.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from guiju.config import Config, Networks
from guiju.errors import Said, SettingError
from guiju.gateway import proxy_protocol
from guiju.gateway.forwarded import trusted
from guiju.gateway.tasks import spawn
from guiju.gateway.tls import Tls

_log = logging.getLogger("guiju.gateway")
_BREATH = 0.2
"""Seconds before the next try where no connection could be taken: the files have run out."""
_GOODBYE = 5.0
"""Seconds that a client has to answer the end of its TLS connection."""

Make = Callable[[str], asyncio.Protocol]


class Entrance:
    """`tls` is asked for its context at each connection; connections from `proxies` begin with a PROXY header; `patience`
    is the time for each of the two, in seconds."""

    def __init__(self, *, tls: Tls | None, proxies: Networks, patience: float) -> None:
        self._tls, self._proxies, self._patience = tls, proxies, patience
        self._coming: set[asyncio.Task[None]] = set()
        self._listening: list[asyncio.Task[None]] = []

    async def listen(self, host: str, port: int, make: Make, has_room: Callable[[int], bool]) -> int:
        """Listen; returns the port.

        Args:
            make: client's address ("" is the peer's) -> the protocol that its connection gets.
            has_room: whether one more may come beside as many as are on their way in.

        Raises: OSError.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            listening = socket.create_server(address, family=family, backlog=1024, reuse_port=True)
            listening.setblocking(False)
            self._listening.append(spawn(self._take(listening, make, has_room), "entrance"))
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Take no more; who hasn't come in yet is sent away."""
        for task in self._listening:
            task.cancel()
        for coming in self._coming:
            coming.cancel()

    async def _take(self, listening: socket.socket, make: Make, has_room: Callable[[int], bool]) -> None:
        loop = asyncio.get_running_loop()
        with (
            listening
        ):  # closed by the task that waits on it, so that no loop waits on a number that means another file
            while True:
                try:
                    client, address = await loop.sock_accept(listening)
                except OSError as problem:
                    _log.error("connections=failing problem=%s", problem)
                    await asyncio.sleep(_BREATH)
                    continue
                if not has_room(len(self._coming)):
                    client.close()
                    continue
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
        context = self._tls.context if self._tls is not None else None
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


def entrance_of(config: Config, tls: Tls | None) -> Entrance | None:
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
