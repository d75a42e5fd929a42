"""Who is in the cohort: the flow diagram and Table 1."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.queries.asked import asking
from analytics.queries.flow import flow
from analytics.queries.table_one import DISEASES, table_one
from analytics.views.asked import said
from centers.access import requires
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_description(request: HttpRequest) -> HttpResponse:
    """From registered records to the eligible cohort, and the cohort's characteristics."""
    with asking(request.GET) as asked:
        context = said(asked) | {
            "tab": "cohort_description",
            "flow": flow(asked.cutoff, **asked.reading),
            "table": table_one(asked.cutoff, **asked.reading),
            "form": asked_form(asked),
            "diseases": DISEASES,
        }
    return render(request, "analytics/cohort_description.html", context)
