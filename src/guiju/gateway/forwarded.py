"""Who asks, and by which scheme, where proxies stand between: what `x-forwarded-…` say counts from trusted proxies alone.

Pure. The peer is the address at the other end of the connection, or the one that a PROXY header named (entrance.py).
"""

from __future__ import annotations

import ipaddress

from guiju.values import Networks


def trusted(address: str, networks: Networks) -> bool:
    """Whether an address lies in one of the networks."""
    known = _read(address)
    return known is not None and any(known in network for network in networks)


def client_of(peer: str, forwarded_for: str, networks: Networks) -> str:
    """The client's address: each trusted proxy names the one before it, so it is the rightmost that isn't a trusted proxy.
    What stands further left anybody may have written. Where a proxy names what is no address, the proxy itself counts."""
    client, left = peer, forwarded_for.split(",")
    while left and trusted(client, networks):
        named = _read(left.pop())
        if named is None:
            break
        client = str(named)
    return client


def scheme_of(peer: str, forwarded_proto: str, networks: Networks) -> str:
    """`http` or `https` as the nearest proxy says it, "" where none that is trusted says it."""
    said = forwarded_proto.rpartition(",")[2].strip().lower()
    return said if said in ("http", "https") and trusted(peer, networks) else ""


def _read(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """`192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`; None where it is none of them."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


__all__ = ["client_of", "scheme_of", "trusted"]
