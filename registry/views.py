"""Home and the pages of errors: small pages that belong to no app."""

from __future__ import annotations

import sys
from typing import Final

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.views.decorators.http import require_safe

from centers.access import public, required_scope
from centers.roles import Permission

RETRY_SECONDS: Final = 5


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


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of an error nobody expected; 503 when the database is away or busy: trying again helps."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        response = render_plain("503.html", 503)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response
    return render_plain("500.html", 500)


def render_plain(template: str, status: int) -> HttpResponse:
    """A page without context: what every page knows may be what failed."""
    return HttpResponse(get_template(template).render(), status=status)
