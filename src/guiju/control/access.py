"""needs(): the one way from a request to a room. guard() puts it before every page of a room, also one that forgot it."""

from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern

from guiju.control.people.roles import permissions


def needs(permission):
    """A view for those who may; others are sent to sign in, or refused."""

    def decorate(view):
        @wraps(view)
        def guarded(request, *args, **kwargs):
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if permission not in permissions(request.user):
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def posts(permission, back="../"):
    """A verb: as `needs`, for POST alone. Who comes with GET (a page loaded anew, a language changed) is led `back`."""

    def decorate(view):
        @wraps(view)
        @needs(permission)
        def guarded(request, *args, **kwargs):
            if request.method == "POST":
                return view(request, *args, **kwargs)
            if request.method in ("GET", "HEAD"):
                return HttpResponseRedirect(back)
            return HttpResponseNotAllowed(["POST"])

        return guarded

    return decorate


def guard(patterns, permission: str) -> None:
    """Each view of these URL patterns, and of those included in them, is for those who may."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            pattern.callback = needs(permission)(pattern.callback)
        else:
            guard(pattern.url_patterns, permission)
