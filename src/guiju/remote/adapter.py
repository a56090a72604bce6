"""What a detector elsewhere is: pure translation in both directions. Counterpart: whoever sends what is asked here and
hands back what came.

An adapter knows one service's public interface: how a text is asked about, signed and addressed, and what an answer means
in classes of the taxonomy. It does no I/O, reads no clock and draws nothing: time and nonce are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from guiju.errors import Said
from guiju.types import Direction, Finding

CATCH_ALL = "A.1.h"
"""The class of what a service objects to under a label that its adapter doesn't know: other content forbidden by law."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One text that a detector elsewhere is asked about."""

    text: str
    """At most `Adapter.limit` characters; longer texts are cut, overlapping, by who asks."""
    direction: Direction
    id: str
    """Of the question, new for each try: services that want a data id or request id of the caller's get this one."""
    before: str = ""
    """What a judgement of an answer may need: the prompt that it answers. "" where there is none, or for prompts."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP request that asks."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    """`content-length` and `host` are added by who sends, unless they are signed and therefore stand here."""
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    body: bytes


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of an adapter, as the console asks for it."""

    name: str
    label: Said
    secret: bool = False
    """Sealed at rest and never shown again."""
    default: str | None = None
    """None: it must be given."""
    choices: tuple[str, ...] = ()


class Fault(Exception):
    """The service gave no verdict. Never means that the text is clean."""

    def __init__(self, said: Said, *, again: bool) -> None:
        super().__init__(str(said))
        self.said = said
        self.again = again
        """Whether another try can help: true for a limit or a failure of theirs, false for a wrong key or request."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told of an adapter, in the console and in docs/reference/adapters.md."""

    title: Said
    pages: tuple[str, ...]
    """Addresses of the public documentation that it was written from."""
    checked: Said
    """What was compared with those pages, and what could not be."""


class Adapter(Protocol):
    """One service. Shipped ones are listed in guiju/remote/__init__.py."""

    name: str
    """In lower case: `aliyun`, `qwen3guard`."""
    about: About
    fields: tuple[Field, ...]
    labels: Mapping[str, str]
    """Label of the service -> class of the taxonomy. A label that isn't here is reported as `CATCH_ALL`."""
    classes: frozenset[str]
    """Every class it can report; a root (`X`) stands for all below it where the service names classes itself."""
    limit: int
    """Most characters of one question, from its documentation; lower where the service counts bytes or UTF-16
    units."""

    def ask(self, asked: Asked, settings: Mapping[str, str], *, now: datetime, nonce: str) -> Request:
        """The request that asks about a text.

        Args:
            settings: name of a field -> value, secrets in the clear; defaults are filled in.
            now: with its time zone, for signatures.
            nonce: 32 hex digits, drawn anew for each request.

        Raises:
            Fault: a setting can't be used: an address that is none, a key with a line break.
        """
        ...

    def findings(self, answer: Answer, asked: Asked, settings: Mapping[str, str]) -> tuple[Finding, ...]:
        """What the answer says; nothing where the service calls the text clean.

        `start` and `end` are characters of `asked.text`: the whole text where the service names no place. `detector` is
        the adapter's name; who asks puts the configured detector's there. `rule` and `why` never quote the text.

        Args:
            settings: as for `ask`: a threshold is one of them.

        Raises:
            Fault: an error, or anything that isn't a verdict of the documented shape.
        """
        ...
