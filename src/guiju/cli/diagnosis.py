"""What a check of `guiju doctor` came to."""

from __future__ import annotations

from typing import Literal, NamedTuple

from guiju.errors import Said

State = Literal["good", "look", "bad"]


class Finding(NamedTuple):
    """What a check came to."""

    what: Said
    state: State
    said: str
    remedy: str = ""
