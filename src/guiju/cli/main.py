"""`guiju`: picks the command, runs it, turns an error of ours into one sentence and an exit code.

What a command does is in its own module; this one knows none of them but by name.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from guiju import __version__
from guiju.cli.words import Parser, language, say
from guiju.errors import CallerError, GuijuError, InputFileError, Said

OK, FOUND, USAGE, UNFIT, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES = {
    OK: "done",
    FOUND: "done, and what was looked for was found (a refused text with --fail-on, a ledger that doesn't verify, a fault)",
    USAGE: "the command line or a file given to it is wrong; the message says where",
    UNFIT: "this machine, folder or setting isn't fit, or Guiju can't do its work; the message says what to do",
    INTERRUPTED: "interrupted by Ctrl-C (`guiju up` ends with 0: that is how it is stopped)",
}
"""What scripts may rely on, for every command."""


class Command(NamedTuple):
    """One command and its module; the sentence stands here too, so that --help imports nothing."""

    name: str
    module: str
    help: Said


COMMANDS: tuple[Command, ...] = (
    Command(
        "up",
        "guiju.cli.up",
        Said("Start everything on this machine and keep it running", "在本机启动全部进程并保持运行"),
    ),
    Command("gateway", "guiju.cli.gateway", Said("Run the gateway alone (data plane)", "只运行网关（数据面）")),
    Command(
        "control",
        "guiju.cli.control",
        Said("Run control alone (console, chat page, control API)", "只运行控制面（控制台、聊天页、控制接口）"),
    ),
    Command(
        "work",
        "guiju.cli.work",
        Said(
            "Run the background process alone (journal to ledger, deadlines, roll-ups)",
            "只运行后台进程（日志移入账本、期限、汇总）",
        ),
    ),
    Command("node", "guiju.cli.node", Said("Let another machine into the installation", "让另一台机器加入本安装")),
    Command("admin", "guiju.cli.admin", Said("Sign-in links for administrators", "管理员的登录链接")),
    Command("service", "guiju.cli.service", Said("List, suspend and resume services", "列出、暂停和恢复服务")),
    Command("key", "guiju.cli.key", Said("Create, list and revoke API keys", "创建、列出和吊销 API 密钥")),
    Command(
        "upstream",
        "guiju.cli.upstream",
        Said("Add, list and remove the servers that run models", "添加、列出和删除模型服务器（上游）"),
    ),
    Command(
        "route",
        "guiju.cli.route",
        Said("Say which upstreams answer a service's models", "设定服务的模型由哪些上游提供"),
    ),
    Command(
        "quota",
        "guiju.cli.quota",
        Said("Limit how much keys, apps, services and users may use", "限制密钥、应用、服务和用户的用量"),
    ),
    Command(
        "usage",
        "guiju.cli.usage",
        Said("Tokens and cost by app, key, user or model", "按应用、密钥、用户或模型列出词元数与费用"),
    ),
    Command(
        "detector",
        "guiju.cli.detector",
        Said("Add, list, test and remove detectors that are elsewhere", "添加、列出、测试和删除外部检测器"),
    ),
    Command("policy", "guiju.cli.policy", Said("Check and activate policy files", "检查和启用策略文件")),
    Command("lexicon", "guiju.cli.lexicon", Said("Import term lists", "导入词库")),
    Command(
        "review",
        "guiju.cli.review",
        Said("Review texts from a file or a pipe, without serving anything", "审查文件或管道中的文本，不提供服务"),
    ),
    Command(
        "ledger",
        "guiju.cli.ledger",
        Said("Prove that no record was changed, dropped, reordered or inserted", "证明记录未被改动、删除、调换或插入"),
    ),
    Command(
        "doctor",
        "guiju.cli.doctor",
        Said(
            "Say what is wrong here and what to do about it; changes nothing",
            "检查本机安装有何问题、如何处理；不做任何改动",
        ),
    ),
    Command(
        "explain", "guiju.cli.explain", Said("Say why an exchange was decided as it was", "说明一次交互为何如此处置")
    ),
)
"""In the order of --help."""


USAGE_TEXT = Said(
    """usage: guiju [--version] COMMAND …

Review generative-AI traffic before it is served.

{commands}

GUIJU_HOME names the folder that holds all state (default: ./var).
guiju COMMAND --help tells more.""",
    """用法：guiju [--version] 命令 …

生成式人工智能的请求与回答，先审查，后提供。

{commands}

全部数据在 GUIJU_HOME 所指的文件夹中（默认：./var）。
各命令的说明：guiju 命令 --help""",
)


def parser_of(command: Command) -> argparse.ArgumentParser:
    """The whole parser of one command; imports its module."""
    parser = Parser(prog=f"guiju {command.name}", description=say("{what}.", "{what}。", what=command.help))
    import_module(command.module).add_arguments(parser)
    return parser


def usage() -> str:
    """What `guiju --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    commands = "\n".join(f"  {command.name:{width}}  {say(command.help)}" for command in COMMANDS)
    return say(USAGE_TEXT).format(commands=commands)


def exit_code(problem: GuijuError) -> int:
    """Wrong input is the caller's to mend; all else is the machine's."""
    return USAGE if isinstance(problem, (CallerError, InputFileError)) else UNFIT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (`EXIT_CODES`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.umask(0o077)  # whatever is written belongs to this user alone, wherever GUIJU_HOME lies
    try:
        return dispatch(words)
    except GuijuError as problem:
        sys.stderr.write(f"guiju {words[0]}: {problem.sentence(language())}\n")
        return exit_code(problem)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone; nothing is wrong. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def dispatch(words: list[str]) -> int:
    """Find the command and run it."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(), flush=True)
        return OK if words else USAGE
    if words[0] == "--version":
        print(f"guiju {__version__}")
        return OK
    command = next((command for command in COMMANDS if command.name == words[0]), None)
    if command is None:
        sys.stderr.write(
            say(
                "guiju: there is no command '{word}'. guiju --help lists them.\n",
                "guiju：没有命令“{word}”。全部命令见 guiju --help。\n",
                word=words[0],
            )
        )
        return USAGE
    code: int = import_module(command.module).run(parser_of(command).parse_args(words[1:]))
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
