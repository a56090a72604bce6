"""Sign-in links, the second factor, and the room where people are kept."""

from django.contrib import messages
from django.contrib.auth import login
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from guiju.control.access import needs
from guiju.control.people import actions
from guiju.control.people.middleware import has_second_factor
from guiju.control.people.models import User
from guiju.control.people.roles import NAMES


@require_http_methods(["GET", "POST"])
def link(request, token):
    """Looking at a link doesn't use it up (mail programs look); the button does."""
    if request.method == "GET":
        return render(request, "people/link.html", {"good": actions.link_is_good(token)}, status=200)
    user = actions.use_link(token)
    if user is None:
        return render(request, "people/link.html", {"good": False}, status=410)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/console/")


@require_http_methods(["GET"])
def second_factor(request):
    """Where somebody without a second factor chooses one."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    return redirect("/console/") if has_second_factor(request.user) else render(request, "people/second_factor.html")


@needs("people.change")
def people(request):
    """Everybody, with roles."""
    users = User.objects.order_by("username").prefetch_related("groups", "authenticator_set")
    rows = [
        {
            "user": u,
            "roles": {g.name for g in u.groups.all()},
            "factor": any(a.type != "recovery_codes" for a in u.authenticator_set.all()),
        }
        for u in users
    ]
    return render(request, "people/list.html", {"rows": rows, "roles": NAMES})


@require_POST
@needs("people.change")
def invite(request):
    """A link for a new person, shown once."""
    name = request.POST.get("username", "").strip()
    role = request.POST.get("role", "auditor")
    if not name.isidentifier() or role not in NAMES:
        messages.error(request, _("A user name has letters, digits and underscores, and begins with a letter."))
        return redirect("people:list")
    token = actions.make_link(name, by=request.user, role=role)
    url = request.build_absolute_uri(f"/console/link/{token}/")
    return render(request, "people/invited.html", {"username": name, "url": url})


@require_POST
@needs("people.change")
def change(request, pk):
    """Roles, or the end of an account."""
    user = get_object_or_404(User, pk=pk)
    try:
        if "active" in request.POST:
            actions.set_active(user, request.POST["active"] == "true", by=request.user)
        else:
            actions.set_roles(user, [r for r in request.POST.getlist("roles") if r in NAMES], by=request.user)
    except ValueError as problem:
        messages.error(request, str(problem))
    return redirect("people:list")
