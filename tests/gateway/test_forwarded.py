"""Who asks, where proxies stand between: only what a trusted proxy says counts, from the right."""

from __future__ import annotations

import pytest

from guiju.gateway.forwarded import client_of, scheme_of, trusted
from guiju.values import networks

PROXIES = networks("10.0.0.0/8, ::1, 2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # anybody may write the header
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),  # what the client wrote itself stands further left
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("::1", "[2001:db9::7]:4711", "2001:db9::7"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_client_is_the_rightmost_that_no_trusted_proxy_is(peer: str, said: str, client: str):
    assert client_of(peer, said, PROXIES) == client


def test_without_trusted_proxies_the_peer_is_the_client():
    assert client_of("10.0.0.1", "203.0.113.9", ()) == "10.0.0.1"
    assert not trusted("10.0.0.1", ())


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("10.0.0.1", "HTTPS", "https"),
        ("10.0.0.1", "gopher", ""),
        ("203.0.113.9", "https", ""),
    ],
)
def test_the_scheme_is_what_the_nearest_trusted_proxy_says(peer: str, said: str, scheme: str):
    assert scheme_of(peer, said, PROXIES) == scheme
