"""What the fields of an upstream and of a route may hold: one table for forms, verbs and commands."""

import re
from urllib.parse import urlsplit

from guiju.control.services import residency
from guiju.errors import BadRequest, Said
from guiju.snapshot import OFFERS, WAYS

NUMBERS: dict[str, tuple[float, float]] = {
    "connect_timeout": (0.1, 600),
    "first_byte_timeout": (0.1, 3600),
    "idle_timeout": (0.1, 3600),
    "max_connections": (1, 1_000_000),
    "weight": (1, 1000),
    "order": (0, 99),
    "input_price": (0, 1_000_000),
    "output_price": (0, 1_000_000),
    "requests_per_minute": (0, 10**9),
    "tokens_per_minute": (0, 10**12),
    "streams": (0, 65_000),
    "tokens_per_day": (0, 10**15),
    "tokens_per_month": (0, 10**15),
    "cost_per_day": (0, 10**9),
    "cost_per_month": (0, 10**9),
}
"""Field -> lowest and highest. Seconds, connections of one worker, share, place, prices of a million tokens, quotas."""

UNKNOWN_FIELDS = ("send", "drop")
LENGTHS = {"vendor": 100, "filing": 100, "key_header": 64, "query": 500}

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
"""A header's name (RFC 9110, 5.6.2), written small."""
OURS = frozenset(
    (
        "host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "user-agent",
        "expect", "te", "trailer", "upgrade", "keep-alive", "proxy-connection", "anthropic-version",
    )
)  # fmt: skip
"""Headers that the gateway writes itself, or that rule the connection: a key in one of them would break the request."""
_QUERY = re.compile(r"(?!\?)[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*")
"""RFC 3986, 3.4."""


class BadField(BadRequest):
    """`field` is the name of the column."""


class BadUrl(BadRequest):
    text_en = "'{url}' is no base URL: it begins with http:// or https:// and names a host, as http://127.0.0.1:8000/v1"
    text_zh = "“{url}”不是有效的 base URL：应以 http:// 或 https:// 开头并写明主机，例如 http://127.0.0.1:8000/v1"


class UrlHasBlanks(BadUrl):
    text_en = "'{url}': put your own in place of what stands in braces."
    text_zh = "“{url}”：请将花括号及其中的内容换成您自己的。"


class UrlHasMore(BadUrl):
    text_en = "A base URL holds no user, password or fragment; what follows its '?' is the field query (--query)."
    text_zh = "base URL 中不能有用户名、密码或片段；“?”之后的部分请填入“查询参数”（--query）。"


class BadSecret(BadRequest):
    text_en = "The upstream's API key holds characters that no HTTP header can carry; look at what was pasted."
    text_zh = "上游的 API 密钥含有 HTTP 头无法携带的字符，请检查所粘贴的内容。"


class KeyForAnother(BadSecret):
    text_en = (
        "'{url}' is another server than the one whose API key is kept: give its key (--key-file), or take the kept one "
        "away (--no-key)."
    )
    text_zh = (
        "“{url}”与所存 API 密钥对应的服务器不同：请提供新服务器的密钥（--key-file），或移除所存的密钥（--no-key）。"
    )


def server(url: str) -> tuple[str, str, int]:
    """Who is reached at an address, to see whether two addresses lead to the same server: a path may differ."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", url, 0


def check_url(url: str) -> None:
    """Raises: BadUrl, for what would stop the gateway from taking any snapshot, what it would leave out of a request, and
    a password that lists would show."""
    if "{" in url or "}" in url:
        raise UrlHasBlanks(url=url)
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https", "unix") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address, a port beyond 65535
        whole = False
    if not whole or not url.isascii() or not url.isprintable() or " " in url or len(url) > 500:
        raise BadUrl(url=url)
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise UrlHasMore(url=url)


def check_secret(secret: str) -> None:
    """Raises: BadSecret."""
    if not (secret.isascii() and secret.isprintable()):
        raise BadSecret


def check(field: str, value: str | float) -> None:
    """Raises: BadField. What a field may hold that isn't a number or one of a list is only its length."""
    if problem := _problem(field, value):
        raise BadField(field=field, problem=problem)


def _problem(field: str, value: str | float) -> Said | None:
    if field in NUMBERS:
        low, high = NUMBERS[field]
        if not low <= value <= high:  # type: ignore[operator]
            return Said("must be from {low} to {high}", "须在 {low} 到 {high} 之间", low=low, high=high)
        return None
    text = str(value)
    if len(text) > (most := LENGTHS.get(field, 500)):
        return Said("is longer than {most} characters", "超过 {most} 个字符", most=most)
    listed = {
        "dialect": tuple(OFFERS), "residency": ("", *residency.PLACES), "unknown_fields": UNKNOWN_FIELDS,
    }.get(field)  # fmt: skip
    if field == "offers":
        unknown, listed = set(text.split()) - set(WAYS), WAYS
    else:
        unknown = set() if listed is None or text in listed else {text}
    if unknown:
        return Said("there is no '{word}'; one of: {known}", "没有“{word}”；可选：{known}",
                    word=min(unknown), known=", ".join(filter(None, listed)))  # fmt: skip
    if field == "key_header" and text and (not _TOKEN.fullmatch(text) or text in OURS):
        return Said("is no header that can carry a key", "不能用作携带密钥的请求头")
    if field == "query" and not _QUERY.fullmatch(text):
        return Said("is no query: name=value, parted by &, without '?'", "格式应为 名称=值，以 & 分隔，不含“?”前缀")
    if field in ("vendor", "filing") and not text.isprintable():
        return Said("holds characters that nobody sees", "含有不可见的字符")
    return None
