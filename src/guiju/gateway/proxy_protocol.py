"""The PROXY protocol, versions 1 and 2: a load balancer's first bytes, which say who the client is.

Pure: bytes in, an address out; entrance.py reads them. `wanted` says how many bytes surely still belong to the header, so
that no byte behind it is taken: what follows may be a TLS handshake. Anything that the specification
(haproxy.org/download/1.8/doc/proxy-protocol.txt) doesn't allow is `Malformed`.
"""

from __future__ import annotations

import ipaddress
import re

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
"""What a proxy says that speaks for itself: a health check."""
LONGEST_1 = 107
LONGEST_2 = 16 + 4096
"""The specification allows 64 KiB; what proxies add behind the addresses (TLVs) is a few hundred bytes."""

_FIRST = 15
"""Bytes of the shortest header of all, `PROXY UNKNOWN\\r\\n`."""
_LINE = re.compile(rb"PROXY TCP([46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n")
_SIZES = {0: 0, 1: 12, 2: 36, 3: 216}
"""Address family of version 2 -> bytes of its two addresses and ports: none, IPv4, IPv6, Unix."""


class Malformed(ValueError):
    """This is no PROXY header."""


def wanted(data: bytes) -> int:
    """How many more bytes belong to the header at least; 0 where it is whole. Raises: Malformed."""
    if not (SIGNATURE.startswith(data[:12]) or b"PROXY ".startswith(data[:6])):
        raise Malformed("neither version 1 nor 2")
    if len(data) < _FIRST:
        return _FIRST - len(data)
    if data.startswith(SIGNATURE):
        size = 16 + int.from_bytes(data[14:16], "big") if len(data) >= 16 else 16
        if size > LONGEST_2:
            raise Malformed(f"longer than {LONGEST_2} bytes")
        return size - len(data)
    if data.endswith(b"\r\n"):
        return 0
    if b"\n" in data or len(data) >= LONGEST_1:
        raise Malformed(f"no line of at most {LONGEST_1} bytes")
    return 1 if data.endswith(b"\r") or len(data) == LONGEST_1 - 1 else 2


def source(data: bytes) -> str:
    """The client's address from a whole header; "" where the proxy names none. Raises: Malformed."""
    return _source_2(data) if data.startswith(SIGNATURE) else _source_1(data)


def _source_1(line: bytes) -> str:
    if re.fullmatch(rb"PROXY UNKNOWN( [^\r\n]*)?\r\n", line):
        return ""
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("not a line of version 1")
    version, client, server, *ports = (part.decode() for part in found.groups())
    try:
        addresses = [ipaddress.ip_address(client), ipaddress.ip_address(server)]
    except ValueError:
        raise Malformed("not an address") from None
    if {str(address.version) for address in addresses} != {version} or any(int(port) > 65_535 for port in ports):
        raise Malformed("not an address")
    return str(addresses[0])


def _source_2(data: bytes) -> str:
    version, command = divmod(data[12], 16)
    family, transport = divmod(data[13], 16)
    if version != 2 or command > 1:
        raise Malformed("unknown version or command")
    if command == 0:
        return ""
    if family not in _SIZES or transport > 2 or len(data) - 16 < _SIZES[family]:
        raise Malformed("unknown family, or addresses that are too short")
    size = {1: 4, 2: 16}.get(family, 0)
    return str(ipaddress.ip_address(data[16 : 16 + size])) if size and transport == 1 else ""


__all__ = ["LOCAL", "Malformed", "source", "wanted"]
