"""guiju.cli.main: commands by name, errors as one sentence, exit codes that scripts can rely on."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from guiju import __version__, errors
from guiju.cli import main as cli


def fake(monkeypatch: pytest.MonkeyPatch, run) -> None:
    """Put a command of our own in place of `work`'s module."""
    module = types.ModuleType("guiju.cli.work")
    module.add_arguments = lambda parser: parser.add_argument("--json", action="store_true")
    module.run = run
    monkeypatch.setitem(sys.modules, "guiju.cli.work", module)


def test_it_lists_every_command_without_importing_any():
    code = "import sys; from guiju.cli.main import main; main(['--help']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in cli.COMMANDS:
        assert command.name in out
        assert command.module not in out.splitlines()[-1].split()
    assert not {"django", "msgspec", "asyncio"} & set(out.splitlines()[-1].split())


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--version"]) == cli.OK
    assert capsys.readouterr().out == f"guiju {__version__}\n"


def test_an_unknown_command_is_the_callers_fault(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["serve"]) == cli.USAGE
    assert "no command 'serve'" in capsys.readouterr().err


def test_no_command_at_all_shows_the_list_and_fails(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == cli.USAGE
    assert "guiju COMMAND --help" in capsys.readouterr().out


def test_it_returns_the_commands_own_code(monkeypatch: pytest.MonkeyPatch):
    fake(monkeypatch, lambda args: 1 if args.json else 0)
    assert (cli.main(["work"]), cli.main(["work", "--json"])) == (0, 1)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (errors.SettingError(name="port", problem="is no port", remedy="Write a number"), cli.UNFIT),
        (errors.JournalUnavailable(problem="read-only"), cli.UNFIT),
        (errors.BadRequest(field="--age", problem="is no number"), cli.USAGE),
        (errors.InputFileError(file="p.yaml", line=3, column=2, problem="action `alow` is unknown"), cli.USAGE),
    ],
)
def test_an_error_of_ours_is_one_sentence_and_a_code(problem, code, monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(args):
        raise problem

    fake(monkeypatch, run)
    assert cli.main(["work"]) == code
    said = capsys.readouterr().err
    assert said == f"guiju work: {problem}\n"
    assert "Traceback" not in said


def test_a_reader_that_leaves_early_is_no_error():
    code = (
        "import sys; from guiju.cli import main as m; m.usage = lambda: 'x' * 2_000_000; sys.exit(m.main(['--help']))"
    )
    command = f'{sys.executable} -c "{code}" | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({}, "en"),
    ],
)
def test_it_speaks_the_terminals_language(variables, expected, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.language() == expected


def test_every_command_has_its_module_and_every_module_its_command():
    folder = Path(cli.__file__).parent
    parts = {"__init__", "main", "supervisor", "preflight", "welcome", "prepare", "django_setup", "review_setup"}
    parts |= {"files", "named", "words", "policy_diff", "options", "reach", "workers", "brings", "diagnosis"}
    parts |= {"doctor_detectors", "probe"}
    modules = {path.stem for path in folder.glob("*.py")} - parts
    assert {command.module for command in cli.COMMANDS} == {f"guiju.cli.{name}" for name in modules}
