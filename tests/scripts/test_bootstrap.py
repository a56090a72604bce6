"""scripts/bootstrap.py: what keeps `make` from installing is one sentence; what is installed stays."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for lock in ("build", "run", "dev", "weights"):
        (tmp_path / "requirements" / f"{lock}.lock").write_text(f"{lock}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "VENV", str(tmp_path / ".venv"))
    return module


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def installs(bootstrap, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be installed, instead of installing it."""
    titles: list[str] = []
    monkeypatch.setattr(bootstrap, "install", lambda title, arguments: titles.append(title) or True)
    monkeypatch.setattr(bootstrap, "make_venv", lambda: Path(bootstrap.VENV).mkdir(exist_ok=True))
    return titles


def test_an_old_python_is_told_which_is_needed_and_what_to_type(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 18, "final", 0))
    assert bootstrap.main("run") == 3
    said = capsys.readouterr().err
    assert "Guiju needs Python 3.11 or newer" in said
    assert "make PYTHON=python3.1" in said


def test_a_missing_venv_module_names_the_package(bootstrap, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert bootstrap.main("run") == 3
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in capsys.readouterr().err


def test_a_read_only_folder_is_named(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "ROOT", "/proc")
    monkeypatch.setattr(bootstrap, "VENV", "/proc/.venv")
    assert bootstrap.main("run") == 3
    assert "/proc can't be written" in capsys.readouterr().err


def test_an_interruption_is_a_sentence_and_its_own_code(bootstrap, installs: list[str], monkeypatch, capsys):
    def interrupted(title, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", interrupted)
    assert bootstrap.main("run") == 130
    assert "Run make again to go on." in capsys.readouterr().err
    assert bootstrap.stamped("run") == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "is full"),
        ("WARNING: Retrying (…) Failed to establish a new connection: [Errno -3] …", "name a mirror"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "THESE PACKAGES DO NOT MATCH THE HASHES"),
    ],
)
def test_what_pip_says_becomes_what_can_be_done(bootstrap, said: str, told: str):
    noise = ["WARNING: something of pip's"] * 5
    sentence = bootstrap.failure("libraries", [*noise, said])
    assert told in sentence
    assert ("Errno" in sentence, "WARNING" in sentence) == (False, "HASHES" in said)


@pytest.mark.parametrize("problem", ["python", "venv", "folder", "disk", "network"])
def test_each_sentence_is_there_in_chinese_too(bootstrap, monkeypatch, capsys, problem: str):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    if problem == "python":
        monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 18, "final", 0))
    elif problem == "venv":
        monkeypatch.setitem(sys.modules, "ensurepip", None)
    elif problem == "folder":
        monkeypatch.setattr(bootstrap, "ROOT", "/proc")
        monkeypatch.setattr(bootstrap, "VENV", "/proc/.venv")
    if problem == "disk":
        said = bootstrap.failure("libraries", ["No space left on device"])
    elif problem == "network":
        said = bootstrap.failure("libraries", ["Failed to establish a new connection"])
    else:
        assert bootstrap.main("run") == 3
        said = capsys.readouterr().err
    assert any("\u4e00" <= char <= "\u9fff" for char in said)


def test_even_an_old_python_can_read_it():
    source = (ROOT / "scripts" / "bootstrap.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


def test_it_installs_once(bootstrap, installs: list[str]):
    assert bootstrap.main("run") == 0
    assert installs == ["build tools", "libraries", "model weights", "guiju"]
    assert bootstrap.main("run") == 0
    assert len(installs) == 4


def test_a_changed_lock_file_installs_again(bootstrap, installs: list[str], tmp_path: Path):
    bootstrap.main("run")
    (tmp_path / "requirements" / "run.lock").write_text("run==2\n")
    bootstrap.main("run")
    assert len(installs) == 8


def test_what_serves_the_tests_serves_the_run(bootstrap, installs: list[str]):
    bootstrap.main("dev")
    bootstrap.main("run")
    assert len(installs) == 4


def test_a_failed_installation_is_tried_again(bootstrap, installs: list[str], monkeypatch):
    monkeypatch.setattr(bootstrap, "install", lambda title, arguments: False)
    assert bootstrap.main("run") == 1
    assert bootstrap.stamped("run") == ""


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("django==5.2.19 (from -r /x/requirements/run.lock (line 9))", "django"),
        ("https://files.example/packages/ab/xllamacpp-2026.10.11549-cp310-abi3.whl.metadata (35 kB)", "xllamacpp"),
        ("file:///x/guiju", "guiju"),
    ],
)
def test_progress_names_packages_not_files(bootstrap, said: str, name: str):
    assert bootstrap.package(said) == name


def test_the_locks_pin_everything_with_hashes():
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        pinned = [line for line in text.splitlines() if line and line[0].isalnum()]
        assert pinned
        assert all("==" in line for line in pinned)
        assert text.count("--hash=sha256:") >= len(pinned)


def test_the_locks_agree_with_each_other():
    def versions(name: str) -> dict[str, str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return dict(line.split(" ")[0].split("==") for line in lines if line and line[0].isalnum())

    run, dev = versions("run.lock"), versions("dev.lock")
    assert {name: dev.get(name) for name in run} == run


def test_nothing_that_compiles_another_runtime_is_locked():
    for lock in ("run.lock", "dev.lock"):
        assert "llama-cpp-python" not in (ROOT / "requirements" / lock).read_text()
