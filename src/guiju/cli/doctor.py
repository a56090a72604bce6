"""`guiju doctor`: what is wrong here, and what to do about it, in one look. It changes nothing.

Each check answers with findings of its own; a check that can't be made says why. What needs the whole record to be read is
`guiju ledger verify`, which this names and doesn't run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPException

import msgspec

from guiju import clock, plugins
from guiju.cli import brings, doctor_detectors, reach
from guiju.cli.diagnosis import Finding, State
from guiju.cli.main import FOUND, OK
from guiju.cli.review_setup import active, setup
from guiju.cli.words import column, language, say
from guiju.config import Config, load
from guiju.errors import GuijuError, Said, told
from guiju.journal import reader
from guiju.journal.keyring import Keyring
from guiju.label.record import DEMO_CODE
from guiju.quoted import quoted
from guiju.snapshot import Upstream

MARKS: dict[State, Said] = {"good": Said("good", "正常"), "look": Said("LOOK", "留意"), "bad": Said("BAD", "有误")}
WAIT = 3.0
"""Seconds that something on the network may take to answer."""
OLD = 300.0
"""Seconds after which an entry that still waits in the journal means that nobody takes it to the ledger."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))
    parser.add_argument(
        "--offline",
        action="store_true",
        help=Said("ask no upstream and no detector elsewhere", "不连接任何上游和外部检测器"),
    )


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 nothing is bad, 1 something is."""
    config = load()
    guards = brings.Guards(config)
    detectors = doctor_detectors.Detectors(config, guards)
    checks: list[tuple[Said, Callable[[Config], Iterator[Finding]]]] = [
        (Said("files", "文件"), files),
        (Said("disk", "磁盘"), disk),
        (Said("open files", "打开文件数"), open_files),
        (Said("database", "数据库"), database),
        (Said("journal", "日志"), journal),
        (Said("policy", "策略"), partial(policy, guards=guards)),
        (Said("gateway", "网关"), gateway),
        (Said("counters", "计数"), counters),
        (doctor_detectors.WHAT, detectors.settings),
    ]
    if not installed(config):
        checks = checks[:1]  # the others would make what isn't there
    elif not args.offline:
        checks += [(Said("upstreams", "上游"), upstreams), (doctor_detectors.WHAT, detectors.verdicts)]
    found = [finding for what, check in checks for finding in _made(what, check, config)]
    worst = max(("good", "look", "bad").index(f.state) for f in found)
    if args.json:
        rows = [
            {
                "what": str(f.what),
                "state": f.state,
                "said": told(f.said, language()),
                "remedy": told(f.remedy, language()),
            }
            for f in found
        ]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for f in found:
            print(f"{column(say(MARKS[f.state]), 5)} {column(say(f.what), 11)} {say(f.said)}")
            if f.remedy:
                print(f"{'':18}→ {say(f.remedy)}")
        print(say("The record itself is proven by: guiju ledger verify", "记录本身由此命令验证：guiju ledger verify"))
    return FOUND if worst == 2 else OK


def _made(what: Said, check: Callable[[Config], Iterator[Finding]], config: Config) -> Iterator[Finding]:
    try:
        yield from check(config)
    except (GuijuError, OSError) as problem:
        said = problem.sentence(language()) if isinstance(problem, GuijuError) else quoted(problem)
        yield Finding(what, "bad", said)


def installed(config: Config) -> bool:
    """Whether GUIJU_HOME holds anything."""
    return (config.keys / "chain.key").exists()


# --- this machine ---------------------------------------------------------------------------------


def files(config: Config) -> Iterator[Finding]:
    """GUIJU_HOME is there, ours, and its keys are nobody else's."""
    what = Said("files", "文件")
    if not installed(config):
        said = Said("{home} holds no installation", "{home} 中没有规矩的数据", home=config.home)
        yield Finding(
            what,
            "bad",
            said,
            Said(
                "start one with `guiju up`, or name yours: GUIJU_HOME=…",
                "用 `guiju up` 新建，或用 GUIJU_HOME 指明数据所在",
            ),
        )
        return
    if not os.access(config.home, os.W_OK):
        said = Said("{home} can't be written by this user", "当前用户无法写入 {home}", home=config.home)
        yield Finding(what, "bad", said, Said("run as the user whose it is", "请以其所属用户运行"))
    open_to_others = [
        p for p in (config.keys, *config.keys.rglob("*")) if p.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if open_to_others:
        said = Said(
            "{n} keys can be read by others, {first} first",
            "有 {n} 个密钥文件可被他人读取，例如 {first}",
            n=len(open_to_others),
            first=open_to_others[0],
        )
        yield Finding(what, "bad", said, Said("chmod -R go= {keys}", "chmod -R go= {keys}", keys=config.keys))
    else:
        yield Finding(what, "good", Said("{home}, keys private", "{home}，密钥仅本用户可读", home=config.home))


def disk(config: Config) -> Iterator[Finding]:
    """Room for records."""
    what = Said("disk", "磁盘")
    space = os.statvfs(config.home)
    free = space.f_bavail * space.f_frsize
    said = Said("{n:,} MB free", "可用 {n:,} MB", n=free // 1_000_000)
    state: State = "bad" if free < config["disk.stop_bytes"] else "look" if free < config["disk.warn_bytes"] else "good"
    remedy = Said(
        "make room: below disk.stop_bytes new exchanges are refused",
        "请腾出空间：低于 disk.stop_bytes 时不接受新的交互",
    )
    yield Finding(what, state, said, "" if state == "good" else remedy)


def open_files(config: Config) -> Iterator[Finding]:
    """Descriptors for as many clients as the setting promises, each with its upstream."""
    what = Said("open files", "打开文件数")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * config["gateway.connections"]
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        yield Finding(what, "good", Said("enough for gateway.connections", "足够 gateway.connections 所需"))
        return
    said = Said(
        "the limit is {hard}; {n} clients need {wanted}",
        "上限为 {hard}；{n} 个客户端需要 {wanted}",
        hard=hard,
        n=wanted // 2,
        wanted=wanted,
    )
    yield Finding(
        what,
        "look",
        said,
        Said(
            "raise it (LimitNOFILE=), or lower gateway.connections",
            "请调高上限（LimitNOFILE=），或调低 gateway.connections",
        ),
    )


# --- what is kept ---------------------------------------------------------------------------------


def database(config: Config) -> Iterator[Finding]:
    """Reachable, and of this version."""
    what = Said("database", "数据库")
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    from guiju.control import first_start

    first_start.django()
    try:
        executor = MigrationExecutor(connection)
        late = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as problem:
        yield Finding(what, "bad", first_start.NoDatabase(problem=problem).sentence(language()))
        return
    if late:
        said = Said("{n} migrations wait", "有 {n} 个迁移待执行", n=len(late))
        yield Finding(what, "look", said, Said("they run at the next start", "下次启动时会自动执行"))
    else:
        yield Finding(what, "good", Said("{kind}, up to date", "{kind}，已是最新", kind=connection.vendor))


def journal(config: Config) -> Iterator[Finding]:
    """What was recorded is taken to the ledger."""
    what = Said("journal", "日志")
    from django.db import DatabaseError

    from guiju.control.records.models import DrainOffset

    keyring = Keyring.open(config)
    waiting, oldest = 0, 0.0
    try:
        taken = {row.segment: row.offset for row in DrainOffset.objects.all()}
    except DatabaseError:
        return  # said already
    for segment in reader.segments(config.journal):
        read = reader.read(segment.path, keyring.chain)
        if read.tampered is not None:
            yield Finding(
                what,
                "bad",
                Said("{name}: {problem}", "{name}：{problem}", name=segment.name, problem=read.tampered.problem),
                Said(
                    "keep the file as it is; `guiju ledger verify` tells more",
                    "请保持该文件原样；`guiju ledger verify` 会给出详情",
                ),
            )
        late = [end for end, _ in read.records if end > taken.get(read.identity.hex(), 0)]
        if late:
            waiting += len(late)
            oldest = max(oldest, time.time() - segment.path.stat().st_mtime)
    said = Said("{n} entries wait for the ledger", "有 {n} 个条目待移入账本", n=waiting)
    if waiting and oldest > OLD:
        yield Finding(
            what,
            "bad",
            said,
            Said(
                "is `guiju work` running on this node? See its log", "本节点的 `guiju work` 在运行吗？请查看其运行日志"
            ),
        )
    else:
        yield Finding(what, "good", said)


def policy(config: Config, *, guards: brings.Guards) -> Iterator[Finding]:
    """What is in force, and whether it says what its author meant."""
    what = Said("policy", "策略")
    snapshot = active(config)
    if snapshot is None:
        yield Finding(
            what,
            "look",
            Said("nothing was ever published", "尚未发布过任何配置"),
            Said("start control once", "请先启动一次控制面"),
        )
        return
    if snapshot.provider.code == DEMO_CODE:
        said = Said("the provider's code isn't set: only the demo runs", "尚未设置服务提供者编码：只有演示服务可以运行")
        yield Finding(
            what,
            "look",
            said,
            Said("set it in the console under Services (GB 45438-2025)", "请在控制台“服务”中设置（GB 45438-2025）"),
        )
    for service in snapshot.services:
        made = setup(config, service=service.name)
        reviewer = plugins.reviewer(made.policy, made.lexicons, plugins.taxonomy().placeholder)
        remarks = brings.remarks(config, reviewer, guards)
        said = Said(
            "service {name}: {policy}, {state}",
            "服务 {name}：{policy}，{state}",
            name=service.name,
            policy=made.policy.label,
            state=service.state,
        )
        if remarks:
            remedy = Said(
                "{n} doubtful places: guiju policy check FILE", "{n} 处可疑：guiju policy check 文件", n=len(remarks)
            )
            yield Finding(what, "look", said, remedy)
        else:
            yield Finding(what, "look" if service.state == "suspended" else "good", said)
    for app in snapshot.apps:
        if app.observe:
            said = Said(
                "app {name} only observes: everything is released", "应用 {name} 仅观察：内容全部放行", name=app.name
            )
            yield Finding(
                what, "look", said, Said("outside the promise; see the app's settings", "不在承诺之内；见应用设置")
            )


# --- what runs ------------------------------------------------------------------------------------


def gateway(config: Config) -> Iterator[Finding]:
    """A worker answers, with what was published last."""
    what = Said("gateway", "网关")
    answer = reach.ask(config, "/readyz", WAIT)
    if answer is None:
        said = Said("nobody answers at {url}", "{url} 无应答", url=reach.url(config, "/readyz"))
        yield Finding(
            what, "look", said, Said("start it: guiju up, or guiju gateway", "请启动：guiju up 或 guiju gateway")
        )
        return
    if not answer.body:
        said = Said("it listens, and wants clients’ certificates", "正在监听，并要求客户端证书")
        yield Finding(what, "good", said)
        return
    try:
        ready = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        said = Said("{url} is not a gateway of ours", "{url} 不是规矩的网关", url=reach.url(config, "/readyz"))
        yield Finding(what, "bad", said)
        return
    if answer.status != 200:
        problem = ready.get("journal")
        yield Finding(what, "bad", Said("not ready; journal: {problem}", "未就绪；日志：{problem}", problem=problem))
        return
    published = _published(config)
    if published > ready["snapshot"]:
        said = Said(
            "it has version {have}, {published} is published",
            "网关为第 {have} 版，已发布第 {published} 版",
            have=ready["snapshot"],
            published=published,
        )
        yield Finding(
            what, "bad", said, Said("does it reach control? See its log", "它能连上控制面吗？请查看其运行日志")
        )
    else:
        yield Finding(what, "good", Said("ready, version {n}", "就绪，第 {n} 版", n=ready["snapshot"]))


def counters(config: Config) -> Iterator[Finding]:
    """Redis, where quotas are counted in it, answers."""
    if not config["redis_url"]:
        return
    what = Said("counters", "计数")
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(config["redis_url"], socket_timeout=WAIT, socket_connect_timeout=WAIT) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as problem:
        state: State = "bad" if config["quota.outage"] == "closed" else "look"
        said = Said("Redis doesn't answer: {problem}", "Redis 无应答：{problem}", problem=quoted(problem))
        remedy = Said(
            "until it does, quotas are counted as quota.outage says: {how}", "在此期间限额按 quota.outage 处理：{how}",
            how=config["quota.outage"],
        )  # fmt: skip
        yield Finding(what, state, said, remedy)
    else:
        yield Finding(what, "good", Said("Redis answers", "Redis 有应答"))


def _published(config: Config) -> int:
    from django.db import DatabaseError

    from guiju.control import publish

    try:
        return publish.version()
    except DatabaseError:
        snapshot = active(config)
        return snapshot.version if snapshot else 0


def upstreams(config: Config) -> Iterator[Finding]:
    """Each answers, and takes our key."""
    snapshot = active(config)
    keyring = Keyring.open(config)
    for upstream in snapshot.upstreams if snapshot else ():
        if not upstream.url.startswith("unix:"):
            yield _upstream(upstream, keyring)


def _upstream(upstream: Upstream, keyring: Keyring) -> Finding:
    what = Said("upstream", "上游")
    headers = {"user-agent": "guiju", "anthropic-version": "2023-06-01"}
    if upstream.secret:
        secret = keyring.unseal_secret(upstream.secret, f"upstream:{upstream.name}")
        headers |= upstream.key_field(secret)
    began = clock.monotonic()
    try:
        request = urllib.request.Request(upstream.url + upstream.below("/models"), headers=headers)  # noqa: S310 — as configured
        with urllib.request.urlopen(request, timeout=WAIT):  # noqa: S310
            status = 200
    except urllib.error.HTTPError as problem:
        status = problem.code
    except (OSError, HTTPException) as problem:
        reason = getattr(problem, "reason", problem)
        why = quoted(reason) if isinstance(reason, BaseException) else str(reason)
        said = Said(
            "{name}: {url} can't be reached: {why}",
            "{name}：无法连接 {url}：{why}",
            name=upstream.name,
            url=upstream.url,
            why=why,
        )
        return Finding(what, "bad", said)
    took = round((clock.monotonic() - began) * 1000)
    if status in (401, 403):
        said = Said(
            "{name} doesn't take our key ({status})",
            "{name} 不接受我们的密钥（{status}）",
            name=upstream.name,
            status=status,
        )
        return Finding(
            what,
            "bad",
            said,
            Said(
                "guiju upstream add {name} --key-file FILE",
                "guiju upstream add {name} --key-file 文件",
                name=upstream.name,
            ),
        )
    if status >= 500:
        return Finding(
            what, "bad", Said("{name} answers {status}", "{name} 返回 {status}", name=upstream.name, status=status)
        )
    return Finding(
        what, "good", Said("{name} answers in {ms} ms", "{name} 在 {ms} 毫秒内应答", name=upstream.name, ms=took)
    )
