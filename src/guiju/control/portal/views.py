"""The chat page, what the service is, and where a refused user objects."""

import time
from typing import Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.shortcuts import render
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from guiju import plugins
from guiju.config import EMBEDDED_MODEL
from guiju.control.portal.actions import TooMuch, keep_feedback
from guiju.control.portal.endings import BARRED, ENDINGS
from guiju.control.records import queries
from guiju.control.services.models import App, Provider

DEVICE, CHAT_APP = "guiju_device", "chat"
TOKEN_SECONDS = 300
MOST_WORDS = 2000
PATIENCE = 3.0
"""Seconds: an answer's record comes out of the journal a moment after the answer, and people click at once."""


def _device(request: HttpRequest) -> str:
    return request.get_signed_cookie(DEVICE, default="", salt="device")


@ensure_csrf_cookie
def chat(request):
    """The embedded service as its users meet it."""
    app = App.objects.select_related("service").filter(name=CHAT_APP).first()
    service = app.service if app else None
    return render(
        request,
        "portal/chat.html",
        {
            "service": service,
            "embedded": service is not None and service.default_model == EMBEDDED_MODEL,
            "provider": Provider.objects.first(),
        },
    )


@require_POST
def chat_token(request):
    """Five minutes' use of the chat app, signed; the subject is this device until people can sign in."""
    device = _device(request) or get_random_string(24)
    now = int(time.time())
    claims = {"aud": "chat", "app": CHAT_APP, "sub": device, "iat": now, "exp": now + TOKEN_SECONDS}
    token = jwt.encode(claims, Ed25519PrivateKey.from_private_bytes(settings.KEYRING.chat), algorithm="EdDSA")
    response = JsonResponse({"token": token, "seconds": TOKEN_SECONDS})
    response.set_signed_cookie(
        DEVICE,
        device,
        salt="device",
        max_age=365 * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


class Thumb(msgspec.Struct):
    """What the page sends."""

    exchange: str
    thumb: Literal["up", "down"]
    reason: str = ""
    words: str = ""


@require_POST
def feedback(request):
    """A thumb, with one of the page's reasons. What can't be kept says why."""
    try:
        told = msgspec.json.decode(request.body, type=Thumb)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return JsonResponse({"problem": _("This isn’t a thumb of the chat page.")}, status=400)
    row = queries.exchange(told.exchange, patience=PATIENCE)
    if row is None:
        return JsonResponse({"problem": _("The record of this answer isn’t there yet.")}, status=404)
    try:
        keep_feedback(row, thumb=told.thumb, reason=told.reason, words=told.words[:MOST_WORDS])
    except TooMuch:
        return JsonResponse({"problem": _("This answer has had enough feedback.")}, status=400)
    return JsonResponse({"kept": True})


def about(request):
    """What the service is, what it can't do, what it keeps."""
    app = App.objects.select_related("service__policy").filter(name=CHAT_APP).first()
    service = app.service if app else None
    return render(
        request,
        "portal/about.html",
        {
            "service": service,
            "embedded": service is not None and service.default_model == EMBEDDED_MODEL,
            "provider": Provider.objects.first(),
        },
    )


def objection(request, exchange):
    """What became of an exchange, as far as anybody may know, and a way to say that a decision about it was wrong."""
    row = queries.exchange(exchange, patience=PATIENCE)
    words = request.POST.get("words", "").strip()[:MOST_WORDS]
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    acted = row is not None and row.action != "allow" and not row.observe  # an observed finding did nothing
    ending = (BARRED.get(row.code) or ENDINGS.get(row.outcome)) if row is not None else None
    if acted and (row.action != "mask" or row.outcome in ("served", "masked")):
        ending = None  # the verdict is what became of it
    classes = row.classes.split() if acted else []
    refused = acted and row.action != "mask"
    objectionable = acted or (ending is not None and ending.decided)
    sent = problem = False
    if request.method == "POST" and objectionable:
        try:
            keep_feedback(row, thumb="down", reason="refused_wrongly", words=words)
            sent = True
        except TooMuch:
            problem = True
    return render(
        request,
        "portal/objection.html",
        {
            "row": row,
            "exchange": exchange,
            "heading": _("Why was this refused?") if refused else _("What became of this question"),
            "acted": acted,
            "ending": ending,
            "classes": [{"name": taxonomy.name(c, language), "basis": taxonomy.basis(c, language)} for c in classes],
            "objectionable": objectionable,
            "sent": sent,
            "words": words,
            "problem": problem,
        },
        status=200 if row else 404,
    )
