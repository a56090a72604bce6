"""Policies and lexicons: versions, editing, trying, activating."""

import difflib

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from guiju import plugins
from guiju.control.access import needs
from guiju.control.people.roles import permissions
from guiju.control.policies import actions
from guiju.control.policies.models import Lexicon, LexiconVersion, Policy, PolicyVersion
from guiju.control.records import queries
from guiju.errors import GuijuError, InputFileError
from guiju.review.explain import for_operator


def _language(request) -> str:
    return "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"


@needs("policies.view")
def policies(request):
    """Every policy with its versions."""
    found = Policy.objects.prefetch_related("versions__author", "versions__activated_by").order_by("name")
    shown = [{"policy": p, "versions": sorted(p.versions.all(), key=lambda v: -v.version)[:10]} for p in found]
    return render(request, "policies/list.html", {"rows": shown, "history": queries.history(("policies.",))})


@needs("policies.view")
def edit(request, name):
    """Edit, check, try and save; errors stand at their line."""
    policy = get_object_or_404(Policy, name=name)
    active = policy.versions.filter(state="active").first() or policy.versions.order_by("-version").first()
    yaml = request.POST.get("yaml", active.yaml if active else "")
    context = {
        "policy": policy, "active": active, "yaml": yaml, "note": request.POST.get("note", ""),
        "texts": request.POST.get("texts", ""), "direction": request.POST.get("direction", "input"),
        "may_edit": "policies.edit" in permissions(request.user),
    }  # fmt: skip
    if request.method == "POST":
        try:
            if request.POST.get("verb") == "save":
                row = actions.save_policy(name, yaml, by=request.user, note=request.POST.get("note", ""))
                messages.success(
                    request, _("Saved as version %(version)s; it isn't in force yet.") % {"version": row.version}
                )
                return redirect("policies:version", name=name, version=row.version)
            context["tried"] = _tried(request, yaml)
            context["good"] = True
        except InputFileError as problem:
            context["problem"] = problem
        except GuijuError as problem:
            context["sentence"] = problem.sentence(_language(request))
    return render(request, "policies/edit.html", context)


def _tried(request, yaml, lexicon=None):
    texts = [t for t in request.POST.get("texts", "").splitlines() if t.strip()][:200]
    direction = "output" if request.POST.get("direction") == "output" else "input"
    verdicts = actions.try_out(yaml, texts, direction, lexicon=lexicon)
    taxonomy, language = plugins.taxonomy(), _language(request)
    return [
        {"text": t, "verdict": v, "sentences": [for_operator(j, taxonomy, language) for j in v.judged]}
        for t, v in zip(texts, verdicts, strict=True)
    ]


@needs("policies.view")
def version(request, name, version):
    """One version, with its difference from what is in force."""
    row = get_object_or_404(
        PolicyVersion.objects.select_related("policy", "author"), policy__name=name, version=version
    )
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
            "row": row,
            "active": active,
            "diff": lines,
            "may_activate": "policies.activate" in may and row.state != "active" and not own,
        },
    )


@require_POST
@needs("policies.activate")
def activate(request, name, version):
    """Put a version in force, or ask for a second person."""
    row = get_object_or_404(PolicyVersion, policy__name=name, version=version)
    try:
        actions.activate_policy(row, by=request.user, reason=request.POST.get("reason", ""))
    except InputFileError as problem:
        messages.error(request, str(problem))
        return redirect("policies:version", name=name, version=version)
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
    for lexicon in Lexicon.objects.prefetch_related("versions").order_by("name"):
        versions = sorted(lexicon.versions.defer("csv", "blob"), key=lambda v: -v.version)
        rows.append(
            {
                "lexicon": lexicon,
                "active": next((v for v in versions if v.state == "active"), None),
                "count": len(versions),
            }
        )
    return render(
        request,
        "policies/lexicons.html",
        {"rows": rows, "may_edit": "lexicons.edit" in permissions(request.user), "classes": plugins.taxonomy().classes,
         "history": queries.history(("lexicons.",))},
    )  # fmt: skip


@needs("policies.view")
def lexicon(request, name):
    """Terms of a lexicon, and its versions."""
    row = get_object_or_404(Lexicon, name=name)
    active = row.versions.filter(state="active").first()
    terms = actions.check_lexicon(name, active.csv)[0] if active else []
    asked = request.GET.get("q", "").strip()
    if asked:
        terms = [t for t in terms if asked.lower() in t.text.lower()]
    page = Paginator(terms, 100).get_page(request.GET.get("page"))
    versions = row.versions.defer("csv", "blob").select_related("author").order_by("-version")[:20]
    return render(
        request,
        "policies/lexicon.html",
        {"lexicon": row, "active": active, "page": page, "asked": asked, "versions": versions,
         "may_edit": "lexicons.edit" in permissions(request.user)},
    )  # fmt: skip


@require_POST
@needs("lexicons.edit")
def import_lexicon(request):
    """Report first; the second press takes it into force."""
    name = request.POST.get("name", "").strip()
    upload = request.FILES.get("file")
    csv = upload.read().decode("utf-8-sig", "replace") if upload else request.POST.get("csv", "")
    cls = request.POST.get("cls", "")
    if not name.replace("-", "_").isidentifier():
        messages.error(request, _("A lexicon's name has letters, digits, - and _."))
        return redirect("lexicons:list")
    try:
        terms, remarks = actions.check_lexicon(name, csv, cls)
        if request.POST.get("verb") == "import":
            row, _version = actions.import_lexicon(name, csv, by=request.user, cls=cls)
            messages.success(
                request,
                _("%(name)s@%(version)s is in force with %(terms)s terms.")
                % {"name": name, "version": row.version, "terms": row.terms},
            )
            return redirect("lexicons:item", name=name)
    except InputFileError as problem:
        return render(request, "policies/import.html", {"name": name, "csv": csv, "cls": cls, "problem": problem})
    return render(
        request,
        "policies/import.html",
        {"name": name, "csv": csv, "cls": cls, "terms": terms, "remarks": remarks[:200], "more": len(remarks) - 200},
    )


@needs("lexicons.edit")
def mistake(request):
    """ "This was a mistake": an allow-phrase for a term, tried on samples before it acts."""
    rule = request.POST.get("rule", request.GET.get("rule", ""))
    name, _sep, number = rule.partition(":")
    row = get_object_or_404(Lexicon, name=name)
    active = get_object_or_404(LexiconVersion, lexicon=row, state="active")
    terms, _remarks = actions.check_lexicon(name, active.csv)
    term = next((t for t in terms if t.id == number), None)
    context = {
        "rule": rule,
        "lexicon": row,
        "term": term,
        "phrase": request.POST.get("phrase", ""),
        "texts": request.POST.get("texts", ""),
    }
    if request.method == "POST" and term is not None and context["phrase"].strip():
        csv = actions.with_phrase(active.csv, name, term, context["phrase"].strip())
        if request.POST.get("verb") == "save":
            actions.import_lexicon(name, csv, by=request.user)
            messages.success(request, _("In force: every gateway worker has it within a second."))
            return redirect("lexicons:item", name=name)
        policy = Policy.objects.first().versions.filter(state="active").first()
        context["tried"] = _tried(request, policy.yaml, (name, actions.blob_of(csv, name)))
    return render(request, "policies/mistake.html", context)


@require_POST
@needs("lexicons.edit")
def activate_lexicon(request, name, version):
    """Put an older version in force again."""
    row = get_object_or_404(LexiconVersion, lexicon__name=name, version=version)
    actions.activate_lexicon(row, by=request.user)
    return redirect("lexicons:item", name=name)
