"""What a browser is shown while control is away: one page that needs nothing else and loads itself again.

Pure. In Chinese or English as the browser asks, in both where it asks for neither. The pages belong to control; the
gateway keeps this one alone, so that a person who opens any of them during a restart reads a sentence and not an API's
error. app.py says when.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from string import Template

AGAIN = 4
"""Seconds after which the page looks whether control is back."""

_STYLE = """
:root { color-scheme: light dark; --paper: #faf9f6; --card: #fff; --ink: #1d2226; --soft: #59626a; --line: #dfddd6;
  --seal: #b3261e; --link: #1b5a8c; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181b; --card: #1d2125; --ink: #e8e6e1; --soft: #a4acb3;
  --line: #343a40; --seal: #ff8a7d; --link: #8fc3ee; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 24px 16px; display: grid; place-content: center;
  grid-template-columns: minmax(0, 520px); background: var(--paper); color: var(--ink);
  font: 16px/1.6 "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif; }
:lang(en) { font-family: system-ui, "Noto Sans", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 24px; }
svg { width: 36px; height: 36px; color: var(--seal); }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 8px 0 12px; }
p { margin: 0 0 12px; }
p:last-child { margin: 0; color: var(--soft); font-size: .875rem; }
section + section { border-top: 1px solid var(--line); margin-top: 20px; padding-top: 12px; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
"""

_SCRIPT = (
    "setInterval(async () => { if (document.hidden) return; try {"
    " const now = await fetch(location.href,"
    ' { method: "HEAD", cache: "no-store", redirect: "manual", headers: { accept: "text/html" } });'
    " if (![502, 503, 504].includes(now.status)) location.reload(); } catch {} },"
    f" {1000 * AGAIN});"
)
"""It looks first: a page that only reloaded would begin anew under somebody who reads it, or has it read out."""
_RELOADS = f"""<script>{_SCRIPT}</script>
<noscript><meta http-equiv="refresh" content="{2 * AGAIN}"></noscript>
"""

_PAGE = Template("""<!doctype html>
<html lang="$tag">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$style</style>
$reloads</head>
<body>
<main>
<svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"\
 aria-hidden="true"><circle cx="13" cy="19" r="9"/><path d="M13 6 7.5 19M13 6l5.5 13M13 3v3"/><path d="M28 6v22H17"/></svg>
$parts
</main>
</body>
</html>
""")

_PART = Template("""<section lang="$tag">
<h1>$heading</h1>
$told
</section>""")

_WORDS = {
    "zh": {
        "tag": "zh-Hans",
        "title": "页面暂时无法打开 · 规矩",
        "heading": "页面暂时无法打开",
        "away": "提供网页的部分正在重启或已停止，请稍候。",
        "serving": "API 不受影响：程序发来的请求照常审查、记录和作答。",
        "again": '恢复后，本页会自动重新打开；您也可以<a href="">立即重试</a>。',
        "sent": "您刚才提交的内容可能没有保存。请稍后返回上一页，先核对结果，再决定是否重新提交。",
    },
    "en": {
        "tag": "en",
        "title": "The pages are away · Guiju",
        "heading": "The pages are away for a moment",
        "away": "The part that shows pages is restarting or was stopped, so this page can’t be opened just now.",
        "serving": "The API goes on: what programs ask is reviewed, recorded and answered as ever.",
        "again": 'The page opens by itself once they are back; or <a href="">try now</a>.',
        "sent": "What you just sent may not have been kept. Go back in a moment, and look before you send it again.",
    },
}


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


HEADERS = [
    ("retry-after", str(AGAIN)),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
]
"""Beside its status, 503."""


def page(languages: Sequence[str], *, serving: bool, sent: bool) -> bytes:
    """The page as bytes; nothing of the request stands in it.

    Args:
        languages: `zh`, `en` or both, in the order in which they are shown.
        serving: the API goes on: it doesn't where the gateway has no configuration yet.
        sent: a form was sent. To load the page again would send it again, so this is left to the person.
    """
    shown = [_WORDS[language] for language in languages]
    last = "sent" if sent else "again"
    parts = []
    for words in shown:
        told = "\n".join(f"<p>{words[name]}</p>" for name in ("away", "serving", last) if serving or name != "serving")
        parts.append(_PART.substitute(words, told=told))
    return _PAGE.substitute(
        tag=shown[0]["tag"],
        title=" / ".join(words["title"] for words in shown),
        parts="\n".join(parts),
        style=_STYLE,
        reloads="" if sent else _RELOADS,
    ).encode()
