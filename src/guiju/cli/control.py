"""`guiju control`: console, pages and the internal endpoints, on the installation's Unix socket."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket

import uvicorn
import uvloop

from guiju.config import control_socket, load
from guiju.errors import Said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option: the socket is the installation's."""
    parser.add_argument(
        "--json", action="store_true", help=Said("print one line of JSON once it listens", "开始监听后输出一行 JSON")
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit codes: 0 stopped."""
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
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            proxy_headers=False,
        )
    )
    uvloop.run(_serve(server, listener))
    path.unlink(missing_ok=True)
    return 0


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    await asyncio.shield(server.serve(sockets=[listener]))
