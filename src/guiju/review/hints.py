"""Words that more than one reader of files has for a mistake: what is unknown, and what may stand there instead.

Pure. policy_file.py and lexicon_check.py are the readers.
"""

from __future__ import annotations

from collections.abc import Iterable

from guiju.errors import Said


def unknown_class(cls: str) -> Said:
    """A class that the taxonomy doesn't have."""
    return Said("class `{cls}` is unknown", "不认识的类别：`{cls}`", cls=cls)


def did_you_mean(near: str) -> Said:
    """The word that was probably meant."""
    return Said("did you mean {near}?", "是否想写 {near}？", near=near)


def one_of(words: Iterable[str]) -> Said:
    """All that may stand there."""
    return Said("one of: {words}", "可选：{words}", words=", ".join(words))
