"""For programs that watch: /live, /ready, /metrics (docs/adr/0043 says who reads what)."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from centers.access import public
from registry.metrics import metrics_text
from registry.readiness import FAILED, all_checks, state_of, vital_checks


@require_safe
@public
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("live\n", content_type="text/plain; charset=utf-8")


# Without a transaction: else a database that is gone would be an error before the view is asked.
@transaction.non_atomic_requests
@require_safe
@public
def ready(request: HttpRequest) -> HttpResponse:
    """200 when it may get traffic, else 503; ages and disks only to who knows the token."""
    is_operator = _knows_token(request)
    checks = all_checks() if is_operator else vital_checks()
    state = state_of(checks)
    answer = {
        "status": state,
        "checks": {
            check.name: {"state": check.state, "said": check.said} if is_operator else check.state
            for check in checks
        },
    }
    return JsonResponse(answer, status=503 if state == FAILED else 200)


@transaction.non_atomic_requests
@require_safe
@public
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus. Raises Http404 without the token: then there is no such page."""
    if not _knows_token(request):
        raise Http404
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)


def _knows_token(request: HttpRequest) -> bool:
    """The address a request comes from says nothing: behind a proxy of this machine all are local."""
    token, given = settings.REGISTRY_METRICS_TOKEN, request.headers.get("Authorization", "")
    return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
