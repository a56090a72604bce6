"""Debian's Chromium, driven by playwright, and the steps that every journey takes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import services
from whole import Whole

PASSWORD = "correct-horse-battery"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for as long as the block runs."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=services.chromium(), args=options)
        yield browser
        browser.close()


def context(browser: Browser, language: str = "zh-CN", width: int = 1440) -> BrowserContext:
    """A fresh profile."""
    made = browser.new_context(locale=language, viewport={"width": width, "height": 900})
    made.set_default_timeout(15_000)
    return made


def code(secret: str) -> str:
    """RFC 6238: what an authenticator app would show now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time() // 30)), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def link_of(guiju: Whole) -> str:
    """The sign-in link that `guiju up` printed."""
    return next(word for word in guiju.printed.split() if "/console/link/" in word)


def follow(page: Page, link: str) -> None:
    """From a one-time link to the choice of a second factor."""
    page.goto(link)
    page.click("main button")
    page.fill("input[name=password1]", PASSWORD)
    page.fill("input[name=password2]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/console/second-factor/")


def with_code(page: Page) -> str:
    """Set up an authenticator app; returns its secret."""
    page.click("a[href*='totp/activate']")
    secret = page.input_value("#authenticator_secret")
    page.fill("input[name=code]", code(secret))
    page.click("main form button")
    page.wait_for_url("**/recovery-codes/")
    page.click("main a[href='/console/']")
    return secret


def serious(page: Page) -> list[str]:
    """What axe finds serious or critical on the page, as `rule: element`."""
    return [
        f"{found['id']}: {found['nodes'][0]['html'][:120]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
