"""guiju.errors: sentences whole in both languages, and nobody who fills their holes in English alone."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from guiju import errors
from guiju.errors import BadRequest, InputFileError, Said, told

SOURCE = Path(errors.__file__).parent

NAMED = frozenset(("problem", "hint", "remedy", "sentence", "help"))
"""Keywords, and names that are assigned to, that hold words for people."""
ERRORS = frozenset(name for name, value in vars(errors).items() if isinstance(value, type))
"""Calls whose keyword arguments hold them, whatever their names."""
TELLING = frozenset(
    "_fail _error Problem Fault Tampered Remark Setting BadNote CannotOpen ArgumentTypeError ValueError ValidationError "
    "print write echo _echo".split()
)
"""Calls whose arguments hold them."""
WORD = re.compile("[A-Za-z’']{2,}")


def words(node: ast.AST) -> Iterator[ast.AST]:
    """Literals of two words or more; what a call (`Said`, `say`, `_`) holds is that call's."""
    if isinstance(node, (ast.IfExp, ast.BoolOp, ast.BinOp)):
        for part in (node.body, node.orelse) if isinstance(node, ast.IfExp) else ast.iter_child_nodes(node):
            yield from words(part)
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = " ".join(p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))
    if sum(bool(WORD.search(word)) for word in text.split() if "=" not in word) > 1:  # `key=value` is a line of a log
        yield node


def english_only(tree: ast.AST) -> Iterator[int]:
    """Lines with words for people that aren't `Said`."""
    for node in ast.walk(tree):
        given: list[ast.AST] = []
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given += [
                k.value for k in node.keywords if k.arg in NAMED or (name in ERRORS - {"Said"} and k.arg != "field")
            ]
            given += node.args if name in TELLING else []
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in NAMED for t in node.targets):
            given.append(node.value)
        for value in given:
            yield from (found.lineno for found in words(value))


def test_what_fills_a_sentence_is_told_in_both_languages():
    """What a system or a library says (`strerror`, a parser's own complaint) is no literal of ours, and stays as it is."""
    found = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line in english_only(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "write Said(english, chinese) there"


@pytest.mark.parametrize(
    "line",
    [
        'raise BadRequest(field="n", problem="must be a number")',
        'raise UnknownModel(model=f"{a} or another one")',
        'problem = f"{a} is not there" if a else Said("a b", "甲")',
        'yield Fault("ledger", 1, "cut", "the tail was cut")',
        'parser.add_argument("--x", help="print JSON")',
    ],
)
def test_english_alone_is_noticed(line: str):
    assert list(english_only(ast.parse(line))) == [1]


def test_words_in_both_languages_are_a_string_that_knows_its_chinese():
    inner = Said("a list", "列表")
    said = Said("must be {what} of {n} {{}}", "须为 {n} 项的{what} {{}}", what=inner, n=3)
    assert (said, said.zh) == ("must be a list of 3 {}", "须为 3 项的列表 {}")
    assert Said("as in {1,20}", "如 {1,20}").zh == "如 {1,20}"
    for copied in (copy.deepcopy(said), pickle.loads(pickle.dumps(said))):
        assert (copied, copied.zh) == (said, said.zh)


def test_an_error_is_told_whole_in_the_language_asked_for():
    problem = BadRequest(field="n", problem=Said("is too {x}", "过{x}", x=Said("large", "大")))
    assert str(problem) == problem.sentence("en") == "n: is too large"
    assert problem.sentence("zh-hans") == "n：过大"
    assert told(ValueError(inner := Said("a b", "甲")), "zh") == "甲"
    assert told(ValueError(inner), "en") == "a b"
    assert isinstance(told(OSError(28, "No space left on device"), "zh"), OSError)


def test_a_mistake_in_a_file_points_at_it_in_both_languages():
    hint = Said("write {x}", "请写 {x}", x=1)
    problem = InputFileError(file="p.yaml", line=3, column=2, problem=Said("no", "不对"), source_line="abc", hint=hint)
    assert str(problem) == "p.yaml:3:2: no\n    3 | abc\n      |  ^ write 1"
    assert problem.sentence("zh") == "p.yaml:3:2: 不对\n    3 | abc\n      |  ^ 请写 1"
