"""Who appears in the tests. A name tells what a person may do and what they must not see.

小林 builds an app on the service; 阿梅 uses it; 豆豆 is a child who uses it, 豆妈 is her guardian; 老秦 reviews what
was escalated; 何审 answers for compliance; 郑监 inspects from outside; 路人 passes by and must see nothing private.
"""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """One of the cast."""

    name: str
    login: str
    """ASCII, for accounts and for the `user` field of requests."""
    role: str
    """Role in the console, or "" where the person has no account there."""
    age_band: str = "adult"

    @property
    def email(self) -> str:
        """A mailbox that reaches nobody (RFC 2606)."""
        return f"{self.login}@example.com"


LAO_GUI = Person("老规", "laogui", "administrator")
"""Set the installation up."""
XIAO_LIN = Person("小林", "xiaolin", "")
"""App developer: has an API key, no account in the console."""
A_MEI = Person("阿梅", "amei", "")
"""Adult user of 小林's app."""
DOU_DOU = Person("豆豆", "doudou", "", "8to13")
"""A minor."""
DOU_MA = Person("豆妈", "douma", "")
"""豆豆's guardian."""
LAO_QIN = Person("老秦", "laoqin", "reviewer")
HE_SHEN = Person("何审", "heshen", "policy editor")
"""Compliance officer: writes and activates policies."""
ZHENG_JIAN = Person("郑监", "zhengjian", "auditor")
"""Regulator: reads, changes nothing."""
LU_REN = Person("路人", "luren", "")
"""The public."""

EVERYBODY = (LAO_GUI, XIAO_LIN, A_MEI, DOU_DOU, DOU_MA, LAO_QIN, HE_SHEN, ZHENG_JIAN, LU_REN)
