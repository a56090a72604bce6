"""What people may type about services."""

from django import forms
from django.utils.translation import gettext_lazy as _

from guiju.control.services.models import App, Service


class ServiceForm(forms.ModelForm):
    """A service."""

    class Meta:
        model = Service
        fields = ["name", "title_zh", "title_en", "audience", "policy"]
        labels = {
            "name": _("Name"), "title_zh": _("Title (Chinese)"), "title_en": _("Title (English)"),
            "audience": _("Audience"), "policy": _("Policy"),
        }  # fmt: skip


class AppForm(forms.ModelForm):
    """An app's settings."""

    class Meta:
        model = App
        fields = [
            "name",
            "service",
            "refusal_style",
            "finish_reason",
            "notice",
            "observe",
            "allow_media",
            "allow_opaque",
            "allowed_models",
        ]
        labels = {
            "name": _("Name"), "service": _("Service"), "refusal_style": _("A refused user gets"),
            "finish_reason": _("Finish reason of a stopped answer"), "notice": _("AI notice in text"),
            "observe": _("Observe only: record, but release everything"),
            "allow_media": _("Admit images and files, recorded as unreviewed"),
            "allow_opaque": _("Pass encrypted strings (signatures)"), "allowed_models": _("Models (empty: all)"),
        }  # fmt: skip


class UpstreamForm(forms.Form):
    """An upstream, with the model that a service offers from it."""

    name = forms.SlugField(label=_("Name"), max_length=80)
    url = forms.CharField(label=_("Base URL"), max_length=500)
    dialect = forms.ChoiceField(label=_("Dialect"), choices=[("openai", "OpenAI"), ("anthropic", "Anthropic")])
    secret = forms.CharField(
        label=_("API key (kept sealed, never shown again)"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    model = forms.CharField(label=_("Model"), required=False, max_length=200)
    service = forms.ModelChoiceField(label=_("Offered by service"), queryset=Service.objects.all(), required=False)


class ProviderForm(forms.Form):
    """The provider."""

    name = forms.CharField(label=_("Provider's name"), max_length=200, required=False)
    code = forms.CharField(label=_("Provider's code (27 characters)"), max_length=27)
    contact = forms.CharField(label=_("Contact"), max_length=200, required=False)
