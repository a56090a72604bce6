"""When an upstream is asked, and when it is left alone."""

from guiju.gateway.breaker import FAILURES, LONGEST, PAUSE, Breaker


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.wait(0.0) == 0
        breaker.begin(0.0)
        breaker.failed(0.0)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not():
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failed(0.0)
        breaker.succeeded()
    assert (breaker.state(0.0), breaker.wait(0.0)) == ("closed", 0)
    breaker = opened()
    assert (breaker.state(1.0), breaker.wait(1.0)) == ("open", PAUSE - 1)


def test_after_its_pause_one_request_tries_and_the_others_wait():
    breaker = opened()
    assert (breaker.state(PAUSE), breaker.wait(PAUSE)) == ("half_open", 0)
    breaker.begin(PAUSE)
    assert breaker.wait(PAUSE) > 0
    breaker.succeeded()
    assert (breaker.state(PAUSE), breaker.wait(PAUSE)) == ("closed", 0)


def test_a_try_that_fails_doubles_the_pause_up_to_the_longest():
    breaker, now, pauses = opened(), PAUSE, []
    for _ in range(6):
        breaker.begin(now)
        breaker.failed(now)
        pauses.append(breaker.wait(now))
        now += pauses[-1]
    assert pauses == [2 * PAUSE, 4 * PAUSE, 8 * PAUSE, LONGEST, LONGEST, LONGEST]


def test_a_try_that_nobody_waits_for_any_more_lets_another_one_try():
    breaker = opened()
    breaker.begin(PAUSE)
    breaker.abandoned()
    assert breaker.wait(PAUSE) == 0


def test_one_that_asks_for_rest_is_well():
    breaker = Breaker()
    breaker.rest(0.0, 3.0)
    assert (breaker.state(1.0), breaker.wait(1.0), breaker.wait(3.0)) == ("closed", 2.0, 0)
    breaker.rest(0.0, 86_400.0)
    assert breaker.wait(0.0) == LONGEST
    breaker.begin(LONGEST)
    assert breaker.wait(LONGEST) == 0  # everybody may ask again, not only one
    breaker.succeeded()
    assert breaker.wait(0.0) == 0
