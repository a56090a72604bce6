"""Policies and lexicons: versions, editing, trying, activating."""

import difflib
import hashlib
import re
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from guiju import plugins
from guiju.control.access import needs, posts
from guiju.control.people.roles import permissions
from guiju.control.policies import actions
from guiju.control.policies.forms import ImportForm, TermForm, clean_name
from guiju.control.policies.models import Lexicon, LexiconVersion, Policy, PolicyVersion
from guiju.control.records import queries
from guiju.control.records.models import Exchange
from guiju.control.services.models import Service
from guiju.errors import BadRequest, GuijuError, InputFileError
from guiju.review import load
from guiju.review.explain import for_operator
from guiju.review.lexicon_blob import Term, encode_terms
from guiju.review.policy_cases import CasesBreak, CasesFail

_NAME = re.compile(r"(?m)^name: *\S+")
_SHOWN = 200
"""Remarks on a list that are shown."""


def _language(request) -> str:
    return "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"


@needs("policies.view")
def policies(request):
    """Every policy with its versions."""
    found = Policy.objects.prefetch_related("versions__author", "versions__activated_by").order_by("name")
    shown = [{"policy": p, "versions": sorted(p.versions.all(), key=lambda v: -v.version)[:10]} for p in found]
    return render(request, "policies/list.html", {"rows": shown, "history": queries.history(("policies.",))})


@posts("policies.edit")
def new(request):
    """The name of a new policy; its text begins as a copy of the shipped one."""
    try:
        name = clean_name(request.POST.get("name", "").strip()[:80])
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
        return redirect("policies:list")
    return redirect("policies:edit", name=name)


@needs("policies.view")
def edit(request, name):
    """Edit, check, try and save; errors stand at their line. A name that isn't there yet is a new policy's."""
    may_edit = "policies.edit" in permissions(request.user)
    policy = Policy.objects.filter(name=name).first()
    if policy is None and not may_edit:
        raise Http404
    active = policy and (policy.versions.filter(state="active").first() or policy.versions.order_by("-version").first())
    begin = active.yaml if active else _NAME.sub(f"name: {name}", load.default_policy_yaml(), count=1)
    yaml = request.POST.get("yaml", begin)
    context = {
        "name": name, "policy": policy, "active": active, "yaml": yaml, "note": request.POST.get("note", "")[:500],
        "texts": request.POST.get("texts", ""), "direction": request.POST.get("direction", "input"),
        "may_edit": may_edit, "history": queries.history(("policies.",), under=f"{name}@"),
    }  # fmt: skip
    if request.method == "POST":
        try:
            if request.POST.get("verb") == "save":
                row = actions.save_policy(name, yaml, by=request.user, note=context["note"])
                messages.success(
                    request, _("Saved as version %(version)s; it isn't in force yet.") % {"version": row.version}
                )
                return redirect("policies:version", name=name, version=row.version)
            context["tried"] = _tried(request, yaml)
            context["good"] = True
        except InputFileError as problem:
            context["problem"] = problem.sentence(_language(request))
        except GuijuError as problem:
            context["sentence"] = problem.sentence(_language(request))
    return render(request, "policies/edit.html", context)


def _samples(request):
    return [t for t in request.POST.get("texts", "").splitlines() if t.strip()][:200]


def _tried(request, yaml, lexicon=None):
    texts = _samples(request)
    direction = "output" if request.POST.get("direction") == "output" else "input"
    verdicts = actions.try_out(yaml, texts, direction, lexicon=lexicon)
    taxonomy, language = plugins.taxonomy(), _language(request)
    return [
        {"text": t, "verdict": v, "sentences": [for_operator(j, taxonomy, language) for j in v.judged]}
        for t, v in zip(texts, verdicts, strict=True)
    ]


@needs("policies.view")
def version(request, name, version):
    """One version, with its difference from what is in force; tried on samples here, before it is activated."""
    row = get_object_or_404(
        PolicyVersion.objects.select_related("policy", "author"), policy__name=name, version=version
    )
    tried = _tried(request, row.yaml) if request.method == "POST" else None
    return _version(request, row, tried=tried)


def _version(request, row, **more):
    active = row.policy.versions.filter(state="active").first()
    lines = []
    if active and active.pk != row.pk:
        before, after = active.yaml.splitlines(), row.yaml.splitlines()
        lines = list(difflib.unified_diff(before, after, f"@{active.version}", f"@{row.version}", lineterm="", n=2))
    may = permissions(request.user)
    own = row.author_id == request.user.pk and row.state == "waiting"
    return render(
        request,
        "policies/version.html",
        {
            "texts": request.POST.get("texts", ""),
            "direction": request.POST.get("direction", "input"),
            "own": own,
            "two_persons": settings.GUIJU["console.two_persons"],
            "history": queries.history(("policies.",), on=(f"{row.policy.name}@{row.version}",)),
            "row": row,
            "active": active,
            "diff": lines,
            "may_activate": "policies.activate" in may and row.state != "active" and not own,
            **more,
        },
    )


