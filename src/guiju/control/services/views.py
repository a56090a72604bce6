"""Services, apps, keys and routes: a list, a page of each, and the verbs as buttons. Upstreams: upstream_views.py."""

from datetime import timedelta
from typing import get_args

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, F, Prefetch, Q
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from guiju import clock
from guiju.control.access import needs, posts
from guiju.control.people.roles import permissions
from guiju.control.records import queries
from guiju.control.services import actions, asked
from guiju.control.services.forms import (
    AppForm,
    KeyForm,
    ProviderForm,
    QuotaForm,
    RouteForm,
    ServiceForm,
    ShareForm,
    SuspensionForm,
)
from guiju.control.services.models import App, Key, ModelRoute, Provider, Quota, Service
from guiju.control.services.upstream_views import abroad, listed
from guiju.errors import BadRequest
from guiju.snapshot import QuotaScope

_VERBS = ("services.", "apps.", "keys.", "upstreams.", "provider.", "quotas.", "detectors.")
"""What is recorded of this room begins so."""
_OLD_KEY = timedelta(days=1)
"""How long a rotated key goes on working."""


@needs("services.view")
def overview(request):
    """Everything that the provider offers, and what it runs on."""
    routes = ModelRoute.objects.select_related("upstream").order_by("name", "order", "-weight", "id")
    upstreams = listed()
    services = list(
        Service.objects.select_related("policy")
        .prefetch_related("apps__keys", Prefetch("models", queryset=routes))
        .order_by("id")
    )
    slow = asked.everyone()
    for row in services:
        row.asked = asked.of(row, slow)
    return render(
        request,
        "services/overview.html",
        {
            "services": services,
            "upstreams": upstreams,
            "outside": abroad(upstreams),
            "provider": Provider.objects.first(),
            "history": queries.history(_VERBS),
        },
    )


def _form(request, form, title, button=None):
    """A page with one form; nothing that was typed is lost."""
    context = {"form": form, "title": title, "button": button or _("Save")}
    return render(request, "services/form.html", context)


@needs("services.view")
def service(request, name):
    """A service's settings and models."""
    row = get_object_or_404(Service, name=name)
    form = _may(request, "services.change", ServiceForm(request.POST or None, instance=row))
    if request.method == "POST" and form.is_valid():
        actions.save_service(form.save(commit=False), by=request.user, what=", ".join(form.changed_data))
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
        return redirect("services:service", name=name)
    return _service(request, row, form=form)


def _service(request, row, form=None, route_form=None):
    context = {
        "service": row,
        "form": form or _may(request, "services.change", ServiceForm(instance=row)),
        "routes": row.models.select_related("upstream")
        .annotate(of_name=Count("service__models", filter=Q(service__models__name=F("name"))))
        .order_by("name", "order", "-weight", "id"),
        "asked": asked.of(row, asked.everyone()),
        "route_form": route_form or RouteForm(auto_id="route_%s"),
        "currency": settings.GUIJU["usage.currency"],
        "history": queries.history(("services.", "quotas."), on=(row.name, f"service:{row.name}")),
    }
    return render(request, "services/service.html", context)


def _may(request, permission, form):
    """Whoever may not change it sees it."""
    if permission not in permissions(request.user):
        for field in form.fields.values():
            field.disabled = True
    return form


@posts("services.change")
def state(request, name):
    """Suspend, with a reason, or resume."""
    row = get_object_or_404(Service, name=name)
    form = SuspensionForm(request.POST)
    if request.POST.get("state") != "suspended":
        actions.resume(row, by=request.user, reason=request.POST.get("reason", "").strip()[:500])
        messages.success(request, _("%(name)s runs again.") % {"name": row.name})
    elif form.is_valid():
        actions.suspend(row, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, _("%(name)s is suspended; running answers end within a second.") % {"name": row.name})
    else:
        messages.error(request, _("Say why the service is suspended (500 characters at most)."))
    return redirect("services:overview")


@posts("services.change")
def new_route(request, name):
    """Offer one more model."""
    row = get_object_or_404(Service, name=name)
    form = RouteForm(request.POST, instance=ModelRoute(service=row), auto_id="route_%s")
    wanted = ("name", "upstream", "model")
    if not form.is_valid() or row.models.filter(**{field: form.cleaned_data[field] for field in wanted}).exists():
        if form.is_valid():
            form.add_error("upstream", _("This upstream answers that name with that model already."))
        return _service(request, row, route_form=form)
    actions.save_route(form.save(commit=False), by=request.user)
    messages.success(request, _("Saved. Every gateway worker has it within a second."))
    return redirect("services:service", name=name)


