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
from guiju.errors import CallerError, GuijuError, InputFileError

OK, FOUND, USAGE, UNFIT, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES = {
    OK: "done",
    FOUND: "done, and what was looked for was found (a refused text with --fail-on, a ledger that doesn't verify)",
    USAGE: "the command line or a file given to it is wrong; the message says where",
    UNFIT: "this machine, folder or setting isn't fit, or Guiju can't do its work; the message says what to do",
    INTERRUPTED: "interrupted by Ctrl-C (`guiju up` ends with 0: that is how it is stopped)",
}
"""What scripts may rely on, for every command."""


class Command(NamedTuple):
    """One command and its module; the sentence stands here too, so that --help imports nothing."""

    name: str
    module: str
    help: str


COMMANDS: tuple[Command, ...] = (
    Command("up", "guiju.cli.up", "Start everything on this machine and keep it running"),
    Command("gateway", "guiju.cli.gateway", "Run the gateway alone (data plane)"),
    Command("control", "guiju.cli.control", "Run control alone (console, chat page, control API)"),
    Command("work", "guiju.cli.work", "Run the background process alone (journal to ledger, deadlines, roll-ups)"),
    Command("admin", "guiju.cli.admin", "Sign-in links for administrators"),
    Command("service", "guiju.cli.service", "List, suspend and resume services"),
    Command("key", "guiju.cli.key", "Create, list and revoke API keys"),
    Command("upstream", "guiju.cli.upstream", "Add and list the servers that run models"),
    Command("policy", "guiju.cli.policy", "Check and activate policy files"),
    Command("lexicon", "guiju.cli.lexicon", "Import term lists"),
    Command("review", "guiju.cli.review", "Review texts from a file or a pipe, without serving anything"),
    Command("ledger", "guiju.cli.ledger", "Prove that no record was changed, dropped, reordered or inserted"),
    Command("explain", "guiju.cli.explain", "Say why an exchange was decided as it was"),
)
"""In the order of --help."""


def parser_of(command: Command) -> argparse.ArgumentParser:
    """The whole parser of one command; imports its module."""
    parser = argparse.ArgumentParser(prog=f"guiju {command.name}", description=command.help + ".")
    import_module(command.module).add_arguments(parser)
    return parser


def usage() -> str:
    """What `guiju --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    lines = ["usage: guiju [--version] COMMAND …", "", "Review generative-AI traffic before it is served.", ""]
    lines += [f"  {command.name:{width}}  {command.help}" for command in COMMANDS]
    lines += [
        "",
        "GUIJU_HOME names the folder that holds all state (default: ./var).",
        "guiju COMMAND --help tells more.",
    ]
    return "\n".join(lines)


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
        sys.stderr.write(f"guiju: there is no command '{words[0]}'. guiju --help lists them.\n")
        return USAGE
    code: int = import_module(command.module).run(parser_of(command).parse_args(words[1:]))
    sys.stdout.flush()
    return code


def language() -> str:
    """`zh` or `en`, of the terminal: LC_ALL, LC_MESSAGES, LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


if __name__ == "__main__":
    sys.exit(main())