@posts("policies.activate")
def activate(request, name, version):
    """Put a version in force, or ask for a second person."""
    row = get_object_or_404(PolicyVersion, policy__name=name, version=version)
    try:
        actions.activate_policy(row, by=request.user, reason=request.POST.get("reason", ""))
    except (InputFileError, CasesFail) as problem:
        return _version(request, row, problem=problem.sentence(_language(request)))
    row.refresh_from_db()
    if row.state == "waiting":
        messages.info(request, _("Another person must activate it."))
    else:
        messages.success(request, _("In force: every gateway worker has it within a second."))
    return redirect("policies:version", name=name, version=version)


@needs("policies.view")
def lexicons(request):
    """Every lexicon in force."""
    rows = []
    for lexicon in Lexicon.objects.prefetch_related(
        Prefetch("versions", LexiconVersion.objects.defer("csv", "blob"))
    ).order_by("name"):
        active = next((v for v in lexicon.versions.all() if v.state == "active"), None)
        rows.append({"lexicon": lexicon, "active": active})
    context = {
        "rows": rows,
        "form": ImportForm(language=_language(request)),
        "history": queries.history(("lexicons.",)),
    }
    return render(request, "policies/lexicons.html", context)


@needs("policies.view")
def lexicon(request, name):
    """Terms of a lexicon, and its versions."""
    return _lexicon(request, get_object_or_404(Lexicon, name=name))


def _lexicon(request, row, **more):
    active = row.versions.filter(state="active").first()
    terms = actions.terms_of(row.name, active.csv) if active else []
    asked = request.GET.get("q", "").strip()
    if asked:
        terms = [t for t in terms if asked.lower() in t.text.lower()]
    page = Paginator(terms, 100).get_page(request.GET.get("page"))
    versions = row.versions.defer("csv", "blob").select_related("author").order_by("-version")[:20]
    return render(
        request,
        "policies/lexicon.html",
        {"lexicon": row, "active": active, "page": page, "asked": asked, "versions": versions,
         "may_edit": "lexicons.edit" in permissions(request.user),
         "history": queries.history(("lexicons.",), under=f"{row.name}@"), **more},
    )  # fmt: skip


@posts("lexicons.edit")
def import_lexicon(request):
    """Report first; the second press takes it into force."""
    form = ImportForm(request.POST, request.FILES, language=_language(request))
    context = {"form": form}
    if form.is_valid():
        name, csv, cls = (form.cleaned_data[k] for k in ("name", "csv", "cls"))
        try:
            terms, remarks = actions.check_lexicon(name, csv, cls)
            if request.POST.get("verb") == "import":
                put = partial(actions.import_lexicon, name, csv, by=request.user, cls=cls)
                if done := _knowingly(request, context, put):
                    given = {"name": name, "version": done[0].version, "terms": done[0].terms}
                    messages.success(request, _("%(name)s@%(version)s is in force with %(terms)s terms.") % given)
                    return redirect("lexicons:item", name=name)
            else:
                _knowingly(request, context, partial(actions.hold_cases, name, encode_terms(terms)))
            context |= {"terms": terms, "remarks": remarks[:_SHOWN], "more": max(0, len(remarks) - _SHOWN)}
            # What was uploaded is carried along: the second press needs no second upload.
            context["form"] = ImportForm(initial={"name": name, "cls": cls, "csv": csv}, language=_language(request))
        except InputFileError as problem:
            context["problem"] = problem.sentence(_language(request))
    return render(request, "policies/import.html", context)


def _knowingly(request, context, put):
    """What `put` comes to, where no case that a policy keeps breaks by it, or whoever asks has seen which and goes on.

    Returns: None where the page is to show them: `cases`, and `seen`, which names just these.
    """
    try:
        return put()
    except CasesBreak as problem:
        context["cases"] = problem.sentence(_language(request))
        context["seen"] = hashlib.sha256(problem.sentence("en").encode()).hexdigest()
        return put(anyway=True) if request.POST.get("anyway") == context["seen"] else None


def _draft(request, name, csv, context, what):
    """Try a changed list on samples, or put it in force: only what was tried just so, and as it was tried.

    Returns: the answer that leads on, or None: the page is shown again.
    """
    texts = _samples(request)
    mark = hashlib.sha256("\0".join([csv, *texts]).encode()).hexdigest()
    if not texts:
        context["problem"] = _("Give at least one sample text to try it on.")
        return None
    blob = actions.blob_of(csv, name)
    if request.POST.get("verb") == "save" and request.POST.get("tried_as") == mark:
        if _knowingly(request, context, partial(actions.import_lexicon, name, csv, by=request.user, reason=what)):
            messages.success(request, _("In force: every gateway worker has it within a second."))
            return redirect("lexicons:item", name=name)
    else:
        _knowingly(request, context, partial(actions.hold_cases, name, blob))
        if request.POST.get("verb") == "save":
            context["problem"] = _("This was changed after it was tried: here is what it would decide now.")
    policy = _policy_of(context["exchange"])
    context["tried"] = _tried(request, policy.yaml, (name, blob))
    context["tried_as"] = mark
    return None


