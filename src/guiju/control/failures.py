"""What a page says that fails: the database is away, or the fault is ours."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def failed(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`, called with the exception at hand. Nothing here may ask the database."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"retry-after": "5"})
    return HttpResponse(render_to_string("500.html"), status=500)
