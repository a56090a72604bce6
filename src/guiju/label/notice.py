"""The explicit notice in text: GB 45438-2025, an AI element and a generation element, at the beginning or the end."""

from __future__ import annotations

_WORDS = {"zh": "（以上内容由人工智能生成）", "en": "(The content above is AI-generated.)"}
_WORDS_BEGIN = {"zh": "（以下内容由人工智能生成）", "en": "(The content below is AI-generated.)"}


def beginning(language: str) -> str:
    """What stands before the text."""
    return _WORDS_BEGIN["zh" if language == "zh" else "en"] + "\n\n"


def end(language: str) -> str:
    """What stands after the text."""
    return "\n\n" + _WORDS["zh" if language == "zh" else "en"]
