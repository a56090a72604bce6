"""The nouns every room shares. Small frozen values; no behaviour beyond properties.

A text is a `Segment`; what a detector says of it is a `Finding`; what policy makes of the findings is a
`Verdict`; what a caller may do is a `Grant`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Direction = Literal["input", "output"]
"""`input`: what goes to the model (prompts, tool results, files). `output`: what comes from it."""

Form = Literal["text", "json", "name"]
"""How a text is read: `text` as it is; `json` with JSON escapes decoded (tool arguments, JSON mode), masked
so that it stays valid JSON; `name` is a tool name or a key, where a finding blocks since nothing can be masked."""

Path = tuple[str | int, ...]
"""Where a text stands in a JSON body: `("messages", 0, "content")`."""


class Action(StrEnum):
    """What happens to a text. Ordered: the most severe of all findings decides."""

    ALLOW = "allow"
    MASK = "mask"
    REFUSE = "refuse"
    BLOCK = "block"
    ESCALATE = "escalate"

    severity: int
    """0 for allow … 4 for escalate; the most severe action of a text's findings is the text's."""
    stops: bool
    """Whether nothing more of the text may be served."""


for _rank, _action in enumerate(Action):
    _action.severity, _action.stops = _rank, _rank >= 2

Severity = Literal["low", "middle", "high"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One place in a text where a detector saw one class of risk."""

    cls: str = msgspec.field(name="class")
    """Of the taxonomy: `A.1.h.drugs`, `I.mobile`, `P.attack`."""
    detector: str
    """`lexicon`, `personal`, `pattern`, `works`, `classifier`, or the name of a guard."""
    rule: str
    """What hit, for the operator only: lexicon and term id, or the kind and its standard. Never shown to the caller."""
    start: int
    """First character, counted in the text as it was given (scanners: in canonical characters of the channel)."""
    end: int
    """One past the last character."""
    score: float = 1.0
    """0 to 1; a probability where the detector is calibrated, else 1.0."""
    severity: Severity = "high"
    going_on: bool = False
    """The finding's end isn't known yet (a private key from its header on): a later finding of the same rule
    that starts at this `end` continues it, and both are one for masks and counts."""
    why: str = ""
    """What raised or lowered it: `check digit holds; date real`. For the operator."""


class Judged(msgspec.Struct, frozen=True):
    """A finding with what policy makes of it."""

    finding: Finding
    action: Action
    policy_rule: str
    """The rule of the policy that decided: its `id`, or `class=… direction=…` where it has none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What policy decided about one text, or about all the texts of one direction of an exchange."""

    action: Action = Action.ALLOW
    judged: tuple[Judged, ...] = ()
    """Every finding, those that are only recorded too, in order of appearance."""
    text: str | None = None
    """The masked text where `action` is `mask`, else None (single-text reviews only)."""
    queue: bool = False
    """An item for a person is opened (an escalation, or a sampled middle finding)."""
    answer: str = ""
    """Name of the safe answer that replaces the text on `refuse`: "" for the standard one, `help_lines`, …"""
    policy: str = ""
    """Version of the policy that decided: `name@version`."""

    @property
    def serves(self) -> bool:
        """Whether the text may go on, masked or not."""
        return not self.action.stops

    @property
    def decisive(self) -> Judged | None:
        """The finding that decided: the first of the most severe action; None where nothing acted."""
        acting = [j for j in self.judged if j.action is self.action and j.action is not Action.ALLOW]
        return acting[0] if acting else None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A text of a request or of a whole answer, with its place."""

    path: Path
    text: str
    role: str = ""
    """`system`, `user`, `assistant`, `tool`, or "" where the dialect has none."""
    form: Form = "text"


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request can't be read: an image, a sound, a file, a prompt of token numbers, a reference to what the
    upstream keeps. Recorded as unreviewed."""

    path: Path
    kind: Literal["image", "audio", "video", "file", "tokens", "reference"]
    digest: str = ""
    """SHA-256 of the bytes, or of the URL where only that was sent; in an entry keyed (ledger/seal.py: keyed)."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who the request says its end user is, before anybody believed it."""

    user: str = ""
    """The dialect's own field: `user`, `safety_identifier` (OpenAI), `metadata.user_id` (Anthropic)."""
    token: str = ""
    """`X-Guiju-Subject`: a JWT (EdDSA or HS256) signed by the app: `sub`, `age_band`, `real_name`, `exp`."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What admission found: who asks, for whom, under which rules. Plain ids; the objects are in the snapshot."""

    key: str
    """Id of the key, or "token" for the chat page's signed token."""
    app: str
    service: str
    subject: str = ""
    """Pseudonym: HMAC(pepper, app namespace, id) in hex; "" is anonymous in that app."""
    age_band: Literal["unknown", "under8", "8to13", "14to17", "adult"] = "unknown"
    real_name: bool = False
    upstream: str = ""
    model: str = ""
    """The upstream's name of the model."""
    policy: str = ""
    observe: bool = False
    language: str = "zh"
    """Of refusals and reasons: `zh` or `en`."""
