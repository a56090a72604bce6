"""Ask the gateway of this machine, however it is set to be spoken to: TLS, PROXY protocol, any address."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from typing import NamedTuple

from guiju.config import EVERYWHERE, Config
from guiju.gateway import proxy_protocol
from guiju.gateway.forwarded import trusted


class Answer(NamedTuple):
    """What it said."""

    status: int
    body: bytes
    """b"" where it wants clients' certificates, which we have none of: then it is only known to listen."""


def url(config: Config, path: str) -> str:
    """For people: where it is asked."""
    return f"{'https' if config['gateway.tls_cert'] else 'http'}://{_host(config)}:{config['port']}{path}"


def ask(config: Config, path: str, seconds: float = 1.0) -> Answer | None:
    """Its answer to a GET; None where nobody answers."""
    connection = http.client.HTTPConnection(_host(config), config["port"], timeout=seconds)
    with closing(connection):
        try:
            connection.connect()
            if config["gateway.tls_client_ca"]:
                return Answer(200, b"")
            own = connection.sock.getsockname()[0]
            if config["gateway.proxy_protocol"] and trusted(own, config["gateway.trusted_proxies"]):
                connection.sock.sendall(proxy_protocol.LOCAL)
            if config["gateway.tls_cert"]:  # our own process, whatever name its certificate is for
                connection.sock = ssl._create_unverified_context().wrap_socket(connection.sock)  # noqa: S323
            connection.request("GET", path)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            return None


def answers(config: Config, path: str = "/readyz") -> bool:
    """Whether the gateway answers 200: by default, that it serves."""
    answer = ask(config, path)
    return answer is not None and answer.status == 200


def _host(config: Config) -> str:
    host = str(config["host"])
    if host in EVERYWHERE:
        return "::1" if ":" in host else "127.0.0.1"
    return host
