"""`guiju node`: the installation's keys for another machine, in a letter that only that machine can open.

    on the new machine   guiju node request --name node2 > node2.request     a public key of its own, nothing secret
    where Guiju runs     guiju node admit node2.request > node2.letter       recorded; sealed for that key
    on the new machine   guiju node join node2.letter                        the keys, and nothing else

Whoever carries the files between the machines learns nothing. Who could exchange the request would get the keys: so both
sides print its fingerprint, to be compared by another way before the letter is handed over.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import secrets
import sys
from typing import TypeVar

import msgspec

from guiju.cli.files import text_of
from guiju.cli.preflight import home_is_writable
from guiju.cli.words import say
from guiju.config import Config, load
from guiju.errors import BadRequest, InputFileError, Said, SettingError
from guiju.journal.keyring import MASTER, Keyring
from guiju.ledger import seal

Message = TypeVar("Message", "Request", "Letter")
OWN = "join.key"
"""The new machine's private key, until it has joined."""
PURPOSE = b"keys of an installation"

FINGERPRINT = Said(
    "{name}, fingerprint {fingerprint}: compare it on both machines before the letter is handed over.",
    "{name}，指纹 {fingerprint}：交付信件之前，请在两台机器上核对一致。",
)
JOINED = Said(
    '{home} has the installation\'s keys. Set node = "{name}", database_url and control_url in guiju.toml, then start.',
    '{home} 已有本安装的密钥。请在 guiju.toml 中设置 node = "{name}"、database_url 和 control_url，然后启动。',
)


class Request(msgspec.Struct):
    """What a new machine asks with."""

    name: str
    public: bytes


class Letter(msgspec.Struct):
    """What it is answered with."""

    name: str
    key: bytes
    """Of `keys`, wrapped for the request's public key."""
    keys: bytes
    """File name -> key, sealed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    ask = verbs.add_parser("request", help=Said("on the new machine: print its request", "在新机器上：输出加入请求"))
    ask.add_argument("--name", required=True, help=Said("its name in the journal", "它在日志中的名称"))
    admit = verbs.add_parser(
        "admit",
        help=Said(
            "print the keys, sealed for the machine of a request; recorded", "输出为该请求封存的密钥；会记入账本"
        ),
    )
    admit.add_argument("file", metavar="FILE", help=Said("the request", "加入请求"))
    join = verbs.add_parser("join", help=Said("on the new machine: take the keys", "在新机器上：取得密钥"))
    join.add_argument("file", metavar="FILE", help=Said("the letter", "封存的密钥"))
    for each in (ask, admit, join):
        each.add_argument("--json", action="store_true", help=Said("print JSON", "输出 JSON"))


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 done, 2 a wrong file, 3 this machine has keys already."""
    config = load()
    return {"request": _request, "admit": _admit, "join": _join}[args.verb](args, config)


def _request(args: argparse.Namespace, config: Config) -> int:
    _without_keys(config)
    home_is_writable(config)
    config.keys.mkdir(mode=0o700, exist_ok=True)
    private = secrets.token_bytes(32)
    fd = os.open(config.keys / OWN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(private)
    public = seal.public_of(private)
    _say(args, "request", args.name, _written(Request(args.name, public)), public)
    return 0


def _admit(args: argparse.Namespace, config: Config) -> int:
    asked = _read(args.file, Request)
    from guiju.cli.django_setup import ready

    ready()
    from guiju.control import audit

    data_key, nonce = secrets.token_bytes(seal.KEY), secrets.token_bytes(seal.NONCE)
    try:
        wrapped = seal.wrap_for(asked.public, secrets.token_bytes(32), data_key, secrets.token_bytes(seal.NONCE))
    except ValueError:
        raise _wrong(args.file) from None
    keys = seal.seal(data_key, nonce, msgspec.msgpack.encode(Keyring.open(config).shared()), PURPOSE)
    audit.record("nodes.admit", by=None, target=asked.name, after=_fingerprint(asked.public))
    _say(args, "letter", asked.name, _written(Letter(asked.name, wrapped, keys)), asked.public)
    return 0


def _join(args: argparse.Namespace, config: Config) -> int:
    _without_keys(config)
    letter = _read(args.file, Letter)
    own = config.keys / OWN
    try:
        data_key = seal.unwrap(own.read_bytes(), letter.key)
        keys = msgspec.msgpack.decode(seal.unseal(data_key, letter.keys, PURPOSE), type=dict[str, bytes])
        Keyring.place(config.keys, keys)
    except (FileNotFoundError, seal.CannotOpen, ValueError):
        raise InputFileError(
            file=args.file,
            line=1,
            column=1,
            problem=Said("is for the request of another machine", "不是为本机的请求封存的"),
        ) from None
    own.unlink()
    if args.json:
        print(json.dumps({"name": letter.name, "home": str(config.home)}, ensure_ascii=False))
    else:
        print(say(JOINED).format(home=config.home, name=letter.name))
    return 0


def _without_keys(config: Config) -> None:
    """Raises: SettingError."""
    if (config.keys / MASTER).exists():
        raise SettingError(
            name="GUIJU_HOME",
            problem=Said("{home} holds an installation's keys already", "{home} 中已有密钥", home=config.home),
            remedy=Said("Join with a folder that nobody has used yet", "请用尚未使用过的文件夹加入"),
        )


def _say(args: argparse.Namespace, what: str, name: str, text: str, public: bytes) -> None:
    fingerprint = _fingerprint(public)
    if args.json:
        print(json.dumps({what: text, "name": name, "fingerprint": fingerprint}, ensure_ascii=False))
        return
    print(text)
    sys.stderr.write(say(FINGERPRINT).format(name=name, fingerprint=fingerprint) + "\n")


def _fingerprint(public: bytes) -> str:
    digest = hashlib.sha256(public).hexdigest()[:20]
    return "-".join(digest[i : i + 4] for i in range(0, 20, 4))


def _written(message: Request | Letter) -> str:
    return base64.b64encode(msgspec.msgpack.encode(message)).decode()


def _read(file: str, kind: type[Message]) -> Message:
    try:
        return msgspec.msgpack.decode(base64.b64decode(text_of(file).strip(), validate=True), type=kind)
    except (ValueError, msgspec.DecodeError):
        raise _wrong(file) from None


def _wrong(file: str) -> BadRequest:
    return BadRequest(field=file, problem=Said("is not what `guiju node` has written", "不是 `guiju node` 写出的文件"))
