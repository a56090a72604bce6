"""Signed checkpoints: into the database, and to GUIJU_HOME/ledger/checkpoint for whoever keeps one elsewhere."""

from __future__ import annotations

import os

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from guiju import clock
from guiju.control.records import actions
from guiju.control.records.models import Checkpoint, Head
from guiju.ledger import note
from guiju.ledger.verify import row_seal

ORIGIN = "guiju/ledger"


EVERY_MS = 2_000
"""Milliseconds between two checkpoints: of several machines that could sign, the first does."""


def sign_if_due() -> bool:
    """Sign the tree where it has grown since the last checkpoint and nobody has signed just now; keep the newest here."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None or clock.epoch_ms() - newest.at_ms >= EVERY_MS or newest.at_ms > clock.epoch_ms():
        return sign_if_grown()
    _keep(newest.note)
    return False


def sign_if_grown() -> bool:
    """Sign the tree as it stands, where it has grown since the last checkpoint."""
    if not Head.objects.filter(size__gt=_signed()).exists():
        return False
    with transaction.atomic():
        head = actions.lock_head()
        if head.size <= _signed():
            return False  # another process was first
        at_ms = clock.epoch_ms()
        root = actions.frontier_of(head).root
        text = note.sign(note.Checkpoint(ORIGIN, head.size, root), settings.KEYRING.ledger)
        tag = row_seal(settings.KEYRING.chain, "checkpoint", bytes(head.checkpoint_tag), head.size, text, at_ms)
        Checkpoint.objects.create(size=head.size, note=text, at_ms=at_ms, tag=tag)
        head.checkpoints, head.checkpoint_tag = head.checkpoints + 1, tag
        actions.save_head(head)
    _keep(text)
    return True


def _keep(text: str) -> None:
    """Lay it down for whoever takes it elsewhere."""
    folder = settings.GUIJU.home / "ledger"
    folder.mkdir(exist_ok=True)
    file = folder / "checkpoint"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        draft = folder / f".checkpoint.{os.getpid()}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)


def _signed() -> int:
    return Checkpoint.objects.aggregate(m=Max("size"))["m"] or 0
