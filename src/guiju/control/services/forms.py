"""What people may type about services, apps and routes."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django import forms
from django.utils.translation import gettext_lazy as _

from guiju.control.services import limits
from guiju.control.services.models import App, ModelRoute, Quota, Service
from guiju.label.record import DEMO_CODE, valid_code

_PATHS = ("new", "provider", "apps", "upstreams", "keys", "quotas")
_SECRET_LENGTH = 32


class _Named(forms.ModelForm):
    """A row whose name never changes: subjects, keys, entries and programs go by it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("Letters of any script, digits, - and _; it can’t be changed later.")
        if self.instance.pk is not None:
            self.fields["name"].disabled = True
            self.fields["name"].help_text = ""

    def clean_name(self):
        name = self.cleaned_data["name"]
        if self.instance.pk is None and name in _PATHS:
            raise forms.ValidationError(_("This name stands for a page of the console; take another."))
        return name


class ServiceForm(_Named):
    """A service."""

    default_model = forms.ChoiceField(label=_("Model where none is named"), required=False)

    class Meta:
        model = Service
        fields = ["name", "title_zh", "title_en", "audience", "policy", "language", "default_model"]
        labels = {
            "name": _("Name"), "title_zh": _("Title (Chinese)"), "title_en": _("Title (English)"), "policy": _("Policy"),
        }  # fmt: skip

    audience = forms.ChoiceField(
        label=_("Audience"),
        choices=[("general", _("everybody")), ("minors", _("minors")), ("professional", _("professionals"))],
    )
    language = forms.ChoiceField(
        label=_("Language where a prompt shows none"), choices=[("zh", "中文"), ("en", "English")], initial="zh"
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            del self.fields["default_model"]  # it has no model yet
        else:
            names = dict.fromkeys(m.name for m in self.instance.models.order_by("name"))
            self.fields["default_model"].choices = [
                ("", _("none: an unlisted name is an error")),
                *((n, n) for n in names),
            ]


def number(field, label, help_text="", whole=True):
    """A form's field for a number of limits.NUMBERS; empty keeps what there is."""
    low, high = limits.NUMBERS[field]
    kind = forms.IntegerField if whole else forms.FloatField
    return kind(label=label, min_value=low, max_value=high, help_text=help_text, required=False)


def plain(values):
    """Numbers as people write them: 60 and not 60.0."""
    return {name: int(v) if isinstance(v, float) and v % 1 == 0 else v for name, v in values.items()}


class ShareForm(forms.ModelForm):
    """How much of a model's requests an upstream gets, when, and what it costs."""

    order = number("order", _("Order"), _("The lowest is asked; higher ones where those before can’t answer."))
    weight = number("weight", _("Share"), _("Among the upstreams of the same order: 3 gets three times as much as 1."))
    input_price = number("input_price", _("Price of a million input tokens"), whole=False)
    output_price = number("output_price", _("Price of a million output tokens"), whole=False)

    class Meta:
        model = ModelRoute
        fields = ["order", "weight", "input_price", "output_price"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial = plain(self.initial)

    def clean(self):
        data = super().clean()
        return data | {
            name: getattr(self.instance, name) for name in ShareForm.base_fields if data.get(name, 0) is None
        }


class RouteForm(ShareForm):
    """A model that a service offers, and an upstream that answers it."""

    class Meta:
        model = ModelRoute
        fields = ["name", "upstream", "model", "order", "weight", "input_price", "output_price"]
        labels = {"name": _("Name that callers use"), "upstream": _("Upstream"), "model": _("Its name at the upstream")}


class QuotaForm(forms.ModelForm):
    """How much somebody may use; empty is no limit."""

    requests_per_minute = number("requests_per_minute", _("Requests per minute"))
    tokens_per_minute = number("tokens_per_minute", _("Tokens per minute"))
    streams = number("streams", _("Exchanges at once"))
    tokens_per_day = number("tokens_per_day", _("Tokens per day"))
    tokens_per_month = number("tokens_per_month", _("Tokens per month"))
    cost_per_day = number("cost_per_day", _("Cost per day"), whole=False)
    cost_per_month = number("cost_per_month", _("Cost per month"), whole=False)

    class Meta:
        model = Quota
        fields = [
            "requests_per_minute", "tokens_per_minute", "streams", "tokens_per_day", "tokens_per_month", "cost_per_day",
            "cost_per_month",
        ]  # fmt: skip

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial = {name: value or None for name, value in self.initial.items()}


class AppForm(_Named):
    """An app's settings."""

    class Meta:
        model = App
        fields = [
            "name", "service", "refusal_style", "finish_reason", "notice", "observe", "allow_media", "allow_opaque",
            "allowed_models",
        ]  # fmt: skip
        labels = {
            "name": _("Name"), "service": _("Service"),
            "observe": _("Observe only: record, but release everything"),
            "allow_media": _("Admit images, files and what the model’s server keeps, recorded as unreviewed"),
            "allow_opaque": _("Pass what can’t be read: encrypted strings (signatures), prompts of token numbers"),
            "allowed_models": _("Models, parted by spaces (empty: all)"),
        }  # fmt: skip

    refusal_style = forms.ChoiceField(
        label=_("A refused user gets"),
        choices=[("answer", _("an answer with the reason")), ("error", _("an error with the reason"))],
    )
    finish_reason = forms.ChoiceField(
        label=_("Finish reason of a stopped answer"),
        choices=[
            ("content_filter", "content_filter"),
            ("stop", _("stop (for programs that take the other for a failure)")),
        ],
    )
    notice = forms.ChoiceField(
        label=_("AI notice in text"),
        choices=[
            ("interface", _("none: the interface shows it")),
            ("begin", _("at the beginning")),
            ("end", _("at the end")),
        ],
    )
    given_key = forms.CharField(
        label=_("Key that checks this app’s X-Guiju-Subject tokens"),
        help_text=_(
            "An Ed25519 public key (PEM), or a shared secret of 32 characters or more; empty keeps what there is."
        ),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    no_key = forms.BooleanField(label=_("Take this key away: no token is accepted"), required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.instance.subject_key:
            del self.fields["no_key"]

    def clean_given_key(self):
        given = self.cleaned_data["given_key"].strip()
        if "BEGIN" in given:
            try:
                good = isinstance(load_pem_public_key(given.encode()), Ed25519PublicKey)
            except (ValueError, UnsupportedAlgorithm):
                good = False
            if not good:
                raise forms.ValidationError(_("This isn’t an Ed25519 public key in PEM."))
        elif given and len(given) < _SECRET_LENGTH:
            raise forms.ValidationError(_("A shared secret has 32 characters or more."))
        return given

    def save(self, commit=True):
        if self.cleaned_data.get("no_key"):
            self.instance.subject_key = ""
        elif self.cleaned_data["given_key"]:
            self.instance.subject_key = self.cleaned_data["given_key"]
        return super().save(commit)


class ProviderForm(forms.Form):
    """The provider."""

    name = forms.CharField(label=_("Provider's name"), max_length=200, required=False)
    code = forms.CharField(label=_("Provider's code (27 characters)"), max_length=27)
    contact = forms.CharField(label=_("Contact"), max_length=200, required=False)

    def clean_code(self):
        code = self.cleaned_data["code"]
        if code != DEMO_CODE and not valid_code(code):
            raise forms.ValidationError(
                _("This isn’t a provider’s code: 27 characters, with the credit code’s check character.")
            )
        return code


class SuspensionForm(forms.Form):
    """Why a service stops."""

    reason = forms.CharField(max_length=500)


class KeyForm(forms.Form):
    """How long a new key lives."""

    days = forms.IntegerField(min_value=1, max_value=3650, required=False)
