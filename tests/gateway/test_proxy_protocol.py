"""The PROXY header: whole ones name the client, anything else is refused, and no byte behind it is ever asked for."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiju.gateway.proxy_protocol import LOCAL, SIGNATURE, Malformed, source, wanted

ADDRESSES = st.ip_addresses()
PORTS = st.integers(0, 65_535)


def line(client: object, server: object, family: int, one: int = 1, two: int = 443) -> bytes:
    return f"PROXY TCP{family} {client} {server} {one} {two}\r\n".encode()


def binary(family: int, addresses: bytes, *, command: int = 0x21, transport: int = 1, more: bytes = b"") -> bytes:
    body = addresses + more
    return SIGNATURE + bytes([command, family * 16 + transport]) + struct.pack("!H", len(body)) + body


def packed(client: str, server: str) -> bytes:
    return ipaddress.ip_address(client).packed + ipaddress.ip_address(server).packed + struct.pack("!HH", 1, 443)


def read(stream: bytes) -> tuple[str, bytes]:
    """As entrance.py does, with as many bytes as are asked for; and what was left."""
    data = b""
    while size := wanted(data):
        data, before = stream[: len(data) + size], data
        if data == before:
            raise EOFError
    return source(data), stream[len(data) :]


@given(
    st.sampled_from([4, 6]).flatmap(lambda v: st.tuples(st.just(v), st.ip_addresses(v=v), st.ip_addresses(v=v))), PORTS
)
def test_version_1_names_the_client_and_leaves_the_rest(made: tuple, port: int):
    version, client, server = made
    assert read(line(client, server, version, port) + b"GET / HTTP/1.1\r\n") == (str(client), b"GET / HTTP/1.1\r\n")


@given(
    st.sampled_from([4, 6]).flatmap(lambda v: st.tuples(st.ip_addresses(v=v), st.ip_addresses(v=v))),
    st.binary(max_size=300),
    st.binary(max_size=40),
)
def test_version_2_names_the_client_and_leaves_the_rest(pair: tuple, more: bytes, rest: bytes):
    client, server = map(str, pair)
    family = 1 if pair[0].version == 4 else 2
    assert read(binary(family, packed(client, server), more=more) + rest) == (client, rest)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        LOCAL,
        binary(1, packed("192.0.2.1", "192.0.2.2"), command=0x20),
        binary(0, b"", transport=0),
        binary(3, bytes(216)),
        binary(1, packed("192.0.2.1", "192.0.2.2"), transport=2),
    ],
)
def test_a_proxy_may_name_nobody(header: bytes):
    assert read(header + b"rest") == ("", b"rest")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),  # a TLS handshake
        b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UNKNOWN" + b" " * 94 + b"\r\n",  # 109 bytes
        b"PROXY UNKNOWNrest of it\r\n",
        binary(1, packed("192.0.2.1", "192.0.2.2"), command=0x11),
        binary(1, packed("192.0.2.1", "192.0.2.2"), command=0x22),
        binary(1, packed("192.0.2.1", "192.0.2.2"), transport=3),
        binary(2, packed("192.0.2.1", "192.0.2.2")),
        binary(4, bytes(300)),
        binary(1, packed("192.0.2.1", "192.0.2.2"), more=bytes(5000)),
    ],
)
def test_what_is_no_header_is_refused(sent: bytes):
    with pytest.raises(Malformed):
        read(sent)


def test_the_longest_line_is_one():
    longest = b"PROXY UNKNOWN" + b" " * 92 + b"\r\n"
    assert (len(longest), read(longest)) == (107, ("", b""))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda b: b"PROXY " + b),
                 st.binary(max_size=200).map(lambda b: SIGNATURE + b)))  # fmt: skip
def test_whatever_comes_is_read_or_refused(sent: bytes):
    try:
        client, _ = read(sent)
    except (Malformed, EOFError):
        return
    assert client == "" or ipaddress.ip_address(client)
