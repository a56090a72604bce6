"""A detector's machine fed with one text in many ways, for tests: what it finds can't depend on how the text was cut."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from guiju.review.canon import Canon
from guiju.review.detector import Detector, Scanner
from guiju.types import Direction, Finding


def scanners_of(detector: Detector, direction: Direction = "output") -> Callable[[], Scanner]:
    """Fresh machines of a detector, each of its classes acted upon."""
    return lambda: detector.scanner(detector.classes, direction)


def canonical(text: str) -> str:
    """The form in which detectors see a text."""
    return Canon().feed(text)


def pieces(text: str, cuts: Iterable[int]) -> Iterator[str]:
    """A text cut at these places."""
    last = 0
    for cut in [*sorted({min(max(c, 0), len(text)) for c in cuts}), len(text)]:
        yield text[last:cut]
        last = cut


def fed(scanner: Scanner, text: str, cuts: Iterable[int], limit: int = 1 << 62) -> list[Finding]:
    """All that a machine finds in canonical text cut at these places; on the way it must keep what `Scanner` promises."""
    findings: list[Finding] = []
    safe = taken = 0
    for piece in pieces(text, cuts):
        taken += len(piece)
        scan = scanner.feed(piece)
        assert safe <= scan.safe_up_to <= taken, "safe_up_to fell, or lies ahead of the text"
        assert taken - scan.safe_up_to <= limit, f"holds {taken - scan.safe_up_to} characters, more than its limit"
        findings += checked(scan.findings, safe, taken)
        safe = scan.safe_up_to
    return findings + checked(scanner.close(), safe, taken)


def checked(findings: list[Finding], safe: int, taken: int) -> list[Finding]:
    """Findings as they were told: none in what was called safe, none beyond what was fed."""
    for found in findings:
        assert safe <= found.start < found.end <= taken, f"{found} begins in what was safe ({safe}), or is empty"
    return findings


def merged(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """(class, start, end) in order; what goes on is one finding, however many pieces it was told in."""
    out: list[tuple[str, int, int]] = []
    for found in sorted(findings, key=lambda f: (f.cls, f.start, f.end)):
        if found.going_on and out and out[-1][0] == found.cls and out[-1][2] >= found.start:
            out[-1] = (found.cls, out[-1][1], max(out[-1][2], found.end))
        else:
            out.append((found.cls, found.start, found.end))
    return sorted(out, key=lambda row: (row[1], row[2], row[0]))


def every_cut(detector: Detector, text: str, *, direction: Direction = "output") -> list[str]:
    """What a detector finds in a text, as `class: words`: the same whole, character by character and in any halves.

    `text` is made canonical first, as in the gateway.
    """
    make, text = scanners_of(detector, direction), canonical(text)
    whole = merged(fed(make(), text, (), detector.limit + len(text)))
    assert merged(fed(make(), text, range(len(text)), detector.limit + 1)) == whole, "character by character"
    for cut in range(1, len(text)):
        assert merged(fed(make(), text, (cut,), detector.limit + len(text))) == whole, f"cut at {cut}"
    assert not (whole and detector.clear(text)), "`clear` is true of a text that isn't"
    return [f"{cls}: {text[start:end]}" for cls, start, end in whole]


def at_random(detector: Detector, text: str, rng: random.Random) -> None:
    """The same findings under some random cuts."""
    make = scanners_of(detector)
    whole = merged(fed(make(), text, ()))
    cuts = [rng.randint(0, len(text)) for _ in range(rng.randint(1, 20))]
    assert merged(fed(make(), text, cuts)) == whole
