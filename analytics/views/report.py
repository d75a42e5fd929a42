"""The report of the cohort in the manner of the paper: a page to read and print, and one file to keep."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.queries.asked import asking
from analytics.report import report_context, report_file
from centers.access import requires
from centers.roles import Permission


def _context(request: HttpRequest) -> dict[str, Any]:
    """What the reader may see of the cut, cutoff or moment that the address asks for."""
    with asking(request.GET, curves_only=True) as asked:
        tables = asked.own_centers or not asked.is_what_if
        context = report_context(asked.cutoff, asked.reading, tables=tables)
    return context | {"asked": asked, "cut": asked.cut, "section": "cohort", "tab": "cohort_report"}


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_report(request: HttpRequest) -> HttpResponse:
    """The report as a page."""
    return render(request, "analytics/report_page.html", _context(request))


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_report_file(request: HttpRequest) -> HttpResponse:
    """The same as one HTML file that needs nothing else."""
    response = HttpResponse(report_file(_context(request)), content_type="text/html; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="cohort-report.html"'
    return response
