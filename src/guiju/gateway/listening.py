"""Sockets that listen. Whoever makes them keeps them: a worker that ends closes its own copy, and what waits in a socket's
queue waits for the next worker.

I/O. Several sockets may share a port (SO_REUSEPORT): the kernel shares the connections out among them.
"""

from __future__ import annotations

import socket

BACKLOG = 1024


def listening(host: str, port: int) -> list[socket.socket]:
    """One socket for each address that `host` has; "" is every address of the machine. Port 0 is one that is free, the same
    for all of them. Raises: OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            place = (address[0], port, *address[2:])
            made.append(socket.create_server(place, family=family, backlog=BACKLOG, reuse_port=True))
            port = port_of(made)
    except OSError:
        for each in made:
            each.close()
        raise
    return made


def port_of(sockets: list[socket.socket]) -> int:
    """The port that they share."""
    return int(sockets[0].getsockname()[1])


def inherited(numbers: list[int]) -> list[socket.socket]:
    """Sockets that a parent has made, by their file descriptors. Raises: OSError."""
    return [socket.socket(fileno=number) for number in numbers]
