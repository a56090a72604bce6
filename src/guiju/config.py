"""What the settings of settings.py are. Each comes from `GUIJU_HOME/guiju.toml`, then from the environment (`GUIJU_…`, or
`GUIJU_…_FILE` naming a file that holds it). Read once at the edge that starts, handed in from there.

A wrong value stops the start with the sentence that mends it; a retired name answers with what to do.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guiju.errors import Said, SettingError
from guiju.quoted import quoted
from guiju.settings import RETIRED, SETTINGS, Setting
from guiju.values import WRITE

EVERYWHERE, LOOPBACK = ("0.0.0.0", "::"), ("127.0.0.1", "::1")  # noqa: S104 — compared, not bound


class Config:
    """Settings as read, and the places under GUIJU_HOME. `config["gateway.body_limit"]`."""

    def __init__(self, home: Path, values: Mapping[str, Any]) -> None:
        self.home = home
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def with_values(self, **values: Any) -> Config:
        """A copy with some settings replaced; `__` in a keyword stands for the dot."""
        return Config(self.home, self._values | {k.replace("__", "."): v for k, v in values.items()})

    @property
    def keys(self) -> Path:
        """0700 folder of keys, 0600 each: master, ledger, pepper, node token, Django's secret, journal day keys."""
        return self.home / "keys"

    @property
    def journal(self) -> Path:
        """Journal segments: `<node>/<worker>/<sequence>.jnl`."""
        return self.home / "journal"

    @property
    def blobs(self) -> Path:
        """Lexicon blobs by digest."""
        return self.home / "blobs"

    @property
    def run(self) -> Path:
        """Sockets, pid files, the last snapshot, worker metrics."""
        return self.home / "run"

    @property
    def database(self) -> Path:
        """The SQLite file, where no database_url is set."""
        return self.home / "guiju.sqlite3"

    @property
    def base_url(self) -> str:
        """Where people reach Guiju."""
        host = str(self["host"])
        if host in EVERYWHERE or host in LOOPBACK:
            host = "localhost"  # passkeys need a name
        elif ":" in host:
            host = f"[{host}]"
        scheme = "https" if self["gateway.tls_cert"] else "http"
        return str(self["base_url"] or f"{scheme}://{host}:{self['port']}").rstrip("/")


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read guiju.toml and the environment.

    Raises:
        SettingError: an unknown or retired name, or a value that isn't of its type.
    """
    env = os.environ if environ is None else environ
    home = Path(os.path.abspath(env.get("GUIJU_HOME") or "var"))
    values: dict[str, Any] = {s.name: s.default for s in SETTINGS}
    by_name = {s.name: s for s in SETTINGS}
    file = home / "guiju.toml"
    for name, value in _flatten(_table(file)):
        if name in RETIRED:
            raise SettingError(name=name, problem=Said("no longer exists", "该设置已取消"), remedy=RETIRED[name])
        if name not in by_name:
            raise SettingError(
                name=name,
                problem=Said("is not a setting (in {file})", "没有这项设置（见 {file}）", file=file),
                remedy=Said("docs/reference/settings.md lists them", "全部设置见 docs/reference/settings.md"),
            )
        values[name] = _cast(by_name[name], str(value), str(file))
    for setting in SETTINGS:
        if (path := env.get(setting.variable + "_FILE")) is not None:
            try:
                values[setting.name] = _cast(setting, Path(path).read_text(encoding="utf-8").strip(), path)
            except OSError as problem:
                raise SettingError(
                    name=setting.variable + "_FILE",
                    problem=Said("{path}: {problem}", "{path}：{problem}", path=path, problem=quoted(problem)),
                    remedy=Said("Name a readable file", "请指定可读的文件"),
                ) from None
        elif (text := env.get(setting.variable)) is not None:
            values[setting.name] = _cast(setting, text, setting.variable)
    return Config(home, values)


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # a home that can't be is told by who writes there
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingError(
            name=str(file),
            problem=quoted(problem),
            remedy=Said("Mend the file or move it away", "请修正该文件，或将其移走"),
        ) from None
    except OSError as problem:
        raise SettingError(
            name=str(file),
            problem=Said("can't be read ({problem})", "无法读取（{problem}）", problem=quoted(problem)),
            remedy=Said(
                "Name a folder of yours: export GUIJU_HOME=~/guiju-data",
                "请换一个您自己的文件夹：export GUIJU_HOME=~/guiju-data",
            ),
        ) from None


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else value))
    return flat


def _cast(setting: Setting, text: str, source: str) -> Any:
    try:
        return setting.type(text)
    except ValueError as problem:
        raise SettingError(
            name=setting.name,
            problem=Said(
                "'{text}' (from {source}) isn't right: {write}",
                "“{text}”（来自 {source}）不正确：{write}",
                text=text,
                source=source,
                write=WRITE.get(setting.type, problem),
            ),
            remedy=setting.help,
        ) from None


EMBEDDED_MODEL = "smollm2-135m-instruct"
"""The embedded model's name in the API."""
EMBEDDED_URL = "unix://model.sock/v1"
"""Where the embedded model (`guiju.demo`) answers: an upstream's URL may be `unix://<name>/<path>`, a socket of this
installation. No port that could be taken, and no other user of the machine gets past review to the model."""


def local_socket(config: Config, name: str) -> Path:
    """A Unix socket of this installation. A socket's path may hold 107 bytes: a GUIJU_HOME that is deeper is reached by
    a file descriptor of its run folder, so that nothing of it lies where others may write."""
    path = config.run / name
    return path if len(os.fsencode(path)) <= 90 else Path(_short(config.run)) / name


@functools.cache
def _short(folder: Path) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return f"/proc/self/fd/{os.open(folder, os.O_PATH | os.O_DIRECTORY)}"


def control_socket(config: Config) -> Path:
    """Where control listens on this machine."""
    return local_socket(config, "control.sock")
