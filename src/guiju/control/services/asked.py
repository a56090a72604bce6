"""The slow detectors, as pages show them: those that are elsewhere and the guards of the policies in force."""

from functools import lru_cache
from typing import NamedTuple

from django.utils.translation import get_language

from guiju import plugins
from guiju.control import health, internal, publish
from guiju.control.policies.models import PolicyVersion
from guiju.control.services import detectors
from guiju.control.services.models import Detector
from guiju.errors import InputFileError, Said, told
from guiju.remote import ADAPTERS, adapter
from guiju.review.outside import outside
from guiju.review.policy import Asking, Guard
from guiju.review.policy_file import parse_policy


class Setting(NamedTuple):
    """One of an adapter's settings."""

    label: Said
    secret: bool
    value: str
    """"" of a secret."""
    given: bool
    """Or, of one that isn't secret, its default is there."""
    missing: bool
    """There is no verdict without it."""


class Shown(NamedTuple):
    """One slow detector."""

    name: str
    how: Asking
    outside: list[Said]
    """What of it is outside the promise, in red."""
    policy: str = ""
    """Whose guard it is; "" of one that is elsewhere, which is asked for every service."""
    row: Detector | None = None
    """Of one that is elsewhere."""

    @property
    def adapter(self) -> str:
        """Its adapter's name."""
        return self.row.adapter if self.row else ""

    @property
    def title(self) -> Said | None:
        """Of its adapter; None where this version has none of that name."""
        return adapter(self.adapter).about.title if self.adapter in ADAPTERS else None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Of its adapter. Only whoever asks for them has its secrets opened, to see which are given."""
        return _settings(self.row) if self.row and self.adapter in ADAPTERS else ()

    @property
    def clause(self) -> str:
        """What is outside the promise, in the page's language; "" where nothing is."""
        language = get_language() or "zh-hans"
        return ("；" if language.startswith("zh") else "; ").join(str(told(said, language)) for said in self.outside)

    @property
    def health(self) -> health.Health | None:
        """How the workers find it."""
        return internal.detectors().get(f"{self.policy}/{self.name}" if self.policy else self.name)


def elsewhere() -> list[Shown]:
    """Those that are elsewhere, in the order in which they were added."""
    rows = [(row, publish.detector(row)) for row in Detector.objects.order_by("id")]
    return [Shown(row.name, how, outside(how), row=row) for row, how in rows]


def guards() -> list[Shown]:
    """Those of every policy in force."""
    rows = PolicyVersion.objects.filter(state="active").select_related("policy").order_by("policy_id")
    return [Shown(g.name, g, outside(g), policy=row.policy.name) for row in rows for g in _guards(row.yaml)]


def everyone() -> list[Shown]:
    """All of them."""
    return [*elsewhere(), *guards()]


def of(service, shown: list[Shown]) -> list[Shown]:
    """Those of `shown` that judge a service's texts."""
    return [one for one in shown if one.policy in ("", service.policy.name)]


def _settings(row: Detector) -> tuple[Setting, ...]:
    given = row.settings | {name: "" for name, value in detectors.opened(row).items() if value}
    return tuple(
        Setting(
            label=f.label,
            secret=f.secret,
            value="" if f.secret else given.get(f.name, f.default or ""),
            given=f.name in given or bool(f.default),
            missing=f.default is None and f.name not in given,
        )
        for f in adapter(row.adapter).fields
    )


@lru_cache(maxsize=64)
def _guards(yaml: str) -> tuple[Guard, ...]:
    try:
        return parse_policy(yaml, plugins.taxonomy()).guards
    except InputFileError:  # made by another version: gateways refuse it too, and say so
        return ()
