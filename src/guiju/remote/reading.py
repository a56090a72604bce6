"""What the adapters share to read an answer: it has the documented shape, or it is a `Fault`. asking.py is the other way.

Nothing that a service says of the text goes into a finding but its labels and numbers: findings are recorded,
contents aren't.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec

from guiju.errors import Said
from guiju.remote.adapter import CATCH_ALL, Adapter, Answer, Asked, Fault
from guiju.types import Finding, Severity

Shape = TypeVar("Shape")
Kind = Literal["key", "request", "limit", "failure"]

_SAYS: dict[Kind, Said] = {
    "key": Said("the key, or its rights, are refused", "密钥或其权限被拒绝"),
    "request": Said("the request is refused", "请求被拒绝"),
    "limit": Said("a limit or quota is reached", "已达到频率或配额上限"),
    "failure": Said("the service failed", "服务发生故障"),
}
_CODE = re.compile(r"[^\w.,:;/&+ -]+")
_RANK: dict[Severity, int] = {"low": 0, "middle": 1, "high": 2}
CODE_LENGTH = 60
"""Most characters of a label or an error code that are kept."""


def fault(kind: Kind, code: object) -> Fault:
    """Why there is no verdict; `code` is the service's own. Another try can help against a limit and a failure."""
    said = Said("{why} ({code})", "{why}（{code}）", why=_SAYS[kind], code=plain(str(code)))
    return Fault(said, again=kind in ("limit", "failure"))


def by_status(answer: Answer) -> Fault:
    """The same where only the HTTP status is to go by."""
    status = answer.status
    if status in (401, 403, 407):
        return fault("key", f"HTTP {status}")
    if status == 429:
        return fault("limit", f"HTTP {status}")
    return fault("failure" if status in (408, 425) or status >= 500 else "request", f"HTTP {status}")


def off_form(*, again: bool = True) -> Fault:
    """No verdict of the documented shape: cut off, a proxy's page, another version."""
    return Fault(
        Said("the answer isn't of the documented form", "返回内容不符合文档所述格式"),
        again=again,
    )


def decode(answer: Answer, shape: type[Shape]) -> Shape:
    """The body as JSON of this shape.

    Raises:
        Fault: it isn't; by the status where that says more.
    """
    told = maybe(answer, shape)
    if told is None:
        raise off_form() if answer.status == 200 else by_status(answer)
    return told


def maybe(answer: Answer, shape: type[Shape]) -> Shape | None:
    """The same, or None."""
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def plain(text: str, most: int = CODE_LENGTH) -> str:
    """A label or a code as it may be recorded: short, and without anything that could act."""
    return _CODE.sub("_", text[:most])


def class_of(adapter: Adapter, *labels: str) -> str:
    """The class of the first label that the adapter knows; `CATCH_ALL` where it knows none."""
    return next((adapter.labels[label] for label in labels if label in adapter.labels), CATCH_ALL)


def classes_of(labels: Iterable[str]) -> frozenset[str]:
    """Every class that an adapter of these can report."""
    return frozenset(labels) | {CATCH_ALL}


def place(text: str, word: str, start: int, end: int) -> tuple[int, int] | None:
    """The characters that a service means by `word` at `start` to `end`; None where it isn't there.

    Services count in characters, in UTF-16 units or in something else, with the end in or out: only what can be seen to
    hold the word is believed.
    """
    if word and start >= 0:
        for last in (end, end + 1):
            if text[start:last] == word:
                return start, last
    return None


def finding(
    adapter: Adapter,
    label: str,
    cls: str,
    asked: Asked,
    severity: Severity,
    *,
    score: float = 1.0,
    why: str = "",
    at: tuple[int, int] | None = None,
) -> Finding:
    """A finding at a place, or over the whole text; a score outside 0 to 1 is brought in."""
    start, end = at or (0, len(asked.text))
    score = min(max(score, 0.0), 1.0) if score == score else 1.0
    return Finding(
        cls=cls,
        detector=adapter.name,
        rule=f"{adapter.name}: {plain(label)}",
        start=start,
        end=end,
        score=score,
        severity=severity,
        why=why,
    )


def once(findings: Iterable[Finding], overall: Severity = "low") -> tuple[Finding, ...]:
    """Without those that say the same of the same place; where none is as severe as the service's verdict on the whole,
    all are: its parts can't speak a block down to a review."""
    found = tuple({(f.cls, f.rule, f.start, f.end): f for f in findings}.values())
    if any(_RANK[f.severity] >= _RANK[overall] for f in found):
        return found
    return tuple(msgspec.structs.replace(f, severity=overall) for f in found)
