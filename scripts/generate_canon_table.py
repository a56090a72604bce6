"""Write src/guiju/review/canon_table.py: which characters the canonical form changes, and into what.

Run by hand when Unicode or the tables change: `python scripts/generate_canon_table.py`. Needs OpenCC (a development
dependency) for the traditional-to-simplified characters; nothing of it is needed at run time.
"""

import re
import sys
import unicodedata
from pathlib import Path

import opencc

TARGET = Path(__file__).parents[1] / "src/guiju/review/canon_table.py"

KEPT = set("，、。！？：；（）【】「」『』《》〈〉“”‘’…—～·￥") | set("\n\t\r")
"""Stay as they are, though NFKC would change some: they stand in every Chinese text, and a change costs 60 µs."""

LOOKALIKES = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "к": "k", "ӏ": "l", "м": "m", "н": "h",
    "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "ѵ": "v", "ԝ": "w", "х": "x", "у": "y", "ё": "e", "ї": "i",
    "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u", "χ": "x",
    "γ": "y", "ω": "w", "ς": "c", "σ": "o", "ϲ": "c", "ϳ": "j", "µ": "u", "μ": "u",
    "Ε": "e", "Ζ": "z", "Η": "h", "Μ": "m", "Ν": "n", "Υ": "y",  # Greek capitals that look otherwise than their small ones
    "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ց": "g", "ք": "p", "ա": "w", "զ": "q", "ɑ": "a", "ɒ": "a", "ɯ": "w", "ʉ": "u",
    "ɩ": "i", "ƅ": "b", "ŋ": "n", "ʃ": "s", "ʒ": "z", "ƒ": "f", "ð": "d", "þ": "p", "ſ": "s", "ǫ": "q",
    "ß": "ss", "æ": "ae", "œ": "oe", "〇": "0",
    "ⲁ": "a", "ⲃ": "b", "ⲥ": "c", "ⲉ": "e", "ⲏ": "h", "ⲓ": "i", "ⲕ": "k", "ⲙ": "m", "ⲛ": "n", "ⲟ": "o", "ⲣ": "p", "ⲧ": "t",
    "ⲩ": "y", "ⲭ": "x", "ⲍ": "z",  # Coptic
    "Ꭺ": "a", "Ᏼ": "b", "Ꮯ": "c", "Ꭰ": "d", "Ꭼ": "e", "Ꮐ": "g", "Ꮋ": "h", "Ꭵ": "i", "Ꮖ": "i", "Ꭻ": "j", "Ꮶ": "k",
    "Ꮮ": "l", "Ꮇ": "m", "Ꮲ": "p", "Ꭱ": "r", "Ꮢ": "r", "Ꮪ": "s", "Ꭲ": "t", "Ꮩ": "v", "Ꮃ": "w", "Ꮍ": "y", "Ꭹ": "y",
    "Ꮓ": "z",  # Cherokee
    "⺁": "厂", "⺟": "母", "⺠": "民", "⺩": "王", "⺫": "目", "⺮": "竹", "⺼": "肉", "⻄": "西", "⻅": "见",
    "⻆": "角", "⻉": "贝", "⻋": "车", "⻓": "长", "⻔": "门", "⻗": "雨", "⻘": "青", "⻙": "韦", "⻚": "页",
    "⻛": "风", "⻜": "飞", "⻝": "食", "⻢": "马", "⻣": "骨", "⻤": "鬼", "⻥": "鱼", "⻦": "鸟", "⻨": "麦",
    "⻩": "黄", "⻬": "齐", "⻮": "齿", "⻰": "龙", "⻳": "龟",  # radicals
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-", "\u02d7": "-", "\u30fc": "-", "\u06d4": ".",
    "\u2024": ".", "\u2219": "·", "\u2022": "·", "\u30fb": "·", "\u0387": "·", "\u22c5": "·", "\u119e": "·", "\u2215": "/",
    "\u2044": "/", "\u3003": '"',
    "丨": "|", "丶": "·", "丿": "/",  # strokes that serve as separators
}  # fmt: skip
LOOKALIKES = {k: v for k, v in LOOKALIKES.items() if k != v}

ONE_LETTER = re.compile(
    r"LATIN (?:SMALL LETTER|CAPITAL LETTER|LETTER SMALL CAPITAL) (?:SCRIPT |OPEN |DOTLESS |BARRED )?([A-Z])(?: WITH .*)?"
    r"|(?:NEGATIVE CIRCLED|NEGATIVE SQUARED|PARENTHESIZED) LATIN (?:SMALL|CAPITAL) LETTER ([A-Z])"
)
"""Names of characters that are one Latin letter, drawn otherwise: small capitals, hooks and strokes, white on black."""

ITEM_NUMBER = re.compile(
    r"(?:(?:DOUBLE |NEGATIVE |DINGBAT |DINGBAT NEGATIVE )?CIRCLED|PARENTHESIZED) (?:SANS-SERIF )?(?:DIGIT|NUMBER) .*"
    r"|(?:DIGIT|NUMBER) .* FULL STOP"
)
"""Names of digits and numbers that count items: `①`."""

