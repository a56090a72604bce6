"""A policy file, YAML -> Policy, with errors that point into the file.

Pure. policy.py says what the fields mean; default_policy.yaml is the example with a comment on every line. Every
mistake is told at its place with what to write instead, one per rule, all of them at once.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import yaml
import yaml.reader

from guiju.errors import GuijuError, InputFileError, Said
from guiju.quoted import quoted
from guiju.review import pattern as patterns
from guiju.review.hints import did_you_mean, one_of, unknown_class
from guiju.review.policy import Case, Guard, Pattern, Policy, Rule
from guiju.review.taxonomy import Taxonomy
from guiju.types import Action

_SEVERITIES = ("low", "middle", "high")
_AUDIENCES = ("general", "minors", "professional")
_DIRECTIONS = ("input", "output")
_ACTIONS = tuple(a.value for a in Action)
_ANSWERS = ("help_lines",)
_GUARD_WORDS = {"direction": "directions", "fails_open": "fails_open"}
_GUARD_NUMBERS: dict[str, float] = {"timeout": 600.0, "budget": 3600.0, "attempts": 10, "lead": 10_000}
"""What may be said of a guard -> the most; a whole number where the most is one."""
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge")
)
"""What YAML makes of values without a tag; all are read as they are written."""
_T = TypeVar("_T")


class PolicyErrors(InputFileError):
    """Several mistakes in one file: their reports one under another. Place and problem are the first one's."""

    def __init__(self, problems: Sequence[InputFileError]) -> None:
        self.problems = tuple(problems)
        first = problems[0]
        self.file, self.line, self.column = first.file, first.line, first.column
        self.problem, self.hint = first.problem, first.hint
        english, chinese = ("\n".join(p.sentence(language) for p in problems) for language in ("en", "zh"))
        count = Said("{n} mistakes in {file}", "{file} 中有 {n} 处错误", n=len(problems), file=first.file)
        GuijuError.__init__(self, report=Said(f"{english}\n{count}", f"{chinese}\n{count.zh}"))


def parse_policy(text: str, taxonomy: Taxonomy, *, file: str = "policy.yaml", version: int = 0) -> Policy:
    """Read a policy.

    Args:
        text: the file's contents.
        taxonomy: which classes there are.
        file: its name, for errors.

    Raises:
        InputFileError: what is wrong, where, and what to write. PolicyErrors: the same for several mistakes.
    """
    return _Reader(text, taxonomy, file).policy(version)


