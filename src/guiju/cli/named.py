"""The rows that people name on the command line. Used once Django is ready; what isn't there is told, with what is."""

from __future__ import annotations

from typing import Any

from guiju.errors import BadRequest

PREFIX = 7
"""Characters of a key that its row keeps."""


class NoSuchService(BadRequest):
    text_en = "There is no service '{name}'. There are: {there}"
    text_zh = "没有名为“{name}”的服务。现有：{there}"


class NameAService(BadRequest):
    text_en = "There are several services; name one: {there}"
    text_zh = "有多个服务，请指明其中一个：{there}"


class NoSuchUpstream(BadRequest):
    text_en = "There is no upstream '{name}'. There are: {there}"
    text_zh = "没有名为“{name}”的上游。现有：{there}"


class NoSuchApp(BadRequest):
    text_en = "There is no app '{name}'. There are: {there}"
    text_zh = "没有名为“{name}”的应用。现有：{there}"


class NoSuchDetector(BadRequest):
    text_en = "There is no detector '{name}'. There are: {there}"
    text_zh = "没有名为“{name}”的检测器。现有：{there}"


class NoSuchKey(BadRequest):
    text_en = "No key has the id or the beginning '{word}'. `guiju key list` shows both."
    text_zh = "没有编号为“{word}”或以其开头的密钥。编号和开头见 guiju key list。"


class SeveralKeys(BadRequest):
    text_en = "{count} keys begin with '{word}'; give the id, as `guiju key list` shows it."
    text_zh = "有 {count} 个密钥以“{word}”开头；请改用 guiju key list 列出的编号。"


def service(name: str | None, *, otherwise_first: bool = False) -> Any:
    """A service by its name; without one the only one, or the first.

    Raises:
        NoSuchService, NameAService
    """
    from guiju.control.services.models import Service

    rows = list(Service.objects.order_by("id"))
    there = ", ".join(row.name for row in rows) or "-"
    if name is None and (len(rows) == 1 or (rows and otherwise_first)):
        return rows[0]
    if name is None and rows:
        raise NameAService(there=there)
    found = next((row for row in rows if row.name == name), None)
    if found is None:
        raise NoSuchService(name=name or "", there=there)
    return found


def _named(model: Any, name: str, missing: type[BadRequest]) -> Any:
    found = model.objects.filter(name=name).first()
    if found is None:
        there = ", ".join(model.objects.order_by("id").values_list("name", flat=True)) or "-"
        raise missing(name=name, there=there)
    return found


def upstream(name: str) -> Any:
    """An upstream by its name. Raises: NoSuchUpstream."""
    from guiju.control.services.models import Upstream

    return _named(Upstream, name, NoSuchUpstream)


def app(name: str) -> Any:
    """An app by its name. Raises: NoSuchApp."""
    from guiju.control.services.models import App

    return _named(App, name, NoSuchApp)


def detector(name: str) -> Any:
    """A detector that is elsewhere, by its name. Raises: NoSuchDetector."""
    from guiju.control.services.models import Detector

    return _named(Detector, name, NoSuchDetector)


def key(word: str) -> Any:
    """A key by its id, by its beginning, or whole.

    Raises:
        NoSuchKey, SeveralKeys
    """
    from guiju.control.services.models import Key

    beginning = word.rstrip("…")
    if word.isascii() and word.isdigit() and len(word) < 16:
        rows = list(Key.objects.filter(pk=int(word)))
    else:
        rows = list(Key.objects.filter(prefix=beginning[:PREFIX])) if len(beginning) >= PREFIX else []
        if len(beginning) > PREFIX:
            from hashlib import sha256

            digest = sha256(beginning.encode()).hexdigest()
            rows = [row for row in rows if row.sha256 == digest]
    if not rows:
        raise NoSuchKey(word=word if len(word) <= 2 * PREFIX else f"{word[:PREFIX]}…")
    if len(rows) > 1:
        raise SeveralKeys(word=beginning, count=len(rows))
    return rows[0]
