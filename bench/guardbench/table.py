"""The raw JSON as Markdown. Pure: what `figures` finds, written down; what is missing is said with its reason."""

from __future__ import annotations

from typing import Any

from bench.guardbench import figures
from bench.guardbench.figures import Run

NONE = "–"


def number(value: float | None, digits: int = 1) -> str:
    """A figure with thousands apart; a dash for none."""
    return NONE if value is None else f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    return "" if value is None else f" ({value:,.1f}×)"


def rows(header: list[str], body: list[list[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def conditions(run: Run) -> str:
    """What the figures depend on, in one paragraph."""
    of = run["conditions"]
    before, after = (
        ", ".join(f"{x:.2f}" for x in load) for load in (of["load_average_before"], run["load_average_after"])
    )
    node = f", Node {of['node']}" if of.get("node") else ""
    return (
        f"{of['when']}: {of['cores']} cores, {of['cpu'].strip()}, Linux {of['kernel']}, Python {of['python']}{node}; "
        f"load average {before} before, {after} after."
    )


def absent(run: Run) -> str:
    """The peers that couldn't be measured, and why."""
    lines = []
    for peer in run["peers"].values():
        if "missing" in peer:
            lines.append(f"- {peer['title']}: could not be installed: {peer['missing']}")
        lines += [f"- {peer['title']}: {why}" for peer_why in [peer.get("failed", [])] for why in peer_why]
    return "\n".join(lines)


def titled(peer: dict[str, Any]) -> str:
    return f"{peer['title']} {peer['version']}".strip() if peer.get("version") else peer["title"]


def cost(run: Run) -> str:
    """CPU, throughput, memory, start and size."""
    most = max(figures.levels(run), default=0)
    count = 500 if 500 in figures.levels(run) else most
    header = ["", "guards", "requests/s", "CPU µs/request (× nginx)", f"CPU µs/chunk, {count} streams (× nginx)", "idle MB",
              f"+ MB, {most} streams open", "start s", "installed MB"]  # fmt: skip
    request, chunk = figures.of_whole(run, "nginx", "cpu_us_per_request"), figures.per_chunk(run, "nginx", count)
    body = []
    for name, peer in run["peers"].items():
        if not figures.rounds(run, name):
            body.append([titled(peer), peer.get("missing") or "; ".join(peer.get("failed", [])), *[NONE] * 7])
            continue
        held, at = figures.open_mb(run, name, most), ""
        if held is None:
            tried = [level for level in figures.levels(run) if figures.of_level(run, name, level)]
            held, at = figures.open_mb(run, name, tried[-1]), f" at {tried[-1]}"
        of_request, of_chunk = figures.of_whole(run, name, "cpu_us_per_request"), figures.per_chunk(run, name, count)
        real = name != "direct"
        body.append([
            titled(peer), peer["guards"], number(figures.of_whole(run, name, "requests_per_second"), 0),
            number(of_request) + times(figures.ratio(of_request, request)) if real else NONE,
            number(of_chunk) + times(figures.ratio(of_chunk, chunk)) if real else NONE,
            number(figures.of_round(run, name, "idle_mb"), 0) if real else NONE,
            number(held) + at if real else NONE,
            number(figures.of_round(run, name, "start_seconds"), 2) if real else NONE,
            number(peer["megabytes"], 0) if real else NONE,
        ])  # fmt: skip
    return rows(header, body)


def delays(run: Run) -> str:
    """Milliseconds that a gateway adds, at each number of streams."""
    levels = figures.levels(run)
    header = ["added ms, p50 / p99", *(f"first chunk, {n}" for n in levels), *(f"chunk, {n}" for n in levels),
              "longest lag, stalls > 100 ms"]  # fmt: skip
    body = []
    for name, peer in run["peers"].items():
        if name == "direct" or not figures.rounds(run, name):
            continue
        line = [peer["title"]]
        for what in ("first_ms", "lag_ms"):
            for count in levels:
                p50, p99 = (figures.added(run, name, count, what, share) for share in ("p50", "p99"))
                line.append(NONE if p50 is None else f"{number(p50, 2)} / {number(p99, 2)}")
        tried = [count for count in levels if figures.of_level(run, name, count)]
        stalls = figures.median([level["stalled"] for level in figures.of_level(run, name, tried[-1])])
        line.append(
            f"{number(figures.delay(run, name, tried[-1], 'lag_ms', 'max'))} ms, {number(stalls, 0)} at {tried[-1]}"
        )
        body.append(line)
    notes = [
        f"- {peer['title']}: stopped at {why}"
        for name, peer in run["peers"].items()
        if (why := figures.stopped(run, name))
    ]
    return "\n".join([rows(header, body), "", *notes])


def keeps(run: Run) -> str:
    """The leak score in one line for each peer."""
    header = ["", "guards", "forbidden characters delivered", "cases that leak", "not served", "false hits streamed / whole",
              "endings: whole", "error in the dialect", "broken"]  # fmt: skip
    body = []
    for name, peer in run["peers"].items():
        if "leaks" not in peer:
            body.append([titled(peer), peer.get("missing") or "; ".join(peer.get("failed", [])), *[NONE] * 7])
            continue
        of, hits, ends = figures.leaked(run, name), peer["leaks"]["false_hits"], peer["leaks"]["endings"]["counts"]
        body.append([
            titled(peer), peer["guards"], f"{of['delivered']:,} of {of['characters']:,}",
            f"{of['leaking']:,} of {of['cases']:,}",
            f"{of['unserved']:,}", f"{len(hits['streamed'])} / {len(hits['whole'])} of {hits['texts']}",
            *(str(ends[kind]) for kind in ("whole", "error", "broken")),
        ])  # fmt: skip
    return rows(header, body)


def where(run: Run) -> str:
    """Which share of the forbidden characters came through which channel."""
    peers = {name: peer for name, peer in run["peers"].items() if "leaks" in peer}
    body = []
    for door, channel, stream in figures.places(run):
        line = [f"{door}, {channel}, {'streamed' if stream else 'whole'}"]
        for name in peers:
            of = figures.leaked(run, name, door=door, channel=channel, stream=stream)
            cell = NONE if not of["characters"] else f"{of['delivered'] / of['characters']:.0%}"
            line.append("not served" if of["cases"] and of["unserved"] == of["cases"] else cell)
        body.append(line)
    return rows(["characters delivered", *(peer["title"] for peer in peers.values())], body)


def troubles(run: Run) -> str:
    """Doors that a peer lacks, and endings that broke an SDK."""
    lines = []
    for peer in run["peers"].values():
        for door, why in peer.get("leaks", {}).get("doors", {}).items():
            if why:
                lines.append(f"- {peer['title']} has no `{door}` door: {why}")
        for row in peer.get("leaks", {}).get("endings", {}).get("broken", []):
            way = "streamed" if row["stream"] else "whole"
            lines.append(
                f"- {peer['title']}, {row['door']}, {row['channel']}, {way}, {row['times']} times: {row['why']}"
            )
    return "\n".join(lines)


def ratios(run: Run) -> str:
    """The multiples by which Guiju is judged."""
    found = figures.ours_and_floor(run)
    lines = [
        f"- CPU per governed request: {number(found['request / nginx'])} × nginx's",
        f"- LiteLLM's CPU per request, without its filter: {number(found['litellm / request'])} × Guiju's governed one",
        f"- CPU per governed paced chunk: {number(found['chunk / nginx'])} × nginx's",
    ]
    return "\n".join(lines)


def written(speed: Run | None, leaks: Run | None) -> str:
    """The whole page. Either part may not have been run yet."""
    parts = ["# GuardBench: results", "Written by `make guardbench ARGS=report` from the JSON beside it."]
    if speed:
        parts += ["## What it costs", conditions(speed), cost(speed), ratios(speed)]
        parts += ["## What it delays", delays(speed), absent(speed)]
    if leaks:
        parts += [
            "## What it lets through",
            conditions(leaks),
            keeps(leaks),
            where(leaks),
            troubles(leaks),
            absent(leaks),
        ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
