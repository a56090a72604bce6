"""guiju.cli.words: a terminal in Chinese reads Chinese, argparse's own words too."""

from __future__ import annotations

import argparse
import re

import pytest

from guiju.cli import main as cli
from guiju.cli.words import Parser, column, say
from guiju.errors import Said

ENGLISH = re.compile("[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


def test_words_follow_the_terminal(monkeypatch: pytest.MonkeyPatch):
    assert say("{n} lines", "{n} 行", n=3) == say(Said("3 lines", "3 行")) == "3 行"
    monkeypatch.setenv("LC_ALL", "C")
    assert say("{n} lines", "{n} 行", n=3) == "3 lines"
    assert say("as it stands") == "as it stands"


def test_a_column_is_as_wide_in_either_script():
    assert [column(text, 8) + "|" for text in ("abcd", "客服", "客服助手们")] == [
        "abcd    |",
        "客服    |",
        "客服助手们|",
    ]


def every_parser(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [a.choices.values() for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return [parser, *(inner for parsers in below for each in parsers for inner in every_parser(each))]


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_every_help_is_whole_in_chinese(command: cli.Command):
    for parser in every_parser(cli.parser_of(command)):
        text = parser.format_help()
        assert "显示本说明" in text
        assert not ENGLISH.search(text.replace(parser.prog, "")), text


def test_the_list_of_commands_is_chinese():
    assert not ENGLISH.search(cli.usage())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "缺少参数：--app, FILE"),
        (["--app"], "参数 --app：须带一个值"),
        (["--app", "a", "f", "g"], "不认识的参数：g"),
        (["--app", "a", "--port", "x", "f"], "参数 --port：'x' 不是整数"),
        (["--app", "a", "--to", "x", "f"], "参数 --to：没有 'x' 这一选择"),
        (["--app", "a", "--json=1", "f"], "该选项不带值"),
        (["--app", "a", "--t", "x", "f"], "选项 --t 不明确，可能是 --to, --two"),
        (["--app", "a", "f", "--two", "x"], "须带 2 个值"),
        (["--app", "a", "--more"], "至少带一个值"),
    ],
)
def test_what_is_wrong_in_a_command_line_is_told_in_chinese(words, said, capsys: pytest.CaptureFixture[str]):
    parser = Parser(prog="guiju x")
    parser.add_argument("--app", required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--to", choices=("a", "b"))
    parser.add_argument("--two", nargs=2)
    parser.add_argument("--more", nargs="+")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("file", metavar="FILE")
    with pytest.raises(SystemExit) as end:
        parser.parse_args(words)
    assert end.value.code == cli.USAGE
    told = capsys.readouterr().err
    assert told.startswith("用法：guiju x")
    assert said in told
    assert not ENGLISH.search(told)
