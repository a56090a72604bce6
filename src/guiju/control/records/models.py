"""The ledger's rows, contents under their subjects' keys, and a row per exchange for searching.

An entry's `body` is what was hashed, byte for byte; every other column is a copy for searching and is never proof.
"""

from django.db import models


class Entry(models.Model):
    """One leaf of the ledger."""

    index = models.BigIntegerField(unique=True)
    """Place in the tree, from 0."""
    kind = models.CharField(max_length=40, db_index=True)
    at_ms = models.BigIntegerField(db_index=True)
    exchange = models.CharField(max_length=40, blank=True, db_index=True)
    target = models.CharField(max_length=200, blank=True, db_index=True)
    """Of administrative acts; the worker of notes."""
    body = models.BinaryField()
    leaf = models.BinaryField()
    """RFC 6962 hash of `index` and `body` (ledger/verify.py: leaf_data)."""
    tag = models.BinaryField()
    """Keyed chain: hash over the tag before and the leaf."""


class Head(models.Model):
    """The tree's right edge. One row; whoever holds it appends."""

    size = models.BigIntegerField(default=0)
    hashes = models.BinaryField(default=b"")
    tag = models.BinaryField(default=b"")
    """Of the last entry."""
    checkpoints = models.BigIntegerField(default=0)
    """How many were signed."""
    checkpoint_tag = models.BinaryField(default=b"")
    """Of the last of them."""
    seal = models.BinaryField(default=b"")
    """Keyed hash of all of it (ledger/verify.py: head_seal)."""


class SubjectKey(models.Model):
    """The random key under which a subject's contents are sealed, wrapped by the master key."""

    subject = models.CharField(max_length=120, unique=True)
    wrapped = models.BinaryField()
    """Empty once it was destroyed."""
    erased_at = models.DateTimeField(null=True)


class Content(models.Model):
    """Sealed contents of one entry."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, related_name="content")
    key = models.ForeignKey(SubjectKey, on_delete=models.PROTECT)
    sealed = models.BinaryField()


class Exchange(models.Model):
    """An exchange as people search for it."""

    id = models.CharField(primary_key=True, max_length=40)
    at_ms = models.BigIntegerField(db_index=True)
    door = models.CharField(max_length=40)
    app = models.CharField(max_length=80, db_index=True)
    service = models.CharField(max_length=80)
    subject = models.CharField(max_length=64, blank=True, db_index=True)
    model = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=12, db_index=True)
    """The gravest of input and output."""
    outcome = models.CharField(max_length=20, blank=True)
    """Empty while it runs."""
    observe = models.BooleanField(default=False)
    queue = models.BooleanField(default=False)
    classes = models.CharField(max_length=500, blank=True)
    """` A.1.h.drugs I.mobile `: blanks on both sides, so that a class is found whole."""
    total_ms = models.IntegerField(default=0)
    input_tokens = models.IntegerField(default=0)
    output_tokens = models.IntegerField(default=0)
    code = ""
    """Of the error with which a request was turned away (queries.py): no column, as such a request has no row."""

    class Meta:
        indexes = [models.Index(fields=["-at_ms", "id"])]


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root."""

    size = models.BigIntegerField(unique=True)
    note = models.TextField()
    at_ms = models.BigIntegerField()
    tag = models.BinaryField(default=b"")
    """Keyed chain, as an entry's: over the tag before and the row (ledger/verify.py: checkpoint_tag)."""


class Node(models.Model):
    """A machine's name in the journal, and whose it is: two that share one would close each other's exchanges."""

    name = models.CharField(max_length=80, unique=True)
    home = models.CharField(max_length=32)
    """Of the machine that drains this name's journal (journal/claim.py: home_of)."""
    seen_ms = models.BigIntegerField()
    """When it said so last."""


class DrainOffset(models.Model):
    """How far each journal segment has been taken into the ledger."""

    segment = models.CharField(max_length=32, unique=True)
    """Tag of the segment's header, hex: no other segment has it, whatever its name."""
    node = models.CharField(max_length=80)
    worker = models.IntegerField()
    sequence = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    left = models.BooleanField(default=False)
    """Nothing more will come: the segment may be gone."""
    seal = models.BinaryField(default=b"")
    """Keyed hash of all of it (ledger/verify.py: offset_seal)."""

    class Meta:
        indexes = [models.Index(fields=["node", "worker", "sequence"])]
