"""Control as an ASGI application: what uvicorn runs on the Unix socket."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guiju.control.settings")
application = get_asgi_application()
