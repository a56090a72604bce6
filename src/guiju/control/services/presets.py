"""Presets: what an upstream of a known vendor looks like, so that nobody has to look it up. presets.yaml is the table."""

from datetime import date
from functools import cache
from importlib.resources import files

import msgspec

from guiju.errors import BadRequest, Said

FILLS = ("url", "dialect", "offers", "key_header", "query", "unknown_fields", "vendor", "residency")
"""Fields of an upstream that a preset says."""


class Text(msgspec.Struct, frozen=True):
    """A sentence in both languages."""

    zh: str
    en: str

    def said(self) -> Said:
        """As everything else says it."""
        return Said(self.en, self.zh)


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the table; presets.yaml says what its columns mean."""

    name: str
    title: Text
    vendor: str
    url: str
    dialect: str
    offers: tuple[str, ...]
    docs: str
    checked: date
    residency: str = ""
    key_header: str = ""
    query: str = ""
    unknown_fields: str = "send"
    note: Text = Text("", "")

    def fields(self) -> dict[str, str]:
        """The upstream's fields, as its row keeps them."""
        said = {name: getattr(self, name) for name in FILLS}
        return said | {"offers": " ".join(self.offers)}


class NoSuchPreset(BadRequest):
    text_en = "There is no preset '{name}'. There are: {there}"
    text_zh = "没有名为“{name}”的预设。现有：{there}"


@cache
def presets() -> dict[str, Preset]:
    """All, by name, in the table's order."""
    import yaml

    rows = msgspec.convert(yaml.safe_load(files(__package__).joinpath("presets.yaml").read_text("utf-8")), list[Preset])
    return {row.name: row for row in rows}


def preset(name: str) -> Preset:
    """One. Raises: NoSuchPreset."""
    if name not in presets():
        raise NoSuchPreset(name=name, there=", ".join(presets()))
    return presets()[name]
