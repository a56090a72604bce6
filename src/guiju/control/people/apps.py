from django.apps import AppConfig


class Config(AppConfig):
    name = "guiju.control.people"

    def ready(self):
        from guiju.control.people import signals  # noqa: F401 — connects itself
