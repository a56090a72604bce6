"""In which order upstreams are tried."""

import random
from collections import Counter

from guiju.gateway import routing
from guiju.snapshot import ModelRoute


def route(upstream: str, **more) -> tuple[ModelRoute, str]:
    return ModelRoute(name="m", upstream=upstream, model=f"{upstream}-m", **more), "openai"


def first(routes, wait=lambda name: 0.0, rounds: int = 4000) -> Counter[str]:
    draw = random.Random(7).random
    return Counter(routing.plan(routes, wait, draw)[0].upstream for _ in range(rounds))


def test_each_is_asked_in_its_share():
    asked = first([route("a", weight=3), route("b", weight=1)])
    assert 0.72 < asked["a"] / asked.total() < 0.78


def test_a_higher_order_is_asked_only_after_the_lower_ones():
    routes = [route("last", order=2, weight=100), route("first"), route("second", order=1)]
    plan = routing.plan(routes, lambda name: 0.0, random.Random(1).random)
    assert [t.upstream for t in plan] == ["first", "second", "last"]
    assert plan[0] == routing.Target("first", "first-m", "openai")


def test_one_that_is_paused_comes_last_and_the_one_that_is_back_soonest_before_it():
    waits = {"a": 9.0, "b": 3.0, "c": 0.0}
    plan = routing.plan([route("a"), route("b"), route("c", order=5)], waits.__getitem__, random.Random(1).random)
    assert [t.upstream for t in plan] == ["c", "b", "a"]
    assert routing.following(plan, plan[:1], waits.__getitem__) is None
    assert routing.following(plan, plan[:1], lambda name: 0.0) == plan[1]
