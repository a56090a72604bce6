"""Keys of programs: the published prefixes of vendors, JSON Web Tokens (RFC 7519), and what is called a key and looks
like one. Canonical text is in lower case, so alphabets are too.

A key may be longer than anything that can be held: from its shortest length on it is a finding that goes on to the end
of the run.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from guiju.review.personal.run import Hit, Number, Run

CLASS = "I.api_key"
KEY: re.Pattern[str] = re.compile(
    r"(?<![a-z0-9])(?:"
    r"sk-(?=[a-z_-]{0,19}[0-9])[a-z0-9_-]{20}"  # OpenAI, Anthropic, DeepSeek, Moonshot, …
    r"|gj-[a-z0-9_-]{43}"  # ours
    r"|(?:akia|asia)[a-z0-9]{16}"  # Amazon
    r"|ltai[a-z0-9]{12}"  # Aliyun
    r"|akid[a-z0-9]{32}"  # Tencent
    r"|gh[pousr]_[a-z0-9]{36}|github_pat_[a-z0-9_]{22}"
    r"|glpat-[a-z0-9_-]{20}"
    r"|xox[abprs]-[a-z0-9-]{10}"
    r"|aiza[a-z0-9_-]{35}"  # Google
    r"|hf_[a-z0-9]{30}"
    r"|(?:sk|rk|pk)_(?:live|test)_[a-z0-9]{16}"  # Stripe
    r"|eyj[a-z0-9_-]{17}"  # JSON Web Token
    r")"
)
_REST = re.compile(r"[a-z0-9._\-]*")
_CALLED = re.compile(
    r"(?:api[ _-]?key|access[ _-]?key|secret(?:[ _-]?key)?|token|passw(?:or)?d|密钥|令牌|密码|口令)[\"'\s:=：是为]{1,4}$"
)
_LOOKS = re.compile(r"[a-z0-9_\-.+]{20,}")


def begins(text: str) -> re.Match[str] | None:
    """The first key in a run, as far as its shortest length: enough to know."""
    return KEY.search(text)


def rest(text: str, at: int) -> int:
    """Where a key ends that goes on at `at`."""
    found = _REST.match(text, at)
    return found.end() if found else at


def find(run: Run, found: list[Number]) -> Iterator[Hit]:
    """What is called a key, at the beginning of a run."""
    if _CALLED.search(run.before) and (called := _LOOKS.match(run.text)) and _random(called.group()):
        yield Hit(CLASS, 0, called.end(), "called a key; letters, digits and high entropy")


def _random(text: str) -> bool:
    """Letters and digits, and more than 3.2 bits a character."""
    if not any(c.isdigit() for c in text) or not any(c.isalpha() for c in text):
        return False
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts) > 3.2
