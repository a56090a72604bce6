"""The AIGC label record: GB 45438-2025, Appendix E; the provider's code: TC260-PG-20252A.

Pure. The same seven fields go into every medium; notice.py has the words that people see. Field values are ASCII from
0x21 to 0x7E without blanks, so a provider is named by its code and not by its Chinese name.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from guiju.errors import Said

DEMO_CODE = "UNREGISTERED-DEMO"
"""Until the provider's own code is set: red in the console, and only the demo service runs."""

_ORGANISATION = re.compile(r"0011([0-9A-HJ-NPQRTUWXY]{18})(?:[12][0-9A-Z]{4}|00000)")
_VALUE = re.compile(r"[\x21-\x7e]*")
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


class LabelRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the implicit label says. Raises: ValueError where a value holds a character that isn't allowed."""

    Label: str
    """"1" is generated, "2" may be, "3" is suspected to be."""
    ContentProducer: str = ""
    """The provider's code."""
    ProduceID: str = ""
    """Our content id: exchange and choice."""
    ReservedCode1: str = ""
    ContentPropagator: str = ""
    PropagateID: str = ""
    ReservedCode2: str = ""

    def __post_init__(self) -> None:
        if _VALUE.fullmatch(
            f"{self.Label}{self.ContentProducer}{self.ProduceID}{self.ReservedCode1}"
            f"{self.ContentPropagator}{self.PropagateID}{self.ReservedCode2}"
        ):
            return
        for name, value in msgspec.structs.asdict(self).items():
            if not _VALUE.fullmatch(value):
                said = Said(
                    "{name} holds a character outside 0x21 to 0x7E (GB 45438-2025, Appendix E)",
                    "{name} 含 0x21 至 0x7E 以外的字符（GB 45438-2025 附录 E）",
                    name=name,
                )
                raise ValueError(said)

    def wrapped(self) -> dict[str, Any]:
        """`{"AIGC": {…}}`, as it stands in JSON."""
        return {"AIGC": msgspec.to_builtins(self)}

    def text(self) -> str:
        """The same as JSON text, for headers and files."""
        return '{"AIGC":' + msgspec.json.encode(self).decode() + "}"


def produced(code: str, content_id: str) -> LabelRecord:
    """The record of content that this provider generated."""
    return LabelRecord(Label="1", ContentProducer=code, ProduceID=content_id)


def valid_code(code: str) -> bool:
    """Whether a provider code is an organisation's and its credit code's check character holds (GB 32100-2015)."""
    found = _ORGANISATION.fullmatch(code)
    if found is None:
        return False
    credit = found.group(1)
    total = sum(_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(credit[:17]))
    return _ALPHABET[(31 - total % 31) % 31] == credit[17]


def read(text: str) -> LabelRecord | None:
    """A record from JSON text, wrapped or not, the label as a number or not; None where it is none."""
    try:
        value = msgspec.json.decode(text.removeprefix("AIGC"))
    except (ValueError, RecursionError):  # no JSON, or no text at all
        return None
    inner = value.get("AIGC", value) if isinstance(value, dict) else None
    if not isinstance(inner, dict) or "Label" not in inner:
        return None
    fields = {k: str(inner[k]) for k in LabelRecord.__struct_fields__ if inner.get(k) is not None}
    try:
        return LabelRecord(**fields)
    except ValueError:
        return None