FLAG_LETTERS = set(map(chr, range(0x1F1E6, 0x1F200)))
"""Two make a flag, any number of them a word."""

SKIN = set(map(chr, range(0x1F3FB, 0x1F400)))
"""Colours of the emoji before them."""


def simplified() -> dict[str, str]:
    """Traditional character -> simplified one."""
    convert = opencc.OpenCC("t2s").convert
    blocks = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF)]
    table = {}
    for low, high in blocks:
        for code in range(low, high + 1):
            char = unicodedata.normalize("NFKC", chr(code))
            if len(char) == 1 and len(plain := convert(char)) == 1 and plain != chr(code):
                table[chr(code)] = plain
    return table


def shape(char: str, plain: dict[str, str]) -> str:
    """The canonical form of one character."""
    if char in KEPT:
        return char
    if unicodedata.category(char) in ("Cf", "Mn", "Me", "Cc", "Cs"):
        return ""
    if char in SKIN or char in "\u115f\u1160\u3164\uffa0\u2800\ufffc":  # blank letters that nobody sees
        return ""
    if char in FLAG_LETTERS:
        # A hyphen behind: letters that spell a word are read as `h-e-r-o-i-n` is, and a flag is no word of two letters.
        return chr(ord(char) - 0x1F1E6 + ord("a")) + "-"
    name = unicodedata.name(char, "")
    if unicodedata.category(char) == "No" and ITEM_NUMBER.fullmatch(name):
        # Blanks around: the number of an item is not part of the number beside it (`①13800138000`).
        return f" {int(unicodedata.numeric(char))} "
    if letter := ONE_LETTER.fullmatch(name) if name.startswith(("NEGATIVE", "PARENTHESIZED")) else None:
        return letter[2].lower()
    if char in LOOKALIKES:
        return LOOKALIKES[char]
    out = []
    for part in unicodedata.normalize("NFKC", char):
        if not "가" <= part <= "힣":
            part = unicodedata.normalize("NFD", part)
        for base in part:
            if unicodedata.category(base) not in ("Mn", "Me", "Cf"):
                out.append(LOOKALIKES.get(base) or "".join(small(low, plain) for low in base.lower()))
    text = "".join(out)
    return text.replace("\u2003", " ") if text.strip() else text and " "


def small(char: str, plain: dict[str, str]) -> str:
    """The canonical form of a character without marks, in lower case."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return ""
    if known := plain.get(char) or LOOKALIKES.get(char) or LOOKALIKES.get(char.upper()):
        return known
    letter = ONE_LETTER.fullmatch(unicodedata.name(char, ""))
    return letter[1].lower() if letter and letter[1] else char


def main() -> None:
    """Write the module."""
    plain = simplified()
    changed = {}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if 0xD800 <= code < 0xE000 or unicodedata.category(char) in ("Cn", "Co"):
            continue
        to = shape(char, plain)
        if to != char.lower() or len(char.lower()) != 1:
            changed[char] = to
    one = {k: v for k, v in changed.items() if len(v) == 1}
    gone = [k for k, v in changed.items() if v == ""]
    more = {k: v for k, v in changed.items() if len(v) > 1}
    TARGET.write_text(
        '"""Made by scripts/generate_canon_table.py: do not edit. Which characters the canonical form changes.\n\n'
        "The traditional-to-simplified pairs follow OpenCC's character dictionary (Apache-2.0).\n"
        '"""\n\n'
        "# ruff: noqa: E501\n\n"
        f"CHANGED = {ranges(changed)!a}\n"
        '"""Inside of a regular expression\'s brackets: every character below is in it, and all beyond U+FFFF."""\n\n'
        f"FROM = {''.join(one)!a}\n"
        f"TO = {''.join(one.values())!a}\n"
        '"""Character by character."""\n\n'
        f"GONE = {''.join(gone)!a}\n"
        '"""Dropped: marks, formats, controls, blanks that nobody sees."""\n\n'
        f"LONGER = {'|'.join(k + v for k, v in more.items() if '|' not in k + v)!a}\n"
        '"""A character and the several that it becomes, parted by bars."""\n',
        encoding="ascii",
    )
    print(len(one), len(gone), len(more), TARGET.stat().st_size)


def ranges(chars: dict[str, str]) -> str:
    """`a-z` ranges of a character class."""
    codes = sorted(code for code in map(ord, chars) if code < 0x10000)
    out, start, last = [], codes[0], codes[0]
    for code in [*codes[1:], -1]:
        if code != last + 1:
            out.append(re.escape(chr(start)) + ("" if start == last else "-" + re.escape(chr(last))))
            start = code
        last = code
    # One range for all that is beyond: many of them would be tried one after the other for every character.
    return "".join(out) + "\U00010000-\U0010ffff"


main()
