"""Table and plots are made from the raw JSON alone, and say what is missing."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from bench import machines
from bench.guardbench import __main__ as command
from bench.guardbench import figures, install, leak, load, peers, plots, table
from bench.guardbench.cases import BENIGN, WHOLE, Case
from bench.guardbench.leak import Reply
from bench.guardbench.load import percentiles
from bench.guardbench.peers import PEERS

import services

CONDITIONS = {
    "when": "2026-11-25T09:00:00+00:00", "cpu": " A CPU", "cores": 2, "load_average_before": (0.1, 0.2, 0.3), "kernel": "6",
    "python": "3.11.7", "node": None, "terms": 20000, "pace_seconds": 0.1, "chunks": 60, "quick": False,
}  # fmt: skip


def level(count: int, lag: float, cpu: float) -> dict[str, Any]:
    shares = {"p50": lag, "p99": lag * 4, "p999": lag * 5, "max": lag * 6}
    return {"streams": count, "ended": count, "status": ["HTTP/1.1 200"], "chunks": count * 60, "first_ms": shares,
            "lag_ms": shares, "stalled": 0, "cpu_us_per_chunk": cpu, "open_mb": 80.0 + count / 100}  # fmt: skip


def measured(cpu: float, lag: float, levels: tuple[int, ...] = (1, 500)) -> dict[str, Any]:
    whole = {"connections": 64, "requests_per_second": 1e6 / cpu, "cpu_us_per_request": cpu, "latency_ms": lag}
    stopped = "" if len(levels) > 1 else "chunks were 2000 ms late"
    return {"start_seconds": 0.5, "idle_mb": 70.0, "warm_mb": 80.0, "stopped": stopped,
            "streams": [level(n, lag, cpu / 2) for n in levels], "whole": whole}  # fmt: skip


def peer(title: str, *rounds: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": title, "guards": "g", "source": "s", "version": "1", "megabytes": 9.0, **more} | (
        {"rounds": list(rounds)} if rounds else {}
    )


SPEED = {
    "conditions": CONDITIONS, "load_average_after": (0.4, 0.5, 0.6),
    "peers": {
        "direct": peer("no gateway", measured(1, 0.1)), "nginx": peer("nginx", measured(20, 0.2)),
        "guiju": peer("Guiju", measured(90, 0.4), measured(80, 0.5), measured(70, 0.3)),
        "litellm": peer("LiteLLM", measured(8000, 5, (1,))),
        "portkey": {"title": "Portkey", "guards": "g", "source": "s", "missing": "node is not installed"},
        "shield": peer("llm-shield-proxy", failed=["never answered: 500"]),
    },
}  # fmt: skip


def row(delivered: int, *, stream: bool = True, unserved: int = 0) -> dict[str, Any]:
    return {"door": "chat", "channel": "content", "stream": stream, "kind": "term", "cases": 9, "leaking": min(delivered, 9),
            "delivered": delivered, "characters": 63, "unserved": unserved}  # fmt: skip


def kept(*rows: dict[str, Any], messages: str = "") -> dict[str, Any]:
    broken = [{"door": "chat", "stream": True, "channel": "content", "why": "no end | at all", "times": 2}]
    return {"doors": {"chat": "", "responses": "", "messages": messages}, "rows": list(rows),
            "false_hits": {"texts": 24, "streamed": [{}], "whole": []},
            "endings": {"counts": {"whole": 5, "error": 1, "broken": 2}, "broken": broken}}  # fmt: skip


LEAKS = {
    "conditions": CONDITIONS, "load_average_after": (0, 0, 0),
    "peers": {
        "guiju": peer("Guiju", leaks=kept(row(0), row(0, stream=False))),
        "portkey": peer("Portkey", leaks=kept(row(31), row(0, stream=False, unserved=9), messages="500 not supported")),
        "shield": {"title": "llm-shield-proxy", "guards": "g", "source": "s", "missing": "pip failed"},
    },
}  # fmt: skip


def test_a_figure_is_the_median_of_its_rounds():
    assert figures.of_whole(SPEED, "guiju", "cpu_us_per_request") == 80
    assert figures.ours_and_floor(SPEED) == {"request / nginx": 4, "litellm / request": 100, "chunk / nginx": 4}


def test_what_is_added_is_without_the_way_itself_and_never_negative():
    assert figures.added(SPEED, "guiju", 500, "lag_ms", "p50") == pytest.approx(0.3)
    slow = copy.deepcopy(SPEED)
    slow["peers"]["direct"] = peer("no gateway", measured(1, 9.0))
    assert figures.added(slow, "guiju", 500, "lag_ms", "p50") == 0
    assert figures.added(SPEED, "litellm", 500, "lag_ms", "p50") is None  # it never came so far


def test_the_table_has_every_peer_with_its_reason_where_it_has_no_figures():
    text = table.written(SPEED, LEAKS)
    for line in ("| Portkey | node is not installed |", "| llm-shield-proxy 1 | never answered: 500 |",
                 "| Guiju 1 | g | 0 of 126 | 0 of 18 | 0 |", "4.0 × nginx's", "100.0 × Guiju's",
                 "LiteLLM: stopped at 1 streams: chunks were 2000 ms late", "| 0% | 49% |", "| 0% | not served |",
                 "Portkey has no `messages` door: 500 not supported", "llm-shield-proxy: could not be installed: pip failed",
                 "2 cores, A CPU", "load average 0.10, 0.20, 0.30 before, 0.40, 0.50, 0.60 after"):  # fmt: skip
        assert line in text, line


def test_either_part_stands_alone():
    assert "lets through" not in table.written(SPEED, None)
    assert "What it costs" not in table.written(None, LEAKS)
    assert set(plots.drawn(SPEED, None)) == {"cpu", "lag"}
    assert set(plots.drawn(None, LEAKS)) == {"leaks"}


def test_rows_have_as_many_cells_as_their_header():
    for block in table.written(SPEED, LEAKS).split("\n\n"):
        if block.startswith("|"):
            assert (
                len({line.replace("\\|", "").count("|") for line in block.splitlines() if line.startswith("|")}) == 1
            ), block


def test_plots_are_drawings_that_say_what_they_show():
    for drawing in plots.drawn(SPEED, LEAKS).values():
        root = ET.fromstring(drawing)
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
        width, height = (float(x) for x in root.attrib["viewBox"].split()[2:])
        for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
            assert 0 <= float(circle.attrib["cx"]) <= width
            assert 0 <= float(circle.attrib["cy"]) <= height


def test_an_even_scale_begins_at_zero_and_ends_beyond_the_greatest_value():
    scale = plots.steps([3.0, 0.0, 41.0])
    assert [text for _, text in scale.ticks] == ["0", "10", "20", "30", "40", "50"]
    assert [scale.share(value) for value, _ in scale.ticks] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert plots.steps([0.0]).share(0.0) == 0


def test_a_longer_bar_is_a_larger_value_and_nothing_has_no_bar():
    drawing = plots.bars("t", {"a": 10.0, "b": 1000.0, "c": 0.0})
    bars = [
        float(r.attrib["width"])
        for r in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}rect")
        if "x" in r.attrib
    ]
    assert bars[1] > bars[0] > 0 == bars[2]


def test_parts_of_a_whole_are_as_long_as_they_are_large():
    drawing = plots.bars("t", {"a": 25.0, "b": 50.0, "c": 0.0}, whole=100)
    bars = [
        float(r.attrib["width"])
        for r in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}rect")
        if "x" in r.attrib
    ]
    assert bars[1] == 2 * bars[0] > 0 == bars[2]


def test_memory_of_streams_is_what_came_with_them():
    assert figures.open_mb(SPEED, "guiju", 500) == pytest.approx(5)
    assert figures.of_round(SPEED, "guiju", "idle_mb") == 70


def test_percentiles_of_few_values():
    assert percentiles([]) == {}
    assert percentiles([3.0]) == {"p50": 3.0, "p99": 3.0, "p999": 3.0, "max": 3.0}
    assert percentiles([float(n) for n in range(1001)])["p99"] == 990


def test_more_streams_are_not_tried_where_these_did_not_end_or_came_late():
    assert load.overloaded(level(5, 1.0, 1.0)) == ""
    assert "2 of 5" in load.overloaded(level(5, 1.0, 1.0) | {"ended": 3})
    assert "1500 ms" in load.overloaded(level(5, 1500.0, 1.0))
    assert "HTTP/1.1 500" in load.overloaded(
        level(5, 1.0, 1.0) | {"chunks": 0, "lag_ms": {}, "status": ["HTTP/1.1 500"]}
    )


def test_a_tally_counts_what_leaks_and_what_was_not_served():
    case = Case("chat", "term", "content", WHOLE, True)
    leaking = Reply(200, f'data: {{"x": "「{case.secret}"}}\n\n'.encode(), True)
    rows = leak.tally([case] * 3, [leaking, Reply(500, b"", True), Reply(446, b"{}", True)])
    assert rows == [{"door": "chat", "channel": "content", "stream": True, "kind": "term", "cases": 3, "leaking": 1,
                     "delivered": 7, "characters": 21, "unserved": 1}]  # fmt: skip


def test_peers_are_pinned_and_never_a_poisoned_version():
    assert install.LITELLM not in ("1.82.7", "1.82.8", "1.107.0")
    assert [p.name for p in PEERS if not p.source] == ["direct"]
    assert len(BENIGN) == len(set(BENIGN))


def test_a_program_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(install.shutil, "which", lambda name, path=None: None)
    with pytest.raises(install.Missing, match="apt install nodejs npm"):
        install.program("node")


def test_a_gateway_that_is_not_here_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(install, "CACHE", tmp_path)
    monkeypatch.setattr(install, "PORTKEY", tmp_path / "nothing.js")
    monkeypatch.setattr(install.shutil, "which", lambda name, path=None: None if name == "node" else "/bin/true")
    here, about = command.prepared(["direct", "portkey"])
    assert [p.name for p in here] == ["direct"]
    assert about["portkey"]["missing"] == "node is not installed: sudo apt install nodejs npm"


def test_a_gateway_that_does_not_come_up_is_told_with_what_it_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    wait = machines.wait
    port, folder = services.free_port(), tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(machines, "wait", lambda port, _: wait(port, 0.5))
    echo = ["/bin/sh", "-c", "echo no model here"]
    with pytest.raises(install.Missing, match="did not start: no model here"), peers.process(echo, port, folder=folder):
        pass
    assert not folder.exists()


def test_the_size_of_a_program_counts_its_libraries():
    names = {found.name.lower() for found in install.closure("guiju")}
    assert {"guiju", "uvloop", "django"} <= names
    assert "pytest" not in names
    assert install.guiju().megabytes > 10
