"""What every page of control says to the browser: nothing from elsewhere, no script in the page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


class ContentSecurityPolicy:
    """Sets the header on every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response["content-security-policy"] = _POLICY
        if request.path.startswith("/console/"):
            response.setdefault("cache-control", "no-store")  # contents and keys mustn't outlive the session
        response["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        return response
