"""Rules for passwords, as far as Django's don't speak our languages."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import ngettext


class LongEnough(MinimumLengthValidator):
    """Django's own sentence has no Chinese."""

    def get_error_message(self):
        return ngettext(
            "This password is too short: a good one has %(n)d character or more.",
            "This password is too short: a good one has %(n)d characters or more.",
            self.min_length,
        ) % {"n": self.min_length}
