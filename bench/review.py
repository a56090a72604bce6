"""What review itself costs, in this process: CPU per 500 characters as lexicons grow, loading, and how much text waits.

The terms are the hard case: made of the characters of the very prose that is reviewed, as often as they stand there, but
none of them is in it. The prose is the tests' (Chinese) and this repository's documents (English).
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from guiju import plugins
from guiju.review import load
from guiju.review.judge import Reviewer
from guiju.review.lexicon_blob import Term, encode_terms

ROOT = Path(__file__).resolve().parent.parent
CHINESE = (ROOT / "tests" / "data" / "prose_zh.txt").read_text(encoding="utf-8")
ENGLISH = "".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs" / "explanation").glob("*.md")))
URLS = "".join(
    f"See https://docs.example.org/guide/{n}/install?lang=en&page={n * 7}#step-{n % 9} for it.\n" for n in range(99)
)
COUNTS = (1_000, 20_000, 100_000)


def terms(count: int) -> bytes:
    """A lexicon's blob."""
    rng, letters, made = random.Random(1), [c for c in CHINESE if c.isalnum()], set()
    bare = "".join(letters)
    while len(made) < count:
        term = "".join(rng.choices(letters, k=rng.randint(2, 6)))
        if term not in bare:
            made.add(term)
    return encode_terms(Term(text=t, cls="A.1.h.gambling") for t in made)


def reviewer(blob: bytes) -> Reviewer:
    """Every shipped detector under the default policy, and these terms."""
    shipped = {name: encode_terms(listed) for name, listed in load.default_lexicons().items()}
    return plugins.reviewer(load.default_policy(), shipped | {"bench": blob}, load.taxonomy().placeholder)


def cost(of: Reviewer, text: str, rounds: int) -> float:
    """CPU microseconds per 500 characters of a whole text's review; the quickest of some rounds."""
    pieces = [text[at : at + 500] for at in range(0, len(text) - 499, 500)]
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for piece in pieces * 10:
            of.review(piece, direction="output")
        best = min(best, time.process_time() - began)
    return best / len(pieces) / 10 * 1e6


def held(of: Reviewer, text: str) -> tuple[float, int]:
    """Characters that wait after each character: mean, and the 99th percentile."""
    gate, counts = of.holdback(direction="output"), []
    for char in text:
        gate.feed(char)
        counts.append(gate.held)
    return sum(counts) / len(counts), sorted(counts)[len(counts) * 99 // 100]


def measure(quick: bool) -> dict[str, float]:
    """Every figure of this file."""
    found: dict[str, float] = {}
    for count in COUNTS:
        blob = terms(count)
        began = time.perf_counter()
        of = reviewer(blob)
        found[f"load_seconds_{count}"] = time.perf_counter() - began
        for language, text in (("zh", CHINESE), ("en", ENGLISH)):
            found[f"cpu_us_per_500_{language}_{count}"] = cost(of, text, 3 if quick else 15)
    for language in ("zh", "en"):
        first, last = (found[f"cpu_us_per_500_{language}_{count}"] for count in (COUNTS[0], COUNTS[-1]))
        found[f"growth_{language}"] = last / first
    for name, text in (("zh", CHINESE), ("en", ENGLISH), ("urls", URLS)):
        found[f"held_mean_{name}"], found[f"held_p99_{name}"] = held(of, text)
    return found
