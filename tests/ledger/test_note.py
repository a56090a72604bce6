"""C2SP signed notes and checkpoints: what we sign is verified, what anybody changed is not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guiju.ledger import note

PRIVATE = b"p" * 32
PUBLIC = Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
CHECKPOINT = note.Checkpoint("guiju/ledger", 42, b"r" * 32)


def test_what_is_signed_is_verified():
    assert note.verify(note.sign(CHECKPOINT, PRIVATE), PUBLIC) == CHECKPOINT


def test_it_is_written_as_the_standard_says():
    text, _, signature = note.sign(CHECKPOINT, PRIVATE).partition("\n\n")
    assert text.split("\n") == ["guiju/ledger", "42", "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI="]
    assert signature.startswith("— guiju/ledger ")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("42", "43"),
        lambda text: text.replace("guiju/ledger\n42", "other\n42"),
        lambda text: text[:-6] + "AAAAA\n",
        lambda text: text.split("\n\n")[0],
        lambda text: "",
        lambda text: text.replace("\n", "\r\n"),
    ],
)
def test_what_was_changed_is_not(change):
    with pytest.raises(note.BadNote):
        note.verify(change(note.sign(CHECKPOINT, PRIVATE)), PUBLIC)


def test_another_key_signs_nothing_of_ours():
    with pytest.raises(note.BadNote):
        note.verify(note.sign(CHECKPOINT, b"q" * 32), PUBLIC)
