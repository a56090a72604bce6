"""Listening sockets that several workers share, and that outlive each of them."""

from __future__ import annotations

import socket

import pytest

from guiju.gateway.listening import inherited, listening, port_of


def test_every_address_of_a_name_listens_on_the_same_port():
    made = listening("", 0)
    try:
        assert {each.getsockname()[1] for each in made} == {port_of(made)}
        assert {each.family for each in made} <= {socket.AF_INET, socket.AF_INET6}
        again = listening("127.0.0.1", port_of(made))  # another worker's
        again[0].close()
    finally:
        for each in made:
            each.close()


def test_who_waits_in_the_queue_is_served_by_who_takes_the_socket_next():
    first = listening("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", port_of(first))) as client:
        (second,) = inherited([first[0].dup().detach()])
        first[0].close()
        taken, _ = second.accept()
        taken.sendall(b"here")
        assert client.recv(9) == b"here"
        taken.close()
        second.close()


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        listening("127.0.0.1", other.getsockname()[1])
