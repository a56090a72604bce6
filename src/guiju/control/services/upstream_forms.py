"""What people may type about an upstream."""

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from guiju.control import names
from guiju.control.services import residency
from guiju.control.services.actions import PRICE_FIELDS, UPSTREAM_FIELDS
from guiju.control.services.forms import ShareForm, number, plain
from guiju.control.services.models import Service, Upstream
from guiju.errors import told
from guiju.snapshot import WAYS

WAY_NAMES = {
    "openai": _("chat completions (OpenAI)"), "openai_completions": _("completions (OpenAI)"),
    "openai_responses": _("responses (OpenAI)"), "openai_embeddings": _("embeddings (OpenAI)"),
    "anthropic": _("messages (Anthropic)"),
}  # fmt: skip

_REGISTERS = ("vendor", "residency", "filing")
_FINER = (
    "offers", "key_header", "query", "unknown_fields", "connect_timeout", "first_byte_timeout", "idle_timeout",
    "max_connections",
)  # fmt: skip


def places():
    """Choices of residency, in the page's language."""
    language = get_language() or "zh-hans"
    return [("", _("not said yet")), *((code, told(place, language)) for code, place in residency.PLACES.items())]


class UpstreamForm(forms.Form):
    """An upstream, with the model that a service offers from it."""

    name = forms.CharField(label=_("Name"), max_length=names.LONGEST, validators=[names.validate])
    url = forms.CharField(label=_("Base URL"), max_length=500, help_text=_("Up to and with /v1, as programs name it."))
    dialect = forms.ChoiceField(label=_("Dialect"), choices=[("openai", "OpenAI"), ("anthropic", "Anthropic")])
    secret = forms.CharField(
        label=_("API key (kept sealed, never shown again)"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    no_secret = forms.BooleanField(label=_("Take its API key away"), required=False)
    model = forms.CharField(label=_("Model"), required=False, max_length=200)
    service = forms.ModelChoiceField(label=_("Offered by service"), queryset=Service.objects.all(), required=False)
    input_price, output_price = (ShareForm.base_fields[field] for field in PRICE_FIELDS)
    vendor = forms.CharField(
        label=_("Vendor"), max_length=100, required=False, help_text=_("Who runs it: a company, or yourselves.")
    )
    residency = forms.ChoiceField(
        label=_("Where data goes"),
        choices=places,
        required=False,
        help_text=_("Where what it is sent is processed. Outside mainland China is pointed out, not forbidden."),
    )
    filing = forms.CharField(
        label=_("Filing number of its model"),
        max_length=100,
        required=False,
        help_text=_("As a generative-AI service, or its registration; empty where it has none."),
    )
    offers = forms.MultipleChoiceField(
        label=_("What it can be asked"),
        choices=[(way, WAY_NAMES[way]) for way in WAYS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None: what its dialect usually offers, chat completions and embeddings, or messages."),
    )
    key_header = forms.CharField(
        label=_("Header that carries its key"),
        max_length=64,
        required=False,
        help_text=_("Empty: the dialect’s own. Azure reads api-key."),
    )
    query = forms.CharField(
        label=_("Query of every request"),
        max_length=500,
        required=False,
        help_text=_("As api-version=2024-10-21; no secrets, it is shown in lists."),
    )
    unknown_fields = forms.TypedChoiceField(
        label=_("Fields that it may not know"),
        choices=[("send", _("send them")), ("drop", _("leave them out"))],
        required=False,
        empty_value=None,
        help_text=_(
            "Where a request is translated for it. OpenAI and Azure refuse all of a request for one; what is left out is "
            "named in the header x-guiju-dropped."
        ),
    )
    connect_timeout = number("connect_timeout", _("Seconds to connect"), whole=False)
    first_byte_timeout = number("first_byte_timeout", _("Seconds until an answer begins"), whole=False)
    idle_timeout = number("idle_timeout", _("Seconds without a byte in an answer"), whole=False)
    max_connections = number("max_connections", _("Connections of one gateway worker"))

    def __init__(self, *args, upstream=None, preset=None, **kwargs):
        row = upstream or Upstream()
        initial = {"name": row.name, "url": row.url, **{field: getattr(row, field) for field in UPSTREAM_FIELDS}}
        if preset is not None:
            initial |= {"name": preset.name, **preset.fields()}
        initial["offers"] = initial["offers"].split()
        super().__init__(*args, initial=plain(initial), **kwargs)
        if upstream is not None:
            self.fields["name"].disabled = True
            self.fields["secret"].help_text = _(
                "Empty keeps what there is, for the same server; another one needs its own."
            )
            for field in ("model", "service", *PRICE_FIELDS):  # the service's page has them
                del self.fields[field]
        if upstream is None or not upstream.secret:
            del self.fields["no_secret"]

    def clean(self):
        data = super().clean()
        if bool(data.get("model")) != bool(data.get("service")):
            problem = _("A model and the service that offers it go together.")
            self.add_error("service" if data.get("model") else "model", problem)
        elif self.prices() and not data.get("model"):
            self.add_error("model", _("A price is a model’s: name the model."))
        return data

    def prices(self):
        """What `save_upstream` takes as the model's prices."""
        return {field: price for field in PRICE_FIELDS if (price := self.cleaned_data.get(field)) is not None}

    def given(self):
        """What `save_upstream` takes beside the name, the address and the key."""
        data = self.cleaned_data | {"offers": " ".join(self.cleaned_data["offers"])}
        return {field: data[field] for field in UPSTREAM_FIELDS if data[field] is not None}

    def main(self):
        """The fields that everybody fills in."""
        return [f for f in self if f.name not in _REGISTERS + _FINER]

    def registers(self):
        """What the registers want to know."""
        return [self[name] for name in _REGISTERS]

    def finer(self):
        """What most upstreams leave as it is."""
        return [self[name] for name in _FINER]

    def unfolded(self):
        """Whether the finer fields stand open: something in them is wrong, or isn't as most leave it."""
        settled = [self[name].value() for name in ("offers", "key_header", "query")]
        return any(self[name].errors for name in _FINER) or any(settled) or self["unknown_fields"].value() != "send"
