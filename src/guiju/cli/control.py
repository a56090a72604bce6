"""`guiju control`: console, pages and the internal endpoints, on the installation's Unix socket; for its other machines on a
port too (journal/between.py)."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import ssl

import uvicorn
import uvloop

from guiju.config import Config, control_socket, load
from guiju.errors import Said, SettingError
from guiju.gateway.listening import listening
from guiju.journal import between
from guiju.journal.keyring import Keyring
from guiju.quoted import quoted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option: the socket is the installation's."""
    parser.add_argument(
        "--json", action="store_true", help=Said("print one line of JSON once it listens", "开始监听后输出一行 JSON")
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit codes: 0 stopped, 3 the port is taken."""
    config = load()
    path = control_socket(config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["DJANGO_SETTINGS_MODULE"] = "guiju.control.settings"
    from guiju.control.asgi import application

    draft = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(draft))
    draft.chmod(0o600)
    listener.listen(512)
    draft.replace(path)  # nobody ever finds a socket that isn't listened to
    logging.getLogger("guiju.control").info("control=listening socket=%s", path)
    if args.json:
        print(json.dumps({"socket": str(config.run / path.name)}), flush=True)
    server = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            proxy_headers=False,
        ),
        _elsewhere(config),
    )
    uvloop.run(_serve(server, listener))
    path.unlink(missing_ok=True)
    return 0


class _Server(uvicorn.Server):
    """Listens for other machines beside its own socket."""

    def __init__(self, config: uvicorn.Config, elsewhere: tuple[list[socket.socket], ssl.SSLContext] | None) -> None:
        super().__init__(config)
        self._elsewhere = elsewhere

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        listeners, context = self._elsewhere or ((), None)
        for listener in listeners:
            made = await asyncio.get_running_loop().create_server(self._connection, sock=listener, ssl=context)
            self.servers.append(made)

    def _connection(self) -> asyncio.Protocol:
        protocol = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(self.config, self.server_state, self.lifespan.state)  # type: ignore[call-arg]
        return made


def _elsewhere(config: Config) -> tuple[list[socket.socket], ssl.SSLContext] | None:
    """What listens for other machines, and its TLS. Raises: SettingError."""
    if not config["control_port"]:
        return None
    try:
        listeners = listening(config["control_host"], config["control_port"])
    except OSError as problem:
        raise SettingError(
            name="control_port",
            problem=quoted(problem),
            remedy=Said("Choose another port or address", "请换一个端口或地址"),
        ) from None
    return listeners, between.context(Keyring.open(config).node_token, "control")


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    await asyncio.shield(server.serve(sockets=[listener]))
