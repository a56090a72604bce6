from django.apps import AppConfig


class Config(AppConfig):
    name = "guiju.control.usage"
    label = "usage"
    default_auto_field = "django.db.models.BigAutoField"
