"""What the upstream says, and which of it a slow detector forbids: seeded, so that every run has the same answers.

Pure. The prose is the tests'; a forbidden passage is a clause of one of its sentences, and no shipped detector knows it.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

PROSE = Path(__file__).resolve().parents[2] / "tests" / "data" / "prose_zh.txt"
PASSAGES = (
    "青鸟的底价是四千三",
    "老周今晚会把样机带出厂",
    "第三季度的亏损要到开完会才公布",
    "北库的值班表贴在传达室门后谁都能抄",
    "合并的消息下周一见报在那以前先把手里的都换成另一家",
)
"""Of 9 to 25 characters: what a company keeps to itself, so a question of meaning and not of words."""
LENGTH = 170
"""Least characters of an answer without its passage."""
SEED = 4


class Answer(NamedTuple):
    """Prose with one forbidden passage."""

    text: str
    start: int
    end: int
    """The passage: its first character, and one past its last."""
    sentence: int
    """Where the sentence begins in which it stands: all before is delivered, whatever the lead."""


def made(count: int) -> list[Answer]:
    """So many answers; a passage stands before a random clause of a random sentence."""
    rng = random.Random(SEED)
    sentences = re.findall(r"[^。！？\n]+[。！？]", PROSE.read_text(encoding="utf-8"))
    return [_answer(rng, sentences, PASSAGES[number % len(PASSAGES)]) for number in range(count)]


def _answer(rng: random.Random, sentences: list[str], passage: str) -> Answer:
    text = ""
    for sentence in rng.sample(sentences, len(sentences)):
        text += sentence
        if len(text) >= LENGTH:
            break
    clauses = [0, *(found.end() for found in re.finditer(r"[，。！？]", text[:-1]))]
    start = rng.choice(clauses)
    sentence = max(text.rfind(end, 0, start) for end in "。！？") + 1
    return Answer(f"{text[:start]}{passage}，{text[start:]}", start, start + len(passage), sentence)


def forbidden(text: str) -> list[tuple[int, int]]:
    """Where the passages stand in a text, as the slow detector answers: whole ones."""
    return [(at.start(), at.end()) for passage in PASSAGES for at in re.finditer(passage, text)]
