"""Drafts, checks, activation of policies and lexicons; trying them before they act."""

import csv as csv_module
import hashlib
import io
import os
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from msgspec import structs

from guiju import clock, plugins
from guiju.control import audit, names
from guiju.control.people.roles import require
from guiju.control.policies.models import Lexicon, LexiconVersion, Policy, PolicyVersion
from guiju.control.publish import publish
from guiju.errors import BadRequest, InputFileError, Said
from guiju.review import load, policy_cases
from guiju.review.lexicon_blob import Term, encode_terms, key_of
from guiju.review.lexicon_check import COLUMNS, Remark, criticise, read_terms
from guiju.review.policy_file import parse_policy
from guiju.types import Verdict


@transaction.atomic
def save_policy(name: str, yaml: str, *, by, note: str = "") -> PolicyVersion:
    """A new version as a draft. Raises: PermissionDenied, InputFileError pointing into the text."""
    require(by, "policies.edit")
    name = names.checked(name)
    parsed = parse_policy(yaml, plugins.taxonomy(), file=f"{name}.yaml")
    if parsed.name != name:
        problem = Said(
            "the file says `{said}`, this is policy `{name}`",
            "文件中写的是 `{said}`，而此处是策略 `{name}`",
            said=parsed.name,
            name=name,
        )
        raise BadRequest(field="name", problem=problem)
    policy, _ = Policy.objects.get_or_create(name=name)
    latest = policy.versions.aggregate(m=Max("version"))["m"] or 0
    row = PolicyVersion.objects.create(
        policy=policy, version=latest + 1, yaml=yaml, note=note, author=by, created=clock.now()
    )
    audit.record("policies.save", by=by, target=f"{name}@{row.version}", reason=note, after=_digest(yaml))
    return row


@transaction.atomic
def activate_policy(row: PolicyVersion, *, by, reason: str = "") -> int:
    """Put a version in force; returns the snapshot's version.

    Where console.two_persons is set, an author only asks for it (state `waiting`), and another person activates.

    Raises: PermissionDenied, InputFileError, CasesFail where a case that it keeps doesn't hold.
    """
    require(by, "policies.activate")
    file = f"{row.policy.name}.yaml"
    policy = parse_policy(row.yaml, plugins.taxonomy(), file=file)
    if policy.cases:
        reviewer = plugins.reviewer(policy, active_blobs(), plugins.taxonomy().placeholder)
        policy_cases.hold(reviewer, file=file, yaml=row.yaml)
    if settings.GUIJU["console.two_persons"] and by is not None and row.author_id == by.pk:
        row.state = "waiting"
        row.save(update_fields=["state"])
        audit.record("policies.ask", by=by, target=f"{row.policy.name}@{row.version}", reason=reason)
        return publish()
    before = row.policy.versions.filter(state="active").first()
    row.policy.versions.filter(state="active").update(state="retired")
    row.state, row.activated_by, row.activated = "active", by, clock.now()
    row.save()
    audit.record(
        "policies.activate",
        by=by,
        target=f"{row.policy.name}@{row.version}",
        before=f"@{before.version}" if before else "",
        after=_digest(row.yaml),
        reason=reason,
    )
    return publish()


def check_lexicon(name: str, csv: str, cls: str = "") -> tuple[list[Term], list[Remark]]:
    """Terms and what a person should know of them. Raises: InputFileError."""
    terms, lines = read_terms(csv, file=f"{name}.csv", cls=cls, taxonomy=plugins.taxonomy())
    return terms, criticise(terms, lines, load.benign_sample())


@transaction.atomic
def import_lexicon(
    name: str, csv: str, *, by, cls: str = "", activate: bool = True, reason: str = "", anyway: bool = False
) -> tuple[LexiconVersion, int]:
    """A new version of a lexicon, in force at once where `activate`.

    Raises: PermissionDenied, InputFileError, CasesBreak as `activate_lexicon` does.
    """
    require(by, "lexicons.edit")
    name = names.checked(name)
    terms, _ = read_terms(csv, file=f"{name}.csv", cls=cls, taxonomy=plugins.taxonomy())
    blob = encode_terms(terms)
    lexicon, _ = Lexicon.objects.get_or_create(name=name)
    latest = lexicon.versions.aggregate(m=Max("version"))["m"] or 0
    row = LexiconVersion.objects.create(
        lexicon=lexicon,
        version=latest + 1,
        csv=csv,
        blob=blob,
        digest=hashlib.sha256(blob).hexdigest(),
        terms=len(terms),
        author=by,
        created=clock.now(),
    )
    audit.record(
        "lexicons.import",
        by=by,
        target=f"{name}@{row.version}",
        after=row.digest[:16],
        reason=reason,
        detail={"terms": str(len(terms))},
    )
    return row, activate_lexicon(row, by=by, anyway=anyway) if activate else publish()


@transaction.atomic
def activate_lexicon(row: LexiconVersion, *, by, anyway: bool = False) -> int:
    """Put a version in force; its blob is laid where gateways of this machine find it.

    Raises: PermissionDenied; CasesBreak unless `anyway`: whoever goes on knows which cases break, and the entry names them.
    """
    require(by, "lexicons.edit")
    broken = hold_cases(row.lexicon.name, bytes(row.blob), anyway=anyway)
    row.lexicon.versions.filter(state="active").update(state="retired")
    row.state, row.activated = "active", clock.now()
    row.save()
    place_blob(row.digest, bytes(row.blob))
    audit.record(
        "lexicons.activate",
        by=by,
        target=f"{row.lexicon.name}@{row.version}",
        after=row.digest[:16],
        detail={"broken_cases": " ".join(f"{case.file}:{case.line}" for case in broken)} if broken else {},
    )
    return publish()