def _policy_of(exchange):
    """The policy that decided an exchange, as it is now; the first one where none did."""
    row = Exchange.objects.filter(pk=exchange).first()
    service = Service.objects.select_related("policy").filter(name=row.service).first() if row else None
    active = PolicyVersion.objects.filter(state="active").order_by("policy_id")
    return (active.filter(policy=service.policy).first() if service else None) or active.first()


def _term(lexicon, number, exchange):
    """The term that a rule named, as it stands in force now; None where it was taken out.

    A rule is a place in a list. Which list it was, the exchange's record says: it may have changed since.
    """
    active = lexicon.versions.filter(state="active").first()
    if active is None:
        return None, None
    used = next((v for v in queries.lexicons_of(exchange) if v.startswith(f"{lexicon.name}@")), "")
    then = lexicon.versions.filter(version=used.partition("@")[2] or active.version).first() or active
    meant = next((t for t in actions.terms_of(lexicon.name, then.csv) if t.id == number), None)
    now = actions.terms_of(lexicon.name, active.csv)
    return active, next((t for t in now if meant and (t.text, t.cls) == (meant.text, meant.cls)), None)


@needs("lexicons.edit")
def mistake(request):
    """ "This was a mistake": an allow-phrase for a term, or the term taken out, tried on samples before it acts."""
    given = request.GET.dict() | request.POST.dict()  # the address says which: it can be opened anew
    rule = given.get("rule", "")
    name, _sep, number = rule.partition(":")
    row = get_object_or_404(Lexicon, name=name)
    active, term = _term(row, number, given.get("exchange", ""))
    context = {
        "rule": rule,
        "lexicon": row,
        "term": term,
        "exchange": given.get("exchange", ""),
        "way": given.get("way", "phrase"),
        "phrase": given.get("phrase", "").strip() or (term.text if term else ""),
        "texts": given.get("texts", ""),
        "direction": given.get("direction", "input"),
    }
    if term is not None and given.get("verb") in ("try", "save") and request.method == "POST":
        try:
            if context["way"] == "drop":
                csv = actions.without_term(active.csv, name, term)
            else:
                csv = actions.with_phrase(active.csv, name, term, context["phrase"])
        except BadRequest:
            context["problem"] = _("The phrase must hold the term “%(term)s”, and no |.") % {"term": term.text}
        else:
            what = f"drop {rule}" if context["way"] == "drop" else f"allow-phrase for {rule}"
            if answer := _draft(request, name, csv, context, what):
                return answer
    return render(request, "policies/mistake.html", context)


@needs("lexicons.edit")
def term(request):
    """A term that was missing, tried on samples before it acts."""
    given = request.GET.dict() | request.POST.dict()
    opened = given.get("verb") not in ("try", "save")
    initial = {k: given.get(k, "") for k in ("lexicon", "term", "cls")} | {"origin": request.user.get_username()}
    form = TermForm(None if opened else given, initial=initial, language=_language(request))
    context = {
        "form": form,
        "exchange": given.get("exchange", ""),
        "texts": given.get("texts", ""),
        "direction": given.get("direction", "input"),
    }
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        name = data["lexicon"].name
        active = get_object_or_404(LexiconVersion, lexicon=data["lexicon"], state="active")
        made = Term(text=data["term"], cls=data["cls"], severity=data["severity"], origin=data["origin"])
        try:
            csv = actions.with_term(active.csv, name, made)
        except BadRequest as problem:
            told = {"is in": _("This lexicon has the term already.")}
            form.add_error("term", told.get(str(problem.data["problem"])[:5], _("A term has at least two characters.")))
        else:
            if answer := _draft(request, name, csv, context, "new term"):
                return answer
            context["remarks"] = actions.remarks_on(made, csv, name)
    return render(request, "policies/term.html", context)


@posts("lexicons.edit", back="../../")
def activate_lexicon(request, name, version):
    """Put an older version in force again."""
    row = get_object_or_404(LexiconVersion, lexicon__name=name, version=version)
    context = {"wanted": row}
    if not _knowingly(request, context, partial(actions.activate_lexicon, row, by=request.user)):
        return _lexicon(request, row.lexicon, **context)
    messages.success(request, _("In force: every gateway worker has it within a second."))
    return redirect("lexicons:item", name=name)
