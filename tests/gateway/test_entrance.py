"""What stands before a connection's requests: TLS, and the PROXY header of a load balancer; real clients, either loop."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from certificates import Authority
from guiju.config import Config, load
from guiju.errors import SettingError
from guiju.gateway.entrance import entrance_of
from guiju.gateway.http import Call
from guiju.gateway.proxy_protocol import LOCAL, SIGNATURE
from guiju.gateway.server import Limits, Server
from guiju.gateway.tls import tls_of

BIG = 4_000_000
GET = b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
V2 = SIGNATURE + b"\x21\x11" + struct.pack("!H4s4sHH", 12, bytes([203, 0, 113, 9]), bytes(4), 4711, 443)


class Front:
    """A server behind the entrance that the settings ask for; it answers with the client's address and whether this is TLS."""

    def __init__(self, config: Config, limits: Limits) -> None:
        self.server = Server(self.answer, limits)
        self.entrance = entrance_of(config, tls_of(config))
        self.port = 0

    async def answer(self, call: Call) -> None:
        if call.error is not None:
            return call.answer(413, b"too large", [])
        call.answer(200, b"y" * BIG if call.path == "/big" else f"{call.peer} {call.tls}".encode(), [])

    async def connect(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = None if context is None else "localhost"
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name, limit=1 << 24)

    async def ask(self, sent: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """Everything that comes back until the end."""
        reader, writer = await self.connect(context)
        writer.write(sent)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


Client = Callable[[Front], Awaitable[None]]
Meet = Callable[..., None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def meet(request: pytest.FixtureRequest, tmp_path: Path) -> Meet:
    """Runs a client against a server with these settings."""

    async def met(client: Client, limits: Limits, settings: dict[str, object]) -> None:
        front = Front(configured(tmp_path, **settings), limits)
        front.port = await front.server.listen("127.0.0.1", 0, front.entrance)
        async with asyncio.timeout(20):
            await client(front)
            await front.server.close(0.1)
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", front.port))

    def run(client: Client, limits: Limits | None = None, **settings: object) -> None:
        request.param(met(client, limits or Limits(body=20_000), settings))

    return run


def configured(home: Path, **settings: object) -> Config:
    told = {f"GUIJU_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    return load({"GUIJU_HOME": str(home)} | told)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(authority: Authority, *identity: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if identity:
        context.load_cert_chain(*identity)
    return context


async def settled(front: Front) -> None:
    while front.server.connections or front.entrance._coming:
        await asyncio.sleep(0.01)


async def files(front: Front) -> int:
    """How many this process has open once nobody is connected; a loop opens some of its own at the first connection."""
    await settled(front)
    await asyncio.sleep(0.05)
    return len(os.listdir("/proc/self/fd"))


# --- TLS ------------------------------------------------------------------------------------------


def test_a_client_that_checks_the_certificate_is_served(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        reader, writer = await front.connect(trusting(authority))
        told = writer.get_extra_info("ssl_object")
        assert (told.version() in ("TLSv1.2", "TLSv1.3"), told.selected_alpn_protocol()) == (True, None)
        writer.write(GET % b"one" + GET % b"big")
        assert (await reader.readuntil(b"127.0.0.1 True")).startswith(b"HTTP/1.1 200 OK\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(BIG) == b"y" * BIG
        writer.write(LAST)
        assert (await reader.read()).endswith(b"127.0.0.1 True")
        writer.close()

    meet(client, tls_cert=cert, tls_key=key)


def test_a_refused_body_is_answered_and_taken_in_for_a_while(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        reader, writer = await front.connect(trusting(authority))
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n" + bytes(100))
        assert (await reader.readuntil(b"too large")).startswith(b"HTTP/1.1 413 ")
        writer.write(bytes(1000))
        await asyncio.sleep(0.1)
        assert front.server.connections
        writer.close()

    meet(client, tls_cert=cert, tls_key=key)


def test_who_speaks_no_tls_or_an_old_one_is_sent_away_and_leaves_nothing_open(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")
    old = trusting(authority)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")

    async def client(front: Front) -> None:
        await front.ask(LAST)
        before = await files(front)
        for _ in range(5):
            assert b"HTTP" not in await front.ask(LAST)
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await front.connect(old)
        assert await files(front) <= before
        assert (await front.ask(LAST, trusting(authority))).endswith(b"True")

    meet(client, tls_cert=cert, tls_key=key)


def test_a_handshake_that_does_not_come_ends(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        assert await front.ask(b"") == b""
        await settled(front)

    meet(client, tls_cert=cert, tls_key=key, arrival_seconds=0.2)


def test_only_who_has_a_certificate_of_the_clients_authority_is_served(
    meet: Meet, authority: Authority, tmp_path: Path
):
    clients, strangers = Authority(tmp_path, "clients"), Authority(tmp_path, "strangers")
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        known = trusting(authority, *clients.sign("known"))
        assert (await front.ask(LAST, known)).endswith(b"127.0.0.1 True")
        for identity in ((), strangers.sign("stranger"), authority.sign("server")):
            with suppress(ssl.SSLError):  # or an end without an answer
                assert await front.ask(LAST, trusting(authority, *identity)) == b""

    meet(client, tls_cert=cert, tls_key=key, tls_client_ca=clients.file)


@pytest.mark.curl
def test_curl_is_served(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        done = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--noproxy", "*", "--cacert", str(authority.file), f"https://localhost:{front.port}/",
            "--resolve", f"localhost:{front.port}:127.0.0.1", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert (await done.communicate())[0] == b"127.0.0.1 True"

    meet(client, tls_cert=cert, tls_key=key)


# --- PROXY ----------------------------------------------------------------------------------------

BEHIND = {"proxy_protocol": "true", "trusted_proxies": "127.0.0.0/8"}


@pytest.mark.parametrize(
    ("header", "told"), [(V1, b"203.0.113.9 False"), (V2, b"203.0.113.9 False"), (LOCAL, b"127.0.0.1 False")]
)
def test_a_header_names_the_client_however_it_comes(meet: Meet, header: bytes, told: bytes):
    async def client(front: Front) -> None:
        assert (await front.ask(header + LAST)).endswith(told)
        reader, writer = await front.connect()
        for byte in header + LAST:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        assert (await reader.read()).endswith(told)
        writer.close()

    meet(client, **BEHIND)


@pytest.mark.parametrize("header", [V1, V2])
def test_a_handshake_may_follow_in_the_same_piece(meet: Meet, authority: Authority, header: bytes):
    cert, key = authority.sign("front")

    def speak(port: int) -> bytes:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        spoken = trusting(authority).wrap_bio(coming, going, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            spoken.do_handshake()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
            wire.sendall(header + going.read())
            while True:
                try:
                    spoken.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    coming.write(wire.recv(65536))
            spoken.write(LAST)
            wire.sendall(going.read())
            while True:
                try:
                    return spoken.read()
                except ssl.SSLWantReadError:
                    coming.write(wire.recv(65536))

    async def client(front: Front) -> None:
        answer = await asyncio.get_running_loop().run_in_executor(None, speak, front.port)
        assert answer.endswith(b"203.0.113.9 True")

    meet(client, tls_cert=cert, tls_key=key, **BEHIND)


@pytest.mark.parametrize("sent", [LAST, b"PROXY TCP4 nonsense\r\n" + LAST, V1[:20], b""])
def test_what_is_no_header_ends_the_connection_without_an_answer(
    meet: Meet, sent: bytes, caplog: pytest.LogCaptureFixture
):
    async def client(front: Front) -> None:
        assert await front.ask(sent) == b""
        before = await files(front)
        assert await front.ask(sent) == b""
        assert await files(front) == before
        assert "proxy_protocol=refused" in caplog.text

    meet(client, arrival_seconds=0.3, **BEHIND)


def test_who_is_no_trusted_proxy_sends_none_and_is_believed_none(meet: Meet):
    async def client(front: Front) -> None:
        assert (await front.ask(LAST)).endswith(b"127.0.0.1 False")
        assert not (await front.ask(V1 + LAST)).endswith(b"False")

    meet(client, proxy_protocol="true", trusted_proxies="10.0.0.0/8")


def test_who_is_on_the_way_in_counts_among_the_connections(meet: Meet):
    async def client(front: Front) -> None:
        waiting = [await front.connect() for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await front.ask(V1 + LAST) == b""
        for _, writer in waiting:
            writer.transport.abort()
        await settled(front)
        assert (await front.ask(V1 + LAST)).endswith(b"203.0.113.9 False")

    meet(client, Limits(connections=3), **BEHIND)


def test_without_saying_who_may_send_the_header_nothing_starts(tmp_path: Path):
    with pytest.raises(SettingError, match=r"gateway\.trusted_proxies"):
        entrance_of(configured(tmp_path, proxy_protocol="true"), None)
    assert entrance_of(configured(tmp_path, trusted_proxies="10.0.0.0/8"), None) is None


def test_who_is_on_the_way_in_when_the_end_comes_is_served(meet: Meet, authority: Authority):
    cert, key = authority.sign("front")

    async def client(front: Front) -> None:
        early = socket.create_connection(("127.0.0.1", front.port))
        while not front.entrance.busy:
            await asyncio.sleep(0.01)
        closing = asyncio.ensure_future(front.server.close(5, 0.5))
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(sock=early, ssl=trusting(authority), server_hostname="localhost")
        writer.write(GET % b"late")
        told = await reader.read()
        assert (b"connection: close" in told, told.endswith(b"True")) == (True, True)
        writer.close()
        await closing

    meet(client, tls_cert=cert, tls_key=key)
