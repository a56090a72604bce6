"""Every extension point, declared once; built-ins listed in order, loaded like anybody else's.

| point | Protocol | entry-point group |
|---|---|---|
| a door (dialect) | wire/dialect.py `Dialect` | `guiju.dialects` |
| a detector | review/detector.py `Detector`, made by a factory `(Sources) -> Detector or None` | `guiju.detectors` |

A console room is no plugin of the data plane: control/rooms.py has its own table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from guiju.review import load
from guiju.review.detector import Detector, Sources
from guiju.review.judge import Placeholders, Reviewer
from guiju.review.policy import Policy
from guiju.review.taxonomy import Taxonomy
from guiju.wire.dialect import Dialect

DIALECTS: tuple[str, ...] = (
    "guiju.wire.openai_chat:DIALECT",
    "guiju.wire.openai_completions:DIALECT",
    "guiju.wire.openai_embeddings:DIALECT",
    "guiju.wire.anthropic_messages:DIALECT",
    "guiju.wire.anthropic_count:DIALECT",
    "guiju.wire.ollama:OLLAMA_CHAT",
    "guiju.wire.ollama:OLLAMA_GENERATE",
    "guiju.wire.openai_responses:DIALECT",
)
"""In order: on a shared path the first wins."""

DETECTORS: tuple[str, ...] = (
    "guiju.review.lexicon:detector",
    "guiju.review.personal.scanner:detector",
    "guiju.review.pattern:detector",
)
"""In order: findings at the same place are listed in this order."""


def _load(built_in: tuple[str, ...], group: str) -> Iterator[Any]:
    for reference in built_in:
        module, _, name = reference.partition(":")
        yield getattr(import_module(module), name)
    for point in entry_points(group=group):
        yield point.load()


def dialects() -> dict[str, Dialect]:
    """Request path -> the dialect that speaks there."""
    table: dict[str, Dialect] = {}
    for dialect in _load(DIALECTS, "guiju.dialects"):
        for path in dialect.paths:
            table.setdefault(path, dialect)
    return table


def detector_factories() -> list[Callable[[Sources], Detector | None]]:
    """The makers of all detectors, built-ins first."""
    return list(_load(DETECTORS, "guiju.detectors"))


@cache
def taxonomy() -> Taxonomy:
    """The classes of risk: the shipped ones, and what each detector's module says of its own classes in `TAXONOMY`."""
    modules = [import_module(factory.__module__) for factory in detector_factories()]
    more = {cls: row for module in modules for cls, row in getattr(module, "TAXONOMY", {}).items()}
    return Taxonomy(load.taxonomy_yaml(), more)


def reviewer(policy: Policy, lexicons: Mapping[str, bytes], placeholders: Placeholders) -> Reviewer:
    """Compile a policy, the lexicons' blobs and every detector into what judges texts.

    Args:
        lexicons: lexicon name -> blob.
        placeholders: of the taxonomy (guiju.review.taxonomy).
    """
    sources = Sources(policy, lexicons)
    detectors = (factory(sources) for factory in detector_factories())
    return Reviewer(policy, [d for d in detectors if d is not None], placeholders)
