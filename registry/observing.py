"""What each request took, by route and status: for /metrics and, as one line, for the log.

Neither holds an address or a text: the route's name and the id of the request. Of persons the log
says one thing, who was refused, by the public id of the account. With several web processes their
numbers meet in PROMETHEUS_MULTIPROC_DIR (registry/gunicorn_conf.py).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Histogram

from registry.logs import request_id, route_name

logger = logging.getLogger("registry.requests")

PROCESS: Final = CollectorRegistry()
SECONDS: Final = Histogram(
    "registry_request_seconds",
    "Requests by route, method and status, in seconds.",
    ["route", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30),
    registry=PROCESS,
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Answers to who asked for what is not theirs, is not there, or is asked for in a wrong way.
REFUSED: Final = frozenset({400, 401, 403, 404, 405, 429})
# In request.META: the public id of whose session it is, noted by ScopeMiddleware; it has read the
# session already, and asking here again could send a query or fail with the database.
ACCOUNT: Final = "registry.account"
STRANGER: Final = "nobody"


class ObservingMiddleware:
    """Stands first: gives the request its id, and notes how long everything below it took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the id of the request."""
        started = time.perf_counter()
        number = uuid.uuid4()
        request.META["registry.request_id"] = number
        token = request_id.set(str(number))
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = str(number)
            _note(request, response.status_code, time.perf_counter() - started)
            return response
        finally:
            request_id.reset(token)


def _note(request: HttpRequest, status: int, seconds: float) -> None:
    route = route_name(request)
    method = request.method if request.method in _METHODS else "other"
    SECONDS.labels(route, method, str(status)).observe(seconds)
    fields = {"route": route, "method": method, "status": status, "seconds": round(seconds, 4)}
    if status not in REFUSED:
        logger.info("%s %s %s", method, route, status, extra={"fields": fields})
        return
    kind, who = _asked_by(request)
    words = ("%s %s %s, %s %s", method, route, status, kind, who)
    logger.warning(*words, extra={"fields": fields | {kind: who}})


def _asked_by(request: HttpRequest) -> tuple[str, str]:
    """An API client by its id, an account by its public id; "unknown" where no session was read."""
    token = getattr(request, "auth", None)
    if token is not None:
        return "client", str(token.application.client_id)
    return "account", request.META.get(ACCOUNT, "unknown")
