"""What people may type about people; forms of allauth, as far as ours differ."""

from allauth.account.forms import LoginForm
from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from guiju.control.people.models import User
from guiju.control.people.roles import AUDITOR, NAMES


class Login(LoginForm):
    """Without the link to a reset by mail: nobody gets mail here."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""


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
