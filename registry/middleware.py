"""Every request of a signed-in user runs in that user's scope.

A page that declares no permission is refused: a forgotten declaration shows nothing to anybody.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from centers.access import acting, one_snapshot, scope_of
from centers.models import User
from registry.observing import ACCOUNT, STRANGER

logger = logging.getLogger(__name__)

# In request.META: what ends with the answer.
UNTIL_ANSWERED: Final = "registry.until_answered"


class ScopeMiddleware:
    """Sets the database scope of the reader; pages are never kept by a cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the scope of whoever is signed in."""
        request_id: uuid.UUID = request.META["registry.request_id"]
        request.META[ACCOUNT] = STRANGER
        if isinstance(request.user, User):
            request.META[ACCOUNT] = str(request.user.public_id)
            scope = scope_of(request.user, request_id=request_id)
            with acting(scope), ExitStack() as until_answered:
                request.META[UNTIL_ANSWERED] = until_answered
                response = self.get_response(request)
        else:
            response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        """Deny by default; the transaction of a steady page begins after this.

        Raises PermissionDenied for a view without a declaration.
        """
        if not hasattr(view, "permission"):
            logger.error("view without a declared permission: %s", view.__module__)
            raise PermissionDenied("This page declares no permission.")
        if getattr(view, "steady", False) and UNTIL_ANSWERED in request.META:
            request.META[UNTIL_ANSWERED].enter_context(one_snapshot())
