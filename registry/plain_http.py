"""Programs that ask the API without TLS are told so, instead of being led on.

A redirect would work, and nobody would notice that the secret of the client, or its token, goes
through the net in the clear each time. Pages are still led to https (SECURE_SSL_REDIRECT): their
cookies are sent over TLS alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from analytics.api.problems import Problem, answer

logger = logging.getLogger(__name__)

API: Final = "api/"


class NotEncrypted(Problem):
    """The request came over http."""

    status_code = 403
    name = "not-encrypted"
    detail_text = (
        "The API is offered over https alone. A secret or token that was sent with this request may"
        " have been read on its way: have the client revoked and use a new one, over https."
    )


class PlainHttpMiddleware:
    """Refuses the API over http. SECURE_REDIRECT_EXEMPT leaves its addresses to this middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """403 as a problem (RFC 9457), or the answer."""
        # The slashes are read as SecurityMiddleware reads them: what it lets through is refused here.
        is_api = request.path.lstrip("/").startswith(API)
        if not (settings.SECURE_SSL_REDIRECT and is_api) or request.is_secure():
            return self.get_response(request)
        logger.warning("the API was asked without TLS: renew the client's secret")
        return answer(NotEncrypted(), Request(request), {})
