"""Every request of a signed-in user runs in that user's scope.

A page that declares no permission is refused: a forgotten declaration shows nothing to anybody.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from centers.access import acting, scope_of
from centers.models import User

logger = logging.getLogger(__name__)


class ScopeMiddleware:
    """Sets the database scope of the reader; pages are never kept by a cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the scope of whoever is signed in."""
        request_id: uuid.UUID = request.META["registry.request_id"]
        if isinstance(request.user, User):
            with acting(scope_of(request.user, request_id=request_id)):
                response = self.get_response(request)
        else:
            response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        """Deny by default. Raises PermissionDenied for a view without a declaration."""
        if not hasattr(view, "permission"):
            logger.error("view without a declared permission: %s", view.__module__)
            raise PermissionDenied("This page declares no permission.")
