"""A verdict as sentences, zh and en: for the caller without the term, for the operator with everything.

Pure. The gateway's own small catalogue: it speaks without Django. The caller learns the class, the rule of law or of
use it rests on, and where to object; never the term, the place or our rule, since that would hand out the lists.
"""

from __future__ import annotations

import re

from guiju.review.canon import canonical
from guiju.review.taxonomy import Taxonomy
from guiju.types import Judged, Verdict

_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]+")
_WORD = re.compile("[A-Za-z]+")
_LOOKED_AT = 100
"""Characters of a prompt that tell its language; more would only cost time."""

_REFUSAL = {
    "zh": "抱歉，这个请求涉及“{name}”，本服务不能回答。{basis}如有异议，请访问 {objection} 提出（编号 {exchange}）。",
    "en": "Sorry, this request touches on “{name}”, so this service can't answer it. {basis}"
    "If you disagree, say so at {objection} (number {exchange}).",
}
_CUT = {
    "zh": "（回答到此中止：后续内容涉及“{name}”。{basis}如有异议，请访问 {objection} 提出，编号 {exchange}。）",
    "en": "(The answer ends here: what followed touches on “{name}”. {basis}"
    "If you disagree, say so at {objection}, number {exchange}.)",
}
# Numbers as of 2026-11: 12356 has been the psychological aid line of the whole country since 2025-05-01.
_HELP = {
    "zh": "听起来你正在经历很难熬的时刻，你并不孤单。现在就可以找人说说：\n"
    "· 全国统一心理援助热线：12356\n"
    "· 如有生命危险，请立即拨打 120（急救）或 110（报警），或请身边的人陪你去最近的医院急诊\n"
    "也请告诉一位你信任的人。\n"
    "（内容涉及“{name}”，因此没有作答。{basis}编号 {exchange}；如有异议：{objection}）",
    "en": "It sounds as if you are going through a very hard time, and you are not alone. You can talk to someone "
    "now:\n"
    "· Mainland China: 12356, the national psychological aid line\n"
    "· United States and Canada: 988 · United Kingdom and Ireland: 116 123\n"
    "· If a life is in danger: 120 or 110 in mainland China, elsewhere your local emergency number (112, 911, 999), or "
    "the nearest emergency department\n"
    "Please also tell someone you trust.\n"
    "(Not answered, since it touches on “{name}”. {basis}Number {exchange}; if you disagree: {objection})",
}
_INTERRUPTED = {
    "service_suspended": {
        "zh": "（本服务已暂停，回答到此中止。如有异议，请访问 {objection} 提出，编号 {exchange}。）",
        "en": "(This service has been suspended; the answer ends here. If you disagree, say so at {objection}, "
        "number {exchange}.)",
    },
    "key_revoked": {
        "zh": "（调用本服务的密钥已被吊销，回答到此中止。如有异议，请访问 {objection} 提出，编号 {exchange}。）",
        "en": "(The key that was used here has been revoked; the answer ends here. If you disagree, say so at "
        "{objection}, number {exchange}.)",
    },
}
_WHY = {
    "called a key; letters, digits and high entropy": "被称作密钥；含字母和数字，熵值高",
    "prefix and length of a vendor's key": "前缀和长度符合某厂商的密钥",
    "PEM header of a private key": "私钥的 PEM 头",
    "Luhn digit holds; issuer range known": "Luhn 校验通过；发卡行号段已知",
    "check character holds; province exists": "校验位正确；省份代码存在",
    "check character holds; date and province exist": "校验位正确；日期和省份代码存在",
    "local part, domain and top level fit": "用户名、域名和顶级域均符合",
    "four parts up to 255": "四段，各不超过 255",
    "area code and length fit": "区号和长度符合",
    "area code in brackets; length fits": "区号在括号中；长度符合",
    "prefix and length fit": "号段和长度符合",
    "country code; prefix and length fit": "带国家代码；号段和长度符合",
    "prefix and length fit; dots between": "号段和长度符合；以点分隔",
    "form fits": "格式符合",
    "form fits; a word for passport stands near": "格式符合；附近有“护照”一类的词",
    "province, letter and length fit": "省份简称、字母和长度符合",
    "province, letter and length fit; a word for vehicle stands near": "省份简称、字母和长度符合；附近有“车辆”一类的词",
    "road and number": "有路名和门牌号",
}
"""`Finding.why` is part of the record, in English; this is what it says in Chinese. Other detectors' stands as it is."""
_BASIS = {"zh": "依据：{}。", "en": "Basis: {}. "}