class _Reader:
    def __init__(self, text: str, taxonomy: Taxonomy, file: str) -> None:
        self._lines = text.splitlines()
        self._taxonomy = taxonomy
        self._file = file
        self._problems: list[InputFileError] = []
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as problem:
            self._fail(
                problem.problem_mark or problem.context_mark,
                Said("this isn't YAML: {problem}", "不是有效的 YAML：{problem}", problem=quoted(problem)),
            )
        except yaml.reader.ReaderError as problem:
            self._fail(
                None,
                Said(
                    "this isn't YAML: character {code} is not allowed",
                    "不是有效的 YAML：不允许字符 {code}",
                    code=f"{problem.character:#x}",
                ),
            )
        except RecursionError:
            self._fail(None, Said("this is nested too deeply for a policy", "嵌套过深，策略无需如此"))

    def policy(self, version: int) -> Policy:
        if self._root is None:
            self._fail(
                None,
                Said("the file is empty", "文件为空"),
                Said("begin with `name:` and `rules:`", "请从 `name:` 和 `rules:` 写起"),
            )
        top = self._mapping(
            self._root,
            {"name", "title", "serve_and_escalate", "rules", "patterns", "guards", "cases"},
            required=("name", "rules"),
        )
        patterns_found = self._each(top["patterns"], self._pattern) if "patterns" in top else []
        guards = self._each(top["guards"], self._guard) if "guards" in top else []
        cases = self._each(top["cases"], self._case) if "cases" in top else []
        rules = self._each(top["rules"], self._rule)
        self._once(rules, Said("rule", "规则"))
        self._once(patterns_found, Said("pattern", "模式"))
        title_zh, title_en = self._try(lambda: self._title(top), ("", ""))
        made = Policy(
            name=self._try(lambda: unicodedata.normalize("NFC", self._string(top["name"], "name")), ""),
            version=version,
            title_zh=title_zh,
            title_en=title_en,
            serve_and_escalate=self._try(lambda: self._boolean(top, "serve_and_escalate"), False),
            rules=tuple(rules),
            patterns=tuple(patterns_found),
            guards=tuple(guards),
            cases=tuple(cases),
        )
        if len(self._problems) > 1:
            raise PolicyErrors(sorted(self._problems, key=lambda p: (p.line, p.column)))
        if self._problems:
            raise self._problems[0]
        return made

    def _title(self, top: Mapping[str, yaml.Node]) -> tuple[str, str]:
        title = self._mapping(top["title"], {"zh", "en"}) if "title" in top else {}
        return tuple(self._string(title[key]) if key in title else "" for key in ("zh", "en"))  # type: ignore[return-value]

    # --- one mistake per rule, not per file -------------------------------------------------------

    def _try(self, make: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return make()
        except InputFileError as problem:
            self._problems.append(problem)
            return otherwise

    def _each(self, node: yaml.Node, make: Callable[[yaml.Node, int], _T]) -> list[_T]:
        made: list[_T] = []
        for number, item in enumerate(self._items(node)):
            try:
                made.append(make(item, number))
            except InputFileError as problem:
                self._problems.append(problem)
        return made

    def _once(self, found: Sequence[Rule | Pattern], what: Said) -> None:
        seen: dict[str, int] = {}
        for item in found:
            if item.id in seen:
                problem = Said(
                    "{what} `{id}` is there twice, first in line {line}",
                    "{what} `{id}` 重复，首次出现在第 {line} 行",
                    what=what,
                    id=item.id,
                    line=seen[item.id],
                )
                hint = Said("every {what} has its own id", "每条{what}的 id 须唯一", what=what)
                self._problems.append(self._error(item.line, 1, problem, hint))
            seen.setdefault(item.id, item.line)

    # --- rules and patterns -----------------------------------------------------------------------

    def _rule(self, node: yaml.Node, number: int) -> Rule:
        known = {
            "id",
            "class",
            "direction",
            "audience",
            "detector",
            "severity",
            "min_score",
            "action",
            "queue",
            "mask",
            "restore",
            "answer",
        }
        fields = self._mapping(node, known, required=("class", "action"))
        one: Callable[[str, tuple[str, ...]], Any] = lambda key, words: (  # noqa: E731
            self._word(fields[key], words, key) if key in fields else None
        )
        many: Callable[[str, tuple[str, ...]], tuple[Any, ...]] = lambda key, words: (  # noqa: E731
            tuple(self._word(n, words, key) for n in self._one_or_more(fields[key])) if key in fields else ()
        )
        action = Action(one("action", _ACTIONS))
        self._only_with(fields, "mask", action is Action.MASK, "mask")
        self._only_with(fields, "restore", action is Action.MASK, "mask")
        direction, restore = one("direction", _DIRECTIONS), self._boolean(fields, "restore")
        if restore:
            self._restorable(fields, direction)
        self._only_with(
            fields,
            "answer",
            action in (Action.REFUSE, Action.ESCALATE),
            Said("refuse or escalate", "refuse 或 escalate"),
        )
        return Rule(
            id=self._string(fields["id"], "id") if "id" in fields else f"rule{number + 1}",
            classes=tuple(self._class(n) for n in self._one_or_more(fields["class"])),
            direction=direction,
            audience=many("audience", _AUDIENCES),
            detector=self._string(fields["detector"]) if "detector" in fields else "",
            severity=many("severity", _SEVERITIES),
            min_score=self._share(fields["min_score"], "min_score") if "min_score" in fields else 0.0,
            action=action,
            queue=self._share(fields["queue"], "queue") if "queue" in fields else 0.0,
            mask=self._string(fields["mask"]) if "mask" in fields else "",
            restore=restore,
            answer=one("answer", _ANSWERS) or "",
            line=node.start_mark.line + 1,
        )

    def _only_with(self, fields: Mapping[str, yaml.Node], key: str, fits: bool, actions: str) -> None:
        if key in fields and not fits:
            self._fail(
                fields[key].start_mark,
                Said("`{key}` says nothing here", "`{key}` 在此不起作用", key=key),
                Said("it belongs to action: {actions}", "它只用于 action: {actions}", actions=actions),
            )

    def _restorable(self, fields: Mapping[str, yaml.Node], direction: str | None) -> None:
        """What can't stand beside `restore: true`."""
        mark = fields["restore"].start_mark
        if direction == "output":
            self._fail(
                mark,
                Said("an answer's own findings can't be restored", "回答自身的发现无法还原"),
                Said("write direction: input, or leave restore out", "请写 direction: input，或去掉 restore"),
            )
        if "mask" in fields:
            self._fail(
                mark,
                Said("with `restore` the placeholder can't be chosen", "使用 `restore` 时不能自定占位文字"),
                Said("leave one of mask and restore out", "mask 与 restore 只能保留一项"),
            )

    def _pattern(self, node: yaml.Node, number: int) -> Pattern:
        fields = self._mapping(
            node, {"id", "class", "regex", "longest", "severity"}, required=("id", "class", "regex", "longest")
        )
        try:
            longest = int(self._string(fields["longest"]))
        except ValueError:
            self._fail(
                fields["longest"].start_mark,
                Said("`longest` is no whole number", "`longest` 不是整数"),
                Said("most characters of a match", "一次匹配的最大字符数"),
            )
        found = Pattern(
            id=self._string(fields["id"], "id"),
            cls=self._pattern_class(fields["class"]),
            regex=self._string(fields["regex"]),
            longest=longest,
            severity=self._word(fields["severity"], _SEVERITIES, "severity") if "severity" in fields else "high",  # type: ignore[arg-type]
            line=node.start_mark.line + 1,
        )
        if problem := patterns.check(found):
            self._fail(fields["regex"].start_mark, problem)
        return found

    def _guard(self, node: yaml.Node, number: int) -> Guard:
        if isinstance(node, yaml.ScalarNode):
            return Guard(name=self._guard_name(node), line=node.start_mark.line + 1)
        fields = self._mapping(node, {"name", *_GUARD_WORDS, *_GUARD_NUMBERS, "observe"}, required=("name",))
        made: dict[str, Any] = {
            field: tuple(self._word(n, _DIRECTIONS, key) for n in self._one_or_more(fields[key]))
            for key, field in _GUARD_WORDS.items()
            if key in fields
        }
        made |= {key: self._number(fields[key], key, most) for key, most in _GUARD_NUMBERS.items() if key in fields}
        if "observe" in fields:
            made["observe"] = self._word(fields["observe"], ("true", "false"), "observe") == "true"
        return Guard(name=self._guard_name(fields["name"]), line=node.start_mark.line + 1, **made)

    def _guard_name(self, node: yaml.Node) -> str:
        name = self._string(node, "name")
        if not name.isidentifier():
            self._fail(
                node.start_mark,
                Said("`{name}` is no name of a guard", "`{name}` 不是有效的守卫名称", name=name),
                Said("the name of its file, without .py", "请写守卫文件名，不含 .py"),
            )
        return name

    def _number(self, node: yaml.Node, what: str, most: float) -> Any:
        try:
            value = float(self._string(node))
        except ValueError:
            value = -1.0
        if not 0 <= value <= most or (isinstance(most, int) and value != int(value)):
            hint = Said("a number from 0 to {most}", "0 到 {most} 之间的数", most=most)
            self._fail(node.start_mark, Said("`{what}` is no such number", "`{what}` 的数值无效", what=what), hint)
        return int(value) if isinstance(most, int) else value

    def _case(self, node: yaml.Node, number: int) -> Case:
        known = {"text", "expect", "direction", "audience", "class", "serves", "language"}
        fields = self._mapping(node, known, required=("text", "expect"))
        word: Callable[[str, tuple[str, ...]], Any] = lambda key, words: (  # noqa: E731
            self._word(fields[key], words, key) if key in fields else words[0]
        )
        expect = Action(word("expect", _ACTIONS))
        self._only_with(fields, "serves", expect is Action.MASK, "mask")
        return Case(
            text=self._string(fields["text"], "text"),
            expect=expect,
            direction=word("direction", _DIRECTIONS),
            audience=word("audience", _AUDIENCES),
            cls=self._class(fields["class"]) if "class" in fields else "",
            serves=self._string(fields["serves"]) if "serves" in fields else "",
            language=word("language", ("zh", "en")),
            line=node.start_mark.line + 1,
        )

    # --- nodes ----------------------------------------------------------------------------------

    def _plain(self, node: yaml.Node) -> None:
        if node.tag not in _PLAIN_TAGS:
            problem = Said("the tag `{tag}` is not allowed", "不允许标签 `{tag}`", tag=node.tag)
            self._fail(node.start_mark, problem, Said("plain values only", "只能写普通值"))

    def _mapping(self, node: yaml.Node, known: set[str], required: tuple[str, ...] = ()) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            hint = Said("`key: value` lines", "每行写成 `键: 值`")
            self._fail(node.start_mark, Said("a mapping belongs here", "此处应为映射"), hint)
        self._plain(node)
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._string(key)
            if name not in known:
                near = next(iter(difflib.get_close_matches(name, known, n=1)), "")
                hint = did_you_mean(near) if near else one_of(sorted(known))
                self._fail(
                    key.start_mark, Said("`{name}` is unknown here", "此处没有 `{name}` 这一项", name=name), hint
                )
            if name in fields:
                problem = Said("`{name}` is there twice", "`{name}` 重复", name=name)
                self._fail(key.start_mark, problem, Said("keep one of the two", "请只保留一个"))
            fields[name] = value
        for name in required:
            if name not in fields:
                problem = Said("`{name}` is missing", "缺少 `{name}`", name=name)
                self._fail(node.start_mark, problem, Said("add `{name}:`", "请加上 `{name}:`", name=name))
        return fields

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            hint = Said("lines that begin with `-`", "每行以 `-` 开头")
            self._fail(node.start_mark, Said("a list belongs here", "此处应为列表"), hint)
        return list(node.value)

    def _one_or_more(self, node: yaml.Node) -> list[yaml.Node]:
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def _string(self, node: yaml.Node, needed: str = "") -> str:
        """The value as it is written; `needed` names what must not be empty."""
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node.start_mark, Said("a single value belongs here", "此处应为单个值"))
        self._plain(node)
        if needed and not str(node.value).strip():
            self._fail(node.start_mark, Said("`{name}` is empty", "`{name}` 为空", name=needed))
        return str(node.value)

    def _boolean(self, fields: Mapping[str, yaml.Node], key: str) -> bool:
        return key in fields and self._word(fields[key], ("true", "false"), key) == "true"

    def _word(self, node: yaml.Node, words: tuple[str, ...], what: str) -> str:
        word = self._string(node)
        if word not in words:
            problem = Said("{what} `{word}` is unknown", "不认识的 {what}：`{word}`", what=what, word=word)
            self._fail(node.start_mark, problem, one_of(words))
        return word

    def _class(self, node: yaml.Node) -> str:
        cls = self._string(node)
        if cls != "*" and cls not in self._taxonomy:
            near = self._taxonomy.nearest(cls)
            hint = did_you_mean(near) if near else Said("see the taxonomy", "见分类表")
            self._fail(node.start_mark, unknown_class(cls), hint)
        return cls

    def _pattern_class(self, node: yaml.Node) -> str:
        cls = self._class(node)
        if cls == "*":
            problem = Said("a pattern finds one class", "一个模式只查找一个类别")
            self._fail(node.start_mark, problem, Said("name it", "请写明该类别"))
        return cls

    def _share(self, node: yaml.Node, what: str) -> float:
        try:
            share = float(self._string(node))
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self._fail(
                node.start_mark,
                Said("`{what}` must be a number from 0 to 1", "`{what}` 须为 0 到 1 之间的数", what=what),
            )
        return share

    def _fail(self, mark: yaml.Mark | None, problem: str, hint: str = "") -> NoReturn:
        if mark is None:  # the file as a whole
            raise InputFileError(file=self._file, line=1, column=1, problem=problem, hint=hint)
        raise self._error(mark.line + 1, mark.column + 1, problem, hint)

    def _error(self, line: int, column: int, problem: str, hint: str) -> InputFileError:
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        return InputFileError(file=self._file, line=line, column=column, problem=problem, source_line=source, hint=hint)


def describe(policy: Policy) -> Mapping[str, int]:
    """How many rules and patterns, for lists."""
    return {"rules": len(policy.rules), "patterns": len(policy.patterns)}
