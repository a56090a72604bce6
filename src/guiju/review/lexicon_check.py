"""Lists of terms: read, and criticised before they may act.

Pure. CSV with a header (`term,class,severity,lang,allow,origin`; allow-phrases parted by `|`) or one term a line. The
report names duplicates, terms too short, over-broad ones (measured on harmless text) and shadowed ones.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from guiju.errors import InputFileError, Said
from guiju.quoted import quoted
from guiju.review.canon import canonical, plain
from guiju.review.hints import did_you_mean, one_of, unknown_class
from guiju.review.lexicon import Lexicon
from guiju.review.lexicon_blob import Term, encode_terms, key_of
from guiju.review.squeeze import LATIN, Squeezed, squeezed
from guiju.review.taxonomy import Taxonomy
from guiju.types import Severity

COLUMNS = ("term", "class", "severity", "lang", "allow", "origin")
_SEVERITIES: tuple[Severity, ...] = ("low", "middle", "high")
_LATIN = re.compile(f"[{LATIN}]")


class Remark(msgspec.Struct, frozen=True):
    """One thing that a person should know of one term."""

    line: int
    term: str
    kind: Literal["duplicate", "too_short", "over_broad", "shadowed", "allow_useless"]
    detail: Said
    """The other term's line, or the share of harmless texts that it hits."""


