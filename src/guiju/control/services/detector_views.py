"""Slow detectors: who they are, how they are asked, what is outside the promise, how they fare."""

from django.shortcuts import render

from guiju.control.access import needs
from guiju.control.records import queries
from guiju.control.services import asked


@needs("services.view")
def detectors(request):
    """Those that are elsewhere, and the guards of the policies in force."""
    context = {"elsewhere": asked.elsewhere(), "guards": asked.guards(), "history": queries.history(("detectors.",))}
    return render(request, "services/detectors.html", context)