def hold_cases(name: str, blob: bytes, *, anyway: bool = False) -> list[InputFileError]:
    """The cases kept with the policies in force that hold now, and wouldn't with this version of a lexicon.

    Raises: CasesBreak where there are any, unless `anyway`; InputFileError: a policy in force can't be read any more.
    """
    taxonomy, now = plugins.taxonomy(), active_blobs()
    found: list[InputFileError] = []
    for row in PolicyVersion.objects.filter(state="active").select_related("policy").order_by("policy_id"):
        file = f"{row.policy.name}.yaml"
        policy = parse_policy(row.yaml, taxonomy, file=file)
        if policy.cases:
            then = now | {names.checked(name): blob}
            before, after = (plugins.reviewer(policy, blobs, taxonomy.placeholder) for blobs in (now, then))
            found += policy_cases.pointed(policy_cases.broken(before, after), file=file, yaml=row.yaml)
    if found and not anyway:
        raise policy_cases.CasesBreak(n=len(found), report=policy_cases.report(found))
    return found


def place_blob(digest: str, blob: bytes) -> None:
    """Lay a blob under its digest; whole or not at all."""
    folder = settings.GUIJU.blobs
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / digest).exists():
        draft = folder / f".{digest}.{os.getpid()}"  # a command may lay the same one at the same time
        draft.write_bytes(blob)
        draft.replace(folder / digest)


def active_blobs(but: str = "") -> dict[str, bytes]:
    """Name -> blob of every lexicon in force."""
    rows = LexiconVersion.objects.filter(state="active").select_related("lexicon").exclude(lexicon__name=but)
    return {r.lexicon.name: bytes(r.blob) for r in rows}


def try_out(
    yaml: str,
    texts: Sequence[str],
    direction: str,
    *,
    lexicon: tuple[str, bytes] | None = None,
    audience: str = "general",
) -> list[Verdict]:
    """What a policy (and a lexicon in place of its active version) would decide. Raises: InputFileError."""
    policy = parse_policy(yaml, plugins.taxonomy(), file="draft.yaml")
    blobs = active_blobs(lexicon[0] if lexicon else "")
    if lexicon:
        blobs[lexicon[0]] = lexicon[1]
    reviewer = plugins.reviewer(policy, blobs, plugins.taxonomy().placeholder)
    return [reviewer.review(t, direction=direction, audience=audience) for t in texts]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def terms_of(name: str, csv: str) -> list[Term]:
    """The terms of a list. Raises: InputFileError."""
    return read_terms(csv, file=f"{name}.csv", taxonomy=plugins.taxonomy())[0]


def blob_of(csv: str, name: str) -> bytes:
    """The blob that a list would become."""
    return encode_terms(terms_of(name, csv))


def remarks_on(term: Term, csv: str, name: str) -> list[Remark]:
    """What a person should know of one term among the others of its list."""
    terms, lines = read_terms(csv, file=f"{name}.csv", taxonomy=plugins.taxonomy())
    same = {at for t, at in zip(terms, lines, strict=True) if t.text == term.text}
    near = [
        (t, at) for t, at in zip(terms, lines, strict=True) if at in same or t.text in term.text or term.text in t.text
    ]
    found = criticise([t for t, _ in near], [at for _, at in near], load.benign_sample())
    return [r for r in found if r.line in same]


def with_phrase(csv_text: str, name: str, term: Term, phrase: str) -> str:
    """The list with an allow-phrase more for one of its terms. Raises: BadRequest where it would do nothing."""
    if key_of(term.text) not in key_of(phrase) or "|" in phrase:
        problem = Said("must hold the term “{term}”, and no |", "须包含词条“{term}”，且不含 |", term=term.text)
        raise BadRequest(field="phrase", problem=problem)
    terms = terms_of(name, csv_text)
    return _written([structs.replace(t, allow=(*t.allow, phrase)) if t.id == term.id else t for t in terms])


def without_term(csv_text: str, name: str, term: Term) -> str:
    """The list with one term less."""
    return _written([t for t in terms_of(name, csv_text) if t.id != term.id])


def with_term(csv_text: str, name: str, term: Term) -> str:
    """The list with one term more, at its end. Raises: BadRequest where it couldn't hit anything new."""
    terms = terms_of(name, csv_text)
    key = key_of(term.text)
    if len(key) < 2:
        problem = Said("has fewer than two characters once made canonical", "规范化后不足两个字符")
        raise BadRequest(field="term", problem=problem)
    if any(key_of(t.text) == key for t in terms):
        raise BadRequest(field="term", problem=Said("is in this lexicon already", "已在该词库中"))
    return _written([*terms, term])


def _written(terms: Sequence[Term]) -> str:
    out = io.StringIO()
    writer = csv_module.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([t.text, t.cls, t.severity, t.lang, "|".join(t.allow), t.origin] for t in terms)
    return out.getvalue()
