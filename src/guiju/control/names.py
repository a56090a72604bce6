"""Names of services, apps, upstreams, policies and lexicons: which there may be, and that one name is one string.

They stand in entries, in paths of the console, in logs and in lines that people paste into a shell. Letters of every script
fit there; a space, a slash or a character that nobody sees doesn't.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import register_converter
from django.urls.converters import StringConverter
from django.utils.translation import gettext_lazy as _

from guiju.errors import BadRequest

LONGEST = 80
"""Characters."""
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks, says Unicode, that show nothing: fillers and variation selectors."""


class BadName(BadRequest):
    text_en = "'{name}' is no name: letters of any script, digits, hyphens and underscores, 1 to 80 of them"
    text_zh = "“{name}”不能用作名称：只能用汉字等文字、数字、连字符（-）和下划线（_），1 到 80 个字符"


def checked(name: str) -> str:
    """The name as it is kept: composed (NFC), so that it is found however it is typed. Raises: BadName."""
    name = unicodedata.normalize("NFC", name)
    if not fits(name):
        raise BadName(name=name)
    return name


def fits(name: str) -> bool:
    """Whether it is a name."""
    kinds = ["L" if c in "-_" else unicodedata.category(c)[0] for c in name]
    return 1 <= len(name) <= LONGEST and kinds[0] != "M" and set(kinds) <= {"L", "M", "N"} and not _UNSEEN.search(name)


def validate(name: str) -> None:
    """The same for forms. Raises: ValidationError."""
    if not fits(unicodedata.normalize("NFC", name)):
        raise ValidationError(
            _("Only letters of any script, digits, - and _, %(most)s at most."), params={"most": LONGEST}
        )


class NameField(models.CharField):
    """A name's column: composed on its way in and where it is looked up."""

    default_validators = (validate,)

    def __init__(self, *args, **given):
        super().__init__(*args, **{"max_length": LONGEST, "unique": True, **given})

    def to_python(self, value):
        return _composed(super().to_python(value))

    def get_prep_value(self, value):
        return _composed(super().get_prep_value(value))


def _composed(value):
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


class NameConverter(StringConverter):
    """A name in a path: `<name:name>`; what can't be one isn't there."""

    def to_python(self, value):
        try:
            return checked(value)
        except BadName:
            raise ValueError from None


register_converter(NameConverter, "name")
