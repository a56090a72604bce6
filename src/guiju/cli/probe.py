"""A detector elsewhere, asked once about harmless words: does a verdict come? For `guiju detector test` and `guiju doctor`."""

from __future__ import annotations

import asyncio
import secrets
from typing import NamedTuple

from guiju.errors import GuijuError, Said
from guiju.gateway.elsewhere import Elsewhere, Unusable, source_of
from guiju.guard import Context
from guiju.journal.keyring import Keyring
from guiju.ledger.seal import CannotOpen
from guiju.remote.adapter import Fault
from guiju.snapshot import Detector
from guiju.types import Finding

TEXT = "今天天气很好，我们去公园散步。 It is a fine day for a walk in the park."


class Told(NamedTuple):
    """What came."""

    classes: tuple[str, ...]
    """Of what it found."""
    problem: Said | None
    """Why there is no verdict; None where there is one."""


def source(ref: Detector, keyring: Keyring) -> Elsewhere | Unusable:
    """What asks it; `Unusable` where a setting or a key is missing, or its secrets can't be opened. Asks nobody."""
    try:
        secret = keyring.unseal_secret(ref.secrets, f"detector:{ref.name}") if ref.secrets else ""
    except CannotOpen:
        said = Said("its secrets can't be opened with the key of this installation", "无法用本安装的密钥打开其保密设置")
        return Unusable(said)
    return source_of(ref, secret)


def ask(source: Elsewhere | Unusable, timeout: float) -> Told:
    """Ask it once, within the seconds of one try."""

    async def asking() -> tuple[Finding, ...]:
        try:
            async with asyncio.timeout(timeout):
                return await source.ask(TEXT, Context(direction="input"), secrets.token_hex(16))
        finally:
            source.close()

    try:
        return Told(tuple(f.cls for f in asyncio.run(asking())), None)
    except TimeoutError:
        return Told((), Said("no answer within {n} s", "{n} 秒内没有回答", n=f"{timeout:g}"))
    except Fault as fault:
        return Told((), fault.said)
    except GuijuError as error:
        return Told((), Said(error.sentence("en"), error.sentence("zh")))
