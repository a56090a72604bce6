"""What `guiju review` judges by: the files that were named, else the active policy and lexicons of GUIJU_HOME, else
the shipped ones. Works whether the service is up or down: the gateway keeps what is active on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from guiju import plugins
from guiju.cli.named import NoSuchService
from guiju.config import Config
from guiju.errors import InputFileError, ReviewUnavailable, Said
from guiju.quoted import quoted
from guiju.review.lexicon_blob import encode_terms
from guiju.review.lexicon_check import read_terms
from guiju.review.load import default_lexicons, default_policy
from guiju.review.policy import Audience, Policy
from guiju.review.policy_file import parse_policy
from guiju.snapshot import Service, Snapshot, decode


class Setup(NamedTuple):
    """All that a reviewer is compiled from; small enough to hand to other processes."""

    policy: Policy
    lexicons: dict[str, bytes]
    """Name -> blob."""
    audience: Audience = "general"
    """The service's."""


def setup(
    config: Config, *, policy: str | None = None, lexicons: Sequence[str] = (), cls: str = "", service: str = ""
) -> Setup:
    """Gather it.

    Args:
        policy: a policy file in place of the active policy.
        lexicons: term lists in place of the active ones.
        cls: class of terms that say none.
        service: whose policy and audience; "" is the first one.

    Raises:
        InputFileError: a named file is wrong. NoSuchService. ReviewUnavailable: the kept state is
            not whole.
    """
    snapshot = active(config)
    if snapshot is None:
        if service:
            raise NoSuchService(name=service, there="-")
        base = None
    else:
        base = _service(snapshot, service)
    return Setup(
        policy_from(policy) if policy else _active_policy(snapshot, base),
        lexicons_from(lexicons, cls) if lexicons else _active_lexicons(config, snapshot),
        base.audience if base else "general",
    )


def active(config: Config) -> Snapshot | None:
    """What control decided last, as the gateway keeps it; None before the first start.

    Raises:
        ReviewUnavailable: it is there, and can't be read.
    """
    file = config.run / "snapshot.json"
    if not file.exists():
        return None
    try:
        return decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as problem:
        said = Said("{file}: {problem}", "{file}：{problem}", file=file, problem=quoted(problem))
        raise ReviewUnavailable(problem=said) from None


def policy_from(path: str) -> Policy:
    """A policy file. Raises: InputFileError."""
    return parse_policy(_text(path), plugins.taxonomy(), file=path)


def lexicons_from(paths: Sequence[str], cls: str = "") -> dict[str, bytes]:
    """Term lists, name -> blob; a list is named for its file. Raises: InputFileError."""
    blobs: dict[str, bytes] = {}
    for path in paths:
        name = Path(path).stem
        terms, _ = read_terms(_text(path), file=path, cls=cls, taxonomy=plugins.taxonomy())
        blobs[path if name in blobs else name] = encode_terms(terms)
    return blobs


def _service(snapshot: Snapshot, name: str) -> Service | None:
    if not name:
        return next(iter(snapshot.services), None)
    found = next((s for s in snapshot.services if s.name == name), None)
    if found is None:
        there = ", ".join(s.name for s in snapshot.services) or "-"
        raise NoSuchService(name=name, there=there)
    return found


def _active_policy(snapshot: Snapshot | None, service: Service | None) -> Policy:
    wanted = service.policy if service else ""
    for reference in snapshot.policies if snapshot else ():
        if reference.name == wanted or not wanted:
            return parse_policy(reference.yaml, plugins.taxonomy(), file=reference.name, version=reference.version)
    if wanted:
        raise ReviewUnavailable(
            problem=Said("the policy '{name}' is not in the last snapshot", "最近的快照中没有策略“{name}”", name=wanted)
        )
    return default_policy()


def _active_lexicons(config: Config, snapshot: Snapshot | None) -> dict[str, bytes]:
    if snapshot is None:
        return {name: encode_terms(terms) for name, terms in default_lexicons().items()}
    blobs: dict[str, bytes] = {}
    for reference in snapshot.lexicons:
        try:
            blobs[reference.name] = (config.blobs / reference.digest).read_bytes()
        except OSError as problem:
            said = Said(
                "lexicon '{name}': {problem}", "词库“{name}”：{problem}", name=reference.name, problem=quoted(problem)
            )
            raise ReviewUnavailable(problem=said) from None
    return blobs


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputFileError(
            file=path, line=1, column=1, problem=Said("this file isn't UTF-8", "文件不是 UTF-8 编码")
        ) from None
    except OSError as problem:
        said = Said("this file can't be read: {problem}", "无法读取该文件：{problem}", problem=quoted(problem))
        raise InputFileError(file=path, line=1, column=1, problem=said) from None
