"""What people may type about lexicons."""

from django import forms
from django.utils.translation import gettext_lazy as _

from guiju import plugins
from guiju.control import names
from guiju.control.policies.models import Lexicon

_PATHS = ("import", "mistake", "term", "new")


def clean_name(name):
    """A lexicon's or a policy's name. Raises: ValidationError."""
    names.validate(name)
    if name in _PATHS:
        raise forms.ValidationError(_("This name stands for a page of the console; take another."))
    return name


class ImportForm(forms.Form):
    """A list of terms, as a file or pasted."""

    name = forms.CharField(
        label=_("Name (an existing one gets a new version)"),
        max_length=names.LONGEST,
        validators=[clean_name],
        help_text=_("Letters of any script, digits, - and _."),
    )
    cls = forms.ChoiceField(label=_("Class of terms that name none"), required=False)
    file = forms.FileField(label=_("CSV (term,class,severity,lang,allow,origin) or one term a line"), required=False)
    csv = forms.CharField(
        label=_("or paste it here"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def __init__(self, *args, language, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["cls"].choices = [("", _("every line names its own")), *classes(language)]

    def clean(self):
        data = super().clean()
        if upload := data.get("file"):
            try:
                data["csv"] = upload.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", _("This file isn’t UTF-8; save it as UTF-8 first."))
        if not (data.get("csv") or "").strip() and not self.errors:
            self.add_error("csv", _("Choose a file or paste a list."))
        return data


class TermForm(forms.Form):
    """One new term."""

    lexicon = forms.ModelChoiceField(
        label=_("Lexicon"), queryset=Lexicon.objects.order_by("name"), to_field_name="name"
    )
    term = forms.CharField(label=_("Term"), max_length=200)
    cls = forms.ChoiceField(label=_("Class"))
    severity = forms.ChoiceField(
        label=_("Severity"), choices=[("high", _("high")), ("middle", _("middle")), ("low", _("low"))]
    )
    origin = forms.CharField(label=_("Origin"), required=False, max_length=200)

    def __init__(self, *args, language, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["cls"].choices = [("", "---------"), *classes(language)]


def classes(language):
    """Every class, with its name."""
    taxonomy = plugins.taxonomy()
    return [(c, f"{c} {taxonomy.name(c, language)}") for c in taxonomy.classes]
