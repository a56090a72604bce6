"""What people may type about people."""

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from guiju.control.people.models import User
from guiju.control.people.roles import AUDITOR, NAMES


class Invitation(forms.Form):
    """A new person."""

    username = forms.CharField(
        label=_("User name"),
        max_length=60,
        validators=[
            RegexValidator(
                r"^[^\W\d]\w*$",
                _("A user name has letters, digits and underscores, and begins with a letter."),
            )
        ],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=list(NAMES.items()), initial=AUDITOR)

    def clean_username(self):
        name = self.cleaned_data["username"]
        if User.objects.filter(username=name).exists():
            raise forms.ValidationError(_("This name is taken; a new link for it is made in the table above."))
        return name