def language_of(accept_language: str, text: str, default: str) -> str:
    """`zh` or `en`: what the header asks for, else the language of the text, else the service's.

    Args:
        accept_language: the header's value (RFC 9110, 12.5.4); other languages and `*` are passed over.
        text: the prompt.
        default: the service's setting.
    """
    if accept_language and (said := asked_language(accept_language)):
        return said
    if text:
        head = text[:_LOOKED_AT]
        han, words = sum(map(len, _HAN.findall(head))), len(_WORD.findall(head))
        if han or words:
            return "zh" if 2 * han >= 3 * words else "en"  # a Chinese word has about one and a half characters
    return "en" if default == "en" else "zh"


def asked_language(accept_language: str) -> str:
    """The one of ours that weighs most in the header; "" where neither is asked for."""
    best, best_weight = "", 0.0
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.partition(";")
        primary, weight = tag.strip().lower().partition("-")[0], _weight(parameter)
        if primary in ("zh", "en") and weight > best_weight:
            best, best_weight = primary, weight
    return best


def _weight(parameter: str) -> float:
    """`q=0.8` -> 0.8; 1.0 where none is said, 0 where it can't be read."""
    key, _, value = parameter.strip().partition("=")
    if not key:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if key.strip().lower() == "q" and 0 <= weight <= 1 else 0.0


def objection_url(base_url: str, exchange: str) -> str:
    """Where a refused user can say that it was wrong."""
    return f"{base_url.rstrip('/')}/objections/{exchange}/"


def refusal_text(
    verdict: Verdict, taxonomy: Taxonomy, *, exchange: str, base_url: str, language: str, begun: bool = False
) -> str:
    """What a refused user reads. It names the class and its basis, never the term or the rule.

    Args:
        begun: some of the answer has been served already.
    """
    reason = reasons(verdict, taxonomy, language)
    holes = {
        "exchange": exchange,
        "objection": objection_url(base_url, exchange),
        "name": reason["name"],
        "basis": _BASIS[language].format(reason["basis"]) if reason["basis"] else "",
    }
    if verdict.answer == "help_lines":
        return _HELP[language].format(**holes)
    return (_CUT if begun else _REFUSAL)[language].format(**holes)


def interrupted_text(code: str, *, exchange: str, base_url: str, language: str) -> str:
    """What ends a running answer when its service is suspended or its key revoked: by the error's code."""
    return _INTERRUPTED[code][language].format(exchange=exchange, objection=objection_url(base_url, exchange))


def reasons(verdict: Verdict, taxonomy: Taxonomy, language: str) -> dict[str, str]:
    """Class, its name and its basis: what may be told to anybody."""
    decisive = verdict.decisive
    cls = decisive.finding.cls if decisive else ""
    return {"class": cls, "name": taxonomy.name(cls, language), "basis": taxonomy.basis(cls, language)}


# --- for the operator --------------------------------------------------------------------------------


def for_operator(judged: Judged, taxonomy: Taxonomy, language: str, text: str | None = None) -> str:
    """One finding as a sentence with everything: rule, place, severity, what decided.

    Args:
        text: what was reviewed, where the reader may see it: the matched part and its canonical form are shown.
    """
    f = judged.finding
    name = taxonomy.name(f.cls, language)
    shown = text[f.start : f.end] if text is not None else None
    if language == "zh":
        why = f"（{_WHY.get(f.why, f.why)}）" if f.why else ""
        quoted = f"“{shown}”（规范形式“{canonical(shown).text}”）" if shown is not None else ""
        return (
            f"第 {f.start}–{f.end} 字符{quoted}：{f.detector} 规则 {f.rule} 命中“{name}”（{f.cls}，{f.severity}，"
            f"分值 {f.score:.2f}）{why}；策略规则 {judged.policy_rule or '无'} 决定 {judged.action}"
        )
    why = f" ({f.why})" if f.why else ""
    quoted = f" “{shown}” (canonical “{canonical(shown).text}”)" if shown is not None else ""
    return (
        f"characters {f.start} to {f.end}{quoted}: rule {f.rule} of {f.detector} found “{name}” ({f.cls}, "
        f"{f.severity}, score {f.score:.2f}){why}; policy rule {judged.policy_rule or 'none'} decided {judged.action}"
    )
