"""What of the settings of a slow detector is outside the promise of review before serving. One list for pages, commands and
warnings. Pure.
"""

from __future__ import annotations

from guiju.errors import Said
from guiju.review.policy import Asking
from guiju.types import Direction

_OPEN: dict[Direction, Said] = {
    "input": Said("without its verdict prompts pass unjudged", "无结论时提问不经判断即放行"),
    "output": Said("without its verdict answers pass unjudged", "无结论时回答不经判断即放行"),
}


def outside(how: Asking) -> list[Said]:
    """A clause for each such setting; none where everything waits for its verdict. One that only observes holds nothing and
    promises nothing."""
    if how.observe:
        return []
    found = [said for direction, said in _OPEN.items() if direction in how.directions and direction in how.fails_open]
    if how.lead and "output" in how.directions:
        found.append(
            Said(
                "a stream may be up to {n} characters ahead of its verdict",
                "流式回答可领先其结论最多 {n} 个字符",
                n=how.lead,
            )
        )
    return found
