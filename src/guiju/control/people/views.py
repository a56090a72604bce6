"""Sign-in links, the second factor, and the room where people are kept."""

from allauth.account.utils import perform_login
from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from guiju.control.access import needs, posts
from guiju.control.people import actions
from guiju.control.people.forms import Invitation
from guiju.control.people.middleware import has_second_factor
from guiju.control.people.models import User
from guiju.control.people.roles import NAMES
from guiju.control.records import queries


def nothing(request, *_):
    """Where allauth would send mail or let people in by themselves: neither is done here. Raises: Http404."""
    raise Http404


@require_http_methods(["GET", "POST"])
def link(request, token):
    """Looking at a link doesn't use it up (mail programs look); the button does.

    A second factor that is set up is still asked for: a link stands in place of the password alone.
    """
    if request.method == "GET":
        return render(request, "people/link.html", {"good": actions.link_is_good(token)}, status=200)
    user = actions.use_link(token)
    if user is None:
        return render(request, "people/link.html", {"good": False}, status=410)
    return perform_login(request, user, redirect_url="/console/")


@require_http_methods(["GET"])
def second_factor(request):
    """Where somebody without a second factor chooses one."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    return redirect("/console/") if has_second_factor(request.user) else render(request, "people/second_factor.html")


@needs("people.change")
def people(request, form=None):
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
    context = {
        "rows": rows,
        "roles": NAMES,
        "form": form or Invitation(),
        "history": queries.history(("people.",)),
    }
    return render(request, "people/list.html", context)


@posts("people.change")
def invite(request):
    """A link for a new person, shown once."""
    form = Invitation(request.POST)
    if not form.is_valid():
        return people(request, form)
    name = form.cleaned_data["username"]
    return _link(request, name, actions.make_link(name, by=request.user, role=form.cleaned_data["role"]))


@posts("people.change", back="../../")
def change(request, pk):
    """Roles, a new link, a second factor to be set up anew, or the end of an account."""
    user = get_object_or_404(User, pk=pk)
    verb = request.POST.get("verb", "roles")
    if verb in ("link", "reset"):
        token = actions.make_link(user.username, by=request.user, reset_second_factor=verb == "reset")
        return _link(request, user.username, token)
    try:
        if verb in ("close", "reopen"):
            actions.set_active(user, verb == "reopen", by=request.user)
        else:
            actions.set_roles(user, [r for r in request.POST.getlist("roles") if r in NAMES], by=request.user)
        messages.success(request, _("Saved."))
    except ValueError as problem:
        messages.error(request, str(problem))
    return redirect("people:list")


def _link(request, name, token):
    url = request.build_absolute_uri(f"/console/link/{token}/")
    return render(request, "people/invited.html", {"username": name, "url": url})
