"""Forms of allauth, as far as ours differ."""

from allauth.account.forms import LoginForm


class Login(LoginForm):
    """Without the link to a reset by mail: nobody gets mail here."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
