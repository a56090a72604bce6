"""Number plate of mainland China: GA 36-2018. A province's character, a letter, and five places (six for new energy
vehicles), no I and no O; or four and 学, 警, 港, 澳, 挂, 领 or 使.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import PROVINCES, Hit, Number, Run

CLASS = "I.plate"
_PLATE = re.compile(rf"[{PROVINCES}]( ?)[a-hj-np-z](?:[.·-] ?| )?([a-hj-np-z0-9]{{4,6}})(?![a-z0-9])")
_CLOSING = frozenset("学警港澳挂领使")
_WORD = re.compile(r"车|牌|plate|vehicle|licen[cs]e")


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """A plate, where the run begins with a province. With fewer than two digits, or a blank after the province, a word
    must stand near."""
    hit = _PLATE.match(run.text)
    if hit is None:
        return
    places = hit.group(2)
    end = hit.end()
    if len(places) == 4:
        if end < len(run.text) or run.after not in _CLOSING or not run.after:
            return
        end += 1
    elif not _fits(places):
        return
    if sum(c.isdigit() for c in places) >= 2 and not hit.group(1):
        yield Hit(CLASS, 0, end, "province, letter and length fit")
    elif _WORD.search(run.before):
        yield Hit(CLASS, 0, end, "province, letter and length fit; a word for vehicle stands near")


def _fits(places: str) -> bool:
    """Five places; or the six of new energy vehicles, with D or F (later A to K) first, or D or F last."""
    return len(places) == 5 or places[0] in "abcdefghjk" or places[5] in "df"
