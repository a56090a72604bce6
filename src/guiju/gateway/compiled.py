"""A snapshot made ready: everything that an exchange looks up, found without searching.

Built beside the running one (reload.py) and swapped in whole; what it says doesn't change afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from guiju import plugins
from guiju.config import Config, local_socket
from guiju.errors import UnknownModel, WrongDoor
from guiju.gateway.panel import Panel
from guiju.gateway.panels import panels_of
from guiju.gateway.routing import Target
from guiju.gateway.upstream import Pool
from guiju.journal.keyring import Keyring
from guiju.review.judge import Reviewer
from guiju.review.policy_file import parse_policy
from guiju.review.taxonomy import Taxonomy
from guiju.snapshot import OFFERS, App, Key, ModelRoute, Quota, Service, Snapshot, Upstream
from guiju.wire.dialect import Dialect


class Door(NamedTuple):
    """What a key opens."""

    key: Key
    app: App
    service: Service
    quotas: tuple[Quota, ...] = ()
    """What limits whoever comes through it."""


class Compiled:
    """A snapshot, ready for use."""

    def __init__(
        self,
        snapshot: Snapshot,
        reviewers: Mapping[str, Reviewer],
        pools: Mapping[str, Pool],
        panels: Mapping[str, Panel] = MappingProxyType({}),
    ) -> None:
        self.snapshot = snapshot
        self.reviewers = reviewers
        """Policy name -> reviewer."""
        self.pools = pools
        """Upstream name -> connections."""
        self.panels = panels
        """Policy name -> its slow detectors, where it has any."""
        self.services = {s.name: s for s in snapshot.services}
        self.apps = {a.name: a for a in snapshot.apps}
        self.upstreams = {u.name: u for u in snapshot.upstreams}
        self.lexicons = tuple(f"{x.name}@{x.version}" for x in snapshot.lexicons)
        self.doors: dict[str, Door] = {}
        """SHA-256 of a key -> what it opens."""
        self.keys = {k.id: k for k in snapshot.keys}
        self._quotas = {(q.scope, q.name): q for q in snapshot.quotas}
        for key in snapshot.keys:
            app = self.apps.get(key.app)
            opened = self.services.get(app.service) if app else None
            if app and opened:
                self.doors[key.sha256] = self.door(key, app, opened)
        self.prices = {
            (service.name, route.upstream, route.model): (route.input_price, route.output_price)
            for service in snapshot.services
            for route in service.models
            if route.input_price or route.output_price
        }
        self._routes: dict[tuple[str, str], tuple[ModelRoute, ...]] = {}
        for service in snapshot.services:
            for route in service.models:
                name = (service.name, route.name)
                self._routes[name] = (*self._routes.get(name, ()), route)
        self._ways: dict[tuple[str, str, str], list[tuple[ModelRoute, str]]] = {}
        """(door, service, name of a route) -> what `ways` found: asked by every exchange."""

    def door(self, key: Key, app: App, service: Service) -> Door:
        """What a key opens, and what limits it."""
        whose = (("key", key.id), ("subject", app.name), ("app", app.name), ("service", service.name))
        return Door(key, app, service, tuple(self._quotas[who] for who in whose if who in self._quotas))

    def price(self, service: str, target: Target) -> tuple[float, float]:
        """Of a million tokens of input and of output; 0 where nobody has set one."""
        return self.prices.get((service, target.upstream, target.model), (0.0, 0.0))

    def models(self, app: App) -> list[str]:
        """Names that this app may ask for."""
        service = self.services[app.service]
        names = dict.fromkeys(r.name for r in service.models)
        return [name for name in names if not app.allowed_models or name in app.allowed_models]

    def offers(self, service: str, model: str) -> bool:
        """Whether the service has this name in its list."""
        return (service, model) in self._routes

    def ways(self, dialect: Dialect, app: App, model: str) -> list[tuple[ModelRoute, str]]:
        """Where a model name leads, each route with the first of the door's ways that its upstream offers.

        Raises: UnknownModel; WrongDoor where the door has no way to any of them.
        """
        routes = self.routes(app, model)
        asked = (dialect.name, app.service, routes[0].name)
        found = self._ways.get(asked)
        if found is None:
            found = self._ways[asked] = self._find(dialect, routes)
        return found

    def _find(self, dialect: Dialect, routes: Iterable[ModelRoute]) -> list[tuple[ModelRoute, str]]:
        offered = [(route, self._offers(route.upstream)) for route in routes]
        ways = [(r, next((way for way in dialect.upstreams if way in offers), "")) for r, offers in offered]
        if found := [(route, way) for route, way in ways if way]:
            return found
        route, offers = offered[0]
        others = [path for path, door in plugins.dialects().items() if not offers.isdisjoint(door.upstreams)]
        raise WrongDoor(model=route.name, path=dialect.paths[0], others=", ".join(others))

    def _offers(self, upstream: str) -> frozenset[str]:
        there = self.upstreams[upstream]
        return frozenset(there.offers or OFFERS[there.dialect])

    def routes(self, app: App, model: str) -> tuple[ModelRoute, ...]:
        """Where a model name leads, at least one. Raises: UnknownModel."""
        service = self.services[app.service]
        routes = self._routes.get((service.name, model), ())
        if not routes and service.default_model:
            routes = self._routes.get((service.name, service.default_model), ())
        if not routes or (app.allowed_models and routes[0].name not in app.allowed_models):
            raise UnknownModel(model=model)
        return routes


def pool_of(upstream: Upstream, config: Config, keyring: Keyring) -> Pool:
    """The connections to an upstream, its secret unsealed into the head of every request."""
    headers = {"content-type": "application/json"}
    if upstream.secret:
        secret = keyring.unseal_secret(upstream.secret, f"upstream:{upstream.name}")
        headers |= upstream.key_field(secret)
    socket = ""
    if upstream.url.startswith("unix://"):  # a socket of this installation: unix://<name>/<path>
        socket = str(local_socket(config, upstream.url.split("/")[2]))
    return Pool(
        upstream.name,
        upstream.url,
        socket=socket,
        headers=headers,
        connect_timeout=upstream.connect_timeout,
        first_byte_timeout=upstream.first_byte_timeout,
        idle_timeout=upstream.idle_timeout,
        max_connections=upstream.max_connections,
    )


@contextmanager
def _streams_first() -> Iterator[None]:
    """While a hundred thousand terms are made in a thread, streams come first: they get the interpreter lock back within
    half a millisecond and not five, which they would wait for at each of a dozen places. And the collector rests; for
    good as far as what was made goes: to look at it would stop every stream for 0.1 s, it is kept as long as its snapshot,
    and holds no cycle."""
    interval = sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(0.0005)
    try:
        yield
        gc.freeze()
    finally:
        sys.setswitchinterval(interval)
        gc.enable()


async def compile_snapshot(
    snapshot: Snapshot,
    blobs: Mapping[str, bytes],
    config: Config,
    keyring: Keyring,
    taxonomy: Taxonomy,
    before: Compiled | None,
) -> Compiled:
    """Compile what has changed, keep what hasn't.

    Args:
        blobs: lexicon digest -> blob.
        before: the running one.

    Raises: InputFileError, seal.CannotOpen: this snapshot can't be used; the running one goes on.
    """
    lexicons = {x.name: blobs[x.digest] for x in snapshot.lexicons}
    same_lexicons = before is not None and before.snapshot.lexicons == snapshot.lexicons
    known = {p.name: p for p in before.snapshot.policies} if before else {}
    reviewers: dict[str, Reviewer] = {}
    for ref in snapshot.policies:
        if before is not None and same_lexicons and known.get(ref.name) == ref:
            reviewers[ref.name] = before.reviewers[ref.name]
            continue
        policy = parse_policy(ref.yaml, taxonomy, file=f"{ref.name}.yaml", version=ref.version)
        # In a thread: it yields to running streams every few milliseconds, and the automaton is built without the lock.
        with _streams_first():
            reviewers[ref.name] = await asyncio.to_thread(plugins.reviewer, policy, lexicons, taxonomy.placeholder)
    old = {u.name: u for u in before.snapshot.upstreams} if before else {}
    pools = {
        u.name: before.pools[u.name] if before and old.get(u.name) == u else pool_of(u, config, keyring)
        for u in snapshot.upstreams
    }
    panels = panels_of(snapshot, reviewers, config, keyring, before.panels if before else {})
    return Compiled(snapshot, reviewers, pools, panels)
