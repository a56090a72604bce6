"""Meeting point 1: what control decided, as one frozen value that every gateway worker holds in memory.

Made by control/publish.py from its tables, read by gateway/reload.py. It travels as JSON and lies on disk, so
that a gateway starts when control is away. Lexicons are not inside: `LexiconRef.digest` names a blob
(review/lexicon.py knows its format). Secrets inside are sealed under the master key.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from guiju.errors import Said
from guiju.review.policy import Asking

FORMAT = 1
"""Raised when an older gateway could not read a newer snapshot; such a gateway keeps its last one and says so."""

OFFERS = {"openai": ("openai", "openai_embeddings"), "anthropic": ("anthropic",)}
"""What nearly every server of a dialect can be asked: OpenAI's chat completions and embeddings, Anthropic's messages."""

WAYS = ("openai", "openai_completions", "openai_responses", "openai_embeddings", "anthropic")
"""All that an upstream can offer (`Upstream.offers`)."""

ServiceState = Literal["running", "sandbox", "suspended"]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Who offers the services. One an installation."""

    name: str = ""
    code: str = "UNREGISTERED-DEMO"
    """The 27-character provider code of TC260-PG-20252A; until it is set, only the demo service runs."""
    base_url: str = "http://localhost:8787"
    """Where people reach Guiju; refusals point to `{base_url}/objections/{exchange}`."""
    contact: str = ""


class ModelRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A model name that a service offers, and where it leads: several routes of one name stand in for each other."""

    name: str
    upstream: str
    model: str
    """The upstream's own name of the model."""
    weight: int = 1
    """Its share of the requests among the routes of this name and order."""
    order: int = 0
    """The lowest is asked; higher ones only where those before can't answer."""
    input_price: float = 0.0
    output_price: float = 0.0
    """Of a million tokens, in the currency of the setting `usage.currency`; 0 where nobody has said."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What the public is told about."""

    name: str
    title_zh: str = ""
    title_en: str = ""
    state: ServiceState = "running"
    state_reason: str = ""
    demo: bool = False
    """The shipped demo may run without a provider code."""
    audience: Literal["general", "minors", "professional"] = "general"
    policy: str = ""
    """`PolicyRef.name`."""
    models: tuple[ModelRoute, ...] = ()
    default_model: str = ""
    """Name of the route for unlisted model names; "" makes them an error."""
    language: Literal["zh", "en"] = "zh"


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One client of one service."""

    name: str
    service: str
    refusal_style: Literal["answer", "error"] = "answer"
    """A refused user gets a normal answer of the dialect with the refusal text, or an error."""
    finish_reason: Literal["content_filter", "stop"] = "content_filter"
    """How a stopped answer ends; `stop` lets openai's .parse() and .stream() end without their own exception."""
    notice: Literal["interface", "begin", "end"] = "interface"
    """Where the explicit AI notice stands in text; `interface` leaves it to the app's own page."""
    observe: bool = False
    """Decide and record, but release everything: for trying Guiju out. Red in the console; outside the promise."""
    allow_media: bool = False
    """Images and files in the input pass, recorded as unreviewed."""
    allow_opaque: bool = False
    """What can't be read passes: encrypted or binary strings in answers (signatures, redacted thinking), which are withheld
    otherwise, and prompts of token numbers, which are refused otherwise and recorded as unreviewed here."""
    allowed_models: tuple[str, ...] = ()
    """Empty: all of the service's."""
    subject_key: str = ""
    """Key that checks the app's `X-Guiju-Subject` tokens: PEM (EdDSA), or sealed secret (HS256)."""
    paused: bool = False


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of one app. The key itself was shown once and is not kept."""

    id: str
    app: str
    prefix: str
    """First characters, for people: `gj-3f9a`."""
    sha256: str
    """Hex digest of the whole key."""
    expires_ms: int = 0
    """Epoch milliseconds; 0 is never."""
    revoked: bool = False


QuotaScope = Literal["key", "app", "service", "subject"]


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """How much somebody may use. 0 is no limit. Days and months are Beijing's."""

    scope: QuotaScope
    name: str
    """`Key.id`, `App.name` or `Service.name`; of `subject` the app, each of whose subjects has this quota alone."""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    streams: int = 0
    """Exchanges under way at once."""
    tokens_per_day: int = 0
    tokens_per_month: int = 0
    cost_per_day: float = 0.0
    cost_per_month: float = 0.0


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A server that runs models."""

    name: str
    url: str
    """Base URL as its vendor prints it: `https://api.deepseek.com/v1`."""
    dialect: Literal["openai", "anthropic"] = "openai"
    offers: tuple[str, ...] = ()
    """How it can be asked (WAYS): `openai` (chat/completions), `openai_completions`, `openai_responses`,
    `openai_embeddings`, `anthropic` (messages). Empty: what nearly every server of its dialect offers (OFFERS)."""
    secret: str = ""
    """Its API key, sealed under the master key (ledger/seal.py); "" where it needs none."""
    key_header: str = ""
    """The header that carries the key (Azure's `api-key`). Empty: what the dialect's servers read, `authorization` with
    `Bearer ` before the key (OpenAI) or `x-api-key` (Anthropic)."""
    query: str = ""
    """What every request's path ends with, without its question mark (Azure's `api-version=2024-10-21`)."""
    unknown_fields: Literal["send", "drop"] = "send"
    """What becomes of fields that it may not know, where a request is translated for it: some servers (OpenAI, Azure) refuse
    all of a request for one of them."""
    connect_timeout: float = 10.0
    first_byte_timeout: float = 120.0
    idle_timeout: float = 60.0
    """Seconds."""
    max_connections: int = 10_000
    """At once, of one worker; what comes on top waits. No fewer than clients unless somebody says so: a stream that waits
    for another one to end looks like a model that hangs."""

    def key_field(self, secret: str) -> dict[str, str]:
        """The header field that carries its key."""
        header = self.key_header or ("x-api-key" if self.dialect == "anthropic" else "authorization")
        return {header: f"Bearer {secret}" if header == "authorization" else secret}

    def below(self, path: str) -> str:
        """A path, as it is asked for."""
        return f"{path}?{self.query}" if self.query else path


class Detector(Asking, frozen=True, kw_only=True):
    """A detector that is elsewhere, and how it is asked (`Asking`). Its findings carry its name."""

    name: str
    adapter: str
    """Of guiju.remote.ADAPTERS: `webhook`, `aliyun`, …"""
    settings: tuple[tuple[str, str], ...] = ()
    """Of its adapter's fields: name, value; secrets aren't here."""
    secrets: str = ""
    """Those that are secret, as a JSON object, sealed under the master key for `detector:<name>`; "" where there is none."""


class LexiconRef(msgspec.Struct, frozen=True, kw_only=True):
    """A lexicon version; its terms are the blob with this digest."""

    name: str
    version: int
    digest: str
    """SHA-256 of the blob, hex."""
    terms: int = 0


class PolicyRef(msgspec.Struct, frozen=True, kw_only=True):
    """An active policy: the YAML itself, since it is small and is proven again where it runs."""

    name: str
    version: int
    yaml: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Compared and swapped whole; `version` only grows."""

    version: int = 0
    format: int = FORMAT
    provider: Provider = msgspec.field(default_factory=Provider)
    services: tuple[Service, ...] = ()
    apps: tuple[App, ...] = ()
    keys: tuple[Key, ...] = ()
    quotas: tuple[Quota, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    policies: tuple[PolicyRef, ...] = ()
    lexicons: tuple[LexiconRef, ...] = ()
    detectors: tuple[Detector, ...] = ()
    chat_key: str = ""
    """Ed25519 public key, base64: checks the chat page's five-minute tokens."""
    keep_contents: bool = True
    """Whether contents are kept (sealed) at all; findings and verdicts always are."""


def encode(snapshot: Snapshot) -> bytes:
    """Snapshot -> JSON."""
    return msgspec.json.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """JSON -> Snapshot.

    Raises:
        msgspec.ValidationError: not a snapshot, or of a format this version can't read.
    """
    snapshot = msgspec.json.decode(data, type=Snapshot)
    if snapshot.format > FORMAT:
        said = Said(
            "snapshot format {found} is newer than {known}; update this gateway",
            "快照格式 {found} 比 {known} 新；请升级本网关",
            found=snapshot.format,
            known=FORMAT,
        )
        raise msgspec.ValidationError(said)
    return snapshot
