"""A detector elsewhere, asked once about harmless words: does a verdict come? For `guiju detector test` and `guiju doctor`."""

from __future__ import annotations

import asyncio
import secrets
from typing import NamedTuple

from guiju.errors import GuijuError, Said
from guiju.gateway.elsewhere import Unusable, source_of
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


def unusable(ref: Detector, keyring: Keyring) -> Said | None:
    """Why it can't be asked at all: a setting or a key is missing, or its secrets can't be opened. Asks nobody."""
    try:
        source = source_of(ref, _secret(ref, keyring))
    except CannotOpen:
        return Said("its secrets can't be opened with the key of this installation", "无法用本安装的密钥打开其保密设置")
    return source.said if isinstance(source, Unusable) else None


def ask(ref: Detector, keyring: Keyring) -> Told:
    """Ask it, within the time of one try."""
    if problem := unusable(ref, keyring):
        return Told((), problem)
    secret = _secret(ref, keyring)

    async def asking() -> tuple[Finding, ...]:
        source = source_of(ref, secret)
        try:
            async with asyncio.timeout(ref.timeout):
                return await source.ask(TEXT, Context(direction="input"), secrets.token_hex(16))
        finally:
            source.close()

    try:
        return Told(tuple(f.cls for f in asyncio.run(asking())), None)
    except TimeoutError:
        return Told((), Said("no answer within {n} s", "{n} 秒内没有回答", n=f"{ref.timeout:g}"))
    except Fault as fault:
        return Told((), fault.said)
    except GuijuError as error:
        return Told((), Said(error.sentence("en"), error.sentence("zh")))


def _secret(ref: Detector, keyring: Keyring) -> str:
    return keyring.unseal_secret(ref.secrets, f"detector:{ref.name}") if ref.secrets else ""
