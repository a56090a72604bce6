from django.apps import AppConfig


class Config(AppConfig):
    name = "guiju.control.services"
    label = "services"
    default_auto_field = "django.db.models.BigAutoField"
