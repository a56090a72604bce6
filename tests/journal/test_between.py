"""TLS between machines: the installation's token opens it, nothing else does."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from certificates import Authority
from guiju.journal import between


def meet(control: ssl.SSLContext, node: ssl.SSLContext) -> bytes:
    """What the node hears. Raises: ssl.SSLError, OSError."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as peer:
                try:
                    with control.wrap_socket(peer, server_side=True) as spoken:
                        spoken.sendall(b"welcome")
                except OSError:
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with (
                socket.create_connection(listening.getsockname()) as plain,
                node.wrap_socket(plain, server_hostname=between.NAME) as spoken,
            ):
                assert spoken.version() == "TLSv1.3"
                return spoken.recv(100)
        finally:
            thread.join()


def test_two_machines_of_one_installation_meet():
    assert meet(between.context("a" * 64, "control"), between.context("a" * 64, "node")) == b"welcome"


def heard(control: ssl.SSLContext, node: ssl.SSLContext) -> bytes:
    """The same; b"" where they don't come together."""
    try:
        return meet(control, node)
    except OSError:
        return b""


@pytest.mark.parametrize("stranger", ["control", "node"])
def test_a_machine_with_another_token_is_a_stranger(stranger: str):
    tokens = {"control": "a" * 64, "node": "a" * 64} | {stranger: "b" * 64}
    assert heard(between.context(tokens["control"], "control"), between.context(tokens["node"], "node")) == b""


def test_who_has_no_certificate_hears_nothing():
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    assert heard(between.context("a" * 64, "control"), bare) == b""


def test_a_certificate_from_elsewhere_is_not_believed(tmp_path: Path):
    cert, key = Authority(tmp_path).sign("other")
    control = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    control.load_cert_chain(cert, key)
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(control, between.context("a" * 64, "node"))
