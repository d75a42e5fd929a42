"""What a page asks about its session: how long it lasts, and to let it last."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from centers.access import signed_in
from centers.session_limits import in_background, note_activity, remaining


@in_background
@require_http_methods(["GET", "POST"])
@signed_in
def session_keep(request: HttpRequest) -> HttpResponse:
    """GET: seconds until the end, {"idle", "absolute"}. POST: the person is there; the same."""
    if request.method == "POST":
        note_activity(request)
    return JsonResponse(asdict(remaining(request)))
