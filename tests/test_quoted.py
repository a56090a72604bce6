"""guiju.quoted: what libraries really raise is told in Chinese; what isn't known is quoted as it is."""

from __future__ import annotations

import asyncio
import csv
import http.client
import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from re import _parser as regex  # type: ignore[attr-defined]
from typing import Any, Literal

import jwt
import msgspec
import pytest
import yaml
from redis import Redis

from certificates import Authority
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
        ("a: \x01", "字符偏移 3 处有不允许的字符 U+0001"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a="C:\\data"', "字符串中的“\\”须写成“\\\\”（第 1 行第 8 列）"),
        ("a={b=1", "行内表缺少“}”（文件末尾）"),
        ("a={b=1,b=2}", "行内表中的键“b”重复（第 1 行第 11 列）"),
        ("[[a]", "表数组的名称之后应为“]]”（第 1 行第 4 列）"),
        ("a={}\na.b=1", "不能再改写这张表或数组（文件末尾）"),
    ],
)
def test_more_of_toml(text: str, said: str):
    assert chinese(lambda: tomllib.loads(text)) == said


@pytest.fixture
def peer() -> Iterator[Callable[..., int]]:
    """Starts a server that does one thing to whoever comes first; its port."""
    threads: list[threading.Thread] = []

    def started(act: Callable[[socket.socket], object]) -> int:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening, listening.accept()[0] as client, suppress(OSError):
                act(client)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return int(listening.getsockname()[1])

    yield started
    for thread in threads:
        thread.join(10)


def hello(port: int, name: str = "localhost", ca: Path | None = None) -> None:
    """A TLS handshake."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        context.wrap_socket(plain, server_hostname=name).close()


def test_tls(tmp_path: Path, peer: Callable[..., int]):
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def answer(client: socket.socket) -> None:
        context.load_cert_chain(*files)
        context.wrap_socket(client, server_side=True).close()

    files = authority.sign("front")
    assert chinese(lambda: hello(peer(answer))) == "本机不信任签发对方证书的机构"
    assert (
        chinese(lambda: hello(peer(answer), "elsewhere.example", authority.file)) == "对方的证书不是签发给这个主机名的"
    )
    assert chinese(lambda: hello(peer(answer), "127.0.0.2", authority.file)) == "对方的证书不是签发给这个 IP 地址的"
    files = authority.sign("old", days=-1)
    assert chinese(lambda: hello(peer(answer), ca=authority.file)) == "对方的证书已过期"
    assert chinese(lambda: hello(peer(lambda c: c.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")))) == "对方没有使用 TLS"


def test_http_and_redis(peer: Callable[..., int]):
    def get(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
        connection.request("GET", "/")
        with connection.getresponse():
            pass

    def ping(port: int) -> None:
        with Redis(port=port, socket_timeout=0.5, retry=None) as client:
            client.ping()

    assert chinese(lambda: get(peer(lambda c: c.recv(999)))) == "对方没有回答就断开了连接"
    assert chinese(lambda: get(peer(lambda c: (c.recv(999), c.sendall(b"220 mail\r\n"))))) == "回答不是 HTTP"
    assert chinese(lambda: get(peer(lambda c: (c.recv(999), time.sleep(1))))) == "超时"
    assert chinese(lambda: ping(9)) == "无法连接 localhost:9：连接被拒绝"
    assert chinese(lambda: ping(peer(lambda c: c.sendall(b"-NOAUTH Authentication required.\r\n")))) == "需要密码"


def test_a_host_of_several_addresses_is_told_by_the_first():
    async def connect() -> None:
        loop = asyncio.get_running_loop()
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 9)) for host in ("127.0.0.1", "127.0.0.2")]
        loop.getaddrinfo = lambda *_, **__: asyncio.sleep(0, both)  # type: ignore[method-assign]
        await loop.create_connection(asyncio.Protocol, "two", 9)

    assert "Multiple exceptions" in str(reason(lambda: asyncio.run(connect())))
    assert chinese(lambda: asyncio.run(connect())) == "连接被拒绝"


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
