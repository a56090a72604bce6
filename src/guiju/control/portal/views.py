"""The chat page, what the service is, and where a refused user objects."""

import time

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import get_random_string
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from guiju import clock, plugins
from guiju.config import EMBEDDED_MODEL
from guiju.control.records import actions as records
from guiju.control.records.models import Exchange
from guiju.control.services.models import App, Provider
from guiju.ledger import entries, seal

DEVICE, CHAT_APP = "guiju_device", "chat"
TOKEN_SECONDS = 300
REASONS = ("wrong", "unsafe", "not_helpful", "refused_wrongly", "good", "other")


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


@require_POST
def feedback(request):
    """A thumb, with one of the page's reasons; free words are contents and are sealed."""
    try:
        told = msgspec.json.decode(request.body)
        exchange, thumb = str(told["exchange"])[:40], str(told["thumb"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return HttpResponse(status=400)
    if thumb not in ("up", "down") or not Exchange.objects.filter(pk=exchange).exists():
        return HttpResponse(status=404)
    _feedback(request, exchange, thumb, str(told.get("reason", "")), str(told.get("words", ""))[:2000])
    return JsonResponse({"kept": True})


def _feedback(request, exchange: str, thumb: str, reason: str, words: str) -> None:
    import os

    row = Exchange.objects.get(pk=exchange)
    committed = seal.commit(words.encode(), os.urandom(seal.KEY)) if words else None
    entry = entries.Feedback(
        at_ms=clock.epoch_ms(), exchange=exchange, subject=row.subject, thumb=thumb,
        reason=reason if reason in REASONS else "", commitment=committed.commitment if committed else "",
    )  # fmt: skip
    subject = row.subject or f"anonymous:{row.app}"
    records.append([records.Item(entries.encode(entry), committed.payload if committed else b"", subject)])


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
    """Why something was refused, as far as anybody may know, and a way to say that it was wrong."""
    row = Exchange.objects.filter(pk=exchange).first()
    language = "zh" if request.LANGUAGE_CODE.startswith("zh") else "en"
    taxonomy = plugins.taxonomy()
    sent = False
    if request.method == "POST" and row is not None:
        words = request.POST.get("words", "").strip()[:2000]
        _feedback(request, exchange, "down", "refused_wrongly", words)
        sent = True
    classes = []
    if row is not None and row.action != "allow":
        acted = list(row.classes.split())
        classes = [{"name": taxonomy.name(c, language), "basis": taxonomy.basis(c, language)} for c in acted]
    return render(
        request,
        "portal/objection.html",
        {"row": row, "exchange": exchange, "classes": classes, "sent": sent},
        status=200 if row else 404,
    )
