"""Number plate of mainland China: GA 36-2018. A province's character, a letter, and five places (six for new energy
vehicles), no I and no O; the last may be 学 警 港 澳 挂.

The province's character stands before the run, so the hit may begin at -1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.plate"
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(r"[a-hj-np-z][.·-]?([a-hj-np-z0-9]{5,6})(?![a-z0-9])")
_WORD = re.compile(r"车|牌")


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """A plate, where the run follows a province's character. With fewer than two digits a word must stand near."""
    if not run.before or run.before[-1] not in PROVINCES:
        return
    hit = _PLATE.match(run.text)
    if hit is None or not _fits(hit.group(1)):
        return
    if sum(c.isdigit() for c in hit.group(1)) >= 2:
        yield Hit(CLASS, -1, hit.end(), "province, letter and length fit")
    elif _WORD.search(run.before):
        yield Hit(CLASS, -1, hit.end(), "province, letter and length fit; a word for vehicle stands near")


def _fits(places: str) -> bool:
    """Five places; or the six of new energy vehicles, with D or F (later A to K) first, or D or F last."""
    return len(places) == 5 or places[0] in "abcdefghjk" or places[5] in "df"
