"""Services, apps, keys and upstreams: one page, and the verbs as buttons."""

from datetime import timedelta

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from guiju import clock
from guiju.control import internal
from guiju.control.access import needs
from guiju.control.records import queries
from guiju.control.services import actions
from guiju.control.services.forms import AppForm, ProviderForm, ServiceForm, UpstreamForm
from guiju.control.services.models import App, Key, Provider, Service, Upstream
from guiju.errors import GuijuError


@needs("services.view")
def overview(request, forms=None):
    """Everything that the provider offers, and what it runs on."""
    health = {}
    for worker in internal.live().values():
        for name, state in worker["stats"].get("upstreams", {}).items():
            known = health.setdefault(name, dict(state))
            known["errors"] = max(known["errors"], state["errors"])
    upstreams = [{"row": u, "health": health.get(u.name)} for u in Upstream.objects.order_by("id")]
    provider = Provider.objects.first()
    given = forms or {}
    return render(
        request,
        "services/overview.html",
        {
            "services": Service.objects.select_related("policy")
            .prefetch_related("apps__keys", "models__upstream")
            .order_by("id"),
            "upstreams": upstreams,
            "now": clock.now(),
            "app_form": given.get("app", AppForm()),
            "service_form": given.get("service", ServiceForm()),
            "upstream_form": given.get("upstream", UpstreamForm()),
            "provider_form": given.get(
                "provider",
                ProviderForm(initial={"name": provider.name, "code": provider.code, "contact": provider.contact}),
            ),
            "history": queries.history(("services.", "apps.", "keys.", "upstreams.", "provider.")),
        },
    )


@require_POST
@needs("services.change")
def state(request, name):
    """Suspend or resume."""
    service = get_object_or_404(Service, name=name)
    reason = request.POST.get("reason", "").strip()
    if request.POST.get("state") == "suspended":
        actions.suspend(service, by=request.user, reason=reason)
    else:
        actions.resume(service, by=request.user, reason=reason)
    return redirect("services:overview")


@require_POST
@needs("services.change")
def save_service(request):
    """A new service."""
    form = ServiceForm(request.POST)
    if not form.is_valid():
        return overview(request, {"service": form})
    actions.save_service(form.save(commit=False), by=request.user, what="created")
    return redirect("services:overview")


@needs("services.view")
def app(request, name):
    """An app's settings and keys."""
    row = get_object_or_404(App.objects.select_related("service"), name=name)
    form = AppForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        actions.save_app(form.save(commit=False), by=request.user, what=", ".join(form.changed_data))
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
        return redirect("services:app", name=row.name)
    return render(
        request,
        "services/app.html",
        {
            "app": row,
            "form": form,
            "keys": row.keys.order_by("-id"),
            "now": clock.now(),
            "history": queries.history(("apps.", "keys."), target=row.name),
        },
    )


@require_POST
@needs("services.change")
def new_app(request):
    """A new app."""
    form = AppForm(request.POST)
    if not form.is_valid():
        return overview(request, {"app": form})
    row = form.save(commit=False)
    actions.save_app(row, by=request.user, what="created")
    return redirect("services:app", name=row.name)


@require_POST
@needs("keys.change")
def new_key(request, name):
    """A new key, shown once."""
    row = get_object_or_404(App, name=name)
    days = request.POST.get("days", "")
    expires = clock.now() + timedelta(days=int(days)) if days.isdigit() and int(days) else None
    secret, key, _version = actions.create_key(row, by=request.user, expires=expires)
    return render(request, "services/new_key.html", {"app": row, "secret": secret, "key": key})


@require_POST
@needs("keys.change")
def key(request, pk):
    """Revoke or rotate."""
    row = get_object_or_404(Key.objects.select_related("app"), pk=pk)
    if request.POST.get("verb") == "rotate":
        secret, new, _version = actions.rotate_key(row, by=request.user, until=clock.now() + timedelta(days=1))
        return render(request, "services/new_key.html", {"app": row.app, "secret": secret, "key": new, "rotated": row})
    actions.revoke_key(row, by=request.user, reason=request.POST.get("reason", ""))
    return redirect("services:app", name=row.app.name)


@require_POST
@needs("upstreams.change")
def upstream(request):
    """Add or change an upstream."""
    form = UpstreamForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            actions.save_upstream(
                data["name"], data["url"], dialect=data["dialect"], secret=data["secret"] or None, model=data["model"],
                service=data["service"], by=request.user,
            )  # fmt: skip
            return redirect("services:overview")
        except GuijuError as problem:
            form.add_error(None, problem.sentence(request.LANGUAGE_CODE))
    return overview(request, {"upstream": form})


@require_POST
@needs("provider.change")
def provider(request):
    """The provider's own data."""
    form = ProviderForm(request.POST)
    if form.is_valid():
        try:
            actions.set_provider(**form.cleaned_data, by=request.user)
            return redirect("services:overview")
        except GuijuError as problem:
            form.add_error("code", problem.sentence(request.LANGUAGE_CODE))
    return overview(request, {"provider": form})
