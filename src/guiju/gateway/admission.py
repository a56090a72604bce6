"""Who may ask: key -> app -> service -> route; and for whom: the subject. Snapshot in, Grant out, or an error.

What is asked is looked up in memory only. The subject is kept as a keyed hash from here on; only a token that the app has
signed can say an age or a real name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

import jwt

from guiju.errors import (
    BadRequest,
    KeyExpired,
    KeyRevoked,
    NotAllowed,
    NotAuthenticated,
    Said,
    ServiceNotRunning,
    ServiceSuspended,
)
from guiju.gateway.compiled import Compiled, Door
from guiju.gateway.routing import Target
from guiju.label.record import DEMO_CODE
from guiju.ledger.seal import pseudonym
from guiju.quoted import quoted
from guiju.snapshot import App, Key, Service
from guiju.types import Claim, Grant

_BANDS = ("unknown", "under8", "8to13", "14to17", "adult")
_MINORS = ("under8", "8to13", "14to17")
CHAT_APP = "chat"


class Admitted(NamedTuple):
    """A grant, with the objects that it names."""

    grant: Grant
    app: App
    service: Service
    audience: Literal["general", "minors", "professional"]


def credential(headers: Mapping[str, str]) -> str:
    """The key or token of a request: `Authorization: Bearer …` (OpenAI) or `x-api-key` (Anthropic)."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return headers.get("x-api-key", "").strip()


def known(headers: Mapping[str, str], compiled: Compiled, chat_key: Any) -> tuple[Door, str] | None:
    """What the request's key would open if it held, and the subject id of a chat token; None where nobody knows the key."""
    secret = credential(headers)
    if secret.count(".") == 2:
        return _chat_door(secret, compiled, chat_key)
    door = compiled.doors.get(hashlib.sha256(secret.encode()).hexdigest()) if secret else None
    return (door, "") if door is not None else None


def door_of(headers: Mapping[str, str], compiled: Compiled, chat_key: Any, now_ms: int) -> tuple[Door, str]:
    """What the request's key opens, and the subject id that a chat token names.

    Raises: NotAuthenticated, KeyRevoked, KeyExpired, ServiceSuspended, ServiceNotRunning.
    """
    found = known(headers, compiled, chat_key)
    if found is None:
        raise NotAuthenticated()
    door, subject = found
    if door.key.revoked:
        raise KeyRevoked()
    if door.key.expires_ms and door.key.expires_ms <= now_ms:
        raise KeyExpired(when=_iso(door.key.expires_ms))
    check_service(door.service, compiled)
    if door.app.paused:
        paused = Said("App {app} is paused.", "应用 {app} 已停用。", app=door.app.name)
        raise ServiceSuspended(service=door.service.name, basis=paused)
    return door, subject


def check_service(service: Service, compiled: Compiled) -> None:
    """Raises: ServiceSuspended, ServiceNotRunning."""
    if service.state == "suspended":
        raise ServiceSuspended(service=service.name, basis=service.state_reason)
    if not service.demo and compiled.snapshot.provider.code == DEMO_CODE:
        raise ServiceNotRunning(
            service=service.name,
            why=Said(
                "the provider's code isn't set; only the demo runs without it (GB 45438-2025)",
                "尚未设置服务提供者编码；未设置时只有演示服务可以运行（GB 45438-2025）",
            ),
        )


def _chat_door(token: str, compiled: Compiled, chat_key: Any) -> tuple[Door, str] | None:
    """The chat page's five-minute token, signed by control."""
    try:
        claims = jwt.decode(token, chat_key, algorithms=["EdDSA"], options={"require": ["exp", "sub"]}, audience="chat")
    except jwt.InvalidTokenError:
        return None
    app = compiled.apps.get(CHAT_APP)
    service = compiled.services.get(app.service) if app else None
    if app is None or service is None:
        return None
    return compiled.door(Key(id="token", app=app.name, prefix="", sha256=""), app, service), str(claims["sub"])


def admit(
    door: Door, claim: Claim, token_subject: str, target: Target, compiled: Compiled, pepper: bytes, language: str
) -> Admitted:
    """The grant for one request that goes to `target` first.

    Raises: BadRequest (a subject token that doesn't hold), NotAllowed.
    """
    app, service = door.app, door.service
    subject, band, real_name = token_subject or claim.user, "unknown", False
    if claim.token:
        signed = _subject_token(claim.token, app)
        subject = str(signed.get("sub") or subject)
        band = signed["age_band"] if signed.get("age_band") in _BANDS else "unknown"
        real_name = bool(signed.get("real_name"))
    if service.policy not in compiled.reviewers:
        what = Said(
            "use service {name}: it has no active policy", "使用服务 {name}：该服务没有生效的策略", name=service.name
        )
        raise NotAllowed(what=what)
    audience: Literal["general", "minors", "professional"] = "minors" if band in _MINORS else service.audience
    grant = Grant(
        key=door.key.id,
        app=app.name,
        service=service.name,
        subject=pseudonym(pepper, app.name, subject) if subject else "",
        age_band=cast(Any, band),
        real_name=real_name,
        upstream=target.upstream,
        model=target.model,
        policy=compiled.reviewers[service.policy].policy.label,
        observe=app.observe,
        language=language,
    )
    return Admitted(grant, app, service, audience)


def _subject_token(token: str, app: App) -> dict[str, Any]:
    if not app.subject_key:
        problem = Said("this app has no key that such tokens are checked with", "该应用未设置用于校验此类令牌的密钥")
        raise BadRequest(field="X-Guiju-Subject", problem=problem)
    algorithm = "EdDSA" if "BEGIN PUBLIC KEY" in app.subject_key else "HS256"
    try:
        return jwt.decode(token, app.subject_key, algorithms=[algorithm], options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError as problem:
        said = Said("the token doesn't hold: {problem}", "令牌无效：{problem}", problem=quoted(problem))
        raise BadRequest(field="X-Guiju-Subject", problem=said) from None


def _iso(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


MEDIA = {
    "image": Said("image", "图片"),
    "audio": Said("audio", "音频"),
    "video": Said("video", "视频"),
    "file": Said("file", "文件"),
    "tokens": Said("token numbers", "词元编号"),
    "reference": Said("content kept by the model's server", "存于模型服务的内容"),
}
"""Kinds of media, for people."""
