"""Signed checkpoints: into the database, and to GUIJU_HOME/ledger/checkpoint for whoever keeps one elsewhere."""

from __future__ import annotations

from django.conf import settings

from guiju import clock
from guiju.control.records.models import Checkpoint, Head
from guiju.ledger import note, tree

ORIGIN = "guiju/ledger"


def sign_if_grown() -> bool:
    """Sign the tree as it stands, where it has grown since the last checkpoint."""
    head = Head.objects.filter(pk=1).first()
    if head is None or not head.size or Checkpoint.objects.filter(size=head.size).exists():
        return False
    stored = bytes(head.hashes)
    frontier = tree.Frontier(head.size, [stored[i : i + 32] for i in range(0, len(stored), 32)])
    text = note.sign(note.Checkpoint(ORIGIN, head.size, frontier.root), settings.KEYRING.ledger)
    Checkpoint.objects.get_or_create(size=head.size, defaults={"note": text, "at_ms": clock.epoch_ms()})
    folder = settings.GUIJU.home / "ledger"
    folder.mkdir(exist_ok=True)
    draft = folder / ".checkpoint"
    draft.write_text(text, encoding="utf-8")
    draft.replace(folder / "checkpoint")
    return True
