"""A verdict, or an error, as an answer: what was refused, on which basis, and how to object."""

from __future__ import annotations

from guiju.errors import Blocked, KeyRevoked, PolicyError
from guiju.review.explain import interrupted_text, objection_url, reasons, refusal_text
from guiju.review.taxonomy import Taxonomy
from guiju.snapshot import Provider
from guiju.types import Verdict
from guiju.wire.dialect import Json


class Speaker:
    """Words of one exchange."""

    def __init__(self, taxonomy: Taxonomy, provider: Provider, exchange: str, language: str) -> None:
        self._taxonomy, self._base_url, self._exchange, self.language = taxonomy, provider.base_url, exchange, language

    def details(self, verdict: Verdict) -> Json:
        """What the `guiju` object says besides the label."""
        why = reasons(verdict, self._taxonomy, self.language)
        return {
            "action": verdict.action.value,
            "class": why["class"],
            "class_name": why["name"],
            "basis": why["basis"],
            "objection": objection_url(self._base_url, self._exchange),
        }

    def text(self, verdict: Verdict, *, begun: bool) -> str:
        """The refusal as a sentence."""
        return refusal_text(
            verdict,
            self._taxonomy,
            exchange=self._exchange,
            base_url=self._base_url,
            language=self.language,
            begun=begun,
        )

    def blocked(self, verdict: Verdict) -> Blocked:
        """The refusal as an error."""
        return Blocked(reason=self.text(verdict, begun=False))

    def interrupted(self, error: PolicyError | KeyRevoked) -> tuple[str, Json]:
        """What ends a running answer when its service is suspended or its key revoked: text and details."""
        text = interrupted_text(error.code, exchange=self._exchange, base_url=self._base_url, language=self.language)
        objection = objection_url(self._base_url, self._exchange)
        return text, {"action": "stop", "code": error.code, "objection": objection}