@posts("services.change", back="../../")
def route(request, name, pk):
    """Change an upstream's share of a model or its prices, or let it answer the model no longer."""
    row = get_object_or_404(ModelRoute.objects.select_related("service", "upstream"), pk=pk, service__name=name)
    form = ShareForm(request.POST, instance=row)
    if request.POST.get("verb") == "remove":
        try:
            actions.remove_route(row, by=request.user)
        except BadRequest:
            messages.error(request, _("Nothing else answers the service’s default model: name another one first."))
    elif form.is_valid():
        actions.save_route(form.save(commit=False), by=request.user)
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
    else:
        messages.error(
            request, _("An order is a number from 0 to 99, a share one from 1 to 1000, a price one from 0 on.")
        )
    return redirect("services:service", name=name)


@needs("services.change")
def new_service(request):
    """A new service."""
    form = ServiceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = form.save(commit=False)
        actions.save_service(row, by=request.user, what="created")
        messages.success(request, _("Created. It offers a model next."))
        return redirect("services:service", name=row.name)
    return _form(request, form, _("New service"), _("Create"))


@needs("services.view")
def app(request, name):
    """An app's settings and keys."""
    row = get_object_or_404(App.objects.select_related("service"), name=name)
    form = _may(request, "services.change", AppForm(request.POST or None, instance=row))
    if request.method == "POST" and form.is_valid():
        actions.save_app(form.save(commit=False), by=request.user, what=", ".join(form.changed_data))
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
        return redirect("services:app", name=row.name)
    return _app(request, row, form)


def _app(request, row, form=None, key_form=None):
    keys = row.keys.order_by("-id")
    limited = (f"app:{row.name}", f"subject:{row.name}", *(f"key:{key.quota_name}" for key in keys))
    context = {
        "app": row,
        "form": form or _may(request, "services.change", AppForm(instance=row)),
        "keys": keys,
        "key_form": key_form,
        "now": clock.now(),
        "history": queries.history(("apps.", "keys.", "quotas."), on=(row.name, *limited), under=f"{row.name}/"),
    }
    return render(request, "services/app.html", context)


@needs("services.change")
def quota(request, scope, name):
    """How much a key, an app, a service or each user of an app may use."""
    if scope not in get_args(QuotaScope):
        raise Http404
    row = Quota.objects.filter(scope=scope, name=name).first() or Quota(scope=scope, name=name)
    form = QuotaForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        limited = {field: form.cleaned_data[field] or 0 for field in form.fields}
        try:
            actions.set_quota(scope, name, by=request.user, **limited)
        except BadRequest:  # nobody of that name
            raise Http404 from None
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
        return redirect("services:quota", scope=scope, name=name)
    titles = {
        "key": _("Quota of key %(name)s"), "app": _("Quota of app %(name)s"), "service": _("Quota of service %(name)s"),
        "subject": _("Quota of each user of app %(name)s"),
    }  # fmt: skip
    return _form(request, form, titles[scope] % {"name": name})


@needs("services.change")
def new_app(request):
    """A new app."""
    form = AppForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = form.save(commit=False)
        actions.save_app(row, by=request.user, what="created")
        messages.success(request, _("Created. It needs a key next."))
        return redirect("services:app", name=row.name)
    return _form(request, form, _("New app"), _("Create"))


@posts("keys.change")
def new_key(request, name):
    """A new key, shown once."""
    row = get_object_or_404(App.objects.select_related("service"), name=name)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _app(request, row, key_form=form)
    days = form.cleaned_data["days"]
    secret, key, _version = actions.create_key(
        row, by=request.user, expires=clock.now() + timedelta(days=days) if days else None
    )
    return render(request, "services/new_key.html", {"app": row, "secret": secret, "key": key})


@posts("keys.change", back="../../")
def key(request, pk):
    """Revoke or rotate."""
    row = get_object_or_404(Key.objects.select_related("app"), pk=pk)
    if request.POST.get("verb") == "rotate":
        try:
            secret, new, _version = actions.rotate_key(row, by=request.user, until=clock.now() + _OLD_KEY)
        except BadRequest:
            messages.error(request, _("This key has ended; make a new one."))
            return redirect("services:app", name=row.app.name)
        return render(request, "services/new_key.html", {"app": row.app, "secret": secret, "key": new, "rotated": row})
    actions.revoke_key(row, by=request.user, reason=request.POST.get("reason", "").strip())
    messages.success(request, _("Revoked: running answers of this key end within a second."))
    return redirect("services:app", name=row.app.name)


@needs("provider.change")
def provider(request):
    """The provider's own data."""
    row = Provider.objects.first() or Provider()
    form = ProviderForm(request.POST or None, initial={"name": row.name, "code": row.code, "contact": row.contact})
    if request.method == "POST" and form.is_valid():
        actions.set_provider(**form.cleaned_data, by=request.user)
        messages.success(request, _("Saved. Every gateway worker has it within a second."))
        return redirect("services:overview")
    return _form(request, form, _("Provider"))
