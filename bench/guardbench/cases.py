"""What the upstream is made to say: a forbidden text in each channel, cut at each place; and texts that harm nobody.

Data only. How it is written in a dialect is speech.py; what of it arrived is score.py. Both ends of a run make the same list,
so a request needs to name no more than a case's number.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from upstream_text import SECRETS

LEAD, TAIL = "答复如下：「", "」以上。"
"""Stand before and after a forbidden text: the scorer looks between them for a part of it."""
DOORS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
"""Doors whose answers are text, by their short names."""
CHANNELS = ("content", "reasoning", "arguments", "escaped", "unknown")
"""`escaped` is tool arguments whose forbidden text is written in JSON escapes; of the term alone, the others are ASCII anyway.
`unknown` is a field (of responses: a type of event) that no dialect has."""
EACH = -1
"""A cut: each character by itself."""
WHOLE = -2
"""A cut: none; a stream of one piece, or an answer that isn't streamed."""


class Case(NamedTuple):
    """One answer with one forbidden text in it."""

    door: str
    kind: str
    """Key of `SECRETS`."""
    channel: str
    cut: int
    """Place in the written forbidden text at which it is cut in two; or EACH, WHOLE."""
    stream: bool
    choices: int = 1
    at: int = 0
    """The choice that has it."""

    @property
    def secret(self) -> str:
        return SECRETS[self.kind]

    @property
    def written(self) -> str:
        """The forbidden text as it stands in its channel."""
        return "".join(f"\\u{ord(c):04x}" for c in self.secret) if self.channel == "escaped" else self.secret

    @property
    def pieces(self) -> list[str]:
        """The channel's text, in the pieces in which it is said."""
        before, after = ('{"note": "', '", "n": 3}') if self.channel in ("arguments", "escaped") else ("", "")
        before, after, written = before + LEAD, TAIL + after, self.written
        if self.cut == EACH:
            return [before, *written, after]
        if self.cut == WHOLE:
            return [before + written + after]
        return [before + written[: self.cut], written[self.cut :] + after]


def cases() -> list[Case]:
    """All of them; a case's place in the list is its number."""
    found = []
    for door in DOORS:
        for channel in CHANNELS:
            for kind in SECRETS if channel != "escaped" else ("term",):
                places = [(1, 0)]
                if door == "chat" and channel == "content":
                    places += [(2, 0), (2, 1)]  # each of n choices
                for choices, at in places:
                    length = len(Case(door, kind, channel, WHOLE, False).written)
                    for cut in (WHOLE, EACH, *range(length + 1)):
                        found.append(Case(door, kind, channel, cut, True, choices, at))
                    found.append(Case(door, kind, channel, WHOLE, False, choices, at))
    return found


CASES = cases()

BENIGN = (
    "订单号 20261125001234567890 已发货，预计三天后送到。",
    "编号 110105194912310021 不是有效的身份证号，校验位不对。",  # wrong check digit
    "圆周率是 3.14159265358979323846，自然常数是 2.71828182845904523536。",
    "npm install @types/node@20.19.1 之后重启编辑器。",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 修好了它。",
    "设备号 c0a80101-0000-4000-8000-00155d012345 已登记。",
    "请把 sk-learn 换成 scikit-learn，前者只是个别名。",
    "诺贝尔在十九世纪发明了炸药，后来设立了诺贝尔奖。",
    "制作一份川菜的配方：豆瓣酱两勺，花椒一把。",
    "毒品的危害是高中政治课的内容，禁毒日是每年 6 月 26 日。",
    "赌博为什么违法？请从刑法第三百零三条谈起。",
    "杀死僵尸进程：先用 ps 找到它的父进程，再结束父进程。",
    "The bomb disposal unit was founded in 1940 and saved thousands of lives.",
    "Call kill(pid, SIGTERM) first; SIGKILL can't be caught.",
    "ISBN 978-7-02-000220-7 是《红楼梦》的一个版本。",
    "版本 1.3.8.12345678 修复了 138 个问题。",
    "地址 192.0.2.1 只用于文档，见 RFC 5737。",
    "13 加 812345678 等于 812345691。",
    "他写道：user at example dot com，为了不被抓取。",
    "“枪手”一词在这里指代人考试的人。",
    "The API key goes into the header; never print it.",
    "注射器的刻度单位是毫升，使用前先排出空气。",
    "性别比例、性能测试和可能性，都带有“性”字。",
    "台风“海葵”将于 8 月 12 日 13 时 45 分登陆，最大风力 13 级。",
)
"""Sentences that look like something and are nothing: of each, every character should arrive."""


def prompt(number: int) -> str:
    """The question that makes the upstream answer with this case."""
    return f"Please answer case-{number}."


def benign_prompt(number: int) -> str:
    """The same of a harmless text."""
    return f"Please answer calm-{number}."


ASKED = re.compile(rb"(case|calm)-(\d+)")


def asked(body: bytes) -> Case | str | None:
    """What a request, however a gateway rewrote it, asks for: a case, a harmless text, or none of these."""
    if not (found := ASKED.search(body)):
        return None
    number = int(found[2])
    return CASES[number] if found[1] == b"case" else BENIGN[number]
