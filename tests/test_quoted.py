"""guiju.quoted: what libraries really raise is told in Chinese; what isn't known is quoted as it is."""

from __future__ import annotations

import csv
import ssl
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from re import _parser as regex  # type: ignore[attr-defined]
from typing import Any, Literal

import jwt
import msgspec
import pytest
import yaml

from guiju.errors import Said, told
from guiju.quoted import quoted

KEY = "k" * 32
SOON = int(time.time()) + 86_400  # a whole run later it is still to come


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """What a line of JSON must be."""

    text: str
    kind: Literal["a", "b"] = "a"
    n: int = 0


def reason(act: Callable[[], Any]) -> BaseException:
    try:
        act()
    except Exception as problem:
        return problem
    raise AssertionError("nothing was raised")


def chinese(act: Callable[[], Any]) -> str:
    return str(told(quoted(reason(act)), "zh"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", "此处不能再写“键: 值”"),
        ("a:\n\t- x", "不能用制表符（Tab）缩进"),
        ("a: [1, 2", "应为“,”或“]”，此处却是文件的结尾"),
        ("a: {x: 1", "应为“,”或“}”，此处却是文件的结尾"),
        ("a: 'x", "引号没有闭合，文件就结束了"),
        ("a: 1\n- b", "缩进或结构与上文不符，此处多出“-”"),
        ("r:\n  - id: a\n   class: b", "缩进或结构与上文不符，此处多出新的映射"),
        ("a: *x", "没有名为“x”的锚点"),
        ("a: &x 1\nb: &x 2", "锚点重复定义"),
        ("--- a\n--- b", "一个文件只能有一份文档，此处又开始了一份"),
        ('a: "\\q"', "不认识的转义字符“q”"),
        ("a: @x", "“@”不能用在开头"),
        ("a: |x\n  y", "“|”或“>”之后只能写 +、- 或缩进数，此处却是“x”"),
        ("a: ]", "此处应有一个值，却是“]”"),
    ],
)
def test_yaml(text: str, said: str):
    assert chinese(lambda: yaml.compose(text, Loader=yaml.SafeLoader)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"text":1}', "应为 `str`，实为 `int`（位于 `$.text`）"),
        (b"{}", "缺少字段 `text`"),
        (b'{"text":"a","z":1}', "有不认识的字段 `z`"),
        (b'{"text":"a","kind":"c"}', "不允许的值：“c”（位于 `$.kind`）"),
        (b'{"text"', "内容不完整"),
        (b'{"text":"a",}', "JSON 有误：对象末尾多了逗号（字节偏移 12）"),
        (b"x", "JSON 有误：无效的字符（字节偏移 0）"),
        (b'{"text" 1}', "JSON 有误：应为“:”（字节偏移 8）"),
        (b'{"text":"a"} x', "JSON 有误：结尾之后还有内容（字节偏移 14）"),
        (b'{"text":"\xff"}', "字节偏移 0 处不是 UTF-8"),
    ],
)
def test_json(text: bytes, said: str):
    assert chinese(lambda: msgspec.json.decode(text, type=Row)) == said


def test_json_that_goes_too_deep():
    assert chinese(lambda: msgspec.json.decode(b"[" * 9000)) == "嵌套过深"


@pytest.mark.parametrize(
    ("line", "said"),
    [('"a"b', "右引号之后应为“,”"), ('"a', "引号没有闭合，文件就结束了"), ("a" * 200_000, "字段超过 131072 字符")],
)
def test_csv(line: str, said: str):
    assert chinese(lambda: list(csv.reader([line], strict=True))) == said


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"sub": "a", "exp": 1}, "已过期"),
        ({"sub": "a"}, "缺少声明 exp"),
        ({"exp": SOON}, "缺少声明 sub"),
        ({"sub": "a", "exp": SOON, "nbf": SOON}, "尚未生效"),
        ({"sub": "a", "exp": SOON, "aud": "z"}, "受众（aud）不符"),
        ({"sub": "a", "exp": "x"}, "声明 exp 须为整数"),
    ],
)
def test_claims_of_a_token(claims: dict[str, Any], said: str):
    assert chinese(lambda: read(jwt.encode(claims, KEY, algorithm="HS256"))) == said


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (jwt.encode({"sub": "a", "exp": SOON}, KEY[::-1] + "x", algorithm="HS256"), "签名不符"),
        (jwt.encode({"sub": "a", "exp": SOON}, KEY + KEY, algorithm="HS512"), "签名算法与该应用的密钥不符"),
        ("x", "不是 JWT：应为以“.”分隔的三段"),
        ("a.b.c", "头部不是 base64url 编码"),
        ("....", "头部不是 JSON"),
    ],
)
def test_a_token_that_is_none(token: str, said: str):
    assert chinese(lambda: read(token)) == said


def read(token: str) -> Any:
    return jwt.decode(token, KEY, algorithms=["HS256"], options={"require": ["exp", "sub"]})


@pytest.mark.parametrize(
    ("text", "said"),
    [("(a", "缺少“)”"), ("[a", "缺少“]”"), ("*a", "重复符号之前没有内容"), ("\\q", "不认识的转义“\\q”")],
)
def test_expressions(text: str, said: str):
    assert chinese(lambda: regex.parse(text)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=1 b", "一条语句之后应换行（第 1 行第 5 列）"),
        ("a=@", "无效的值（第 1 行第 3 列）"),
        ("a=[1", "数组缺少“]”（文件末尾）"),
    ],
)
def test_toml(text: str, said: str):
    assert chinese(lambda: tomllib.loads(text)) == said


def test_the_system(tmp_path: Path):
    assert chinese((tmp_path / "none").read_bytes) == "没有这个文件或文件夹"
    assert chinese(tmp_path.read_bytes) == "这是文件夹，不是文件"
    assert quoted(ssl.SSLError(1, "certificate verify failed")) == "certificate verify failed"


@pytest.mark.parametrize("problem", [ValueError("no such thing."), OSError("odd"), KeyError()])
def test_what_is_not_known_is_quoted_as_it_is(problem: Exception):
    said = quoted(problem)
    assert told(said, "zh") == said
    assert said in ("no such thing", "odd", "KeyError")


def test_english_stays_what_the_library_said():
    assert quoted(reason(lambda: msgspec.json.decode(b"{}", type=Row))) == "Object missing required field `text`"
    assert quoted(reason(lambda: read("x"))) == "Not enough segments"


def test_words_of_ours_stay_ours():
    assert told(quoted(RecursionError(Said("more than 200 levels", "超过 200 层"))), "zh") == "超过 200 层"
