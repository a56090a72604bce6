"""The keys of an installation, as files: GUIJU_HOME/keys, folder 0700, files 0600, made at first start.

I/O. What they are used for is ledger/seal.py and ledger/note.py. The master key may lie elsewhere
(`GUIJU_MASTER_KEY_FILE`). Losing it means that no contents can be read again; the ledger still verifies.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guiju.config import Config
from guiju.errors import Said, SettingError
from guiju.ledger import seal
from guiju.quoted import quoted

MASTER = "master.key"
SHARED = frozenset((MASTER, "ledger.key", "chain.key", "pepper.key", "chat.key", "node.token", "django.secret"))
"""Files of keys that all machines of an installation have alike."""


class Keyring:
    """Reads keys, makes those that are missing. Two processes that start at once agree: the first file stays."""

    def __init__(self, folder: Path, master_file: Path | None = None) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            (folder / "journal").mkdir(exist_ok=True, mode=0o700)
        except OSError as problem:
            raise SettingError(
                name=str(folder), problem=quoted(problem), remedy=Said("Make it writable", "请使其可写")
            ) from None
        self.master = self._key(master_file or folder / "master.key", 32)
        """Wraps subjects' keys and short secrets."""
        self.ledger = self._key(folder / "ledger.key", 32)
        """Ed25519 private key that signs checkpoints."""
        self.chain = self._key(folder / "chain.key", 32)
        """Keys the tags of journal records and ledger rows."""
        self.pepper = self._key(folder / "pepper.key", 32)
        """Keys the pseudonyms of subjects."""
        self.chat = self._key(folder / "chat.key", 32)
        """Ed25519 private key that signs the chat page's tokens."""
        self.node_token = self._key(folder / "node.token", 32).hex()
        """Lets gateway workers and commands talk to control."""
        self.django = self._key(folder / "django.secret", 48).hex()

    @classmethod
    def open(cls, config: Config) -> Keyring:
        """The keyring of an installation. Raises: SettingError where the folder or a key can't be used."""
        master = config["master_key_file"]
        return cls(config.keys, Path(master) if master else None)

    @property
    def ledger_public(self) -> bytes:
        """The public half of `ledger`."""
        return Ed25519PrivateKey.from_private_bytes(self.ledger).public_key().public_bytes_raw()

    @property
    def chat_public(self) -> bytes:
        """The public half of `chat`."""
        return Ed25519PrivateKey.from_private_bytes(self.chat).public_key().public_bytes_raw()

    def day_key(self, day: str) -> bytes:
        """X25519 private key of a day (`2026-11-24`), made on its first use."""
        return self._key(self._folder / "journal" / f"{day}.key", 32)

    def day_key_if_kept(self, day: str) -> bytes | None:
        """The same, None once it was destroyed."""
        path = self._folder / "journal" / f"{day}.key"
        return path.read_bytes() if path.exists() else None

    def segment_key(self, day: str, wrapped: bytes) -> bytes:
        """The key of a segment's contents, which its header holds wrapped for its day. Raises: seal.CannotOpen."""
        private = self.day_key_if_kept(day)
        if private is None:
            raise seal.CannotOpen(Said("that day's key was destroyed", "当日的密钥已销毁"))
        return seal.unwrap(private, wrapped)

    def days(self) -> list[str]:
        """Days whose keys are kept, oldest first."""
        return sorted(p.stem for p in (self._folder / "journal").glob("*.key"))

    def destroy_day(self, day: str) -> None:
        """What was sealed under that day's key and not moved can't be read again."""
        path = self._folder / "journal" / f"{day}.key"
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(32))
            os.fsync(file.fileno())
        path.unlink()

    def seal_secret(self, secret: str, purpose: str) -> str:
        """A short secret (an upstream's key) as text that only this installation can read; `purpose` must match."""
        sealed = seal.seal(self.master, secrets.token_bytes(seal.NONCE), secret.encode(), purpose.encode())
        return base64.b64encode(sealed).decode()

    def unseal_secret(self, sealed: str, purpose: str) -> str:
        """The secret. Raises: seal.CannotOpen."""
        return seal.unseal(self.master, base64.b64decode(sealed), purpose.encode()).decode()

    def shared(self) -> dict[str, bytes]:
        """What every machine of the installation must have, by file name. Not the journal's day keys: each machine has its
        own, for its own journal."""
        files = {name: (self._folder / name).read_bytes() for name in SHARED if name != MASTER}
        return files | {MASTER: self.master}

    @staticmethod
    def place(folder: Path, files: dict[str, bytes]) -> None:
        """Lay down the keys of an installation where there are none yet. Raises: OSError (FileExistsError: there are)."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in sorted(files.keys() & SHARED, key=lambda name: name == MASTER):  # the one that is looked for, last
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(files[name])
                file.flush()
                os.fsync(file.fileno())

    def _key(self, path: Path, size: int) -> bytes:
        try:
            if not path.exists():
                self._make(path, size)
            key = path.read_bytes()
        except OSError as problem:
            raise SettingError(
                name=str(path),
                problem=quoted(problem),
                remedy=Said("Make it readable for this user", "请使当前用户可以读取"),
            ) from None
        if len(key) != size:
            raise SettingError(
                name=str(path),
                problem=Said("holds {n} bytes, not {size}", "长度为 {n} 字节，应为 {size} 字节", n=len(key), size=size),
                remedy=Said("Restore it from your backup", "请从备份恢复"),
            )
        return key

    def _make(self, path: Path, size: int) -> None:
        """Whole or not at all, and never over a key that is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, secrets.token_bytes(size))
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
