"""A fault is told in both languages, and never says that a text is clean."""

from __future__ import annotations

from guiju.errors import Said
from guiju.remote.adapter import Fault


def test_a_fault_says_what_and_whether_again():
    fault = Fault(Said("it failed", "失败"), again=True)
    assert (str(fault), fault.said.zh, fault.again) == ("it failed", "失败", True)
