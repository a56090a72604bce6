"""Who listens, for how many clients, and what each may send; http.py has the connections.

I/O.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from guiju.gateway.entrance import Entrance
from guiju.gateway.http import Call, Connection
from guiju.gateway.listening import BACKLOG, listening, port_of

Handler = Callable[[Call], Awaitable[None]]


class Limits:
    """What a client may send."""

    def __init__(
        self,
        *,
        head: int = 65_536,
        body: int = 8_388_608,
        connections: int = 10_000,
        arrival: float = 30.0,
        idle: float = 120.0,
    ) -> None:
        """`arrival`: seconds in which a head must have come whole, and at least every so often more of a body; `idle`: seconds
        that a kept connection may wait for its next request, and that a client may take nothing of its answer."""
        self.head, self.body, self.connections, self.arrival, self.idle = head, body, connections, arrival, idle


class Server:
    """Listens, and hands every request to `handler`."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler, self.limits = handler, limits
        self.connections: set[Connection] = set()
        self.closing = False
        """Every answer that begins says that its connection ends."""
        self._servers: list[Any] = []
        self._entrance: Entrance | None = None

    def _has_room(self, coming: int = 0) -> bool:
        return len(self.connections) + coming < self.limits.connections

    def admit(self, connection: Connection) -> bool:
        """Count a connection; False where there are too many."""
        if not self._has_room():
            return False
        self.connections.add(connection)
        return True

    async def listen(self, host: str, port: int, entrance: Entrance | None = None) -> int:
        """Listen; several workers share a port. Returns the port. Raises: OSError."""
        sockets = await asyncio.to_thread(listening, host, port)
        await self.serve(sockets, entrance)
        return port_of(sockets)

    async def serve(self, sockets: list[socket.socket], entrance: Entrance | None = None) -> None:
        """Take connections from these, and close them at the end. Raises: OSError."""
        loop = asyncio.get_running_loop()
        if entrance is not None:
            entrance.serve(sockets, lambda peer: Connection(self, peer), self._has_room)
            self._entrance = entrance
            return
        for each in sockets:
            server: Any = await loop.create_server(lambda: Connection(self), sock=each, backlog=BACKLOG)
            self._servers.append(server)

    def sweep(self) -> None:
        """Called about once a second: close what has waited too long."""
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            connection.late(now)

    async def close(self, grace: float, silence: float = 0.0) -> None:
        """Take no more connections. Those that are there are served on: an answer that begins now ends its connection and
        says so. One on which nothing comes for `silence` seconds is closed, and what is left after `grace` seconds broken off.

        A client that sends just when its idle connection is closed gets no answer: the longer the silence, the rarer.
        """
        self.closing = True
        for server in (*self._servers, *([self._entrance] if self._entrance else ())):
            server.close()
        began = asyncio.get_running_loop().time()
        while self.connections or (self._entrance is not None and self._entrance.busy):
            if asyncio.get_running_loop().time() - began >= grace:
                break
            for connection in list(self.connections):
                if connection.silent(began, silence):
                    connection.close()
            await asyncio.sleep(0.02)
        if self._entrance is not None:
            self._entrance.send_away()
        for connection in list(self.connections):
            connection.break_off()
            if connection._task is not None:
                connection._task.cancel()
        await asyncio.sleep(0)
