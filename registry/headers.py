"""Headers that every answer has, whoever gives it: pages, refusals, redirects, static files, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

# Nothing of the machine is used by any page.
PERMISSIONS_POLICY: Final = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "picture-in-picture",
        "screen-wake-lock",
        "usb",
        "xr-spatial-tracking",
    )
)
# Passkeys are asked for by this site alone.
PASSKEYS: Final = "publickey-credentials-create=(self), publickey-credentials-get=(self)"
# They show what a request held to whoever can send one.
REFUSED_METHODS: Final = frozenset({"TRACE", "TRACK", "CONNECT"})
ANSWERED_METHODS: Final = ("GET", "HEAD", "POST")


class HeadersMiddleware:
    """Stands above all that answer. Answers are kept by no cache unless they say so (static files do)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers."""
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = f"{PERMISSIONS_POLICY}, {PASSKEYS}"
        return response


class MethodsMiddleware:
    """Refuses methods that no page takes and that views without a list of methods would answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """405, or the answer."""
        if request.method in REFUSED_METHODS:
            return HttpResponseNotAllowed(ANSWERED_METHODS)
        return self.get_response(request)
