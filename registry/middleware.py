"""Every request of a signed-in user runs in that user's scope and has a request id."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from centers.access import acting, scope_of
from centers.models import User


def scope_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Sets the database scope of the reader; pages are never kept by a cache."""

    def handle(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4()
        if isinstance(request.user, User):
            with acting(scope_of(request.user, request_id=request_id)):
                response = get_response(request)
        else:
            response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Request-Id"] = str(request_id)
        return response

    return handle
