"""Home and health: small pages that belong to no app."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from centers.access import public, required_scope
from centers.roles import Permission


@require_safe
@public
def home(request: HttpRequest) -> HttpResponse:
    """Sends people to where their work starts: what waits, records, the cohort, centers and accounts.

    Who has none of these is told why, instead of meeting a refusal.
    """
    if not request.user.is_authenticated:
        return redirect("login")
    scope = required_scope()
    if scope.may(Permission.EDIT_RECORDS):
        return redirect("work_list")
    if scope.may(Permission.VIEW_RECORDS):
        return redirect("record_list")
    if scope.may(Permission.VIEW_COHORT):
        return redirect("cohort_overview")
    if scope.may(Permission.MANAGE_CENTERS):
        return redirect("center_list")
    return render(request, "home.html")


@require_safe
@public
def live(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("live\n", content_type="text/plain")


@require_safe
@public
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers: 200, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        return JsonResponse({"database": "down"}, status=503)
    return JsonResponse({"database": "up"})
