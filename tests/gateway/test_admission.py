"""guiju.gateway.admission: a subject token that doesn't hold is refused with its reason, in either language."""

from __future__ import annotations

import time

import jwt
import pytest

from guiju.errors import BadRequest
from guiju.gateway.admission import _subject_token
from guiju.snapshot import App

KEY = "k" * 32
APP = App(name="letters", service="demo", subject_key=KEY)


def signed(key: str = KEY, **claims: object) -> str:
    return jwt.encode({"sub": "anna", "exp": int(time.time()) + 60} | claims, key, algorithm="HS256")


def test_one_that_holds_says_who_it_is():
    assert _subject_token(signed(age_band="14to17"), APP)["age_band"] == "14to17"


@pytest.mark.parametrize(
    ("token", "english", "chinese"),
    [
        (signed(exp=1), "Signature has expired", "令牌无效：已过期"),
        (signed(key="other" * 8), "Signature verification failed", "令牌无效：签名不符"),
        (jwt.encode({"sub": "anna"}, KEY), 'Token is missing the "exp" claim', "令牌无效：缺少声明 exp"),
        ("ey.j.w", "Invalid header padding", "令牌无效：头部不是 base64url 编码"),
    ],
)
def test_one_that_does_not_is_refused(token: str, english: str, chinese: str):
    with pytest.raises(BadRequest) as raised:
        _subject_token(token, APP)
    assert raised.value.sentence("en") == f"X-Guiju-Subject: the token doesn't hold: {english}"
    assert raised.value.sentence("zh") == f"X-Guiju-Subject：{chinese}"
