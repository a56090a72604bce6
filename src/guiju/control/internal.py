"""What gateways and commands ask control: the snapshot by long poll, lexicon blobs, who has taken what.

With the node's token, on the Unix socket or, from other machines, by the installation's own TLS (journal/between.py); the
gateway answers 404 for these paths. Versions are rows, so a change
that another process made is noticed too: while anybody waits, the row is looked at every 100 ms.
"""

import asyncio
import hmac
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from guiju import clock
from guiju.control import health, publish
from guiju.control.policies.models import LexiconVersion
from guiju.journal import claim

ALIVE_MS = 30_000
_LONGEST = 20.0
_LOOK = 0.1
_HEARD = 4.0
"""Seconds after its start within which control has heard every worker elsewhere that can reach it: each tries every second."""
_began = clock.monotonic()

workers: dict[str, dict[str, Any]] = {}
"""Worker -> {"have", "seen_ms", "late", "stats"}: what each said last, and how many times in a row it came without the
version that was there. In memory: the console runs in this process."""
history = health.History()
"""What upstreams did in the last hour; in memory as well."""


def _trusted(request: HttpRequest) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(given, settings.KEYRING.node_token)


def _not_found() -> HttpResponse:
    return HttpResponse(status=404)


@csrf_exempt
async def poll(request: HttpRequest) -> HttpResponse:
    """Held until there is a newer snapshot than the worker has, or its time is up (204)."""
    if not _trusted(request):
        return _not_found()
    told = msgspec.json.decode(request.body)
    have, worker = int(told["have"]), str(told["worker"])
    late = workers.get(worker, {}).get("late", 0) + 1 if await sync_to_async(publish.version)() > have else 0
    now, stats = clock.epoch_ms(), told.get("stats", {})
    workers[worker] = {"have": have, "seen_ms": now, "late": late, "stats": stats}
    history.heard(worker, stats, now)
    deadline = clock.monotonic() + min(float(told.get("wait", _LONGEST)), _LONGEST)
    try:
        while True:
            if await sync_to_async(publish.version)() > have:
                _, body = await sync_to_async(publish.current)()
                return HttpResponse(body, content_type="application/json")
            if clock.monotonic() >= deadline:
                return HttpResponse(status=204)
            await asyncio.sleep(_LOOK)
    except asyncio.CancelledError:  # it hung up in the middle of its poll: it has ended, nobody waits for it
        workers.pop(worker, None)
        raise


async def blob(request: HttpRequest, digest: str) -> HttpResponse:
    """A lexicon's terms, as gateways load them."""
    if not _trusted(request):
        return _not_found()
    row = await LexiconVersion.objects.filter(digest=digest).afirst()
    return HttpResponse(bytes(row.blob), content_type="application/octet-stream") if row else _not_found()


def live() -> dict[str, dict[str, Any]]:
    """Workers that have been heard lately."""
    oldest = clock.epoch_ms() - ALIVE_MS
    return {name: w for name, w in workers.items() if w["seen_ms"] >= oldest}


def behind(wanted: int, here: set[str]) -> list[str]:
    """Workers that run and don't have this version.

    Args:
        here: those of this machine (journal/claim.py), which count before they were heard: control may have just begun;
            and one of this machine that isn't among them is dead, whenever it was heard.
    """
    nodes = {name.partition("/")[0] for name in here} | {settings.GUIJU["node"]}
    heard = live()
    running = {name for name in heard if name.partition("/")[0] not in nodes} | here
    return sorted(name for name in running if name not in heard or heard[name]["have"] < wanted)


def upstreams() -> dict[str, health.Health]:
    """Upstream -> how live workers find it."""
    return health.by_name(live(), "upstreams")


def detectors() -> dict[str, health.Health]:
    """Slow detector (a guard: `policy/name`) -> how live workers find it."""
    return health.by_name(live(), "detectors")


async def status(request: HttpRequest) -> HttpResponse:
    """The version in force, and what each worker has."""
    if not _trusted(request):
        return _not_found()
    return JsonResponse({"version": await sync_to_async(publish.version)(), "workers": live()})


@csrf_exempt
async def poke(request: HttpRequest) -> HttpResponse:
    """For a command that has changed something: answers once every live worker has taken it, or its time is up."""
    if not _trusted(request):
        return _not_found()
    told = msgspec.json.decode(request.body)
    wanted, deadline = int(told["wait_for"]), clock.monotonic() + float(told.get("timeout", 10.0))
    here: set[str] = set()
    looked = -1.0
    while True:
        if clock.monotonic() - looked > _LOOK:
            here, looked = await asyncio.to_thread(claim.claimed, settings.GUIJU.journal), clock.monotonic()
        late = behind(wanted, here)
        unheard = settings.GUIJU["control_port"] and clock.monotonic() - _began < _HEARD
        if not (late or unheard):
            return JsonResponse({"version": wanted, "workers": sorted(here | set(live()))})
        if clock.monotonic() >= deadline:
            return JsonResponse({"version": wanted, "behind": late}, status=504)
        await asyncio.sleep(0.02)
