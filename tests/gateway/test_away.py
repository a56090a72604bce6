"""Control is away: a browser reads a page that says so and comes back by itself; programs read what they read before."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from guiju.gateway import away
from inside import CUT, Inside, body_of, request, status_of
from journeys import browser as steps

BROWSER = "accept: text/html,application/xhtml+xml,*/*;q=0.8"
BACK = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<!doctype html><h1>back</h1>"
HALF = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 99\r\n\r\n<h1>half"
SAID = {"zh-CN": ("页面暂时无法打开", "API 不受影响"), "en-US": ("The pages are away for a moment", "The API goes on")}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with Inside(tmp_path_factory.mktemp("inside")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with steps.chromium() as browser:
        yield browser


def _of_the_page(inside: Inside) -> list[bytes]:
    """The first lines of what control was asked for the page; a browser asks for the site's icon whenever it likes."""
    return [line for asked in inside.asked if b" /console/ " in (line := asked.partition(b"\r\n")[0])]


@pytest.mark.parametrize("cut", [[CUT], [HALF, CUT]])
@pytest.mark.parametrize("language", SAID)
def test_a_browser_gets_a_page_in_its_language(inside: Inside, language: str, cut: list[bytes | str]):
    inside.says = cut
    answer = inside.send(request("/console/", b"", BROWSER, f"accept-language: {language}", method="GET"))
    assert status_of(answer) == 503
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"content-type: text/html" in head
    assert f"retry-after: {away.AGAIN}".encode() in head
    for sentence in SAID[language]:
        assert sentence in body_of(answer).decode()


@pytest.mark.parametrize("asked", [[], ["accept-language: fr, *;q=0.5"], ["accept-language: zh;q=0"]])
def test_a_browser_that_asks_for_neither_language_reads_both(inside: Inside, asked: list[str]):
    inside.says = [CUT]
    page = body_of(inside.send(request("/console/", b"", BROWSER, *asked, method="GET"))).decode()
    for language, sentences in (("zh-Hans", SAID["zh-CN"]), ("en", SAID["en-US"])):
        part = page.partition(f'<section lang="{language}">')[2].partition("</section>")[0]
        for sentence in sentences:
            assert sentence in part


def test_a_control_that_hangs_is_away_too(tmp_path: Path):
    with Inside(tmp_path) as running:
        running.says = [5.0]
        running.control.first_byte_timeout = 0.2
        answers: list[bytes] = []
        asked = request("/console/", b"", BROWSER, method="GET")
        client = threading.Thread(target=lambda: answers.append(running.send(asked, wait=10)))
        client.start()
        until = time.monotonic() + 4
        while client.is_alive() and time.monotonic() < until:
            time.sleep(0.1)
            running.sweep()
        client.join(0)
        assert [status_of(answer) for answer in answers] == [503]


@pytest.mark.parametrize("accept", ["accept: */*", "accept: application/json", "x-none: 1"])
def test_anything_else_keeps_its_json(inside: Inside, accept: str):
    inside.says = [CUT]
    answer = inside.send(request("/control/v1/feedback", b"", accept))
    assert status_of(answer) == 502
    assert b'"upstream_unavailable"' in body_of(answer)


def test_what_control_says_is_left_as_it_is(inside: Inside):
    inside.says = [b"HTTP/1.1 500 X\r\nconnection: close\r\n\r\nbroken"]
    answer = inside.send(request("/console/", b"", BROWSER, method="GET"))
    assert (status_of(answer), body_of(answer)) == (500, b"broken")


def test_nothing_of_the_request_stands_in_the_page(inside: Inside):
    inside.says = [CUT]
    answer = inside.send(request("/<b>x?<script>y", b"", BROWSER, "accept-language: <i>", method="GET"))
    assert not re.search(rb"<b>|<script>y|<i>", answer)


def test_the_policy_allows_what_the_page_holds_and_no_more():
    policy = dict(away.HEADERS)["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for language in ("zh", "en"):
        page = away.page([language], serving=True, sent=False).decode()
        assert not re.search(r"https?://|\bsrc=| style=| on\w+=", page)


def test_a_gateway_without_configuration_says_nothing_of_the_api():
    for language, (_, serving) in zip(("zh", "en"), SAID.values(), strict=True):
        assert serving in away.page([language], serving=True, sent=False).decode()
        assert serving not in away.page([language], serving=False, sent=False).decode()


@pytest.mark.slow
@pytest.mark.browser
class TestInABrowser:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1440])
    @pytest.mark.parametrize("language", [*SAID, "fr-FR"])
    def test_it_is_whole_and_accessible(
        self, inside: Inside, chromium: Browser, language: str, width: int, scheme: str
    ):
        inside.says = [CUT]
        page = steps.context(chromium, language, width).new_page()
        page.emulate_media(color_scheme=scheme)
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text) if "503" not in message.text else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        answer = page.goto(f"{inside.url}/about/")
        assert answer is not None
        assert answer.status == 503
        shown = [SAID[language]] if language in SAID else SAID.values()
        expect(page.locator("h1")).to_have_text([heading for heading, _ in shown])
        assert page.locator("main").bounding_box()["width"] <= 520  # its style was let in
        assert steps.overflow(page) == 0
        assert told == []
        assert steps.serious(page) == []

    def test_it_opens_what_was_asked_for_once_control_is_back(self, inside: Inside, chromium: Browser):
        inside.says = [CUT]
        page = steps.context(chromium).new_page()
        page.clock.install()
        page.goto(f"{inside.url}/about/?a=1")
        with page.expect_response(lambda r: r.request.method == "HEAD") as asked:
            page.clock.run_for(1000 * away.AGAIN)
        assert asked.value.status == 503
        expect(page.locator("h1")).to_have_text(SAID["zh-CN"][0])
        inside.says = [BACK]
        page.clock.run_for(1000 * away.AGAIN)
        expect(page.locator("h1")).to_have_text("back")
        assert page.url == f"{inside.url}/about/?a=1"

    def test_a_form_is_not_sent_again_by_itself(self, inside: Inside, chromium: Browser):
        inside.says = [b"%b<form method=post><button>go</button></form>" % BACK]
        page = steps.context(chromium).new_page()
        page.clock.install()
        page.goto(f"{inside.url}/console/")
        inside.says = [CUT]
        page.click("button")
        expect(page.locator("main")).to_contain_text("可能没有保存")
        asked = _of_the_page(inside)
        page.clock.run_for(10_000 * away.AGAIN)
        assert _of_the_page(inside) == asked
