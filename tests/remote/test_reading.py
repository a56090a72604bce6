"""Places that a service names are believed only where the word stands; faults say whether another try can help."""

from __future__ import annotations

import pytest

from guiju.remote.adapter import Answer
from guiju.remote.reading import by_status, fault, place, plain


@pytest.mark.parametrize(
    ("word", "start", "end", "found"),
    [
        ("微信", 1, 3, (1, 3)),  # the end is out
        ("微信", 1, 2, (1, 3)),  # the end is in
        ("微信", 2, 4, None),  # counted in other units
        ("微信", -1, -1, None),
        ("", 0, 0, None),
        ("微信", 1, 99, None),
    ],
)
def test_a_place_is_believed_where_the_word_stands(word: str, start: int, end: int, found: tuple[int, int] | None):
    assert place("加微信吧", word, start, end) == found


def test_a_fault_tells_the_services_code_in_both_languages_and_nothing_that_acts():
    told = fault("limit", "Throttling.<script>\n" + "x" * 500)
    assert told.again
    assert "<" not in told.said
    assert "\n" not in told.said
    assert "上限" in told.said.zh
    assert len(told.said) < 120


def test_a_status_is_told():
    assert str(by_status(Answer(status=503, body=b""))) == "the service failed (HTTP 503)"
    assert plain("a" * 100) == "a" * 60
