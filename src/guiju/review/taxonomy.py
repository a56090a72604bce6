"""The classes of risk: names, basis, placeholder, OpenAI's category. taxonomy.yaml is the table; load.py reads it.

Pure. A class that doesn't say something takes it from the class above it: `A.1.h.drugs` rests on what `A.1` rests on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import yaml

_OWN = re.compile(r"X(?:\.[a-z0-9_]{1,40}){1,4}")
"""The provider's own classes, for detectors and lexicons of theirs: nobody needs to declare them."""


class Taxonomy:
    """The table, parsed.

    Args:
        text: YAML: class id -> zh, en, basis, moderation, mask.
        more: rows of the same kind: what detectors say of their own classes, below `X`.
    """

    def __init__(self, text: str, more: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> None:
        self._table: dict[str, Mapping[str, Any]] = {str(k): v for k, v in yaml.safe_load(text).items()}
        for cls in self._table:
            parent = cls.rpartition(".")[0]
            assert not parent or parent in self._table, f"{cls} has no class above it"
        for cls, row in more.items():
            assert _OWN.fullmatch(cls) or cls in self._table, f"{cls}: a detector's own classes stand below X"
            self._table.setdefault(cls, row)

    def __contains__(self, cls: object) -> bool:
        return cls in self._table or (isinstance(cls, str) and _OWN.fullmatch(cls) is not None)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class, in the table's order."""
        return tuple(self._table)

    def name(self, cls: str, language: str) -> str:
        """Its name for people; the id itself for a class that isn't here (another version's)."""
        return str(self._field(cls, _short(language)) or cls)

    def basis(self, cls: str, language: str) -> str:
        """The rule it rests on; "" where none is known."""
        return str((self._field(cls, "basis") or {}).get(_short(language), ""))

    def placeholder(self, cls: str, language: str) -> str:
        """What stands in place of a masked finding: it holds no character of it."""
        mask = self._field(cls, "mask")
        return str(mask[_short(language)]) if mask else ("[已隐去]" if _short(language) == "zh" else "[removed]")

    def moderation(self, cls: str) -> str:
        """OpenAI's moderation category; "" where it has none."""
        return str(self._field(cls, "moderation") or "")

    def nearest(self, cls: str) -> str:
        """The class that was probably meant; "" where none is near."""
        return next(iter(difflib.get_close_matches(cls, self._table, n=1, cutoff=0.5)), "")

    def _field(self, cls: str, field: str) -> Any:
        while cls:
            row = self._table.get(cls)
            if row and field in row:
                return row[field]
            cls = cls.rpartition(".")[0]
        return None


def _short(language: str) -> str:
    return "zh" if language.startswith("zh") else "en"