def read_terms(
    text: str, *, file: str, cls: str = "", severity: Severity = "high", taxonomy: Taxonomy | None = None
) -> tuple[list[Term], list[int]]:
    """Read a list.

    Args:
        cls, severity: for terms that don't say theirs (one term a line).
        taxonomy: which classes there are; None takes any.

    Returns:
        The terms, and the line of each.

    Raises:
        InputFileError: an unknown column, class or severity, a term without class.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    terms: list[Term] = []
    places: list[int] = []
    header: list[str] | None = None
    for line, row in _rows(lines, file):
        if not row or not "".join(row).strip() or row[0].startswith("#"):
            continue
        if header is None:
            first = [c.strip().lower() for c in row]
            if "term" in first:
                for column, name in enumerate(first):
                    if name not in COLUMNS:
                        raise _error(
                            file,
                            line,
                            lines,
                            column + 1,
                            Said("column `{name}` is unknown", "不认识的列：`{name}`", name=name),
                            one_of(COLUMNS),
                        )
                header = first
                continue
            header = ["term", "class", "severity", "lang", "allow", "origin"][: len(row)]
        if len(row) > len(header):
            problem = Said(
                "{fields} fields, but {columns} columns",
                "有 {fields} 个字段，但只有 {columns} 列",
                fields=len(row),
                columns=len(header),
            )
            hint = Said("quote a term with a comma", "含逗号的词条请加引号")
            raise _error(file, line, lines, 1, problem, hint)
        fields = dict(zip(header, (c.strip() for c in row), strict=False))
        own = fields.get("class") or cls
        if not own:
            problem = Said("the term has no class", "词条没有类别")
            hint = Said("add a `class` column or name one for all", "请加上 `class` 列，或统一指定一个类别")
            raise _error(file, line, lines, 1, problem, hint)
        if taxonomy is not None and own not in taxonomy:
            near = taxonomy.nearest(own)
            raise _error(file, line, lines, 1, unknown_class(own), did_you_mean(near) if near else "")
        grade = fields.get("severity") or severity
        if grade not in _SEVERITIES:
            problem = Said("severity `{word}` is unknown", "不认识的严重程度：`{word}`", word=grade)
            raise _error(file, line, lines, 1, problem, one_of(_SEVERITIES))
        allow = tuple(a for a in (fields.get("allow") or "").split("|") if a)
        terms.append(
            Term(
                text=fields["term"],
                cls=own,
                severity=grade,
                id=str(len(terms) + 1),
                lang=fields.get("lang", ""),
                origin=fields.get("origin", ""),
                allow=allow,
            )
        )
        places.append(line)
    return terms, places


def _rows(lines: Sequence[str], file: str) -> Iterable[tuple[int, list[str]]]:
    """Line number and fields. Strict: a quote that is never closed would swallow every term after it."""
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            close = Said(
                "close the quotation mark, or write it twice to mean itself", "请补上右引号；内容中的引号请写成两个"
            )
            said = Said("this line isn't CSV: {problem}", "这一行不是有效的 CSV：{problem}", problem=quoted(problem))
            raise _error(file, line, lines, 1, said, close if "end of data" in str(problem) else "") from None
        yield line, row


def _error(file: str, line: int, lines: Sequence[str], column: int, problem: str, hint: str) -> InputFileError:
    source = lines[line - 1] if line <= len(lines) else ""
    return InputFileError(file=file, line=line, column=column, problem=problem, source_line=source, hint=hint)


def criticise(
    terms: Sequence[Term], lines: Sequence[int], harmless: Iterable[str], *, broad: float = 0.003
) -> list[Remark]:
    """What a person should know before these terms act.

    Args:
        harmless: texts that no term should hit.
        broad: share of them from which on a term is over-broad.
    """
    remarks: list[Remark] = []
    seen: dict[str, int] = {}
    for term, line in zip(terms, lines, strict=True):
        key = key_of(term.text)
        if len(key) < 2:
            detail = Said("left out: a term has at least two characters", "未收入：词条至少两个字符")
            remarks.append(Remark(line, term.text, "too_short", detail))
        elif key in seen:
            detail = Said("the same as line {line} once made canonical", "规范化后与第 {line} 行相同", line=seen[key])
            remarks.append(Remark(line, term.text, "duplicate", detail))
        else:
            seen[key] = line
        remarks += [
            Remark(
                line, term.text, "allow_useless", Said("`{x}` doesn't hold the term", "`{x}` 不包含该词条", x=phrase)
            )
            for phrase in term.allow
            if key not in key_of(phrase)
        ]
    remarks += _shadowed(terms, lines)
    remarks += _broad(terms, lines, list(harmless), broad)
    return sorted(remarks, key=lambda r: r.line)


def _shadowed(terms: Sequence[Term], lines: Sequence[int]) -> Iterable[Remark]:
    """A longer term is never needed where a shorter one inside it, without exceptions, says at least as much."""
    strong: dict[str, list[tuple[Term, int]]] = {}
    for term, line in zip(terms, lines, strict=True):
        if not term.allow:
            strong.setdefault(key_of(term.text), []).append((term, line))
    for term, line in zip(terms, lines, strict=True):
        for piece in _inner(squeezed(plain(term.text))):
            by = next((s for s in strong.get(piece, ()) if s[0].cls == term.cls and _rank(s[0]) >= _rank(term)), None)
            if by:
                detail = Said(
                    "`{term}` in line {line} hits all of its texts",
                    "第 {line} 行的 `{term}` 已能命中它的全部文本",
                    term=by[0].text,
                    line=by[1],
                )
                yield Remark(line, term.text, "shadowed", detail)
                break


def _inner(term: Squeezed) -> Iterable[str]:
    """Every shorter term that would hit wherever this one does. Latin ones match whole words only."""
    key = term.text
    cuts = [
        at
        for at in range(len(key) + 1)
        if at in (0, len(key), *term.parts) or not (_LATIN.match(key, at - 1) and _LATIN.match(key, at))
    ]
    for number, start in enumerate(cuts):
        for end in cuts[number + 1 :]:
            if 2 <= end - start < len(key):
                yield key[start:end]


def _rank(term: Term) -> int:
    return _SEVERITIES.index(term.severity)


def _broad(terms: Sequence[Term], lines: Sequence[int], harmless: list[str], broad: float) -> Iterable[Remark]:
    lexicon = Lexicon(
        {"": encode_terms(Term(text=t.text, cls=t.cls, id=str(i), allow=t.allow) for i, t in enumerate(terms))}
    )
    hits: dict[str, int] = {}
    for text in harmless:
        scanner = lexicon.scanner(frozenset(), "input")
        shape = canonical(text).text
        for rule in {f.rule for f in [*scanner.feed(shape).findings, *scanner.close()]}:
            hits[rule] = hits.get(rule, 0) + 1
    for rule, count in hits.items():
        number = int(rule.removeprefix(":"))
        if count / max(1, len(harmless)) > broad:
            share = Said(
                "hits {n} of {all} harmless texts ({share:.1%})",
                "在 {all} 条无害文本中命中 {n} 条（{share:.1%}）",
                n=count,
                all=len(harmless),
                share=count / len(harmless),
            )
            yield Remark(lines[number], terms[number].text, "over_broad", share)
