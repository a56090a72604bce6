"""Slow detectors around an exchange: nothing without a verdict is served in closed mode, whatever the service does."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guiju.gateway.asking import Judge
from guiju.gateway.elsewhere import Elsewhere
from guiju.gateway.panel import Panel
from guiju.ledger import entries
from guiju.review.policy import Asking
from inside import JSON, SSE, Inside, body_of, receive, request, status_of
from slow_service import BAD, CLS, PlainAdapter, SlowService

MOODS = ["killed", "hangs", "resets", "garbage", "error", "half"]


@pytest.fixture
def service() -> Iterator[SlowService]:
    with SlowService() as running:
        yield running


def panel(service: SlowService, **how: Any) -> Callable[[], Panel]:
    def make() -> Panel:
        asking = Asking(**{"timeout": 0.4, "attempts": 2} | how)
        return Panel([Judge("far", asking, Elsewhere("far", PlainAdapter(), {"url": service.url, "key": ""}, 0.4))])

    return make


@pytest.fixture
def inside(tmp_path: Path, service: SlowService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Inside]]:
    from guiju.review import load

    rule = "  - {id: rival, class: X.rival, action: ACTION}\n"
    started: list[Inside] = []

    def start(action: str = "refuse", app: dict[str, Any] | None = None, **how: Any) -> Inside:
        default = load.default_policy_yaml()
        monkeypatch.setattr(load, "default_policy_yaml", lambda: _with(default, rule.replace("ACTION", action)))
        started.append(Inside(tmp_path, panel=panel(service, **how), app=app).__enter__())
        return started[-1]

    yield start
    for each in started:
        each.__exit__()


def _with(policy: str, rule: str) -> str:
    lines = policy.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith("rules:")) + 1
    return "".join([*lines[:at], rule, *lines[at:]])


def ill(service: SlowService, mood: str) -> None:
    if mood == "killed":
        service.kill()
    else:
        service.mood = mood


def whole(text: str) -> list[bytes]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return [JSON + json.dumps({"choices": [choice]}).encode()]


def piece(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    return b"data: " + json.dumps({"id": "c1", "choices": [choice]}).encode() + b"\n\n"


def stream(*texts: str) -> list[bytes | float | str]:
    return [SSE, *map(piece, texts), piece("", finish_reason="stop"), b"data: [DONE]\n\n"]


def said(answer: bytes) -> str:
    """The text of a streamed answer, as far as it came."""
    out = ""
    for line in answer.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:].strip()).get("choices", ()):
                out += choice["delta"].get("content") or ""
    return out


# --- what it finds ----------------------------------------------------------------------------------


def test_a_prompt_is_refused_by_what_a_service_elsewhere_finds_and_the_upstream_never_hears_it(inside: Any):
    running = inside()
    answer = running.ask(messages=[{"role": "user", "content": f"praise {BAD}"}])
    assert running.asked == []
    assert json.loads(body_of(answer))["choices"][0]["finish_reason"] == "content_filter"
    opened = next(e for e in running.entries if isinstance(e, entries.Opened))
    assert opened.asked == ("far",)
    found = opened.texts[0].judged[0].finding
    assert (found.cls, found.detector, found.start, found.end) == (CLS, "far", 7, 7 + len(BAD))


def test_offsets_are_those_of_the_text_as_it_was_given(inside: Any):
    running = inside("mask")
    running.says = whole("ok")
    text = f"Ａ\u200bb ﬁne {BAD.upper()} end"
    running.ask(messages=[{"role": "user", "content": text}])
    sent = json.loads(running.asked[0].partition(b"\r\n\r\n")[2])["messages"][0]["content"]
    assert BAD.upper() not in sent
    assert sent.startswith("Ａ\u200bb ﬁne ")
    assert sent.endswith(" end")


def test_a_whole_answer_waits_for_its_verdict(inside: Any, service: SlowService):
    running = inside()
    running.says = whole(f"drink {BAD} now")
    answer = running.ask()
    assert BAD.encode() not in answer
    assert running.closed().outcome == "refused"
    assert [a["direction"] for a in service.asked] == ["input", "output"]
    assert service.asked[1]["prompt"] == "hi"


def test_all_texts_of_a_request_are_asked_about_at_once(inside: Any, service: SlowService):
    running = inside(timeout=5.0)
    service.mood, service.delay = "slow", 0.5
    running.says = whole("fine.")
    began = time.monotonic()
    running.ask(messages=[{"role": "user", "content": f"number {n}"} for n in range(8)])
    assert len(service.asked) == 9
    assert time.monotonic() - began < 8 * 0.5


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7])
def test_a_stream_is_masked_wherever_it_is_cut(inside: Any, cut: int):
    running = inside("mask")
    text = f"First a sentence. Then {BAD} comes, and {BAD}! The end"
    running.says = stream(*[text[i : i + cut] for i in range(0, len(text), cut)])
    answer = running.ask(stream=True)
    assert BAD not in said(answer)
    assert said(answer).startswith("First a sentence. Then ")
    assert said(answer).endswith("! The end")
    assert b"[DONE]" in answer
    closed = running.closed()
    assert (closed.outcome, closed.ahead) == ("masked", 0)


def test_a_stream_stops_at_what_is_found(inside: Any):
    running = inside()
    running.says = stream("All good. ", f"But {BAD[:4]}", f"{BAD[4:]} is ", "better.")
    answer = running.ask(stream=True)
    assert said(answer).startswith("All good. But ")
    assert BAD[:4] not in said(answer)
    assert running.closed().outcome == "refused"


def test_nothing_of_a_stream_leaves_before_its_verdict(inside: Any, service: SlowService):
    running = inside(timeout=30.0)
    service.mood = "well"
    running.says = [SSE, piece("A whole sentence. "), 20.0]
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.sendall(
            request(
                "/v1/chat/completions",
                json.dumps(
                    {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
                ).encode(),
            )
        )
        receive(sock, 5.0, until=b"A whole sentence.")
    service.mood, service.delay = "slow", 1.0
    running.says = stream("A second sentence. ")
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.sendall(
            request(
                "/v1/chat/completions",
                json.dumps(
                    {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
                ).encode(),
            )
        )
        assert b"A second" in receive(sock, 10.0, until=b"A second")
    assert time.monotonic() - began >= 2.0  # the prompt's verdict, then the answer's


def test_tool_arguments_are_read_with_their_escapes_decoded(inside: Any):
    running = inside("mask")
    arguments = json.dumps({"q": f"buy {BAD}"}).replace("r", "\\u0072", 1)

    def call(part: str, **first: Any) -> bytes:
        tool = {"index": 0, "function": {"arguments": part} | first}
        return piece("", delta={"tool_calls": [tool | ({"id": "c", "type": "function"} if first else {})]})

    running.says = [
        SSE,
        call(arguments[:9], name="shop"),
        call(arguments[9:]),
        piece("", finish_reason="tool_calls"),
        b"data: [DONE]\n\n",
    ]
    answer = running.ask(stream=True)
    parts = [json.loads(line[6:]) for line in answer.split(b"\n") if line.startswith(b"data: {")]
    joined = "".join(
        t["function"].get("arguments", "")
        for p in parts
        for c in p["choices"]
        for t in c["delta"].get("tool_calls", ())
    )
    assert BAD not in json.loads(joined)["q"]
    assert json.loads(joined)["q"].startswith("buy ")


# --- what happens without a verdict -------------------------------------------------------------------


@pytest.mark.parametrize("mood", MOODS)
def test_without_a_verdict_no_prompt_goes_on(inside: Any, service: SlowService, mood: str):
    running = inside()
    ill(service, mood)
    answer = running.ask()
    assert (status_of(answer), running.asked) == (503, [])
    assert json.loads(body_of(answer))["error"]["code"] == "review_unavailable"
    assert any(isinstance(e, entries.Rejected) and e.code == "review_unavailable" for e in running.entries)


@pytest.mark.parametrize("mood", MOODS)
def test_without_a_verdict_no_answer_is_served(inside: Any, service: SlowService, mood: str):
    running = inside(directions=("output",))
    running.says = whole("a secret answer")
    ill(service, mood)
    answer = running.ask()
    assert status_of(answer) == 503
    assert b"secret" not in answer
    closed = running.closed()
    assert (closed.outcome, closed.code, closed.characters) == ("our_error", "review_unavailable", 0)


@pytest.mark.parametrize("mood", MOODS)
def test_without_a_verdict_no_word_of_a_stream_leaves(inside: Any, service: SlowService, mood: str):
    running = inside(directions=("output",))
    running.says = stream("a secret ", "answer. ", "and more")
    ill(service, mood)
    answer = running.ask(stream=True)
    assert b"secret" not in answer
    assert b"review_unavailable" in answer
    assert running.closed().code == "review_unavailable"


@pytest.mark.parametrize("mood", MOODS)
def test_what_was_judged_has_left_and_nothing_after_it_where_the_service_fails_in_mid_stream(
    inside: Any, service: SlowService, mood: str
):
    running = inside(directions=("output",))
    running.says = [SSE, piece("Before. "), 20.0]
    body = {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    running.says = [SSE, piece("Before. "), 1.0, piece("A secret. "), piece("More"), b"data: [DONE]\n\n"]
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.sendall(request("/v1/chat/completions", json.dumps(body).encode()))
        got = receive(sock, 5.0, until=b"Before.")
        assert b"Before." in got
        ill(service, mood)
        got += receive(sock, 10.0)
    assert b"secret" not in got
    assert b"review_unavailable" in got


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mood", ["killed", "hangs", "garbage"])
def test_open_mode_lets_pass_and_says_so(inside: Any, service: SlowService, mood: str, streamed: bool):
    running = inside(fails_open=("input", "output"))
    ill(service, mood)
    running.says = stream("a plain answer") if streamed else whole("a plain answer")
    assert b"plain" in running.ask(stream=streamed, wait=10.0)
    opened = next(e for e in running.entries if isinstance(e, entries.Opened))
    assert opened.unjudged == ("far",)
    assert running.closed().unjudged == ("far",)
    counted = running.gateway.counts.unjudged
    assert counted["input|open|far"] >= 1
    assert counted["output|open|far"] >= 1
    assert not any("|closed|" in key for key in counted)


def test_open_for_prompts_is_not_open_for_answers(inside: Any, service: SlowService):
    running = inside(fails_open=("input",))
    service.kill()
    running.says = whole("a secret answer")
    assert status_of(running.ask()) == 503
    assert len(running.asked) == 1


# --- moderations --------------------------------------------------------------------------------------


def moderate(running: Inside, *texts: str) -> tuple[int, Any]:
    answer = running.send(request("/v1/moderations", json.dumps({"input": list(texts)}).encode()))
    return status_of(answer), json.loads(body_of(answer))


def test_moderations_ask_slow_detectors_too(inside: Any, service: SlowService):
    running = inside()
    bad = _refused_here()[0]
    status, answer = moderate(running, "a fine day", f"praise {BAD}", bad)
    assert (status, [r["flagged"] for r in answer["results"]]) == (200, [False, True, True])
    assert {a["text"] for a in service.asked} == {
        "a fine day",
        f"praise {BAD}",
    }  # what is refused here is shown to nobody
    opened = next(e for e in running.entries if isinstance(e, entries.Opened))
    found = next(t for t in opened.texts if t.path == ("input", 1)).judged[0].finding
    assert (opened.asked, found.cls, found.detector, found.start) == (("far",), CLS, "far", 7)


@pytest.mark.parametrize("mood", MOODS)
def test_without_a_verdict_a_moderation_is_an_error(inside: Any, service: SlowService, mood: str):
    running = inside(attempts=1)
    ill(service, mood)
    status, answer = moderate(running, "a fine day")
    assert (status, answer["error"]["code"]) == (503, "review_unavailable")
    assert "results" not in answer
    (entry,) = running.entries
    assert (type(entry), entry.door, entry.code) == (entries.Rejected, "moderations", "review_unavailable")
    assert running.gateway.counts.unjudged["input|closed|far"] == 1


def test_in_open_mode_a_moderation_goes_without_and_says_so(inside: Any, service: SlowService):
    running = inside(fails_open=("input",))
    service.kill()
    status, answer = moderate(running, "a fine day")
    assert (status, answer["results"][0]["flagged"]) == (200, False)
    assert next(e for e in running.entries if isinstance(e, entries.Opened)).unjudged == ("far",)


@pytest.mark.parametrize("how", [{"directions": ("output",)}, {}, {"observe": True}])
def test_a_moderation_names_nobody_who_was_not_asked(inside: Any, service: SlowService, how: dict[str, Any]):
    running = inside(**how)
    text = f"praise {BAD}" if "directions" in how else _refused_here()[0]
    assert moderate(running, text)[0] == 200
    assert service.asked == []
    assert next(e for e in running.entries if isinstance(e, entries.Opened)).asked == ()


def observed(running: Inside, count: int) -> list[entries.Observed]:
    """Entries of those that only observe, once there are so many."""
    deadline = time.monotonic() + 5
    while len(found := [e for e in running.entries if isinstance(e, entries.Observed)]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_what_only_observes_is_asked_by_a_moderation_too_and_changes_nothing_of_it(inside: Any, service: SlowService):
    running = inside(observe=True, timeout=5.0)
    service.mood, service.delay = "slow", 1.0
    bad = _refused_here()[0]
    status, answer = moderate(running, "a fine day", f"praise {BAD}", bad)
    assert not any(isinstance(e, entries.Observed) for e in running.entries)  # it was answered before
    assert (status, [r["flagged"] for r in answer["results"]]) == (200, [False, False, True])
    opened = next(e for e in running.entries if isinstance(e, entries.Opened))
    assert (opened.asked, f"modr-{opened.exchange}") == (("far",), answer["id"])
    assert BAD not in json.dumps(answer)
    assert [t.path for t in opened.texts] == [("input", 2)]
    (entry,) = observed(running, 1)
    (text,) = entry.texts
    finding = text.judged[0].finding
    assert (entry.exchange, entry.direction, entry.unanswered) == (opened.exchange, "input", ())
    assert (text.path, text.action, text.length) == (("input", 1), "refuse", 7 + len(BAD))
    assert (finding.cls, finding.detector, finding.start) == (CLS, "far", 7)
    assert {a["text"] for a in service.asked} == {"a fine day", f"praise {BAD}"}


@pytest.mark.parametrize("mood", ["killed", "hangs", "garbage"])
def test_one_that_only_observes_and_gives_no_verdict_is_named_in_the_record_of_a_moderation(
    inside: Any, service: SlowService, mood: str
):
    running = inside(observe=True, attempts=1)
    ill(service, mood)
    status, answer = moderate(running, "a fine day")
    assert (status, answer["results"][0]["flagged"]) == (200, False)
    (entry,) = observed(running, 1)
    assert (entry.texts, entry.unanswered) == ((), ("far",))
    assert next(e for e in running.entries if isinstance(e, entries.Opened)).unjudged == ()


# --- the rest -----------------------------------------------------------------------------------------


def test_who_leaves_takes_the_question_along(inside: Any, service: SlowService):
    running = inside(timeout=30.0, directions=("output",))
    service.mood = "hangs"
    running.says = [SSE, piece("A sentence. "), 20.0]
    body = {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.sendall(request("/v1/chat/completions", json.dumps(body).encode()))
        deadline = time.monotonic() + 5
        while not service.asked and time.monotonic() < deadline:
            time.sleep(0.01)
    deadline = time.monotonic() + 5
    while not service.left and time.monotonic() < deadline:
        time.sleep(0.01)
    assert service.left == 1
    assert running.closed().outcome == "client_left"


def test_a_lead_lets_so_many_characters_go_ahead_and_is_recorded(inside: Any, service: SlowService):
    running = inside(lead=20, timeout=10.0, directions=("output",))
    service.mood, service.delay = "slow", 1.0
    running.says = [
        SSE,
        *[piece(f"{n:03} is here") for n in range(5)],
        3.0,
        piece("", finish_reason="stop"),
        b"data: [DONE]\n\n",
    ]
    body = {"model": "openai", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with socket.create_connection(("127.0.0.1", running.port)) as sock:
        sock.sendall(request("/v1/chat/completions", json.dumps(body).encode()))
        early = receive(sock, 0.8)
        rest = receive(sock, 10.0)
    assert said(body_of_open(early)).strip() in ("000 is", "000 is here")  # 11 of 20: the next piece would be too much
    assert said(body_of_open(early + rest)).endswith("004 is here")
    assert 0 < running.closed().ahead <= 20


def body_of_open(answer: bytes) -> bytes:
    """What came of a chunked body, without its chunks' heads."""
    return b"\n".join(line for line in answer.split(b"\r\n") if line.startswith(b"data: "))


def test_what_only_observes_is_recorded_and_changes_nothing(inside: Any, service: SlowService):
    running = inside(observe=True)
    service.mood, service.delay = "slow", 0.2
    running.says = stream("drink ", BAD)
    answer = running.ask(stream=True, messages=[{"role": "user", "content": f"praise {BAD}"}])
    assert said(answer) == f"drink {BAD}"
    assert {e.direction: e.texts[0].action for e in observed(running, 2)} == {"input": "refuse", "output": "refuse"}


def test_an_app_that_observes_lets_all_pass(inside: Any, service: SlowService):
    running = inside(app={"observe": True})
    running.says = stream("drink ", BAD)
    assert BAD in said(running.ask(stream=True))
    service.kill()
    assert BAD in said(running.ask(stream=True))


def test_what_is_refused_here_already_is_not_shown_elsewhere(inside: Any, service: SlowService):
    running = inside()
    bad = next(iter(_refused_here()))
    running.ask(messages=[{"role": "user", "content": bad}])
    assert service.asked == []
    assert running.asked == []


def _refused_here() -> list[str]:
    from guiju.review import load

    terms = load.default_lexicons()["drugs"]
    return [t.text for t in terms if t.severity == "high"][:1]
