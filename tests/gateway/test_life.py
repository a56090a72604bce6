"""The table of allowed moves says what the product promises."""

from __future__ import annotations

import pytest

from guiju.gateway.life import ADMITTED, CLOSED, JUDGED, MAY, OPENED, RECEIVED, SERVING


def ways(state: str) -> list[list[str]]:
    """Every way from a state to the end."""
    return [[state, *way] for to in MAY[state] for way in ways(to)] or [[state]]


def test_nothing_is_served_that_was_not_judged_and_recorded():
    for way in ways(RECEIVED):
        if SERVING in way:
            assert way.index(ADMITTED) < way.index(JUDGED) < way.index(OPENED) < way.index(SERVING)


def test_everything_ends_closed_and_stays_so():
    assert {way[-1] for way in ways(RECEIVED)} == {CLOSED}
    assert MAY[CLOSED] == frozenset()


def test_an_exchange_refuses_any_other_move():
    from guiju.gateway.exchange import Exchange

    exchange = Exchange.__new__(Exchange)
    exchange.state = RECEIVED
    with pytest.raises(AssertionError):
        exchange.move(SERVING)
