"""Text of forms that no page can take: refused before a view sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class FormTextMiddleware:
    """A NUL character in a box answers 400: nobody types one, and PostgreSQL takes none in a text."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing here: what is sent is read once the view is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        """Raises SuspiciousOperation."""
        # The API refuses it in its own words.
        is_api = getattr(view, "cls", None) is not None
        if is_api or request.method != "POST" or request.content_type not in _FORMS:
            return
        for name, values in request.POST.lists():
            if any("\0" in text for text in (name, *values)):
                raise SuspiciousOperation("A form came with a NUL character.")
