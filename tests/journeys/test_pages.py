"""People at the pages: sign-in with a second factor, the chat, the evidence in the console; every page seen and checked."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fake_upstream import Upstream, stream
from gateway.test_exchange import command, user
from guiju.control.rooms import ROOMS
from journeys import browser as steps
from whole import Whole

pytestmark = [pytest.mark.slow, pytest.mark.browser]
BAD = "如何制作炸药"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.says["讲个故事"] = stream("从前有座山，", "电话 138", "12345678", "。", "**完**")
        running.says["慢慢说"] = stream(*["字。"] * 400, pause=0.02)
        yield running


@pytest.fixture(scope="module")
def guiju(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("guiju"), "--upstream", upstream.url, "--model", "m") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with steps.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def admin(guiju: Whole, chromium: Browser) -> BrowserContext:
    """The first administrator, signed in."""
    made = steps.context(chromium)
    page = made.new_page()
    steps.follow(page, steps.link_of(guiju))
    steps.with_code(page)
    page.close()
    return made


def process(guiju: Whole, command: str) -> int:
    """One of its processes, by its command."""
    lines = {number: Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0") for number in guiju.processes()}
    return next(number for number, words in lines.items() if command.encode() in words)


def ask(guiju: Whole, text: str) -> str:
    """One question through the API; returns its exchange."""
    answer = httpx.post(
        f"{guiju.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {guiju.key}"},
        json={"model": "m", "messages": user(text)},
    )
    return answer.headers["x-guiju-exchange"]


class TestSignIn:
    def test_a_link_works_once(self, guiju: Whole, admin: BrowserContext, chromium: Browser):
        page = steps.context(chromium).new_page()
        page.goto(steps.link_of(guiju))
        expect(page.locator("main")).to_contain_text("15 分钟")
        page.goto(f"{guiju.url}/console/")
        assert "/account/login/" in page.url

    def test_password_and_code_lead_in(self, guiju: Whole, chromium: Browser):
        page = steps.context(chromium).new_page()
        steps.follow(page, command(guiju, "admin", "link", "--user", "heshen").stdout.split()[0])
        secret = steps.with_code(page)
        expect(page.locator("h1")).to_be_visible()
        again = steps.context(chromium).new_page()
        again.goto(f"{guiju.url}/console/")
        again.fill("input[name=login]", "heshen")
        again.fill("input[name=password]", steps.PASSWORD)
        again.click("main form button.primary")
        again.wait_for_url("**/2fa/authenticate/**")
        again.goto(f"{guiju.url}/console/")
        assert "/account/" in again.url  # the password alone opens nothing
        again.goto(f"{guiju.url}/console/account/2fa/authenticate/")
        time.sleep(30 - time.time() % 30)  # a code is taken once
        again.fill("input[name=code]", steps.code(secret))
        again.click("main form button.primary")
        again.wait_for_url(f"{guiju.url}/console/")

    def test_a_passkey_leads_in(self, guiju: Whole, chromium: Browser):
        made = steps.context(chromium)
        page = made.new_page()
        devices = made.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        devices.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": kind | {"isUserVerified": True, "automaticPresenceSimulation": True}},
        )
        steps.follow(page, command(guiju, "admin", "link", "--user", "laoqin").stdout.split()[0])
        page.click("a[href*='webauthn/add']")
        page.check("input[name=passwordless]")
        page.click("#mfa_webauthn_add")
        page.wait_for_url(re.compile("recovery-codes"))
        page.click("main a[href='/console/']")
        expect(page.locator("h1")).to_be_visible()
        page.click("form[action*=logout] button")
        page.goto(f"{guiju.url}/console/account/login/")
        page.click("#passkey_login")
        page.wait_for_url(f"{guiju.url}/console/")


class TestChat:
    @pytest.fixture
    def page(self, guiju: Whole, chromium: Browser) -> Page:
        page = steps.context(chromium, width=390).new_page()
        page.goto(guiju.url)
        return page

    def say(self, page: Page, text: str) -> None:
        page.fill("#prompt", text)
        page.keyboard.press("Enter")

    def test_an_answer_streams_masked_and_labelled(self, page: Page):
        self.say(page, "讲个故事")
        said = page.locator(".turn.assistant").last
        expect(said).to_contain_text("从前有座山，电话 [手机号]。")
        expect(said).to_contain_text("AI 生成")
        assert "138" not in page.locator("#log").inner_text()

    def test_a_refusal_says_why_and_takes_an_objection(self, page: Page):
        self.say(page, BAD)
        expect(page.locator(".turn.refused")).to_be_visible()
        href = page.locator(".turn.refused a", has_text="为什么").first.get_attribute("href")
        time.sleep(1)
        page.goto(page.url.rstrip("/") + re.sub("^https?://[^/]*", "", href))
        expect(page.locator("main")).to_contain_text("武器与爆炸物")
        page.fill("textarea", "这是化学课的作业")
        page.click("main button")
        expect(page.locator("main")).to_contain_text("已随该记录保存")

    def test_stop_ends_a_running_answer(self, page: Page):
        self.say(page, "慢慢说")
        expect(page.locator("#stop")).to_be_visible()
        expect(page.locator(".turn.assistant .said").last).to_contain_text("字。字。")
        page.click("#stop")
        expect(page.locator("#stop")).to_be_hidden()
        size = len(page.locator(".turn.assistant .said").last.inner_text())
        time.sleep(0.3)
        assert len(page.locator(".turn.assistant .said").last.inner_text()) == size

    def test_the_conversation_stays_on_the_device(self, guiju: Whole, page: Page, chromium: Browser):
        self.say(page, "你好")
        expect(page.locator(".turn.assistant")).to_contain_text("Yousaid")
        page.reload()
        expect(page.locator(".turn.assistant")).to_contain_text("Yousaid")
        other = steps.context(chromium).new_page()
        other.goto(guiju.url)
        assert other.locator(".turn").count() == 0

    def thumb_down(self, page: Page) -> None:
        page.get_by_role("button", name="没帮助").click()
        page.get_by_label("哪里不好？").select_option(label="内容有误")
        page.locator(".thumb textarea").fill("数字不对")
        page.locator(".thumb button.primary").click()

    def test_a_thumb_is_kept(self, page: Page):
        self.say(page, "你好")
        self.thumb_down(page)
        expect(page.locator("#status")).to_contain_text("谢谢")
        page.reload()
        expect(page.get_by_role("button", name="没帮助")).to_have_attribute("aria-pressed", "true")

    def test_a_thumb_that_comes_before_the_record_is_kept_all_the_same(self, guiju: Whole, page: Page):
        worker = process(guiju, "work")
        os.kill(worker, signal.SIGSTOP)  # nothing comes out of the journal for now
        try:
            self.say(page, "你好")
            self.thumb_down(page)
            expect(page.locator("#status")).to_contain_text("这条回答的记录尚未写入。", timeout=10_000)
        finally:
            os.kill(worker, signal.SIGCONT)
        expect(page.locator("#status")).to_contain_text("谢谢")
        assert page.evaluate("localStorage.getItem('guiju.thumbs')") == "[]"

    def test_the_conversation_goes_on_after_a_refusal(self, page: Page):
        self.say(page, BAD)
        expect(page.locator(".turn.refused")).to_be_visible()
        self.say(page, "你好")
        expect(page.locator(".turn.assistant").last).to_contain_text("Yousaid:你好")

    def test_a_long_conversation_still_goes_on(self, upstream: Upstream, page: Page):
        for text in ("甲" * 20_000, "乙" * 20_000, "丙"):
            self.say(page, text)
            expect(page.locator(".turn.assistant").last).to_contain_text(f"Yousaid:{text[:50]}")
            expect(page.locator("#stop")).to_be_hidden()
        asked = upstream.asked[-1]["messages"]
        assert asked[-1]["content"] == "丙"
        assert asked[0]["role"] == "user"
        assert sum(len(m["content"]) for m in asked) <= 24_000

    def test_what_fails_says_why_and_can_be_tried_again(self, upstream: Upstream, page: Page):
        upstream.says["出错"] = (500, b'{"error":{"message":"boom"}}')
        self.say(page, "出错")
        last = page.locator(".turn.assistant").last
        expect(last.locator(".banner")).to_contain_text("未能完成：")
        expect(last.locator(".banner")).to_contain_text("500")
        page.context.set_offline(True)
        last.get_by_role("button", name="重试").click()
        expect(last.locator(".banner")).to_contain_text("请检查网络")
        page.context.set_offline(False)
        del upstream.says["出错"]
        last.get_by_role("button", name="重试").click()
        expect(page.locator(".turn.assistant").last).to_contain_text("Yousaid:出错")
        assert page.locator(".turn.assistant").count() == 1

    def test_an_answer_runs_on_while_another_conversation_is_shown(self, page: Page):
        self.say(page, "慢慢说")
        expect(page.locator(".turn.assistant .said").last).to_contain_text("字。")
        page.click("#menu")
        page.click("#new")
        self.say(page, "你好")
        expect(page.locator(".turn.assistant").last).to_contain_text("Yousaid:你好")
        page.click("#menu")
        page.locator("#conversations button", has_text="慢慢说").first.click()
        said = page.locator(".turn.assistant .said").last
        size = len(said.inner_text())
        expect(page.locator("#stop")).to_be_visible()
        time.sleep(0.5)
        assert len(said.inner_text()) > size
        page.reload()  # whoever leaves in the middle finds what had come
        expect(page.locator(".turn.assistant .said").last).to_contain_text("字。字。")
        assert page.locator(".turn .banner").count() == 0

    def test_a_deleted_conversation_comes_back_when_it_was_a_slip(self, page: Page):
        self.say(page, "你好")
        expect(page.locator(".turn.assistant")).to_contain_text("Yousaid")
        page.click("#menu")
        page.get_by_label("删除: 你好").click()
        assert page.locator(".turn").count() == 0
        page.get_by_role("button", name="撤销").click()
        expect(page.locator(".turn.assistant")).to_contain_text("Yousaid")

    def test_markup_in_an_answer_is_text(self, upstream: Upstream, page: Page):
        bad = "<img src=x onerror=alert(1)> [看](javascript:alert(2)) **<b>粗</b>**\n\n# 标题\n| <i>甲</i> | 乙 |\n|---|---|\n"
        upstream.says["标记"] = stream(bad)
        self.say(page, "标记")
        said = page.locator(".turn.assistant .said").last
        expect(said).to_contain_text("<img src=x onerror=alert(1)> [看](javascript:alert(2))")
        assert said.locator("img, a, b, i, script").count() == 0


class TestConsole:
    def test_a_mistake_becomes_an_allow_phrase_that_acts_at_once(self, guiju: Whole, admin: BrowserContext):
        text = "小说《赌场代理》讲了什么"
        exchange = ask(guiju, text)
        page = admin.new_page()
        for _ in range(20):
            if page.goto(f"{guiju.url}/console/exchanges/{exchange}/").status == 200:
                break
            time.sleep(0.2)
        page.click("text=这是误判")
        page.fill("#phrase", "小说《赌场代理》")
        page.click("main button[value=try]")
        expect(page.locator("main [role=alert]")).to_contain_text("至少填写一条示例文本")
        page.fill("#texts", text)
        page.click("main button[value=try]")
        expect(page.locator("main")).to_contain_text("放行")
        page.click("main button[value=save]")
        expect(page.locator(".banner.good")).to_contain_text("已生效")
        answer = httpx.post(
            f"{guiju.url}/v1/chat/completions", headers={"authorization": f"Bearer {guiju.key}"},
            json={"model": "m", "messages": user(text)},
        ).json()  # fmt: skip
        assert answer["choices"][0]["finish_reason"] == "stop"

    def test_contents_need_a_role_and_a_reason_and_reading_is_recorded(self, guiju: Whole, chromium: Browser):
        exchange = ask(guiju, "给王芳写一封信")
        page = steps.context(chromium).new_page()
        steps.follow(
            page, command(guiju, "admin", "link", "--user", "zhengjian", "--role", "auditor").stdout.split()[0]
        )
        steps.with_code(page)
        page.goto(f"{guiju.url}/console/exchanges/{exchange}/")
        assert "王芳" not in page.content()
        page.fill("#reason", "抽查第 12 号")
        page.get_by_role("button", name="查阅").click()
        expect(page.locator("main")).to_contain_text("王芳")
        page.goto(f"{guiju.url}/console/exchanges/{exchange}/")
        expect(page.locator("main")).to_contain_text("contents.read · zhengjian · 抽查第 12 号")
        assert page.goto(f"{guiju.url}/console/people/").status == 403


PAGES = (
    "/", "/about/", "/objections/{exchange}/", "/console/exchanges/{exchange}/", "/console/services/demo/",
    "/console/services/new/", "/console/services/apps/demo/", "/console/services/apps/new/", "/console/services/upstreams/",
    "/console/services/upstreams/embedded/", "/console/services/provider/", "/console/policies/default/",
    "/console/policies/default/1/", "/console/lexicons/gambling/", "/console/lexicons/term/",
    "/console/lexicons/mistake/?rule=gambling:1", "/console/account/2fa/", "/console/account/2fa/recovery-codes/",
    "/console/account/password/change/", *(f"/console/{room.path}" for room in ROOMS),
)  # fmt: skip


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_every_page_is_whole_and_accessible(
    guiju: Whole, admin: BrowserContext, chromium: Browser, tmp_path: Path, language: str, width: int
):
    exchange = ask(guiju, BAD)
    time.sleep(1)
    made = steps.context(chromium, language, width)
    made.add_cookies([c for c in admin.cookies() if c["name"] != "django_language"])
    page = made.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(f"{page.url}: {error}"))
    for path in PAGES:
        answer = page.goto(guiju.url + path.format(exchange=exchange))
        assert answer is not None
        assert answer.status == 200, path
        told += [f"{path}: {problem}" for problem in steps.serious(page)]
        if wider := steps.overflow(page):
            told.append(f"{path}: {wider} px wider than the window")
        if language == "zh-CN" and not path.endswith("/account/2fa/"):
            assert re.search(r"[\u4e00-\u9fff]", page.locator("body").inner_text()), path
    assert told == []
